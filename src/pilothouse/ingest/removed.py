"""What is turned away on the way in, because its trace was removed or is older than its project keeps.

A late word of a removed span would otherwise make half a span of it. Traces are known by keyed hashes, and only as long
as there are any is a hash made at all.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from pilothouse.domain.keeping import DAY_NS, REMOVED, Kind, Marks, Retention
from pilothouse.domain.receipt import MINUTE_NS, Receipt, ReceiptOutcome
from pilothouse.domain.span import Span
from pilothouse.domain.telemetry import MetricPoint
from pilothouse.errors import PlatformError
from pilothouse.ingest.reading import Arrived, Contents
from pilothouse.ingest.recent import SpanKey

_log = logging.getLogger(__name__)
_EVERY_S = 2.0
_OVERLAP_NS = 60 * 10**9
_WHOLE_S = 3600.0
"""After it all marks are read anew, so that those whose time is over are forgotten."""


class Gone(msgspec.Struct, frozen=True):
    """What must not be stored, as far as is known."""

    marks: frozenset[bytes] = frozenset()
    retentions: Mapping[str, Retention] = {}


class Removals(Protocol):
    """Where it is written down what was removed; raises `MetadataUnavailable`."""

    async def marks(self, since_ns: int) -> frozenset[bytes]:
        """Return the marks of traces that were removed at or after a time."""
        ...

    async def retentions(self) -> Mapping[str, Retention]:
        """Return how long each project keeps what."""
        ...


class Gate:
    """Takes out of a batch what must not be stored; keeps what it knows while the metadata database is away."""

    def __init__(self, removals: Removals, marks: Marks, now_ns: Callable[[], int]) -> None:
        self._removals = removals
        self._marks = marks
        self._now_ns = now_ns
        self._gone = Gone()
        self._since_ns = 0
        self._next = 0.0
        self._whole_at = 0.0

    async def refresh(self) -> None:
        """Learn what was removed lately, when it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY_S
        anew = now >= self._whole_at
        try:
            await self._learn(anew=anew)
        except PlatformError as error:
            _log.info("what was removed cannot be read: %s", error.detail)
            return
        if anew:
            self._whole_at = now + _WHOLE_S

    async def _learn(self, *, anew: bool) -> None:
        now_ns = self._now_ns()
        fresh = await self._removals.marks(0 if anew else self._since_ns)
        known = self._gone.marks
        marks = fresh if anew else known if fresh <= known else known | fresh
        self._gone = Gone(marks, await self._removals.retentions())
        self._since_ns = now_ns - _OVERLAP_NS

    def filter(self, contents: Contents) -> list[Receipt]:
        """Take out what must not be stored and return what the ledger is told; usually there is nothing to do."""
        gone = self._gone
        if not gone.marks and not gone.retentions:
            return []
        now_ns = self._now_ns()
        found: list[Receipt] = []
        for key, one in list(contents.spans.items()):
            if self._turned_away(key, one, now_ns):
                del contents.spans[key]
                found.extend(_receipt(key[0], source.surface, "traces", now_ns) for source in one.sources)
        self._filter_signals(contents, now_ns, found)
        self._filter_scores(contents, now_ns, found)
        return found

    def is_removed(self, span: Span) -> bool:
        """Whether a span that is kept is to go, or gone by now."""
        oldest_ns = self._oldest_ns(span.project_id, Kind.SPANS, self._now_ns())
        return span.started_at_ns < oldest_ns or self._marked(span.project_id, span.trace_id)

    def _filter_signals(self, contents: Contents, now_ns: int, found: list[Receipt]) -> None:
        for number, one in enumerate(contents.signals):
            project_id = one.request.project_id
            oldest_ns = self._oldest_ns(project_id, Kind.LOGS, now_ns)
            logs = tuple(
                row for row in one.logs if row.at_ns >= oldest_ns and not self._marked(project_id, row.trace_id)
            )
            points = tuple(
                self._without_removed(project_id, row, oldest_ns) for row in one.points if row.at_ns >= oldest_ns
            )
            lost = len(one.logs) - len(logs) + len(one.points) - len(points)
            if lost or points != one.points:
                contents.signals[number] = msgspec.structs.replace(one, logs=logs, points=points)
            if lost:
                signal = "logs" if one.logs else "metrics"
                found.append(_receipt(project_id, one.request.surface, signal, now_ns, lost))

    def _without_removed(self, project_id: str, point: MetricPoint, oldest_ns: int) -> MetricPoint:
        """Return a data point without the exemplars of removed traces; its figures are of everybody."""
        kept = tuple(
            one for one in point.exemplars if one.at_ns >= oldest_ns and not self._marked(project_id, one.trace_id)
        )
        return point if len(kept) == len(point.exemplars) else msgspec.structs.replace(point, exemplars=kept)

    def _filter_scores(self, contents: Contents, now_ns: int, found: list[Receipt]) -> None:
        for number, one in enumerate(contents.scores):
            scores = tuple(
                row
                for row in one.scores
                if row.at_ns >= self._oldest_ns(row.project_id, Kind.SCORES, now_ns)
                and not self._marked(row.project_id, row.trace_id)
            )
            if len(scores) < len(one.scores):
                contents.scores[number] = msgspec.structs.replace(one, scores=scores)
                lost = (row for row in one.scores if row not in scores)
                found.extend(_receipt(row.project_id, row.surface or "scores", "scores", now_ns) for row in lost)

    def _turned_away(self, key: SpanKey, one: Arrived, now_ns: int) -> bool:
        if self._marked(key[0], key[1]):
            return True
        oldest_ns = self._oldest_ns(key[0], Kind.SPANS, now_ns)
        starts = [patch.started_at_ns for patch in one.patches if patch.started_at_ns]
        if one.call is not None:
            starts.append(one.call.started_at_ns)
        return bool(starts) and min(starts) < oldest_ns

    def _marked(self, project_id: str, trace_id: str) -> bool:
        marks = self._gone.marks
        return bool(marks) and bool(trace_id) and self._marks.trace(project_id, trace_id) in marks

    def _oldest_ns(self, project_id: str, kind: Kind, now_ns: int) -> int:
        retention = self._gone.retentions.get(project_id)
        days = None if retention is None else retention.days(kind)
        return 0 if days is None else now_ns - days * DAY_NS


def _receipt(project_id: str, surface: str, signal: str, now_ns: int, items: int = 1) -> Receipt:
    return Receipt(
        project_id=project_id,
        minute_ns=now_ns - now_ns % MINUTE_NS,
        surface=surface,
        signal=signal,
        outcome=ReceiptOutcome.REJECTED,
        reason=REMOVED,
        items=items,
    )
