"""Intake: the input file is checked line by line, and its lines are laid out for their run."""

import asyncio

import msgspec

from pilothouse.domain.batch import Batch, BatchCounts, BatchEntry, BatchFault, BatchStatus
from pilothouse.errors import BodyTooLarge, CallerError
from pilothouse.gateway.batches.checking import Checker
from pilothouse.gateway.batches.input_file import InputFile
from pilothouse.gateway.batches.planning import Planner
from pilothouse.gateway.batches.works import Works
from pilothouse.protocols.base import Dialect

MOST_LINES = 50_000
MOST_BYTES = 200_000_000
_PORTION = 500
"""Lines that are added in one transaction."""
_BREATH = 32
"""Lines between turns of the loop, so that nobody waits."""


class Intake:
    """Takes in one batch, from the beginning again when an earlier try did not come to its end."""

    def __init__(self, works: Works, batch: Batch, caller: Dialect, source: InputFile) -> None:
        self._works = works
        self._batch = batch
        self._caller = caller
        self._source = source
        self._fresh: list[BatchEntry] = []
        self._lines = 0

    async def take(self) -> None:
        """Start the batch, or fail it for what its file holds; raises what the store and `index` raise."""
        works, batch = self._works, self._batch
        while await works.store.clear(batch.id, _PORTION):
            pass
        index = works.parts.index()
        try:
            key = index.key_of(batch.key_id, works.now_ns())
        except CallerError as error:
            await self._fail([BatchFault(error.code, error.detail)])
            return
        checker = Checker(batch.endpoint, key, index)
        planner = Planner(batch, self._caller, index, native=works.parts.options.batch_native)
        try:
            await self._read(checker, planner)
        except BodyTooLarge as error:
            checker.faults.append(BatchFault("line_too_large", error.detail))
        faults = checker.faults or self._of_whole()
        if faults:
            await self._fail(faults)
            return
        counts = BatchCounts(total=self._lines)
        begun = msgspec.structs.replace(
            batch, status=BatchStatus.IN_PROGRESS, in_progress_at_ns=works.now_ns(), counts=counts
        )
        await works.store.begin(works.who, begun, planner.jobs())

    async def _read(self, checker: Checker, planner: Planner) -> None:
        number = 0
        async for line in self._source.lines(self._works.parts.options.max_body_bytes):
            number += 1
            checked = checker.check(line)
            if checked is not None and not checker.faults:
                self._lines += 1
                job = planner.place(checked)
                custom_id = checked.request.custom_id
                self._fresh.append(BatchEntry(self._lines, custom_id, line.place, len(line.content), job))
                if len(self._fresh) == _PORTION:
                    await self._add()
            if checker.full or number > MOST_LINES:
                break
            if number % _BREATH == 0:
                await asyncio.sleep(0)
        if number > MOST_LINES:
            checker.faults.append(
                BatchFault("too_many_tasks", f"The file has more than {MOST_LINES} lines; make more batches of it.")
            )
        if not checker.faults:
            await self._add()

    async def _add(self) -> None:
        if self._fresh:
            await self._works.store.add(self._batch.id, self._works.who, self._fresh)
            self._fresh = []

    def _of_whole(self) -> list[BatchFault]:
        return [] if self._lines else [BatchFault("empty_file", "The input file is empty, or not there any more.")]

    async def _fail(self, faults: list[BatchFault]) -> None:
        failed = msgspec.structs.replace(
            self._batch, status=BatchStatus.FAILED, failed_at_ns=self._works.now_ns(), errors=tuple(faults)
        )
        await self._works.store.put(self._works.who, failed, BatchStatus.VALIDATING)
