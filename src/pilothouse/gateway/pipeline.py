"""The pipeline: the one place that says which stages a call passes, outermost first."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from pilothouse.catalog.charges import Charges
from pilothouse.catalog.facts import Facts, built_in_facts
from pilothouse.domain.clock import Clock
from pilothouse.gateway.admit import Admit
from pilothouse.gateway.call import Call, Next, Reply, Stage
from pilothouse.gateway.convert import Means
from pilothouse.gateway.fetch import Fetcher
from pilothouse.gateway.files.inline import Inline
from pilothouse.gateway.files.ports import FileStore
from pilothouse.gateway.index import Index
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.provide import Provide
from pilothouse.gateway.record import Record
from pilothouse.gateway.responses.keeper import Keeper
from pilothouse.gateway.responses.stage import Remember
from pilothouse.gateway.route import Route
from pilothouse.gateway.telling import Telling
from pilothouse.spool import SpoolWriter
from pilothouse.transport.base import Transport


class Parts(msgspec.Struct, frozen=True):
    """What the stages are made of."""

    options: GatewayOptions
    clock: Clock
    spool: SpoolWriter
    transport: Transport
    index: Callable[[], Index]
    """The index of the newest snapshot; raises `SnapshotMissing` while there is none."""
    keeper: Keeper | None = None
    """Of responses; None where none are kept and none can be fetched."""
    fetcher: Fetcher | None = None
    """Of media that requests name by address; None fetches nothing."""
    files: FileStore | None = None
    """Of files that requests name by id; None where none are kept."""
    charges: Charges | None = None
    """What calls cost; None tells no caller."""
    facts: Callable[[], Facts] = built_in_facts
    """What is known of models now."""


def stages(parts: Parts) -> tuple[Stage, ...]:
    """Return the stages of a call, outermost first: record > admit > remember > inline > route > provider."""
    telling = Telling(parts.charges, parts.options) if parts.charges is not None else None
    return (
        Record(parts.spool, parts.options, lambda: parts.index().redactors),
        Admit(parts.index, parts.clock),
        Remember(parts.keeper),
        Inline(parts.files, parts.clock, parts.options.max_body_bytes),
        Route(),
        Provide(parts.transport, Means(parts.options, parts.facts, parts.fetcher), telling),
    )


def fold(steps: Sequence[Stage]) -> Next:
    """Return the stages as one function; the innermost is never given a call to pass on."""
    following: Next = _nothing
    for stage in reversed(steps):
        following = _before(stage, following)
    return following


def _before(stage: Stage, following: Next) -> Next:
    # Looked up once, which spares each call the way from the object to its method.
    perform = stage.__call__

    def step(call: Call) -> Awaitable[Reply]:
        return perform(call, following)

    return step


async def _nothing(call: Call) -> Reply:
    raise AssertionError("the innermost stage passed a call on")
