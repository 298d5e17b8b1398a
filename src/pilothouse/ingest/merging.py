"""Merging what comes with what is there: every span one row, every model call counted once."""

import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from pilothouse.catalog.charges import Charges
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.clock import Clock
from pilothouse.domain.fold import Fold, encode, fold_of, merged
from pilothouse.domain.holding import BUCKET_NS, Held, Node, Place, Shape
from pilothouse.domain.span import GATEWAY, Span
from pilothouse.ingest.counting import wrappers
from pilothouse.ingest.delivery import Piece
from pilothouse.ingest.reading import Arrived, Source
from pilothouse.ingest.recent import ANYWHERE, OpenRows, OpenSpans, Range, RecentTraces, SpanKey, TraceKey
from pilothouse.ingest.rows import CALLS, SAID_START, fold_of_row, row_of_fold, row_of_patch

_log = logging.getLogger(__name__)

T = TypeVar("T")
K = TypeVar("K")
_ROWS_BYTES = 64 * 1024**2
_SLICE = 256
"""Spans that are folded in one go; between two slices the event loop has the interpreter to itself."""


class Holdings(Protocol):
    """What merging needs of the telemetry store. Methods raise `StoreUnavailable` and `QueryRefused`."""

    async def held(self, places: Sequence[Place]) -> list[Held]:
        """Return every row of the spans at these places, also those that no longer count."""
        ...

    async def shapes(
        self, traces: Iterable[tuple[str, str]], times_ns: tuple[int, int]
    ) -> dict[tuple[str, str], Shape]:
        """Return the spans of traces, by project and trace, that start within a day of the times."""
        ...


class Work(Protocol):
    """Runs pure work on a thread of its own."""

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns."""
        ...


class Merged(msgspec.Struct):
    """A batch, ready to be written."""

    pieces: list[Piece]
    suffix: str
    """What the token of the insert needs besides that of the batch, because rows depend on more than the batch."""
    shapes: dict[TraceKey, Shape]
    """What the traces' shapes are once it is written: those that are in memory only as far as they change."""
    unfit: list[tuple[Arrived, Exception]]
    """What no row could be made of."""


class _Trace(msgspec.Struct):
    """A trace that a batch touches."""

    shape: Shape
    new: Shape
    stored: bool
    """The shape is in memory, and need not be given again."""


