"""Telemetry by every way in at once, with kills: nothing acknowledged is lost, and nothing comes twice."""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from backports.zstd import compress

from pilothouse.compat.langsmith import ids
from tests.e2e.load import Load, all_there, kill_under_load
from tests.e2e.stack import running_stack
from tests.e2e.test_langfuse import Events, now, whole
from tests.e2e.test_otlp import Exports

KILLS = 12
CHILDREN = 3
"""Below each root."""
BOUNDARY = "b0undary"

Run = dict[str, Any]


def begun(root: str) -> list[Run]:
    """Return the runs of a trace at their start."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    runs: list[Run] = [
        {"id": root, "trace_id": root, "dotted_order": f"{stamp}{root}", "name": "checkout", "run_type": "chain",
         "start_time": now(), "inputs": {"order": 7}}
    ]  # fmt: skip
    for number in range(CHILDREN):
        run = str(uuid4())
        runs.append(
            {"id": run, "trace_id": root, "parent_run_id": root, "dotted_order": f"{stamp}{root}.{stamp}{run}",
             "name": f"step {number}", "run_type": "llm", "start_time": now(), "inputs": {"messages": []},
             "extra": {"metadata": {"ls_model_name": "gpt-4o-mini", "ls_provider": "openai"}}}
        )  # fmt: skip
    return runs


def ended(runs: list[Run]) -> list[Run]:
    """Return what is told of the runs when they are over."""
    usage = {"usage_metadata": {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}}
    same = ("id", "trace_id", "parent_run_id", "dotted_order")
    return [
        {**{name: run[name] for name in same if name in run}, "end_time": now(),
         "outputs": usage if run["run_type"] == "llm" else {"done": True}}
        for run in runs
    ]  # fmt: skip


def form(verb: str, runs: list[Run]) -> bytes:
    """Return a form as the SDKs write it, inputs and outputs in parts of their own."""
    body = b""
    for run in runs:
        large = {name: run[name] for name in ("inputs", "outputs") if name in run}
        parts = {"": {name: value for name, value in run.items() if name not in large}}
        parts |= {f".{name}": value for name, value in large.items()}
        for suffix, value in parts.items():
            data = json.dumps(value).encode()
            head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{verb}.{run["id"]}{suffix}"\r\n'
            body += f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            body += data + b"\r\n"
    return compress(body + f"--{BOUNDARY}--\r\n".encode())


class Runs(Load):
    """Traces begun in one request and ended in the next: every second one by forms, the others by batches."""

    spans = CHILDREN + 1
    output_tokens = 3 * CHILDREN

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._numbers = itertools.count()

    def client(self) -> httpx.AsyncClient:
        headers = {"x-api-key": self.stack.key}
        return httpx.AsyncClient(base_url=self.stack.platform_url, headers=headers, trust_env=False, timeout=10)

    async def send_trace(self, client: httpx.AsyncClient) -> str:
        root = str(uuid4())
        runs = begun(root)
        as_form = next(self._numbers) % 2 == 0
        for verb, part in (("post", runs), ("patch", ended(runs))):
            if as_form:
                headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}", "content-encoding": "zstd"}
                how: dict[str, Any] = {"content": form(verb, part), "headers": headers}
            else:
                how = {"json": {verb: part}}
            path = "/runs/multipart" if as_form else "/api/v1/runs/batch"
            answer = await self.insist(lambda path=path, how=how: client.post(path, **how), 202)
            if answer is None:
                return ""
            assert not answer.json().get("errors"), answer.text
        return ids.trace_id(UUID(root))


@pytest.mark.crash
@pytest.mark.timeout(400)
async def test_kill_at_random_moments(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _):
        events = Events(stack)
        loads: list[Load] = [Exports(stack), events, Runs(stack)]
        await kill_under_load(stack, loads, KILLS, 20261128)
        await all_there(stack, loads)
        for trace_id in sorted(events.acknowledged)[:20]:
            assert len((await whole(stack, trace_id))["scores"]) == 1
