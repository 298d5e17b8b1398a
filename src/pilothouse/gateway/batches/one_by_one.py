"""Lines that run one by one: through the gateway's own pipeline, as if their caller had sent each of them."""

import asyncio
import heapq
import logging
from collections import deque

import msgspec

from pilothouse import errors, instruments
from pilothouse.domain.batch import Batch, BatchEntry, SettledEntry
from pilothouse.errors import DiskFull, MetadataUnavailable, PilothouseError, Retry, UpstreamOverloaded
from pilothouse.gateway.batches.checking import read_request
from pilothouse.gateway.batches.input_file import InputFile
from pilothouse.gateway.batches.names import line_names
from pilothouse.gateway.batches.settling import settled
from pilothouse.gateway.batches.works import Works
from pilothouse.gateway.deferred import Done, Work
from pilothouse.loops import rung

_READ = 200
"""Lines that are looked up at once."""
_MOST_WAITING = 200
"""Lines that wait to be tried again, or for their answers to be kept, before new ones are begun."""
_MOST_TRIES = 4
_FACTOR = 60
_HTTP_TOO_MANY = 429
_FLUSH_S = 5.0

_log = logging.getLogger(__name__)


class _Again(msgspec.Struct, frozen=True, order=True):
    """A line that is to be tried again."""

    due_ns: int
    n: int
    entry: BatchEntry = msgspec.field()
    tries: int = 0
    waits: int = 0
    """How often it was sent away for lack of room at the provider, which is no fault of the line."""


class Settler:
    """Keeps answers in groups: those that came while the last group was being written are the next one."""

    def __init__(self, works: Works, batch: Batch) -> None:
        self._works = works
        self._batch = batch
        self._waiting: list[SettledEntry] = []
        self._bell = asyncio.Event()
        self.settled: set[int] = set()
        """Numbers of lines whose answers are kept."""

    @property
    def backlog(self) -> int:
        """Answers that are not kept yet."""
        return len(self._waiting)

    def add(self, entry: SettledEntry) -> None:
        """Take an answer."""
        self._waiting.append(entry)
        self._bell.set()

    async def run(self) -> None:
        """Keep answers until cancelled."""
        while True:
            self._bell.clear()
            await self.write()
            await self._bell.wait()

    async def write(self) -> None:
        """Keep what there is. While the store is away it waits, for answers have been paid for."""
        tries = 0
        while self._waiting:
            group = list(self._waiting)
            # A line that is settled is not run again: its record must be as safe as its answer.
            await self._works.deferred.recorded()
            try:
                await self._works.store.settle(self._batch.id, self._works.who, group)
            except (MetadataUnavailable, DiskFull):
                tries += 1
                await asyncio.sleep(self._works.pace.growing(self._works.pace.retry_s, tries, _FACTOR))
                continue
            tries = 0
            del self._waiting[: len(group)]
            self.settled.update(item.n for item in group)


