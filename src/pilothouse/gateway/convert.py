"""Convert: when the account does not speak the caller's dialect, the call goes through the domain."""

from pilothouse.catalog.facts import facts
from pilothouse.domain.facts import Loss
from pilothouse.errors import EndpointUnknown, InvalidRequest
from pilothouse.gateway.call import Call, Routing, admitted
from pilothouse.gateway.options import GatewayOptions
from pilothouse.protocols import conversion, table
from pilothouse.protocols.base import Dialect
from pilothouse.protocols.conversion import Conversion

_ALLOW = b"x-pilothouse-unsupported"
"""Header by which a caller overrules the installation's rule: `drop` or `refuse`."""
_NANOSECONDS = 1_000_000_000


def upstream_dialect(call: Call, routing: Routing) -> Dialect:
    """Return the dialect to speak with the call's account; raises `EndpointUnknown` when none will do."""
    spoken = call.arrival.dialect
    names = routing.deployment.provider.dialects
    if spoken.name in names:
        return spoken
    served = table.names()
    # A provider's table may name a dialect of a plug-in that is not installed.
    found = conversion.target(spoken, [name for name in names if name in served], table.dialect)
    if found is None:
        target = routing.target
        raise EndpointUnknown(
            f"account {target.account!r} does not serve {spoken.path}; it speaks {', '.join(names) or 'nothing'}"
        )
    return found


def convert(call: Call, routing: Routing, spoken: Dialect, options: GatewayOptions) -> Conversion:
    """Return the call converted to the dialect; raises `InvalidRequest` when that would lose what matters.

    What is lost, and what the caller allowed to be lost, is noted in the call's exchange.
    """
    arrival, model = call.arrival, routing.target.model
    task = conversion.Task(
        arrival.dialect, spoken, admitted(call).body, arrival.ask, model, facts(model), arrival.id,
        arrival.started_at_ns // _NANOSECONDS,
    )  # fmt: skip
    converted = conversion.convert(task)
    if converted is None:
        raise AssertionError("a dialect was chosen that cannot be converted to")
    call.exchange.upstream_dialect = spoken.name
    call.exchange.losses = converted.losses
    refused = [loss for loss in converted.losses if loss.essential]
    if refused and _refuses(call, options):
        raise _refusal(refused, spoken)
    return converted


def _refuses(call: Call, options: GatewayOptions) -> bool:
    said = call.arrival.headers.get(_ALLOW, b"").lower()
    if said in (b"drop", b"refuse"):
        return said == b"refuse"
    return options.unsupported == "refuse"


def _refusal(losses: list[Loss], spoken: Dialect) -> InvalidRequest:
    listed = "; ".join(f"{loss.field}: {loss.reason}" for loss in losses)
    return InvalidRequest(
        f"the model's provider ({spoken.name}) cannot take all of the request: {listed}. Leave it out, choose another "
        "model, or send the header 'x-pilothouse-unsupported: drop' to have it dropped",
        param=losses[0].field,
    )