class Merger:
    """Makes rows; the only writer of the store's spans, so that between look-up and insert nobody changes them."""

    def __init__(
        self, holdings: Holdings, catalog: Catalog, recent: RecentTraces, open_spans: OpenSpans, clock: Clock
    ) -> None:
        self._holdings = holdings
        self._catalog = catalog
        self._charges = Charges(catalog)
        self.recent = recent
        self.open_spans = open_spans
        self._rows = OpenRows(_ROWS_BYTES)
        self._clock = clock

    async def prepare(self, arrived: Sequence[Arrived], work: Work) -> None:
        """Make the rows of spans that one patch is all of, for which nothing need be known of the store.

        So they are made while the store takes the batch before; a batch that cannot be prepared is merged all the same.
        """
        for start in range(0, len(arrived), _SLICE):
            await work.run(partial(self._prepare, arrived[start : start + _SLICE]))

    def _prepare(self, arrived: Sequence[Arrived]) -> None:
        now_ns = self._clock.now_ns()
        for one in arrived:
            if _is_one_patch(one):
                # What no row can be made of is told of when it is its turn.
                with contextlib.suppress(Exception):
                    one.row = row_of_patch(one.patches[0], self._charges, now_ns)

    async def merge(self, arrived: Mapping[SpanKey, Arrived], work: Work) -> Merged:
        """Return the rows that the store must get so that each span is the fold of all that was ever said of it.

        Raises `StoreUnavailable` and `QueryRefused`.
        """
        batch = _Batch(await self._traces(arrived))
        known = {key: node for key in arrived if (node := batch.traces[key[:2]].shape.get(key[2])) is not None}
        held = await self._held(known)
        keys = list(arrived)
        for start in range(0, len(keys), _SLICE):
            part = {key: arrived[key] for key in keys[start : start + _SLICE]}
            await work.run(partial(self._make, batch, part, held))
        await self._count(batch)
        shapes = {
            key: trace.new if trace.stored else {**trace.shape, **trace.new} for key, trace in batch.traces.items()
        }
        pieces = batch.pieces()
        return Merged(pieces, batch.suffix(pieces), shapes, batch.unfit)

    def written(self, done: Merged) -> None:
        """Note that the rows are in the store."""
        self.recent.remember(done.shapes)
        now_ns = self._clock.now_ns()
        for piece in done.pieces:
            row = piece.rows[0]
            key = row.project_id, row.trace_id, row.span_id
            self._rows.written(key, row)
            if row.running:
                self.open_spans.opened(Place(*key, row.started_at_ns, now_ns))
            else:
                self.open_spans.ended(key)

    def closed(self, places: Sequence[Place]) -> None:
        """Note that these spans were given an end in the store."""
        for place in places:
            self.open_spans.ended((place.project_id, place.trace_id, place.span_id))
        self._rows.doubt({(place.project_id, place.trace_id) for place in places})

    def revised(self, rows: Iterable[Span]) -> None:
        """Note that rows were rewritten in their places."""
        for row in rows:
            key = row.project_id, row.trace_id
            self._rows.doubt((key,))
            shape = self.recent.shape(key)
            if shape is not None and row.span_id in shape:
                others_ns = shape[row.span_id].other_starts_ns
                node = msgspec.structs.replace(node_of(row), other_starts_ns=others_ns)
                self.recent.remember({key: {row.span_id: node}})

    def doubt(self, traces: Iterable[TraceKey]) -> None:
        """Note that nobody knows what of these traces the store holds now."""
        keys = list(traces)
        self.recent.doubt(keys)
        self._rows.doubt(keys)

    async def _traces(self, arrived: Mapping[SpanKey, Arrived]) -> dict[TraceKey, _Trace]:
        found: dict[TraceKey, _Trace] = {}
        absent: dict[TraceKey, list[Arrived]] = {}
        for key, one in arrived.items():
            trace_key = key[:2]
            if trace_key not in found:
                shape = self.recent.shape(trace_key)
                found[trace_key] = _Trace(shape or {}, {}, stored=shape is not None)
            if not found[trace_key].stored:
                absent.setdefault(trace_key, []).append(one)
        wanted: dict[Range, set[TraceKey]] = {}
        near: dict[TraceKey, Range] = {}
        for trace_key, parts in absent.items():
            within = self._within(trace_key, parts)
            if within == ANYWHERE:
                wanted.setdefault(ANYWHERE, set()).add(trace_key)
            elif within is not None:
                near[trace_key] = within
        if near:
            within = min(low for low, _ in near.values()), max(high for _, high in near.values())
            wanted[within] = set(near)
        for within, keys in wanted.items():
            for trace_key, shape in (await self._holdings.shapes(keys, within)).items():
                found[trace_key].shape = shape
        return found

    def _within(self, key: TraceKey, parts: Iterable[Arrived]) -> Range | None:
        """Return where a trace that is not in memory is to be looked for, None when it is new."""
        stored = self.recent.stored_within(key)
        if stored is not None:
            return stored
        if self.open_spans.has_of(key):
            return ANYWHERE
        if all(patch.whole for one in parts for patch in one.patches) and not self.open_spans.overflown:
            return None
        times = [at_ns for one in parts for at_ns in _times(one)]
        return min(times), max(times)

    async def _held(self, nodes: Mapping[SpanKey, Node]) -> dict[SpanKey, list[Held]]:
        found = {key: [Held(row, 0)] for key in nodes if (row := self._rows.get(key)) is not None}
        places = [
            Place(*key, start_ns)
            for key, node in nodes.items()
            if key not in found
            for start_ns in (node.started_at_ns, *node.other_starts_ns)
        ]
        if places:
            for one in await self._holdings.held(places):
                span = one.span
                found.setdefault((span.project_id, span.trace_id, span.span_id), []).append(one)
        return found

    def _make(self, batch: "_Batch", arrived: Mapping[SpanKey, Arrived], held: Mapping[SpanKey, list[Held]]) -> None:
        now_ns = self._clock.now_ns()
        for key, one in arrived.items():
            before = held.get(key, [])
            try:
                row = self._row(one, before, now_ns, batch)
            except Exception as error:  # noqa: BLE001 - border: a background loop; one span must not stop the rest
                _log.exception("span %s of trace %s cannot become a row", key[2], key[1])
                batch.unfit.append((one, error))
                continue
            batch.traces[key[:2]].new[key[2]] = node_of(row)
            batch.put(key, _Made(row, before, one.sources))

    def _row(self, one: Arrived, before: Sequence[Held], now_ns: int, batch: "_Batch") -> Span:
        """Return the span's row; the very one that is there when there is nothing to add."""
        if one.call is not None and not one.patches and not any(held.span.fold for held in before):
            return one.call
        if not before and _is_one_patch(one):
            return one.row or row_of_patch(one.patches[0], self._charges, now_ns)
        last = max(before, key=lambda held: held.version).span if before else None
        known = {id(held.span): fold_of_row(held.span) for held in before}
        fold = _all([*known.values(), *([fold_of_row(one.call)] if one.call else []), *map(fold_of, one.patches)])
        if before:
            said = encode(fold)
            batch.note(said)
            live = next((row for row in _last_by_bucket(before).values() if not row.deleted), None)
            if live is not None and live.fold and _is_same(known[id(live)], fold, said):
                return live
        base = one.call or last
        if base is not None and SAID_START in base.attributes:
            # What stood in for an impossible start goes on doing so.
            now_ns = base.started_at_ns
        return row_of_fold(fold, self._catalog, now_ns, base)

    async def _count(self, batch: "_Batch") -> None:
        """Mark the calls that are counted elsewhere, also among the rows that are there already."""
        again: dict[SpanKey, Node] = {}
        for trace_key, trace in batch.traces.items():
            shape = {**trace.shape, **trace.new}
            if sum(node.is_call for node in shape.values()) < 2 and not any(node.wrapper for node in shape.values()):
                continue
            found = wrappers(shape)
            for span_id, node in shape.items():
                is_wrapper = span_id in found
                key = (*trace_key, span_id)
                if span_id in trace.new:
                    batch.mark(key, wrapper=is_wrapper)
                elif node.wrapper != is_wrapper:
                    again[key] = node
                if node.wrapper != is_wrapper:
                    trace.new[span_id] = msgspec.structs.replace(node, wrapper=is_wrapper)
        held = await self._held(again)
        for key, rows in held.items():
            live = [one for one in rows if not one.span.deleted]
            if live:
                last = max(live, key=lambda one: one.version).span
                wrapper = batch.traces[key[:2]].new[key[2]].wrapper
                batch.put(key, _Made(msgspec.structs.replace(last, wrapper=wrapper), rows, []))
                batch.note(f"{key[2]}{wrapper}".encode())