class OneByOne:
    """Runs the lines of a batch that belong to no native job, or to one that fell."""

    def __init__(self, works: Works, batch: Batch, source: InputFile) -> None:
        self._works = works
        self._batch = batch
        self._source = source
        self._settler = Settler(works, batch)
        self._fallen: set[int] = set()
        self._more_may_fall = True
        self._next: deque[BatchEntry] = deque()
        self._after = -1
        self._all_read = False
        self._admitted = 0
        self._again: list[_Again] = []
        self._taken: set[int] = set()
        """Numbers of lines that are under way, wait to be tried again, or whose answers are being kept."""
        self._paused_until_ns: dict[str, int] = {}
        """By model: its provider asked for it."""
        self._calls: set[asyncio.Task[None]] = set()
        self._bell = asyncio.Event()
        self._failure: BaseException | None = None

    def admit(self, job: int) -> None:
        """Take on the open lines of a job that fell; 0 for lines that were loosened from one."""
        if job:
            self._fallen.add(job)
        self._after, self._all_read = -1, False
        self._admitted += 1
        self._bell.set()

    def no_more(self) -> None:
        """Say that nothing will fall any more, so that the end can be seen."""
        self._more_may_fall = False
        self._bell.set()

    async def run(self) -> None:
        """Run lines until there are none left; cancelling this cancels the calls that are under way.

        Raises what the store raises, but not for answers: those are kept as soon as it can be done.
        """
        settler = asyncio.create_task(self._settler.run())
        settler.add_done_callback(self._ended)
        try:
            while await self._begin_one():
                pass
        finally:
            for task in (*self._calls, settler):
                task.cancel()
            await asyncio.gather(*self._calls, settler, return_exceptions=True)
        await self._settler.write()

    async def flush(self) -> None:
        """Keep what has been answered, after `run` was cancelled; what cannot be kept in time is asked again later."""
        try:
            async with asyncio.timeout(_FLUSH_S):
                await self._settler.write()
        except (PilothouseError, TimeoutError):
            _log.warning("%d answers of %s could not be kept", self._settler.backlog, self._batch.id)

    async def _begin_one(self) -> bool:
        """Begin a call, or wait until one can be begun; False when all is done."""
        if self._failure is not None:
            raise self._failure
        self._bell.clear()
        again = await self._pick()
        if again is not None:
            await self._works.room.take()
            task = asyncio.create_task(self._call(again))
            self._calls.add(task)
            task.add_done_callback(self._returned)
            return True
        if self._all_read and not (self._calls or self._again or self._more_may_fall or self._next):
            return False
        due_ns = self._again[0].due_ns - self._works.now_ns() if self._again else 1_000_000_000
        await rung(self._bell, min(max(due_ns / 1e9, 0.001), 1.0))
        return True

    async def _pick(self) -> _Again | None:
        now_ns = self._works.now_ns()
        if self._again and self._again[0].due_ns <= now_ns:
            return heapq.heappop(self._again)
        if len(self._again) >= _MOST_WAITING or self._settler.backlog >= _MOST_WAITING:
            return None
        if not self._next:
            await self._read_on()
        while self._next:
            entry = self._next.popleft()
            if entry.n not in self._taken:
                self._taken.add(entry.n)
                return _Again(0, entry.n, entry)
        return None

    async def _read_on(self) -> None:
        if self._all_read:
            return
        after, admitted = self._after, self._admitted
        # Only what was kept before the look is sure to be left out of what it finds.
        kept = set(self._settler.settled)
        try:
            found = await self._works.store.alone(self._batch.id, sorted(self._fallen), after, _READ)
        except MetadataUnavailable:
            return  # looked for again soon; calls under way go on
        self._taken -= kept
        self._settler.settled -= kept
        if self._admitted != admitted:
            return  # lines were admitted meanwhile, and it begins again from the first
        if found:
            self._after = found[-1].n
            self._next.extend(found)
        else:
            self._all_read = True

    async def _call(self, again: _Again) -> None:
        """Make one call and see to what comes of it."""
        entry = again.entry
        try:
            request = read_request(await self._source.read(entry))
            model = _model(bytes(request.body))
            paused_ns = self._paused_until_ns.get(model, 0)
            if paused_ns > self._works.now_ns():
                heapq.heappush(self._again, msgspec.structs.replace(again, due_ns=paused_ns))
                return
            names = line_names(self._batch.id, entry.n)
            work = Work(
                self._batch.endpoint, bytes(request.body), self._batch.key_id, trace_id=names.trace_id,
                batch_id=self._batch.id,
            )  # fmt: skip
            done = await self._works.deferred.run(work)
            if not self._tried_again(again, done, model):
                instruments.BATCH_LINES.inc("one_by_one")
                self._settler.add(settled(self._batch, entry, done.status, done.call_id, done.body))
        except MetadataUnavailable:  # the line could not be read; it is the only thing here that needs the store
            due_ns = self._works.now_ns() + int(self._works.pace.retry_s * 1e9)
            heapq.heappush(self._again, msgspec.structs.replace(again, due_ns=due_ns))

    def _tried_again(self, again: _Again, done: Done, model: str) -> bool:
        kind, told_ns = _kind(done.headers), _told_ns(done.headers)
        now_ns, pace = self._works.now_ns(), self._works.pace
        if done.status == _HTTP_TOO_MANY or kind is UpstreamOverloaded:
            wait_ns = max(told_ns, int(pace.growing(pace.retry_s, again.waits, _FACTOR) * 1e9))
            self._paused_until_ns[model] = due_ns = now_ns + wait_ns
            heapq.heappush(self._again, msgspec.structs.replace(again, due_ns=due_ns, waits=again.waits + 1))
            return True
        if kind is None or kind.retry is not Retry.TRANSIENT or again.tries + 1 >= _MOST_TRIES:
            return False
        wait_ns = max(told_ns, int(pace.growing(pace.retry_s, 2 * again.tries, _FACTOR) * 1e9))
        heapq.heappush(self._again, msgspec.structs.replace(again, due_ns=now_ns + wait_ns, tries=again.tries + 1))
        return True

    def _returned(self, task: asyncio.Task[None]) -> None:
        # Here and not in the call itself: one that is cancelled before it begins does nothing at all.
        self._works.room.give()
        self._calls.discard(task)
        self._ended(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
        self._bell.set()


class _Named(msgspec.Struct):
    model: str = ""


_NAMED = msgspec.json.Decoder(_Named)


def _model(body: bytes) -> str:
    return _NAMED.decode(body).model


_KINDS = {kind.code.encode(): kind for kind in errors.kinds()}


def _kind(headers: list[tuple[bytes, bytes]]) -> type[PilothouseError] | None:
    """Return what kind of error an answer of the gateway is; None when it is none."""
    return _KINDS.get(dict(headers).get(b"x-pilothouse-error", b""))


def _told_ns(headers: list[tuple[bytes, bytes]]) -> int:
    told = dict(headers).get(b"retry-after-ms", b"")
    return int(told) * 1_000_000 if told.isdigit() else 0
