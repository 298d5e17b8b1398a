"""Batches: many calls handed over in one file and answered in another; status words are OpenAI's."""

from enum import StrEnum

import msgspec


class BatchStatus(StrEnum):
    """How far a batch is."""

    VALIDATING = "validating"
    FAILED = "failed"
    """The input file cannot be worked on; `errors` says why, and nothing was run."""
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    """Every line is settled, and the output files are being written."""
    COMPLETED = "completed"
    EXPIRED = "expired"
    """The window ended first; lines that had run by then have their answers."""
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


UNFINISHED = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.CANCELLING)
"""Statuses in which there is still work to do."""
CANCELLABLE = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)


class BatchCounts(msgspec.Struct, frozen=True):
    """Lines of a batch; those that are neither completed nor failed have not been run, or not yet."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class BatchFault(msgspec.Struct, frozen=True):
    """Why an input file cannot be worked on."""

    code: str
    message: str
    line: int | None = None
    """Of the file, from 1; None for what concerns the whole of it."""
    param: str | None = None


class Batch(msgspec.Struct, frozen=True):
    """One batch; times are None until they are reached."""

    id: str
    """`batch_` and 32 hex digits, of which the first tell the time: ids sort as they were made."""
    project_id: str
    key_id: str
    """The virtual key in whose name its lines run."""
    endpoint: str
    """The path that every line calls, such as `/v1/chat/completions`."""
    input_file_id: str
    completion_window: str
    """As the caller wrote it, such as `24h`."""
    created_at_ns: int
    expires_at_ns: int
    """When the window ends."""
    status: BatchStatus = BatchStatus.VALIDATING
    in_progress_at_ns: int | None = None
    finalizing_at_ns: int | None = None
    completed_at_ns: int | None = None
    failed_at_ns: int | None = None
    expired_at_ns: int | None = None
    cancelling_at_ns: int | None = None
    cancelled_at_ns: int | None = None
    output_file_id: str = ""
    """Empty until the batch is over, and when no line succeeded."""
    error_file_id: str = ""
    """Empty until the batch is over, and when every line succeeded."""
    counts: BatchCounts = BatchCounts()
    errors: tuple[BatchFault, ...] = ()
    metadata: dict[str, str] = {}
    """The caller's own."""
    output_expires_after_s: int | None = None
    """How long the output files are kept; None leaves it to the installation."""


class JobState(StrEnum):
    """How far a native job is."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    """It may have been handed over, but its id is not known yet."""
    RUNNING = "running"
    DONE = "done"
    """Its results are settled."""
    FALLEN = "fallen"
    """The provider did not take it; its lines run one by one."""
    EXPIRED = "expired"
    """By the provider; what it did not come to is not run."""
    CANCELLED = "cancelled"


OVER = (JobState.DONE, JobState.FALLEN, JobState.EXPIRED, JobState.CANCELLED)
"""States of a job that needs no more work."""


class NativeJob(msgspec.Struct, frozen=True):
    """Lines of a batch that went to a provider's own batch service together: one account, one model, one dialect."""

    batch_id: str
    n: int
    """Within the batch, from 1."""
    account: str
    provider: str
    model: str
    """The name sent upstream."""
    alias: str
    """The alias that the lines' model resolved through, if any."""
    dialect: str
    """What is spoken upstream."""
    lines: int
    state: JobState = JobState.PLANNED
    upstream_id: str = ""
    detail: str = ""
    """Why it fell, expired or waits."""
    submitted_at_ns: int = 0
    """When it was first handed over; 0 until then."""

    @property
    def name(self) -> str:
        """The name that it is submitted under, by which it is found again."""
        return f"{self.batch_id.replace('batch_', 'ph-')}-{self.n}"


class BatchEntry(msgspec.Struct, frozen=True):
    """One line of a batch as it is kept: where its request stands in the input file, and who runs it."""

    n: int
    """From 1, in the order of the file; blank lines are not counted."""
    custom_id: str
    place: int
    """Where the line begins in the input file, in bytes."""
    size_bytes: int
    job: int = 0
    """The native job that it belongs to; 0 when it runs by itself."""


class SettledEntry(msgspec.Struct, frozen=True):
    """What came of one line."""

    n: int
    ok: bool
    result: bytes
    """Its line of the output file, or of the error file when not ok, line feed included."""


class KeptEntry(msgspec.Struct, frozen=True):
    """One line as the output files need it."""

    n: int
    custom_id: str
    job: int
    done: bool
    ok: bool
    result: bytes
    """As in `SettledEntry`; empty while the line is open."""