class _Made(msgspec.Struct, gc=False):
    row: Span
    before: list[Held]
    sources: list[Source]


class _Batch:
    """Rows on their way."""

    def __init__(self, traces: dict[TraceKey, _Trace]) -> None:
        self.traces = traces
        self.unfit: list[tuple[Arrived, Exception]] = []
        self._made: dict[SpanKey, _Made] = {}
        self._digest = hashlib.blake2b(digest_size=8)
        self._depends = False

    def put(self, key: SpanKey, made: _Made) -> None:
        """Add the row of a span."""
        self._made[key] = made

    def note(self, known: bytes) -> None:
        """Note something that the rows depend on besides the batch."""
        self._depends = True
        self._digest.update(known)

    def mark(self, key: SpanKey, *, wrapper: bool) -> None:
        """Say of a row whether it is a wrapper."""
        made = self._made[key]
        if made.row.wrapper != wrapper:
            made.row = msgspec.structs.replace(made.row, wrapper=wrapper)
            self.note(f"{key[2]}{wrapper}".encode())

    def suffix(self, pieces: Sequence[Piece]) -> str:
        """Return what tells this insert from another of the same batch, when the store held something else then."""
        if not self._depends:
            return ""
        for piece in pieces:
            for row in piece.rows:
                self._digest.update(f"{row.trace_id}{row.span_id}{row.started_at_ns}{row.deleted}".encode())
        return f".{self._digest.hexdigest()}"

    def pieces(self) -> list[Piece]:
        """Return all rows, with a mark for each start that no longer holds; what is there already is left out."""
        found: list[Piece] = []
        for made in self._made.values():
            if not made.before:
                found.append(Piece((made.row,), tuple(made.sources), fresh=True))
                continue
            last = _last_by_bucket(made.before)
            here = _bucket(made.row)
            gone = [
                msgspec.structs.replace(made.row, started_at_ns=one.started_at_ns, deleted=True)
                for bucket, one in last.items()
                if bucket != here and not one.deleted
            ]
            if gone or last.get(here) is not made.row:
                fresh = all(one.span.is_open or one.span.deleted for one in made.before)
                found.append(Piece((made.row, *gone), tuple(made.sources), fresh=fresh))
        return found


def _is_one_patch(one: Arrived) -> bool:
    return one.call is None and len(one.patches) == 1


def _is_same(before: Fold, fold: Fold, encoded: bytes) -> bool:
    # what is mostly new is a field, and telling that takes a hundredth of the time that telling texts apart does
    return before.said.keys() == fold.said.keys() and encode(before) == encoded


def _all(folds: Sequence[Fold]) -> Fold:
    found = folds[0]
    for fold in folds[1:]:
        found = merged(found, fold)
    return found


def newest(held: Iterable[Held], key: Callable[[Span], K]) -> dict[K, Held]:
    """Return of all rows with the same key the one with the highest version."""
    found: dict[K, Held] = {}
    for one in held:
        place = key(one.span)
        if place not in found or one.version > found[place].version:
            found[place] = one
    return found


def _last_by_bucket(held: Iterable[Held]) -> dict[int, Span]:
    return {bucket: one.span for bucket, one in newest(held, _bucket).items()}


def _bucket(span: Span) -> int:
    return max(0, span.started_at_ns) // BUCKET_NS


def node_of(row: Span) -> Node:
    """Return a row as a part of its trace."""
    return Node(
        row.parent_span_id, row.kind in CALLS, row.usage is not None, row.wrapper, row.started_at_ns,
        by_gateway=row.source == GATEWAY, ended_at_ns=0 if row.running else row.started_at_ns + row.duration_ns,
        tokens=row.usage.total if row.usage is not None else 0,
    )  # fmt: skip


def _times(one: Arrived) -> list[int]:
    times = [patch.at_ns for patch in one.patches]
    times += [at_ns for patch in one.patches for at_ns in (patch.started_at_ns, patch.ended_at_ns) if at_ns]
    if one.call is not None:
        times += [one.call.started_at_ns, one.call.started_at_ns + one.call.duration_ns]
    return times
