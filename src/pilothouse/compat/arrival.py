"""One write of an SDK: whose it is, what it brings to be kept, and what becomes of it in the ledger."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from pilothouse.compat.base import Intake
from pilothouse.domain import envelope, score
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.receipt import Receipt, ReceiptOutcome
from pilothouse.domain.redaction import records
from pilothouse.domain.redaction.engine import Redactor, Tally
from pilothouse.domain.score import Score
from pilothouse.errors import PilothouseError

TRACES, SCORES = "traces", "scores"
"""Signals of the ledger."""
LATER_NS = 999
"""Items of one request keep their order by so many nanoseconds at most, which no clock of SDKs tells apart."""
_RECORD_PATCHES = 200
"""Patches in one record of the spool, so that none of them grows large."""
_THREAD_BYTES = 256 * 1024
"""From which size on a body is worked on outside the event loop."""
_MANY_ITEMS = 20
_SAMPLE_CHARS = 200
_NAME_CHARS, _VERSION_CHARS = 64, 32
Result = TypeVar("Result")
Item = TypeVar("Item", SpanPatch, Score)


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One request that brings something."""

    intake: Intake
    key: VirtualKey
    received_at_ns: int
    surface: str
    sdk_name: str
    sdk_version: str
    signal: str = TRACES
    """What it mainly brings."""

    async def keep_patches(self, patches: Sequence[SpanPatch]) -> int:
        """Return once patches are durable, as how many spans ingest will count them.

        Raises what `Intake.keep` raises.
        """
        spans = 0
        redactor = self._redactor
        for start in range(0, len(patches), _RECORD_PATCHES):
            part = patches[start : start + _RECORD_PATCHES]
            if redactor is not None:
                part = await redacted(part, partial(records.patch, redactor=redactor))
            await self.intake.keep(envelope.PATCHES, envelope.encode_patches(part))
            # a span counts once for each record, so that the ledger's two pages can be held against each other
            spans += len({(patch.trace_id, patch.span_id) for patch in part})
        return spans

    async def keep_scores(self, scores: Sequence[Score]) -> None:
        """Return once scores are durable; raises what `Intake.keep` raises."""
        redactor = self._redactor
        if scores and redactor is not None:
            scores = await redacted(scores, partial(records.score, redactor=redactor))
        if scores:
            await self.intake.keep(score.SCORES, score.encode(scores))

    def accepted(self, items: int, signal: str = "", requests: int = 1) -> None:
        """Count items that are durable."""
        self._note(ReceiptOutcome.ACCEPTED, signal=signal or self.signal, items=items, requests=requests)

    def rejected(self, sample: str) -> None:
        """Count an item that is of no use."""
        self._note(ReceiptOutcome.REJECTED, items=1, reason="invalid", sample=self._told(sample))

    def refused(self, error: PilothouseError) -> None:
        """Count a request that was not taken."""
        self._note(ReceiptOutcome.REFUSED, requests=1, reason=error.code, sample=self._told(error.detail))

    @property
    def _redactor(self) -> Redactor | None:
        return self.intake.redactor(self.key.project_id)

    def _told(self, text: str) -> str:
        redactor = self._redactor
        return (text if redactor is None else redactor.text(text, Tally()))[:_SAMPLE_CHARS]

    def _note(self, outcome: ReceiptOutcome, *, signal: str = "", **more: Any) -> None:
        self.intake.note(
            Receipt(
                project_id=self.key.project_id, minute_ns=self.received_at_ns, surface=self.surface,
                signal=signal or self.signal, sdk_name=self.sdk_name[:_NAME_CHARS],
                sdk_version=self.sdk_version[:_VERSION_CHARS], outcome=outcome, **more,
            )
        )  # fmt: skip


def owned(items: Iterable[Item], key: VirtualKey) -> list[Item]:
    """Return patches or scores as those of a key and its project."""
    return [msgspec.structs.replace(one, project_id=key.project_id, key_id=key.id) for one in items]


async def redacted(items: Sequence[Item], work: Callable[[Item], Item]) -> list[Item]:
    """Return patches or scores without what their project redacts; many do not hold the event loop up."""
    if len(items) < _MANY_ITEMS:
        return [work(one) for one in items]
    return await asyncio.to_thread(lambda: [work(one) for one in items])


async def worked(work: Callable[[], Result], size_bytes: int) -> Result:
    """Return what some work on a body gives; that on a large one does not hold the event loop up."""
    return await asyncio.to_thread(work) if size_bytes > _THREAD_BYTES else work()
