"""The addresses that SDKs send OpenTelemetry to, and whose each is."""

from collections.abc import Mapping

import msgspec

from pilothouse.otlp.answers import Signal

HTTP = "otlp_http"
GRPC = "otlp_grpc"

_BASES = {
    "": HTTP,
    "/api/public/otel": "langfuse",
    "/otel": "langsmith",
    "/api/v1/otel": "langsmith",
    "/agents/otel": "weave",
    "/traces/otel": "weave",
    "/traces/agents/otel": "weave",
    "/v1/private/otel": "opik",
    "/api/v1/private/otel": "opik",
}
"""What stands before `/v1/traces`. Weave's client adds `/traces` to the one address that it is given."""
_SHARED = "/otel"
_TOLD_BY = {"x-bt-parent": "braintrust", "project_id": "weave", "x-wandb-project": "weave"}
"""Headers that tell who sends to an address that several products share."""
_PROJECTS = ("langsmith-project", "x-bt-parent", "project_id", "projectname", "x-opik-project", "openinference-project")


class Address(msgspec.Struct, frozen=True):
    """One address of a door."""

    surface: str
    signal: Signal
    shared: bool = False
    """Whether several products send here."""


ADDRESSES: Mapping[str, Address] = {
    **{
        f"{base}/v1/{signal}": Address(surface, signal, base == _SHARED)
        for base, surface in _BASES.items()
        for signal in Signal
    },
    "/v1/trace/log-python": Address("helicone", Signal.TRACES),
}
"""Every path of the HTTP door."""


def surface_of(address: Address, headers: Mapping[str, str]) -> str:
    """Return whose SDK sent a request, as the ledger names it."""
    if not address.shared:
        return address.surface
    return next((surface for name, surface in _TOLD_BY.items() if name in headers), address.surface)


def said_project(headers: Mapping[str, str]) -> str:
    """Return what the sender's own headers call the project; empty when they do not."""
    return next((headers[name][:200] for name in _PROJECTS if headers.get(name)), "")


def sender(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return name and version of the SDK that sent a request, by its own headers, else by its user agent."""
    named = headers.get("x-langfuse-sdk-name") or headers.get("x_langfuse_sdk_name")
    if named:
        version = headers.get("x-langfuse-sdk-version") or headers.get("x_langfuse_sdk_version") or ""
        return f"langfuse-{named}"[:64], version[:32]
    product, _, _ = headers.get("user-agent", "").partition(" ")
    name, _, version = product.partition("/")
    return name[:64], version[:32]
