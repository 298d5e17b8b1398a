"""Exports: what is written out, whereto, in which windows of time, and how far a run is."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from pilothouse.domain.span import SpanStatus

EXPORT_SCHEMA = 1
"""Version of the columns of exported rows; raised when one is renamed, removed or means something else."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_NS = 3600 * 10**9
_DAY_NS = 24 * _HOUR_NS
_FIRST_MONDAY_DAYS = 4
"""1970 began on a Thursday."""


class ExportWhat(StrEnum):
    """Which rows are written."""

    SPANS = "spans"
    """Spans that fit the filter."""
    TRACES = "traces"
    """All spans of the traces with a span that fits the filter."""
    SCORES = "scores"
    """Scores, with a filter those of the traces that it shows."""
    LOGS = "logs"
    """Log records, with a filter those of the traces that it shows."""


class ExportFormat(StrEnum):
    """How rows are written."""

    JSONL = "jsonl"
    PARQUET = "parquet"


class ExportFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The conditions of the trace list, apart from its time range; empty means all."""

    q: str = ""
    """In the query language."""
    models: tuple[str, ...] = ()
    statuses: tuple[SpanStatus, ...] = ()
    key_ids: tuple[str, ...] = ()
    user_id: str = ""
    session_id: str = ""
    text: str = ""
    min_duration_ms: float | None = None


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one project whose time lies in a range that excludes its end."""

    project_id: str
    what: ExportWhat
    where: ExportFilter = ExportFilter()
    from_ns: int
    to_ns: int


class RowPlace(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a row stands in an export: they are sorted by time, then trace, then their own id."""

    at_ns: int
    trace_id: str
    id: str


class ExportChunk(msgspec.Struct, frozen=True):
    """Rows that follow one another."""

    body: bytes
    rows: int
    last: RowPlace


class Every(StrEnum):
    """How often an export runs."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When windows end, in UTC. Each window begins where the one before ended."""

    every: Every
    hour: int = 0
    """Of the day, 0 to 23; for days and weeks."""
    weekday: int = 0
    """0 is Monday; for weeks."""
    late_minutes: int = 60
    """How long after its end a window is written, so that late rows are in it."""

    def last_end(self, now_ns: int) -> int:
        """Return the last end of a window at or before a time."""
        step_ns, shift_ns = self._step()
        return now_ns - (now_ns - shift_ns) % step_ns

    def following(self, end_ns: int) -> int:
        """Return the end of the window that begins at one."""
        return self.last_end(end_ns) + self._step()[0]

    def _step(self) -> tuple[int, int]:
        match self.every:
            case Every.HOUR:
                return _HOUR_NS, 0
            case Every.DAY:
                return _DAY_NS, self.hour * _HOUR_NS
            case Every.WEEK:
                return 7 * _DAY_NS, (_FIRST_MONDAY_DAYS + self.weekday) * _DAY_NS + self.hour * _HOUR_NS


class FolderTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="folder"):
    """A folder on the machine of the platform."""

    path: str = ""
    """Below the data folder's `exports`, or absolute below one of the allowed folders."""


class S3Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="s3"):
    """A bucket of an S3-compatible store; its keys are kept sealed beside."""

    endpoint: str
    """Such as `https://s3.eu-central-1.amazonaws.com`."""
    bucket: str
    region: str = "us-east-1"
    prefix: str = ""


Target = FolderTarget | S3Target


class ExportPart(msgspec.Struct, frozen=True):
    """One file of an export."""

    name: str
    rows: int
    size_bytes: int
    sha256: str


class RunState(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    STOPPED = "stopped"
    """By somebody; goes on behind its last file when resumed."""
    FAILED = "failed"
    """Given up after many tries; goes on when resumed."""
    DONE = "done"


class ExportRun(msgspec.Struct, frozen=True, kw_only=True):
    """One window of an export."""

    export_id: str
    from_ns: int
    to_ns: int
    state: RunState = RunState.RUNNING
    parts: tuple[ExportPart, ...] = ()
    after: RowPlace | None = None
    """The last row that is written; what follows is still to come."""
    started_at_ns: int
    ended_at_ns: int | None = None
    busy_ns: int = 0
    """Time spent on it, for its rate."""
    tries: int = 0
    """Failures in a row."""
    retry_at_ns: int = 0
    detail: str = ""
    """Why it failed last."""

    @property
    def rows(self) -> int:
        """Rows written so far."""
        return sum(part.rows for part in self.parts)

    @property
    def size_bytes(self) -> int:
        """Bytes written so far."""
        return sum(part.size_bytes for part in self.parts)


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A standing order to write rows out, once or on a schedule."""

    id: str
    project_id: str
    name: str
    what: ExportWhat
    where: ExportFilter
    format: ExportFormat
    target: Target
    sealed_secret: str = ""
    """Access key and secret key of the target."""
    schedule: Schedule | None = None
    """None for a single run."""
    through_ns: int
    """Where the next window begins."""
    to_ns: int | None = None
    """Where a single run ends."""
    paused: bool = False
    created_by: str
    created_at_ns: int

    def window(self, now_ns: int) -> tuple[int, int] | None:
        """Return the next window that may be written by now, None when there is none."""
        if self.paused:
            return None
        if self.schedule is None:
            due = self.to_ns is not None and self.to_ns > self.through_ns
            return (self.through_ns, self.to_ns) if due and self.to_ns is not None else None
        end_ns = self.schedule.following(self.through_ns)
        late_ns = self.schedule.late_minutes * 60 * 10**9
        return (self.through_ns, end_ns) if end_ns + late_ns <= now_ns else None


def folder_of(export: Export, from_ns: int, to_ns: int) -> str:
    """Return the folder of a window's files, the same whenever it is written."""
    return f"{export.name}/{_stamp(from_ns)}_{_stamp(to_ns)}"


def _stamp(ns: int) -> str:
    return (_EPOCH + timedelta(microseconds=ns // 1000)).strftime("%Y%m%dT%H%M%SZ")
