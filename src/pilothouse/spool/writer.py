"""The writing side: a queue that the event loop fills and a thread that empties it into SQLite."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from pilothouse import instruments
from pilothouse.domain.call import CallRecord
from pilothouse.errors import DiskFull, ShuttingDown, SpoolFull
from pilothouse.spool.files import FolderLock, SpoolOptions, prepare_folder
from pilothouse.spool.gather import Gatherer
from pilothouse.spool.journal import Journal
from pilothouse.spool.syncer import Syncer

_log = logging.getLogger(__name__)

CALL = "call"
"""The kind of a record that `offer` took."""

_RECORD_OVERHEAD_BYTES = 1024
"""What a waiting record weighs in memory besides its bytes."""
_ORDINARY_RECORD_BYTES = 16 * 1024
_GROUP_RECORDS = 1000
_GROUP_BYTES = 4 * 1024**2
_IDLE_S = 0.25
_BREATH_S = 0.002
_CATCH_UP_S = 0.002
_HOUSEKEEPING_S = 0.1
_RETRY_MIN_S = 0.05
_RETRY_MAX_S = 2.0
_RECENT_DROP_S = 60.0


_Frame = tuple[str, bytes]
"""Kind and encoded record."""


class _Append(msgspec.Struct):
    kind: str
    payload: bytes
    done: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


class _Group(msgspec.Struct):
    """What one commit writes, and who waits for it."""

    frames: list[_Frame]
    waiting: list[_Append]
    weight_bytes: int


class SpoolWriter:
    """The one writer of a spool folder.

    `offer` and `append` belong to one event loop; all disk work happens in the writer's own thread. A disk that fails
    or is full never raises through `offer`: records wait in memory up to `max_queue_bytes`, the write is retried, and
    `ping` says what is wrong. `on_error` is called from the thread once for each run of failures.
    """

    def __init__(
        self, path: Path, options: SpoolOptions | None = None, on_error: Callable[[Exception], None] | None = None
    ) -> None:
        self.path = path
        self.options = options or SpoolOptions()
        self._on_error = on_error
        self._queue: deque[_Frame | _Append] = deque()
        self._held: deque[_Frame] = deque()
        # Two counters that one thread each writes, so that neither needs a lock: queued = offered - settled.
        self._offered_bytes = 0
        self._settled_bytes = 0
        self._room_bytes = -1
        self._asleep = False
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._pause = threading.Event()
        self._give_up_at = float("inf")
        self._more_to_do = False
        self._failure: Exception | None = None
        self._dropped_at = float("-inf")
        self._gatherer = Gatherer(self.offer)
        self._record_encoder = msgspec.msgpack.Encoder()
        self._group_encoder = msgspec.msgpack.Encoder()
        self._journal: Journal | None = None
        self._syncer: Syncer | None = None
        self._lock: FolderLock | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Lock and open the folder and start the thread.

        Raises `DataFolderInUse`, `DataFolderNewer` or `DataFolderUnwritable`.
        """
        prepare_folder(self.path)
        self._lock = FolderLock(self.path / "writer.lock", "writer")
        try:
            self._syncer = Syncer(self.path, eager=self.options.synchronous == "FULL")
            self._journal = Journal(self.path, self._syncer.ask_checkpoint)
        except BaseException:
            self._lock.release()
            raise
        self._measure_room(self._journal)
        self._closing.clear()
        self._syncer.start()
        self._thread = threading.Thread(target=self._run, args=(self._journal,), name="spool-writer", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is queued, then stop; gives up on a failing disk after `timeout_s`. Blocks; safe to call twice."""
        if self._thread is None:
            return
        self._gatherer.flush()
        self._room_bytes = -1
        self._give_up_at = time.monotonic() + timeout_s
        self._closing.set()
        self._pause.set()
        self._bell.set()
        self._thread.join(timeout_s + 5.0)
        self._thread = None
        if self._syncer is not None:
            self._syncer.close(timeout_s)
        if self._journal is not None:
            self._journal.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def offer(self, record: CallRecord) -> bool:
        """Take a record to be written within a few commit intervals; never blocks, never raises.

        Returns False, counted, when the spool is full or closed or the record cannot be encoded: it is then not taken.
        """
        # Encoded here and not by the thread: what a record consists of is in the processor's cache now, and its many
        # small objects need not outlive the call.
        try:
            payload = self._record_encoder.encode(record)
        except (TypeError, ValueError, OverflowError):
            # Such as text with half a surrogate pair.
            instruments.SPOOL_DROPPED.inc("unencodable")
            _log.exception("a record cannot be encoded and is dropped")
            return False
        offered_bytes = self._offered_bytes + len(payload) + _RECORD_OVERHEAD_BYTES
        if offered_bytes - self._settled_bytes > self._room_bytes:
            instruments.SPOOL_DROPPED.inc(CALL)
            self._dropped_at = time.monotonic()
            return False
        self._offered_bytes = offered_bytes
        self._queue.append((CALL, payload))
        if self._asleep:
            self._asleep = False
            self._bell.set()
        return True

    def offer_soon(self, make: Callable[[], CallRecord]) -> None:
        """Offer what `make` returns at the end of the loop's turn, together with all others; `close` waits for it."""
        self._gatherer.add(make)

    async def caught_up(self, timeout_s: float = 2.0) -> bool:
        """Wait until all that was offered so far is committed; False when the disk does not let that be in time."""
        self._gatherer.flush()
        offered_bytes = self._offered_bytes
        ends_at = time.monotonic() + timeout_s
        while self._settled_bytes < offered_bytes:
            if time.monotonic() >= ends_at:
                return False
            await asyncio.sleep(_CATCH_UP_S)
        return True

    async def append(self, kind: str, payload: bytes) -> None:
        """Write one encoded record and return when it is durable.

        Raises `SpoolFull`, with a time after which to try again, `DiskFull` when the disk refuses the write, or
        `ShuttingDown`. Cancelling stops the wait, not the write.
        """
        if self._closing.is_set() or self._thread is None:
            raise ShuttingDown("the spool takes no more records")
        if self._failure is not None:
            raise _disk_refuses(self._failure)
        offered_bytes = self._offered_bytes + len(payload) + _RECORD_OVERHEAD_BYTES
        if offered_bytes - self._settled_bytes > self._room_bytes:
            raise SpoolFull(f"the spool {self.path.name} is full; is the telemetry store down?", retry_after_s=1.0)
        loop = asyncio.get_running_loop()
        item = _Append(kind, payload, loop.create_future(), loop)
        self._offered_bytes = offered_bytes
        self._queue.append(item)
        if self._asleep:
            self._asleep = False
            self._bell.set()
        await item.done

    @property
    def depth(self) -> int:
        """Records that wait in memory, besides the group that is being written."""
        return len(self._queue) + len(self._held)

    @property
    def queued_bytes(self) -> int:
        """Bytes in memory that are not durable yet; 0 means that all that was taken is on disk."""
        return self._offered_bytes - self._settled_bytes

    @property
    def size_bytes(self) -> int:
        """Bytes of undrained records, on disk and in memory."""
        on_disk = self._journal.undrained_bytes if self._journal else 0
        return on_disk + self.queued_bytes

    @property
    def full(self) -> bool:
        """Whether a record of ordinary size would not be taken now."""
        return self.queued_bytes + _ORDINARY_RECORD_BYTES > self._room_bytes

    def ping(self) -> str | None:
        """Return None when healthy, else why not: not running, disk failing, full, or dropped records just now."""
        if self._thread is None or not self._thread.is_alive():
            return f"the spool writer {self.path.name} is not running"
        if self._failure is not None:
            return f"the spool {self.path.name} cannot write: {self._failure}"
        if self._syncer is not None and self._syncer.failure is not None:
            return f"the spool {self.path.name} cannot sync: {self._syncer.failure}"
        if self.full:
            return f"the spool {self.path.name} is full"
        if time.monotonic() - self._dropped_at < _RECENT_DROP_S:
            return f"the spool {self.path.name} dropped records in the last minute"
        return None

    def _run(self, journal: Journal) -> None:
        housekeeping_at = 0.0
        while True:
            try:
                group = self._gather()
                if group is not None:
                    self._commit(journal, group)
                elif self._closing.is_set():
                    return
                if group is None or time.monotonic() >= housekeeping_at:
                    self._more_to_do = journal.keep_house(idle=group is None)
                    self._failure = None
                    self._measure_room(journal)
                    housekeeping_at = time.monotonic() + _HOUSEKEEPING_S
            except sqlite3.Error as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - border: the writer thread outlives every fault of one round
                self._fail(error)

    def _gather(self) -> _Group | None:
        """Wait for a first record, and let others join it; None when nothing came for a while."""
        if not self._queue and not self._held:
            self._asleep = True
            # Looked at again after the flag is up: a record queued in between rang no bell.
            if not self._queue and not self._closing.is_set():
                self._bell.wait(_BREATH_S if self._more_to_do else _IDLE_S)
            self._asleep = False
            self._bell.clear()
            if not self._queue:
                return None
        if len(self._queue) < _GROUP_RECORDS:
            self._closing.wait(self.options.commit_interval_s)
        return self._collect()

    def _collect(self) -> _Group:
        group = _Group([], [], 0)
        size_bytes = 0
        while len(group.frames) < _GROUP_RECORDS and size_bytes < _GROUP_BYTES:
            if self._held:
                item = self._held.popleft()
            elif self._queue:
                item = self._queue.popleft()
            else:
                break
            if isinstance(item, _Append):
                group.waiting.append(item)
                item = (item.kind, item.payload)
            group.frames.append(item)
            size_bytes += len(item[1])
        group.weight_bytes = size_bytes + _RECORD_OVERHEAD_BYTES * len(group.frames)
        return group

    def _commit(self, journal: Journal, group: _Group) -> None:
        wait_s = _RETRY_MIN_S
        while group.frames:
            try:
                journal.write(self._group_encoder.encode(group.frames), len(group.frames))
                break
            except sqlite3.Error as error:
                self._fail(error)
                self._answer_waiting(group, error)
            if time.monotonic() > self._give_up_at:
                instruments.SPOOL_DROPPED.inc("unwritable", by=len(group.frames))
                self._settled_bytes += group.weight_bytes
                return
            self._pause.wait(_RETRY_MIN_S if self._closing.is_set() else wait_s)
            wait_s = min(wait_s * 2, _RETRY_MAX_S)
            self._try_reopen(journal)
        self._settled_bytes += group.weight_bytes
        self._measure_room(journal)
        self._failure = None
        for kind, count in _counts(group.frames).items():
            instruments.SPOOL_APPENDED.inc(kind, by=count)
        self._hand_on(journal, group)

    def _hand_on(self, journal: Journal, group: _Group) -> None:
        """Leave the committed group to the syncer, which answers those who wait for it to be safe."""
        syncer = self._syncer
        if syncer is None or not group.frames:
            _settle(group.waiting, None)
            return
        if syncer.log_is_long:
            syncer.log_is_long = False
            journal.checkpoint()
        syncer.written(group.weight_bytes, _answer(group.waiting) if group.waiting else None)

    def _try_reopen(self, journal: Journal) -> None:
        try:
            journal.reopen()
        except (sqlite3.Error, OSError, DiskFull) as error:
            self._fail(error)

    def _answer_waiting(self, group: _Group, error: Exception) -> None:
        """Tell everyone who waits that the disk refuses; only offered records are worth keeping without an answer."""
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, _Append):
                group.waiting.append(item)
                group.weight_bytes += len(item.payload) + _RECORD_OVERHEAD_BYTES
            else:
                self._held.append(item)
        group.frames = [frame for frame in group.frames if frame[0] == CALL]
        _settle(group.waiting, _disk_refuses(error))
        group.waiting = []

    def _fail(self, error: Exception) -> None:
        first = self._failure is None
        self._failure = error
        if first:
            _log.error("the spool %s cannot write: %s", self.path.name, error)
            if self._on_error is not None:
                self._on_error(error)

    def _measure_room(self, journal: Journal) -> None:
        if not self._closing.is_set():
            self._room_bytes = min(
                self.options.max_queue_bytes, max(self.options.max_bytes - journal.undrained_bytes, 0)
            )


def _counts(frames: list[_Frame]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for kind, _ in frames:
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _disk_refuses(error: Exception) -> DiskFull:
    return DiskFull(f"the spool cannot write to its disk: {error}", retry_after_s=5.0)


def _answer(waiting: list[_Append]) -> Callable[[Exception | None], None]:
    def answer(error: Exception | None) -> None:
        _settle(waiting, None if error is None else _disk_refuses(error))

    return answer


def _settle(waiting: list[_Append], error: Exception | None) -> None:
    """Resolve the futures on their loop, with one wake-up for the whole group."""
    if not waiting:
        return

    def resolve() -> None:
        for item in waiting:
            if item.done.done():
                continue
            if error is None:
                item.done.set_result(None)
            else:
                item.done.set_exception(error)

    try:
        waiting[0].loop.call_soon_threadsafe(resolve)
    except RuntimeError:
        _log.warning("the event loop closed before %d appends were answered", len(waiting))
