"""How long telemetry is kept, what was removed on request, and how removed traces are known again without their ids."""

import hashlib
from enum import StrEnum

import msgspec

DAY_NS = 86_400 * 10**9
MAX_DAYS = 3_650
TOMBSTONE_NS = 30 * DAY_NS
"""How long late words of a removed trace are turned away."""
REMOVED = "removed"
"""The reason of what is turned away because its trace was removed or is older than its project keeps."""


class Kind(StrEnum):
    """A table of telemetry, as people name it."""

    SPANS = "spans"
    SCORES = "scores"
    LOGS = "logs"
    METRICS = "metrics"
    EXEMPLARS = "exemplars"


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days that a project keeps things; None keeps them for good."""

    traces_days: int | None = None
    """Spans."""
    bodies_days: int | None = None
    """Input, output and raw attributes of spans, and bodies of log records; names, times, tokens and costs stay."""
    logs_days: int | None = None
    """Log records, and data points of metrics with their exemplars."""
    scores_days: int | None = None

    def days(self, kind: Kind) -> int | None:
        """Return the days of a table."""
        match kind:
            case Kind.SPANS:
                return self.traces_days
            case Kind.SCORES:
                return self.scores_days
            case Kind.LOGS | Kind.METRICS | Kind.EXEMPLARS:
                return self.logs_days


class KeptRetention(msgspec.Struct, frozen=True, kw_only=True):
    """A project's retention and who set it."""

    project_id: str
    retention: Retention = Retention()
    changed_by: str = ""
    changed_at_ns: int = 0
    swept_at_ns: int = 0
    """When it was last applied; 0 for never."""
    removed: dict[str, int] = {}
    """Rows that the last sweep removed, by table, and `bodies` that it emptied."""


class Subject(StrEnum):
    """Whose data is removed."""

    USER = "user"
    SESSION = "session"
    TRACE = "trace"
    PROJECT = "project"
    """What LangSmith's SDKs call one: the runs that name it, inside of a project of ours."""


class DeletionState(StrEnum):
    """How far a deletion is."""

    WAITING = "waiting"
    """Until everything that was accepted before it is in the store."""
    REMOVING = "removing"
    """Rows are marked as gone and can be read no more, in rounds, until a count finds none."""
    ERASING = "erasing"
    """The store rewrites its files without the rows."""
    DONE = "done"
    """Nothing is left on the store's disk."""


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """A request to remove data, and its receipt."""

    id: str
    project_id: str
    subject: Subject
    digest: str
    """A keyed hash of the id: it can be checked against an id, and the id cannot be read from it."""
    state: DeletionState = DeletionState.WAITING
    sealed_id: str = ""
    """The id, sealed, while it is still needed."""
    requested_by: str
    requested_at_ns: int
    traces: int = 0
    removed: dict[str, int] = {}
    """Rows by table, all versions of them."""
    rounds: int = 0
    left: int | None = None
    """What the last count found; None before it."""
    removed_at_ns: int | None = None
    """When the count found nothing left to read."""
    rewritten_at_ns: int | None = None
    """When the store had written its files anew without the rows."""
    erased_at_ns: int | None = None
    """When it had dropped the old files."""
    detail: str = ""
    """Why it waits or failed last."""


class Marks:
    """Makes the keyed hashes by which removed things are known again."""

    def __init__(self, installation_key: bytes) -> None:
        self._key = hashlib.blake2b(b"removed things", key=installation_key, digest_size=32).digest()

    def trace(self, project_id: str, trace_id: str) -> bytes:
        """Return the mark of a trace."""
        return self._digest("trace", project_id, trace_id)

    def subject(self, subject: Subject, project_id: str, subject_id: str) -> str:
        """Return the mark of whose data was removed, as text."""
        return self._digest(f"subject {subject}", project_id, subject_id).hex()

    def _digest(self, kind: str, project_id: str, text: str) -> bytes:
        said = f"{kind}\0{project_id}\0{text}".encode("utf-8", "replace")
        return hashlib.blake2b(said, key=self._key, digest_size=16).digest()
