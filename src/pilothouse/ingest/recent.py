"""What ingest remembers of the store, so that the usual span needs no look-up: recent traces, and spans without end."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from pilothouse.domain.holding import Place, Shape
from pilothouse.domain.span import Span

Range = tuple[int, int]
"""Of starts, in nanoseconds since 1970."""
ANYWHERE: Range = (0, 2**63 - 1)
TraceKey = tuple[str, str]
"""Project and trace."""
SpanKey = tuple[str, str, str]
"""Project, trace and span."""


class RecentTraces:
    """The whole shape of the traces that something came of last, and of many more that there is something of them.

    A trace that it does not know at all is new: it remembers the last `max_traces` traces at least, across a restart
    those that the store is asked for then.
    """

    def __init__(self, max_spans: int, max_traces: int) -> None:
        self._max_spans = max_spans
        self._max_traces = max_traces
        self._shapes: OrderedDict[TraceKey, Shape] = OrderedDict()
        self._spans = 0
        # Two generations: the older is dropped whole, which is far cheaper than an order of all.
        self._young: dict[int, Range] = {}
        self._old: dict[int, Range] = {}

    def shape(self, key: TraceKey) -> Shape | None:
        """Return a trace's spans, None when they are not in memory."""
        return self._shapes.get(key)

    def stored_within(self, key: TraceKey) -> Range | None:
        """Return where the spans are that the store holds of a trace, None when it holds none."""
        mark = hash(key)
        return self._young.get(mark) or self._old.get(mark)

    def remember(self, changes: Mapping[TraceKey, Shape]) -> None:
        """Take in spans that are in the store now; traces that were not in memory must be given whole."""
        for key, nodes in changes.items():
            shape = self._shapes.setdefault(key, {})
            before = len(shape)
            shape.update(nodes)
            self._spans += len(shape) - before
            self._shapes.move_to_end(key)
        while self._spans > self._max_spans and len(self._shapes) > 1:
            key, shape = self._shapes.popitem(last=False)
            self._spans -= len(shape)
            starts = [node.started_at_ns for node in shape.values()]
            if starts:
                self.mark(key, (min(starts), max(starts)))

    def mark(self, key: TraceKey, within: Range = ANYWHERE) -> None:
        """Note that the store holds something of a trace that is not in memory."""
        mark = hash(key)
        self._old.pop(mark, None)
        self._young[mark] = within
        if len(self._young) >= self._max_traces:
            self._old, self._young = self._young, {}

    def doubt(self, keys: Iterable[TraceKey]) -> None:
        """Forget the spans of traces of which the store may hold something else by now."""
        for key in keys:
            self._spans -= len(self._shapes.pop(key, {}))
            self.mark(key)


class OpenRows:
    """The rows of spans that were just begun, for their end mostly comes soon; bounded by their size."""

    _OVERHEAD_BYTES = 4_000

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: OrderedDict[SpanKey, Span] = OrderedDict()
        self._of: dict[TraceKey, set[SpanKey]] = {}

    def get(self, key: SpanKey) -> Span | None:
        """Return the one row of a span that counts, None when it is not here."""
        return self._rows.get(key)

    def written(self, key: SpanKey, row: Span) -> None:
        """Note what is in the store now."""
        if key in self._rows:
            self._drop(key)
        if row.running:
            self._rows[key] = row
            self._of.setdefault(key[:2], set()).add(key)
            self._bytes += self._weight(row)
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._rows)))

    def doubt(self, traces: Iterable[TraceKey]) -> None:
        """Forget the rows of traces of which the store may hold something else by now."""
        for trace in traces:
            for key in list(self._of.get(trace, ())):
                self._drop(key)

    def _drop(self, key: SpanKey) -> None:
        row = self._rows.pop(key, None)
        if row is None:
            return
        self._bytes -= self._weight(row)
        others = self._of[key[:2]]
        others.discard(key)
        if not others:
            del self._of[key[:2]]

    def _weight(self, row: Span) -> int:
        return len(row.input) + len(row.output) + self._OVERHEAD_BYTES


class OpenSpans:
    """Spans without an end, and when something was last heard of them, by our clock.

    Beyond `max_spans` further ones are not kept here, and `overflown` tells that the store has to be asked.
    """

    def __init__(self, max_spans: int) -> None:
        self._max_spans = max_spans
        self._places: dict[SpanKey, Place] = {}
        self._traces: dict[TraceKey, int] = {}
        self.overflown = False

    def __len__(self) -> int:
        return len(self._places)

    def has_of(self, key: TraceKey) -> bool:
        """Whether a span of the trace is known to have no end."""
        return key in self._traces

    def opened(self, place: Place) -> None:
        """Note that a span has no end yet."""
        key = place.project_id, place.trace_id, place.span_id
        known = self._places.pop(key, None) is not None
        if not known and len(self._places) >= self._max_spans:
            self.overflown = True
            return
        # The end of the order is what was heard of last.
        self._places[key] = place
        if not known:
            self._traces[key[:2]] = self._traces.get(key[:2], 0) + 1

    def ended(self, key: SpanKey) -> None:
        """Note that a span has an end."""
        if self._places.pop(key, None) is None:
            return
        left = self._traces[key[:2]] - 1
        if left:
            self._traces[key[:2]] = left
        else:
            del self._traces[key[:2]]

    def silent_since(self, before_ns: int, limit: int) -> list[Place]:
        """Return spans of which nothing was heard since, those first of which nothing was for the longest time."""
        found: list[Place] = []
        for place in self._places.values():
            if place.heard_at_ns >= before_ns or len(found) >= limit:
                break
            found.append(place)
        return found
