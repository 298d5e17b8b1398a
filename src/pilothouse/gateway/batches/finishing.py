"""Finishing: the output files are written from what is kept of the lines, and the batch ends."""

import msgspec

from pilothouse.domain.batch import Batch, BatchStatus, JobState, KeptEntry
from pilothouse.domain.files import BATCH_OUTPUT, CHUNK_BYTES, File
from pilothouse.gateway.batches.names import file_name
from pilothouse.gateway.batches.settling import CANCELLED, EXPIRED, unrun
from pilothouse.gateway.batches.works import Works
from pilothouse.gateway.files.ports import FileStore

_READ_BYTES = 4 * 1024 * 1024
_PIECES = 16
_PORTION = 500
_SECOND_NS = 1_000_000_000
_DAY_S = 86_400


class _Output:
    """One file that is being written; begun with its first line, and anew after a crash."""

    def __init__(self, files: FileStore, file: File) -> None:
        self._files = files
        self._file = file
        self._held = bytearray()
        self._pieces = 0

    @property
    def file(self) -> File:
        """The file as it is by now."""
        return msgspec.structs.replace(self._file, size_bytes=self._pieces * CHUNK_BYTES + len(self._held))

    async def prepare(self) -> None:
        """Remove what an earlier try may have left."""
        while await self._files.remove(self._file.id, _PIECES):
            pass

    async def write(self, line: bytes) -> None:
        """Add a line."""
        self._held += line
        while len(self._held) >= CHUNK_BYTES:
            await self._append(bytes(self._held[:CHUNK_BYTES]))
            del self._held[:CHUNK_BYTES]
            self._pieces += 1

    async def close(self) -> File | None:
        """Write the rest and return the file; None when nothing was written."""
        file = self.file
        if self._held:
            await self._append(bytes(self._held))
        return file if file.size_bytes else None

    async def _append(self, data: bytes) -> None:
        if not self._pieces:
            await self._files.begin(self._file)
        await self._files.append(self._file.id, self._pieces, data, self._file.created_at_ns)


async def finish(works: Works, batch: Batch) -> None:
    """End a batch that is `finalizing` or `cancelling`; raises what the store raises."""
    before = batch.status
    ended = _ended(works, batch)
    if batch.in_progress_at_ns is None:  # cancelled before its lines were in: there is nothing to tell of them
        await works.store.finish(works.who, ended, before, [])
        return
    output, error = _output(works, batch, "output"), _output(works, batch, "error")
    await output.prepare()
    await error.prepare()
    reasons = _reasons(batch, {job.n: job.state for job in await works.store.jobs(batch.id)})
    after = -1
    while kept := await works.store.kept(batch.id, after, _READ_BYTES):
        after = kept[-1].n
        for entry in kept:
            await _write(batch.id, entry, (output, error), reasons)
    files = [await output.close(), await error.close()]
    ended = msgspec.structs.replace(ended, output_file_id=_id(files[0]), error_file_id=_id(files[1]))
    await works.store.finish(works.who, ended, before, [file for file in files if file is not None])


async def tidy(works: Works, batch_id: str) -> None:
    """Remove the lines of a batch that is over."""
    while await works.store.clear(batch_id, _PORTION):
        pass


async def _write(
    batch_id: str, entry: KeptEntry, outputs: tuple[_Output, _Output], reasons: dict[int, tuple[str, str]]
) -> None:
    output, error = outputs
    if not entry.done:
        await error.write(unrun(batch_id, entry.n, entry.custom_id, reasons.get(entry.job, reasons[0])))
    else:
        await (output if entry.ok else error).write(entry.result)


def _reasons(batch: Batch, states: dict[int, JobState]) -> dict[int, tuple[str, str]]:
    """Return why open lines were not run, by their job; under 0 why those of no job were not."""
    usual = CANCELLED if batch.status is BatchStatus.CANCELLING else EXPIRED
    special = {JobState.EXPIRED: EXPIRED, JobState.CANCELLED: CANCELLED}
    return {0: usual, **{n: special[state] for n, state in states.items() if state in special}}


def _ended(works: Works, batch: Batch) -> Batch:
    now_ns = works.now_ns()
    if batch.status is BatchStatus.CANCELLING:
        return msgspec.structs.replace(batch, status=BatchStatus.CANCELLED, cancelled_at_ns=now_ns)
    if batch.expired_at_ns is not None:
        return msgspec.structs.replace(batch, status=BatchStatus.EXPIRED)
    return msgspec.structs.replace(batch, status=BatchStatus.COMPLETED, completed_at_ns=now_ns)


def _output(works: Works, batch: Batch, kind: str) -> _Output:
    made_at_ns = batch.finalizing_at_ns or batch.cancelling_at_ns or batch.created_at_ns
    keep_s = batch.output_expires_after_s
    if keep_s is None:
        keep_s = int(works.keep_days * _DAY_S)
    expires_at_ns = made_at_ns + keep_s * _SECOND_NS if keep_s else None
    file = File(
        file_name(batch.id, kind, made_at_ns), batch.project_id, batch.key_id, f"{batch.id}_{kind}.jsonl", BATCH_OUTPUT,
        0, made_at_ns, expires_at_ns,
    )  # fmt: skip
    return _Output(works.files, file)


def _id(file: File | None) -> str:
    return file.id if file is not None else ""
