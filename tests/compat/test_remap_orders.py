"""An order to map anew goes over what SDKs sent, in a real store."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import msgspec
import pytest

from pilothouse.catalog.prices import Catalog
from pilothouse.compat.langfuse.observations import Said, of_observation
from pilothouse.compat.langsmith.runs import POST, Operation, patch_of
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.domain.revision import Revision, RevisionKind, RevisionState
from pilothouse.domain.span import SpanKind
from pilothouse.ingest.revising import Reviser, Revising
from pilothouse.lifecycle.revisions import NewRevision, RevisionBook, Revisions
from pilothouse.store.telemetry.history import History
from pilothouse.wiring.revisions import READINGS
from tests.compat.pipeline import Pipeline
from tests.embedded_store import StoreProcess
from tests.ingest.patches import Inline, Writer
from tests.spans import BASE_NS

START, END = "2026-11-28T15:24:53.000002Z", "2026-11-28T15:24:54Z"


def langfuse(project_id: str) -> SpanPatch:
    body = {
        "id": "g", "traceId": "t", "startTime": START, "endTime": END, "model": "gpt-4o-mini",
        "usageDetails": {"input": 1000, "output": 10}, "input": "hi",
    }  # fmt: skip
    patch, *_ = of_observation(Said("generation-create", body, BASE_NS, ""))
    return msgspec.structs.replace(patch, project_id=project_id)


def langsmith(project_id: str) -> SpanPatch:
    body = {
        "name": "chat", "run_type": "llm", "start_time": START, "end_time": END, "inputs": {"prompts": ["hi"]},
        "extra": {"metadata": {"ls_provider": "openai", "ls_model_name": "gpt-4o-mini"}},
        "outputs": {"text": "ho", "usage_metadata": {"input_tokens": 1000, "output_tokens": 10, "total_tokens": 1010}},
    }  # fmt: skip
    operation = Operation(verb=POST, run_id=UUID(int=7), body=body)
    return msgspec.structs.replace(patch_of(operation, project_id, BASE_NS), project_id=project_id)


class Desk:
    """Orders, and who carries them out."""

    def __init__(self, line: Pipeline, history: History) -> None:
        self.project_id = line.run.project.id
        self.writer = Writer(line.store)
        self._orders = Revisions(line.run.metadata, SystemClock())
        book, clock = RevisionBook(line.run.metadata), SystemClock()
        parts = Revising(history, book, Catalog(), self._policy, lambda: None, None, clock, READINGS)
        self._reviser = Reviser(parts, self.writer.merger, Inline())

    async def _policy(self, _: str) -> Redactor | None:
        return None

    async def remapped(self) -> Revision:
        """Have all spans mapped anew."""
        new = NewRevision(project_id=self.project_id, kind=RevisionKind.REMAP, to_ns=SystemClock().now_ns())
        order = await self._orders.create(new, actor="test")
        async with asyncio.timeout(60):
            while order.state is not RevisionState.DONE:
                await self._reviser.step(busy=False)
                order = await self._orders.get(self.project_id, order.id)
        return order


@pytest.mark.parametrize("sent", [langfuse, langsmith])
async def test_a_mapping_that_knows_more_is_run_over_history(
    line: Pipeline, store_process: StoreProcess, sent: Callable[[str], SpanPatch]
) -> None:
    history = History(store_process.options())
    desk = Desk(line, history)
    patch = sent(desk.project_id)
    unread = msgspec.structs.replace(patch, kind=None, usage=None, provider=None)
    await desk.writer.bring([unread])
    (before,) = (await line.trace(patch.trace_id)).spans
    assert (before.kind, before.usage, before.cost_usd) == (SpanKind.OTHER, None, None)
    done = await desk.remapped()
    assert (done.tally.seen, done.tally.changed) == (1, 1)
    (span,) = (await line.trace(patch.trace_id)).spans
    assert (span.kind, span.usage, span.provider) == (SpanKind.LLM, patch.usage, "openai")
    assert span.cost_usd is not None
    assert (span.input, span.output, span.native_id) == (before.input, before.output, before.native_id)
    assert (await desk.remapped()).tally.changed == 0
    await history.close()
