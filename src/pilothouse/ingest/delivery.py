"""Bringing a batch of spans into the store, and telling a span that it will never take from a store in trouble."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.errors import QueryRefused, StoreUnavailable
from pilothouse.ingest.reading import Source

R = TypeVar("R")
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


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Rows of one span that belong together, and the records that they were made of."""

    rows: tuple[Span, ...]
    """The span itself; behind it marks for starts that hold no longer."""
    sources: tuple[Source, ...] = ()
    fresh: bool = False
    """The store holds no earlier row of the span, as far as anybody knows, or only such of which more was expected."""


Refusal = tuple[Piece, Exception]


class SpanSink(Protocol):
    """What ingest needs of the telemetry store."""

    async def insert(self, spans: Sequence[Span], token: str, revised: Sequence[Span] | None = None) -> None:
        """Write the spans; the same token again writes nothing twice. Raises `StoreUnavailable`, `QueryRefused`.

        `revised` are those that may replace rows of which nothing more was expected; None says that any may.
        """
        ...


async def deliver_records(
    records: Sequence[R], insert: Callable[[Sequence[R], str], Awaitable[None]], token: str
) -> list[tuple[R, Exception]]:
    """Insert what records bring that is never merged, and return those that the store does not take.

    A batch that is refused is sent record by record; tokens follow from the batch's, so that they are the same after a
    crash. Raises `StoreUnavailable`.
    """
    try:
        await insert(records, token)
    except _REFUSES as error:
        if len(records) == 1:
            return [(records[0], error)]
        refused: list[tuple[R, Exception]] = []
        for number, one in enumerate(records):
            refused += await deliver_records([one], insert, f"{token}.{number}")
        return refused
    return []


class _Alone(msgspec.Struct, frozen=True):
    piece: Piece
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

    async def deliver(self, pieces: Sequence[Piece], token: str) -> list[Refusal]:
        """Insert, and return the pieces that the store will never take.

        Raises `StoreUnavailable` when the same is to be tried again later.
        """
        alone: list[_Alone] = []
        try:
            await self._insert(pieces, token)
        except _REFUSES as error:
            await self.question_the_store(error)
            await self._halve(pieces, token, error, alone)
        return await self._try_once_more(alone)

    async def _insert(self, pieces: Sequence[Piece], token: str) -> None:
        spans = [row for piece in pieces for row in piece.rows]
        await self._sink.insert(spans, token, [row for piece in pieces if not piece.fresh for row in piece.rows])
        # One span is enough: the token alone decides whether an insert is known.
        self._witness = spans[:1], token

    async def _halve(self, pieces: Sequence[Piece], token: str, error: Exception, alone: list[_Alone]) -> None:
        """Insert the halves of what was refused with `error`; put what is refused and cannot be halved into `alone`."""
        if len(pieces) == 1:
            alone.append(_Alone(pieces[0], token, error))
            return
        middle = len(pieces) // 2
        # Tokens of the parts follow from the whole's, so that they too are the same after a crash.
        for part, name in ((pieces[:middle], f"{token}.a"), (pieces[middle:], f"{token}.b")):
            try:
                await self._insert(part, name)
            except _REFUSES as again:
                await self._halve(part, name, again, alone)

    async def _try_once_more(self, alone: list[_Alone]) -> list[Refusal]:
        """Insert each again, for a trouble of the store may have begun or ended while the batch was being halved."""
        if alone:
            await self.question_the_store(alone[0].error)
        refused: list[Refusal] = []
        for one in alone:
            try:
                await self._insert([one.piece], one.token)
            except _REFUSES as error:
                refused.append((one.piece, error))
        return refused

    async def question_the_store(self, error: Exception) -> None:
        """Raise `StoreUnavailable` when the store refuses even what it has taken before."""
        try:
            await self._sink.insert(*self._witness)
        except _REFUSES:
            raise _trouble(error) from error


def _trouble(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the telemetry store refuses every span: {error}")
