"""Planning: which lines go to providers' batch services together, and which run one by one."""

import random
import re

import msgspec

from pilothouse.domain.batch import Batch, NativeJob
from pilothouse.domain.snapshot import Target
from pilothouse.gateway.batches.checking import Checked
from pilothouse.gateway.index import Deployment, Index
from pilothouse.protocols import conversion, table
from pilothouse.protocols.base import Dialect
from pilothouse.providers.base import BatchService

_JOB_BYTES = 32 * 1024 * 1024
"""Of the lines of one job as their caller wrote them: a job is handed over out of memory."""
_OUR_FILE = re.compile(rb'"file_id"\s*:\s*"file-[0-9a-f]{32}"')
"""A file that the gateway may have to put in."""
_STATEFUL = (b'"previous_response_id"', b'"conversation"', b'"background"')
"""Of a Responses call, what only means something to the gateway that keeps the state; such lines run by themselves."""


class _Filling(msgspec.Struct):
    n: int
    target: Target
    alias: str
    deployment: Deployment
    spoken: str
    lines: int = 0
    size_bytes: int = 0


class Planner:
    """Draws each line's account as a live call does, and puts those that can run natively into jobs."""

    def __init__(self, batch: Batch, caller: Dialect, index: Index, *, native: bool) -> None:
        self._batch = batch
        self._caller = caller
        self._index = index
        self._native = native
        self._filling: dict[tuple[str, str, str], _Filling] = {}
        self._jobs: list[_Filling] = []
        self._spoken: dict[str, str] = {}

    def place(self, checked: Checked) -> int:
        """Return the number of the job that a line joins; 0 when it runs by itself."""
        resolution = checked.resolution
        if not self._native or self._is_stateful(checked):
            return 0
        target = draw(resolution.targets)
        spoken = self._spoken_by(target.account)
        if not spoken:
            return 0
        size_bytes = len(bytes(checked.request.body))
        job = self._job_for(target, resolution.alias, spoken, size_bytes)
        job.lines += 1
        job.size_bytes += size_bytes
        return job.n

    def jobs(self) -> list[NativeJob]:
        """Return the jobs as they are planned by now."""
        return [
            NativeJob(
                self._batch.id, job.n, job.target.account, job.deployment.account.provider, job.target.model, job.alias,
                job.spoken, job.lines,
            )
            for job in self._jobs
        ]  # fmt: skip

    def _job_for(self, target: Target, alias: str, spoken: str, size_bytes: int) -> _Filling:
        group = (target.account, target.model, alias)
        job = self._filling.get(group)
        if job is not None:
            limits = service_of(job.deployment).batch_limits
            most_bytes = min(limits.size_bytes // 2, _JOB_BYTES)
            if job.lines < limits.lines and job.size_bytes + size_bytes <= most_bytes:
                return job
        job = _Filling(len(self._jobs) + 1, target, alias, self._index.deployments[target.account], spoken)
        self._filling[group] = job
        self._jobs.append(job)
        return job

    def _spoken_by(self, account: str) -> str:
        found = self._spoken.get(account)
        if found is None:
            provider = self._index.deployments[account].provider
            found = _spoken(self._caller, provider.batch_dialects) if isinstance(provider, BatchService) else ""
            self._spoken[account] = found
        return found

    def _is_stateful(self, checked: Checked) -> bool:
        body = bytes(checked.request.body)
        if _OUR_FILE.search(body):
            return True
        return self._caller.name == "openai_responses" and any(word in body for word in _STATEFUL)


def draw(targets: tuple[Target, ...]) -> Target:
    """Return one of the targets, by weight."""
    if len(targets) == 1:
        return targets[0]
    return random.choices(targets, weights=[target.weight for target in targets])[0]


def service_of(deployment: Deployment) -> BatchService:
    """Return the batch service of an account that has one."""
    provider = deployment.provider
    if not isinstance(provider, BatchService):
        raise AssertionError(f"the account {deployment.account.name} has no batch service")
    return provider


def _spoken(caller: Dialect, names: tuple[str, ...]) -> str:
    if caller.name in names:
        return caller.name
    served = table.names()
    found = conversion.target(caller, [name for name in names if name in served], table.dialect)
    return found.name if found is not None else ""
