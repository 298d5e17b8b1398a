"""The pipeline: the one place that says which stages a call passes, outermost first."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.gateway.admit import Admit
from pilothouse.gateway.call import Call, Next, Reply, Stage
from pilothouse.gateway.index import Index
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.provide import Provide
from pilothouse.gateway.record import Record
from pilothouse.gateway.route import Route
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


def stages(parts: Parts) -> tuple[Stage, ...]:
    """Return the stages of a call, outermost first: record > admit > route > provider."""
    return (
        Record(parts.spool, parts.options),
        Admit(parts.index, parts.clock),
        Route(),
        Provide(parts.transport, parts.options),
    )


def fold(steps: Sequence[Stage]) -> Next:
    """Return the stages as one function; the innermost is never given a call to pass on."""
    following: Next = _nothing
    for stage in reversed(steps):
        following = _before(stage, following)
    return following


def _before(stage: Stage, following: Next) -> Next:
    def step(call: Call) -> Awaitable[Reply]:
        return stage(call, following)

    return step


async def _nothing(call: Call) -> Reply:
    raise AssertionError("the innermost stage passed a call on")
