"""Bringing a batch of spans into the store, and telling a span that it will never take from a store in trouble."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.errors import QueryRefused, StoreUnavailable
from pilothouse.spool import Item

Pair = tuple[Item, Span]
"""A record and the span made of it."""
Refusal = tuple[Item, Exception]

_PROBE = Span(
    project_id="~pilothouse",
    trace_id=f"{1:032x}",
    span_id=f"{1:016x}",
    name="probe",
    kind=SpanKind.OTHER,
    source="pilothouse",
    started_at_ns=1_767_225_600_000_000_000,
    duration_ns=0,
    status=SpanStatus.OK,
)
"""A span that nothing can be wrong with, in a project that nobody has; by its token it is written once."""

_REFUSES = (QueryRefused, ValueError, TypeError, OverflowError)
"""How the store, or its client, says that it does not take these spans; `StoreUnavailable` says that it takes none."""


class SpanSink(Protocol):
    """What ingest needs of the telemetry store."""

    async def insert(self, spans: Sequence[Span], token: str) -> None:
        """Write the spans; the same token again writes nothing twice. Raises `StoreUnavailable`, `QueryRefused`."""
        ...


class _Alone(msgspec.Struct, frozen=True):
    pair: Pair
    token: str
    error: Exception


class Delivery:
    """Inserts batches; a refused one is halved until the spans that the store does not take stand alone.

    A store that refuses everything, such as one whose user lost the right to write, must not cost a single span. So
    before halving, the last insert that it took is sent once more, which by its token writes nothing, or before the
    first one a probe: when that is refused too, the store is in trouble, not the data, and everything waits.
    """

    def __init__(self, sink: SpanSink) -> None:
        self._sink = sink
        self._witness: tuple[list[Span], str] = ([_PROBE], "pilothouse-probe")

    async def deliver(self, pairs: Sequence[Pair], token: str) -> list[Refusal]:
        """Insert, and return the records whose spans the store will never take.

        Raises `StoreUnavailable` when the same is to be tried again later.
        """
        alone: list[_Alone] = []
        try:
            await self._insert(pairs, token)
        except _REFUSES as error:
            await self._question_the_store(error)
            await self._halve(pairs, token, error, alone)
        return await self._try_once_more(alone)

    async def _insert(self, pairs: Sequence[Pair], token: str) -> None:
        spans = [span for _, span in pairs]
        await self._sink.insert(spans, token)
        # One span is enough: the token alone decides whether an insert is known.
        self._witness = spans[:1], token

    async def _halve(self, pairs: Sequence[Pair], token: str, error: Exception, alone: list[_Alone]) -> None:
        """Insert the halves of what was refused with `error`; put what is refused and cannot be halved into `alone`."""
        if len(pairs) == 1:
            alone.append(_Alone(pairs[0], token, error))
            return
        middle = len(pairs) // 2
        # Tokens of the parts follow from the whole's, so that they too are the same after a crash.
        for part, name in ((pairs[:middle], f"{token}.a"), (pairs[middle:], f"{token}.b")):
            try:
                await self._insert(part, name)
            except _REFUSES as again:
                await self._halve(part, name, again, alone)

    async def _try_once_more(self, alone: list[_Alone]) -> list[Refusal]:
        """Insert each again, for a trouble of the store may have begun or ended while the batch was being halved."""
        if alone:
            await self._question_the_store(alone[0].error)
        refused: list[Refusal] = []
        for one in alone:
            try:
                await self._insert([one.pair], one.token)
            except _REFUSES as error:
                refused.append((one.pair[0], error))
        return refused

    async def _question_the_store(self, error: Exception) -> None:
        try:
            await self._sink.insert(*self._witness)
        except _REFUSES:
            raise _trouble(error) from error


def _trouble(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the telemetry store refuses every span: {error}")
