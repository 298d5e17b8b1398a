"""One native job from its submission to its last result.

It is written down as `submitting` before it is handed over and as `running`, with the provider's id, afterwards. Who
finds it `submitting` asks the provider for a job of its name before handing it over again. Results are read as they
come: each line's record is in the spool before the line is settled, and a line that is settled already is passed over,
so reading them twice changes nothing.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import msgspec

from pilothouse import instruments
from pilothouse.domain.batch import OVER, Batch, BatchEntry, JobState, NativeJob, SettledEntry
from pilothouse.errors import (
    CallerError,
    EndpointUnknown,
    Retry,
    SpoolFull,
    UpstreamError,
    UpstreamNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
)
from pilothouse.gateway.batches.checking import read_request
from pilothouse.gateway.batches.input_file import InputFile
from pilothouse.gateway.batches.names import line_names
from pilothouse.gateway.batches.planning import service_of
from pilothouse.gateway.batches.settling import Recording, record_of, settled
from pilothouse.gateway.batches.translate import Translator, hear
from pilothouse.gateway.batches.works import Works
from pilothouse.gateway.index import Deployment
from pilothouse.protocols import table
from pilothouse.protocols.base import Dialect
from pilothouse.providers.base import BatchJob, BatchLine, BatchResult, BatchService, BatchState
from pilothouse.spool import CALL

_log = logging.getLogger(__name__)

_GROUP = 200
"""Lines that are settled in one transaction."""
_GATHERED = 1000
_GATHERED_BYTES = 8 * 1024 * 1024
"""Results that are put in order before they are settled: they come in any, and their requests lie in pieces."""
_BREATH = 16
"""Lines between turns of the loop, so that nobody waits."""
_SPOOL_SHARE = 0.5
_MOST_TRIES = 8
"""Of handing a job over, each after a longer wait; then its lines run one by one."""
_MOST_SEARCHES = 3
_MOST_UNHEARD = 2
"""Of handing a job over when nothing was heard of the time before."""
_DOUBT = "handed over a second time, since nothing was heard of the first: it may have run twice at the provider"
_MOST_LOOKS = 20
"""At a job that was cancelled and does not end, each after a longer wait; then it is given up."""
_FACTOR = 12
_NO_SERVICE = (404, 405, 501)

_RECORDS = msgspec.msgpack.Encoder()


class Follower:
    """Follows one job; every step may be done again after a crash."""

    def __init__(self, works: Works, batch: Batch, job: NativeJob, caller: Dialect, source: InputFile) -> None:
        self.job = job
        self.loosened = False
        """Whether lines of the job were given back, to run one by one."""
        self._works = works
        self._batch = batch
        self._caller = caller
        self._source = source
        self._tries = 0
        self._cancelled = False
        self._searching = False
        """Whether the provider is being asked for a job that may be there."""
        self._searches = 0
        self._unheard = 0
        """How often the job was handed over without an answer."""
        self._fresh = False
        """Whether this process has just written `submitting` itself, so that nobody can have handed the job over."""

    @property
    def over(self) -> bool:
        """Whether there is nothing more to do."""
        return self.job.state in OVER

    async def step(self, *, stopped: bool) -> float:
        """Do the next thing and return the seconds to wait before the one after it.

        `stopped` says that the batch is cancelled or its window has ended. Raises what the store and the spool raise.
        """
        if self.job.state is JobState.PLANNED:
            return await self._prepare(stopped)
        deployment = self._works.parts.index().deployments.get(self.job.account)
        if deployment is None or not isinstance(deployment.provider, BatchService):
            return await self._without_account(stopped)
        try:
            if deployment.prepared is not None and not deployment.prepared.ready:
                await deployment.prepared.prepare(self._works.parts.transport.send)
            if self.job.state is JobState.SUBMITTING:
                async with self._works.handing:
                    return await self._submit(deployment, stopped)
            return await self._look(deployment, stopped)
        except UpstreamError as error:
            return await self._failed(error, stopped)
        except EndpointUnknown as error:
            await self._put(state=JobState.FALLEN, detail=error.detail)
            return 0

    async def _prepare(self, stopped: bool) -> float:
        if stopped:
            await self._put(state=self._unrun())
            return 0
        await self._put(state=JobState.SUBMITTING, submitted_at_ns=self._works.now_ns())
        self._fresh = True
        return 0

    async def _without_account(self, stopped: bool) -> float:
        why = f"the account {self.job.account} is not there any more, or disabled"
        if self.job.state is JobState.SUBMITTING and self._fresh:
            await self._put(state=JobState.FALLEN, detail=why)
            return 0
        return await self._wait_or_give_up(why, stopped)

    async def _submit(self, deployment: Deployment, stopped: bool) -> float:
        service, send = service_of(deployment), self._works.parts.transport.send
        if not self._fresh:
            wait_s = await self._search(service)
            if wait_s or self.job.state is JobState.RUNNING:
                return wait_s
        if stopped:
            await self._put(state=self._unrun())
            return 0
        if self._tries >= _MOST_TRIES or self._unheard >= _MOST_UNHEARD:
            await self._put(state=JobState.FALLEN)
            return 0
        lines = await self._lines()
        if not lines:
            await self._put(state=JobState.DONE)
            return 0
        doubt = "" if self._fresh else _DOUBT
        # Unless the provider says that it has no room, it may have taken the job whatever is heard of it.
        self._fresh, self._searches = False, 0
        self._unheard += 1
        try:
            upstream_id = await service.submit(BatchJob(self.job.name, self.job.dialect, self.job.model, lines), send)
        except (UpstreamRateLimited, UpstreamOverloaded):
            self._fresh = not doubt
            self._unheard -= 1
            raise
        await self._put(state=JobState.RUNNING, upstream_id=upstream_id, detail=doubt)
        self._tries = 0
        return self._works.pace.poll_s

    async def _search(self, service: BatchService) -> float:
        """Look for the job where it may have been handed over; 0 when it is found, or likely not there."""
        self._searching = True
        found = await service.find(self.job.name, self._works.parts.transport.send)
        self._searching = False
        if found is not None:
            await self._put(state=JobState.RUNNING, upstream_id=found, detail="")
            self._tries = 0
            return 0
        self._searches += 1
        # Lists lag behind, and some services tell of a job only once it has ended.
        pace = self._works.pace
        return pace.growing(pace.poll_s, self._searches, _FACTOR) if self._searches < _MOST_SEARCHES else 0

    async def _lines(self) -> list[BatchLine]:
        """Return the job's open lines in its dialect; what cannot go there runs by itself."""
        translator, lines, loose, after = self._translator(), list[BatchLine](), list[int](), -1
        while entries := await self._works.store.of_job(self._batch.id, self.job.n, after, _GROUP):
            after = entries[-1].n
            for entry in entries:
                body = bytes(read_request(await self._source.read(entry)).body)
                try:
                    sent = translator.line(body, line_names(self._batch.id, entry.n).call_id)
                except CallerError:
                    loose.append(entry.n)
                    continue
                except Exception:  # noqa: BLE001 - border: a dialect is a plug-in; alone, the line fails as a live call
                    _log.exception("line %d of %s cannot go to its job", entry.n, self._batch.id)
                    loose.append(entry.n)
                    continue
                if sent.loses_much and self._works.parts.options.unsupported == "refuse":
                    loose.append(entry.n)
                else:
                    lines.append(BatchLine(str(entry.n), sent.body))
                if entry.n % _BREATH == 0:
                    await asyncio.sleep(0)
        await self._loosen(loose)
        return lines

    async def _look(self, deployment: Deployment, stopped: bool) -> float:
        service, send = service_of(deployment), self._works.parts.transport.send
        state = await service.look(self.job.upstream_id, send)
        if state.status == "running":
            if stopped and not self._cancelled:
                await service.cancel(self.job.upstream_id, send)
                self._cancelled, self._tries = True, 0
            return await self._wait_or_give_up("", stopped)
        if state.status == "failed":
            await self._put(state=self._unrun() if stopped else JobState.FALLEN, detail=state.detail)
            return 0
        await self._settle_all(service, deployment)
        await self._end(state, stopped)
        return 0

    async def _end(self, state: BatchState, stopped: bool) -> None:
        if state.status == "ended":
            if not stopped:
                await self._loosen_rest()
            await self._put(state=JobState.DONE, detail=state.detail)
            return
        await self._put(
            state=JobState.EXPIRED if state.status == "expired" else JobState.CANCELLED, detail=state.detail
        )

    async def _failed(self, error: UpstreamError, stopped: bool) -> float:
        job, why = self.job, f"{error.title}: {error.detail}"
        _log.warning("native job %s at account %s: %s", job.name, job.account, why)
        if job.state is JobState.RUNNING:
            if isinstance(error, UpstreamNotFound):
                await self._put(state=self._unrun() if stopped else JobState.FALLEN, detail=why)
                return 0
        elif error.upstream_status in _NO_SERVICE or (error.retry is Retry.NEVER and not self._searching):
            await self._put(state=self._unrun() if stopped else JobState.FALLEN, detail=why)
            return 0
        told_s = error.retry_after_s or 0.0
        return max(told_s, await self._wait_or_give_up(why, stopped))

    async def _wait_or_give_up(self, why: str, stopped: bool) -> float:
        self._tries += 1
        if stopped and self._tries > _MOST_LOOKS:
            await self._put(state=self._unrun(), detail=why or "the provider did not end it")
            return 0
        if self._told(why) != self.job.detail:
            await self._put(detail=why)
        return self._works.pace.growing(self._works.pace.poll_s, self._tries - 1, _FACTOR)

    async def _settle_all(self, service: BatchService, deployment: Deployment) -> None:
        """Settle every line that has a result."""
        results = service.results(self.job.upstream_id, self._works.parts.transport.send)
        group, size_bytes = list[BatchResult](), 0
        async with aclosing(cast("AsyncGenerator[BatchResult]", results)) as found:
            async for result in found:
                if result.status:
                    group.append(result)
                    size_bytes += len(result.body)
                if len(group) == _GATHERED or size_bytes > _GATHERED_BYTES:
                    await self._settle(group, deployment)
                    group, size_bytes = [], 0
        await self._settle(group, deployment)

    async def _settle(self, group: list[BatchResult], deployment: Deployment) -> None:
        by_number = {int(result.key): result for result in group if result.key.isascii() and result.key.isdigit()}
        entries = await self._works.store.open_among(self._batch.id, sorted(by_number))
        mine = [entry for entry in entries if entry.job == self.job.n]
        for start in range(0, len(mine), _GROUP):
            await self._settle_some(mine[start : start + _GROUP], by_number, deployment)

    async def _settle_some(
        self, mine: list[BatchEntry], by_number: dict[int, BatchResult], deployment: Deployment
    ) -> None:
        spool = self._works.parts.spool
        if spool.size_bytes > spool.options.max_bytes * _SPOOL_SHARE:
            raise SpoolFull("the spool is half full: lines of batches wait, so that live calls find room")
        payloads: list[bytes] = []
        outcomes: list[SettledEntry] = []
        for entry in mine:
            payload, outcome = await self._settled(entry, by_number[entry.n], deployment)
            payloads.append(payload)
            outcomes.append(outcome)
            if len(outcomes) % _BREATH == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*(spool.append(CALL, payload) for payload in payloads))
        await self._works.store.settle(self._batch.id, self._works.who, outcomes)
        instruments.BATCH_LINES.inc("native", by=len(outcomes))

    async def _settled(
        self, entry: BatchEntry, result: BatchResult, deployment: Deployment
    ) -> tuple[bytes, SettledEntry]:
        translator, names = self._translator(), line_names(self._batch.id, entry.n)
        request = bytes(read_request(await self._source.read(entry)).body)
        sent = translator.line(request, names.call_id)
        heard = hear(result, sent, translator, deployment.provider, names.call_id)
        redactor = self._works.parts.index().redactors.of(self._batch.project_id)
        recording = Recording(
            self.job, translator, self._works.parts.options.record_body_bytes, result.status, redactor
        )  # fmt: skip
        record = record_of(self._batch, entry, request, sent, heard, recording)
        return _RECORDS.encode(record), settled(self._batch, entry, heard.status, names.call_id, heard.body)

    async def _loosen_rest(self) -> None:
        after = -1
        while entries := await self._works.store.of_job(self._batch.id, self.job.n, after, _GROUP):
            after = entries[-1].n
            await self._loosen([entry.n for entry in entries])

    async def _loosen(self, numbers: list[int]) -> None:
        if numbers:
            await self._works.store.loosen(self._batch.id, self._works.who, numbers)
            self.loosened = True

    def _translator(self) -> Translator:
        parts, job = self._works.parts, self.job
        deployment = parts.index().deployments.get(job.account)
        provider = deployment.account.provider if deployment is not None else ""
        known = parts.facts().of(provider, job.model, job.account)
        return Translator(self._caller, table.dialect(job.dialect), job, parts.options, known)

    def _unrun(self) -> JobState:
        return JobState.EXPIRED if self._works.over(self._batch) else JobState.CANCELLED

    def _told(self, detail: str) -> str:
        """Return what there is to tell of the job; that it may have run twice stays true for good."""
        if not self.job.detail.startswith(_DOUBT) or detail.startswith(_DOUBT):
            return detail
        return f"{_DOUBT}; {detail}" if detail else _DOUBT

    async def _put(self, *, detail: str | None = None, **changes: object) -> None:
        told = self.job.detail if detail is None else self._told(detail)
        job = msgspec.structs.replace(self.job, detail=told, **changes)
        await self._works.store.put_job(self._works.who, job)
        self.job = job
