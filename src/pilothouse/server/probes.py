"""Tests of provider accounts: one real, cheap, authenticated call, and what its failure means for the operator."""

import asyncio
import ssl
from time import perf_counter

import msgspec

from pilothouse.errors import (
    InvalidRequest,
    PilothouseError,
    SettingsInvalid,
    UpstreamError,
    UpstreamHtml,
    UpstreamTimeout,
    UpstreamTls,
)
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, Prepared, Provider
from pilothouse.transport.base import Response, Transport

TIMEOUT_S = 10.0
_LIMIT_BYTES = 8 * 1024 * 1024
_OK = range(200, 300)


class ProviderFailure(msgspec.Struct, frozen=True):
    """Why a test failed."""

    code: str
    """An error code."""
    detail: str
    """What happened and what to do."""


class ProviderTest(msgspec.Struct, frozen=True):
    """How a real call to the provider went."""

    ok: bool
    latency_ms: float
    models: list[str]
    """The names that the provider lists."""
    error: ProviderFailure | None


def open_account(provider: str, options: AccountOptions) -> Provider:
    """Return the account; raises `InvalidRequest` with the field when it cannot be used as given."""
    try:
        return table.make(provider, options)
    except SettingsInvalid as error:
        raise InvalidRequest(error.detail, param=error.param) from error


async def run(transport: Transport, provider: Provider, timeout_s: float = TIMEOUT_S) -> ProviderTest:
    """Call the provider once, within `timeout_s`; never raises for what the other side does."""
    started = perf_counter()
    models: list[str] = []
    failure: ProviderFailure | None = None
    try:
        async with asyncio.timeout(timeout_s):
            models = await _ask(transport, provider)
    except TimeoutError:
        failure = _explain(UpstreamTimeout(f"No answer within {timeout_s:g} s."))
    except UpstreamError as error:
        failure = _explain(error)
    return ProviderTest(failure is None, round((perf_counter() - started) * 1000, 3), models, failure)


async def _ask(transport: Transport, provider: Provider) -> list[str]:
    if isinstance(provider, Prepared):
        await provider.prepare(transport.send)
    response = await transport.send(provider.probe())
    try:
        body = await response.read(_LIMIT_BYTES)
    finally:
        await response.close()
    page = _is_page(response, body)
    if response.status not in _OK:
        error = provider.failure(response.status, response.headers, body)
        # A page with a status of 500 or more is the work of a proxy whose backend is down: the address is right.
        wrong_place = page and response.status < 500
        raise UpstreamHtml(f"A web page with status {response.status} came back.") if wrong_place else error
    if page:
        raise UpstreamHtml("A web page came back.")
    return provider.models(body)


def _is_page(response: Response, body: bytes) -> bool:
    kind = next((value for name, value in response.headers if name == b"content-type"), b"")
    return kind.lower().startswith(b"text/html") or body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


_ADVICE = {
    "upstream_auth": "The provider refuses the key: check that it is whole, still valid, and of this provider.",
    "upstream_billing": "The key works, but the provider account is out of credit.",
    "upstream_unreachable": "Nothing answers at the base URL: check host, port and network.",
    "upstream_tls": "The encrypted connection failed: check http or https in the base URL, and the certificate.",
    "upstream_timeout": "The provider took too long: check the base URL, the network and any proxy.",
    "upstream_html": "The base URL leads to a web page, not to an API: its path is often `/v1`.",
    "upstream_not_found": "The host answers, but has no API at this path: the base URL's path is often `/v1`.",
    "upstream_protocol": "What answers is not the API that was expected: check the base URL.",
    "upstream_cut": "The connection was cut in the middle of the answer.",
}


def _explain(error: PilothouseError) -> ProviderFailure:
    code = UpstreamTls.code if _is_tls(error) else error.code
    advice = _ADVICE.get(code)
    return ProviderFailure(code, f"{advice} ({error.detail})" if advice else error.detail)


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__
    return False
