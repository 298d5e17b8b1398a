"""Convert: when the account does not speak the caller's dialect, the call goes through the domain."""

from collections.abc import Callable
from functools import cache

import msgspec

from pilothouse.catalog.facts import Facts
from pilothouse.domain.facts import Loss
from pilothouse.errors import EndpointUnknown, InvalidRequest, MediaNotFetched
from pilothouse.gateway.call import Call, Routing, admitted
from pilothouse.gateway.fetch import Fetcher
from pilothouse.gateway.options import GatewayOptions
from pilothouse.protocols import conversion, table
from pilothouse.protocols.base import Dialect
from pilothouse.protocols.conversion import Conversion

_REFUSE = b"refuse"
_ALLOW = b"x-pilothouse-unsupported"
"""Header by which a caller overrules the installation's rule: `drop` or `refuse`."""
_OFF_SCHEMA = b"x-pilothouse-off-schema"
"""Header by which a caller overrules the installation's rule: `refuse` or `note`."""
_MS = 1_000_000
_NANOSECONDS = 1_000_000_000


class Means(msgspec.Struct, frozen=True):
    """What converting goes by."""

    options: GatewayOptions
    facts: Callable[[], Facts]
    """What is known of models now."""
    fetcher: Fetcher | None = None
    """None fetches nothing."""


def upstream_dialect(call: Call, routing: Routing) -> Dialect:
    """Return the dialect to speak with the call's account; raises `EndpointUnknown` when none will do."""
    spoken = call.arrival.dialect
    names = routing.deployment.provider.dialects
    if spoken.name in names:
        return spoken
    found = _target(spoken.name, names)
    if found is None:
        target = routing.target
        raise EndpointUnknown(
            f"account {target.account!r} does not serve {spoken.path}; it speaks {', '.join(names) or 'nothing'}"
        )
    return found


@cache
def _target(spoken: str, names: tuple[str, ...]) -> Dialect | None:
    """Return the first of a provider's dialects that calls in another one can be converted to."""
    served = table.names()
    # A provider's table may name a dialect of a plug-in that is not installed.
    return conversion.target(table.dialect(spoken), [name for name in names if name in served], table.dialect)


async def convert(call: Call, routing: Routing, spoken: Dialect, means: Means) -> Conversion:
    """Return the call converted to the dialect; raises `InvalidRequest` when that would lose what matters.

    What is lost, what the caller allowed to be lost, and what was fetched is noted in the call's exchange.
    """
    arrival, model, options, fetcher = call.arrival, routing.target.model, means.options, means.fetcher
    account = routing.deployment.account
    known = means.facts().of(account.provider, model, account.name)
    task = conversion.Task(
        arrival.dialect, spoken, admitted(call).body, arrival.ask, model, known, arrival.id,
        arrival.started_at_ns // _NANOSECONDS, lambda: call.elapsed_ns() // _MS,
        _refuses(call, _OFF_SCHEMA, b"note", options.off_schema),
    )  # fmt: skip
    converted = conversion.convert(task)
    if converted is None:
        raise AssertionError("a dialect was chosen that cannot be converted to")
    call.exchange.upstream_dialect = spoken.name
    strict = _refuses(call, _ALLOW, b"drop", options.unsupported)
    if converted.wanted and fetcher is not None and not (strict and _is_refused_anyway(converted)):
        converted = await _filled(call, converted, fetcher, strict=strict)
    losses = converted.losses
    if call.kept:
        # what the gateway keeps itself is not lost
        losses = tuple(loss for loss in losses if loss.field != "store")
    exchange = call.exchange
    exchange.losses, exchange.unsaid, exchange.check = losses, converted.unsaid, converted.check
    if losses and strict:
        refused = [loss for loss in losses if loss.essential]
        if refused:
            raise _refusal(refused, spoken)
    return converted


def _is_refused_anyway(converted: Conversion) -> bool:
    """Return whether the call loses what matters and no fetching would bring."""
    return any(loss.essential and not loss.address for loss in converted.losses)


async def _filled(call: Call, converted: Conversion, fetcher: Fetcher, *, strict: bool) -> Conversion:
    """Return the call with what it names by address; raises `MediaNotFetched` when `strict` and one is missing."""
    exchange, began_ns = call.exchange, call.elapsed_ns()
    fetched = await fetcher.fetch(converted.wanted)
    exchange.fetch_ns += call.elapsed_ns() - began_ns
    exchange.fetched += fetched.notes
    missing = next((item for item in converted.wanted if item.address in fetched.failures), None)
    if missing is not None and strict:
        reason = fetched.failures[missing.address]
        raise MediaNotFetched(f"{missing.field} could not be fetched from {reason}", param=missing.field)
    return converted.filled(fetched.found)


def _refuses(call: Call, header: bytes, instead: bytes, usual: str) -> bool:
    """Return whether the call is to be refused, by the word of its caller or else of the operator."""
    said = call.arrival.headers.get(header)
    if said is not None and (word := said.lower()) in (_REFUSE, instead):
        return word == _REFUSE
    return usual == "refuse"


def _refusal(losses: list[Loss], spoken: Dialect) -> InvalidRequest:
    listed = "; ".join(f"{loss.field}: {loss.reason}" for loss in losses)
    return InvalidRequest(
        f"the model's provider ({spoken.name}) cannot take all of the request: {listed}. Leave it out, choose another "
        "model, or send the header 'x-pilothouse-unsupported: drop' to have it dropped",
        param=losses[0].field,
    )
