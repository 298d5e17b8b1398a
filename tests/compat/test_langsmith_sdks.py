"""LangSmith's own SDKs of several ages tell one story; it is in the store field by field, and they read it back."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pilothouse.compat.langsmith import ids
from pilothouse.domain.access import Permission
from pilothouse.domain.reading import SpanDetail, SpanFilter, Trace
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.providers.fake import Answer, FakeProvider
from tests.compat.pipeline import Pipeline

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("sdks", "sdks-previous", "sdks-older")
_NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as found:
        found.script(
            Answer(text="hello there", prompt_tokens=100, cached_tokens=40, completion_tokens=30, reasoning_tokens=10)
        )
        yield found


COUNTED = Usage(input_tokens=60, cache_read_tokens=40, output_tokens=20, reasoning_tokens=10)


async def told(line: Pipeline, environment: str, model_url: str, folder: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Let an SDK tell the story and read it back; return the ids that it was given, and what it read."""
    python = ROOT / ".venv" / environment / "bin/python"
    if not python.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{python} is missing; `make test` installs it")
    surroundings = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE,
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    key = await line.run.key(Permission.INGEST, Permission.READ)
    process = await asyncio.create_subprocess_exec(
        python, "-W", "ignore", "-m", "tests.compat.langsmith_story", f"{line.run.url}/api/v1", key, model_url,
        cwd=ROOT, env=surroundings, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, limit=1024**2,
    )  # fmt: skip
    assert process.stdout is not None
    first = await process.stdout.readline()
    if first:
        await line.drain()
    rest, errors = await process.communicate(b"\n")
    assert process.returncode == 0, errors.decode()[-3000:]
    assert b"rror" not in errors, errors.decode()[-3000:]
    return json.loads(first), json.loads(rest)


def named(trace: Trace, name: str) -> list[SpanDetail]:
    return [span for span in trace.spans if span.name == name]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
async def test_a_story_of_an_sdk(line: Pipeline, environment: str, fake: FakeProvider, tmp_path: Path) -> None:
    said, read = await told(line, environment, fake.base_url, tmp_path)
    trace = await line.trace(UUID(said["root"]).hex)
    _checkout(trace)
    _tree(await line.trace(UUID(said["tree"]).hex), said)
    await _chains(line)
    _read_back(said, read)


def _checkout(trace: Trace) -> None:
    root, (multiply,), (broken,) = trace.spans[0], named(trace, "multiply"), named(trace, "broken")
    assert (root.name, root.user_id, root.session_id, root.tags) == ("checkout", "ada", "s-1", ("a", "b"))
    assert (root.kind, root.running, root.status) == (SpanKind.CHAIN, False, SpanStatus.OK)
    assert (json.loads(root.input), json.loads(root.output)) == ({"question": "hi"}, {"answer": "HI"})
    assert json.loads(root.metadata["plan"]) == {"tier": "pro"}
    assert root.attributes["langsmith.session_name"] == "shop"
    assert (multiply.kind, multiply.parent_span_id, "math" in multiply.tags) == (SpanKind.TOOL, root.span_id, True)
    assert (json.loads(multiply.input), json.loads(multiply.output)) == ({"a": 6, "b": 7}, {"output": 42})
    assert (broken.status, broken.error_code) == (SpanStatus.ERROR, "ValueError")
    assert "it broke" in broken.error_detail
    plain, streamed = sorted(named(trace, "ChatOpenAI"), key=lambda span: span.streamed)
    for call in (plain, streamed):
        assert (call.kind, call.usage, call.model_requested, call.provider) == (SpanKind.LLM, COUNTED, "m", "openai")
        assert json.loads(call.input)["messages"] == [{"role": "user", "content": "Hello"}]
        assert (call.finish_reason, call.running, call.parent_span_id) == ("stop", False, root.span_id)
        assert "hello there" in call.output
    assert (plain.ttft_ms, streamed.ttft_ms is not None) == (None, True)
    assert (trace.summary.call_count, trace.summary.usage.input_total, trace.summary.usage.output_total) == (2, 200, 60)


def _tree(trace: Trace, said: dict[str, str]) -> None:
    root, child = trace.spans
    assert (root.native_id, child.native_id, child.parent_span_id) == (said["tree"], said["child"], root.span_id)
    assert (child.usage, child.cost_usd) == (
        Usage(input_tokens=7, cache_read_tokens=3, output_tokens=4),
        Decimal("0.25"),
    )
    assert {(one.name, one.number, one.text, one.comment, one.span_id) for one in trace.scores} == {
        ("quality", 0.9, "", "good", root.span_id), ("kind", None, "great", "", child.span_id),
    }  # fmt: skip


async def _chains(line: Pipeline) -> None:
    project = line.run.project.id
    chains = str(ids.session_id(project, "chains"))
    page = await line.store.spans(SpanFilter(project_id=project, attributes={"langsmith.session_id": (chains,)}))
    for call in [span for span in page.items if span.name == "ChatOpenAI"]:
        asked = json.loads(call.input)
        assert [message["role"] for message in asked["messages"]] == ["system", "user"]
        assert (asked["temperature"], call.session_id, call.usage) == (0.1, "s-2", COUNTED)
        assert json.loads(call.output) == [{"role": "assistant", "content": "hello there"}]
        return


def _read_back(said: dict[str, str], read: dict[str, Any]) -> None:
    metadata = {"user_id": "ada", "thread_id": "s-1", "plan": {"tier": "pro"}}
    assert read["root"] == {
        "name": "checkout", "inputs": {"question": "hi"}, "outputs": {"answer": "HI"}, "tags": ["a", "b"],
        "error": None, "metadata": metadata, "ended": True,
    }  # fmt: skip
    assert read["runs"] == ["ChatOpenAI", "ChatOpenAI", "broken", "checkout", "multiply"]
    assert (read["paths"], read["parents"], read["named"], read["failed"]) == (True, 4, ["tree"], ["broken"])
    assert read["calls"] == ["ChatOpenAI"]
    child = read["child"]
    assert (child["inputs"], child["outputs"]["text"]) == ({"prompts": ["x"]}, "y")
    assert (child["parent"], child["trace"]) == (said["tree"], said["tree"])
    assert (child["tokens"], Decimal(child["cost"])) == ([10, 4, 14], Decimal("0.25"))
    assert read["feedback"] == [
        ["kind", None, "great", None, said["child"]], ["quality", 0.9, None, "good", said["tree"]],
    ]  # fmt: skip
    assert {"other", "shop"} <= set(read["projects"])


async def test_a_late_update_without_a_trace_finds_its_run(line: Pipeline) -> None:
    root, child = "0199aaaa-0000-7000-8000-000000000001", "0199aaaa-0000-7000-8000-000000000002"
    order = f"20250929T152453000001Z{root}"
    runs = [
        {"id": root, "trace_id": root, "dotted_order": order, "name": "root", "run_type": "chain"},
        {
            "id": child, "trace_id": root, "dotted_order": f"{order}.20250929T152453000002Z{child}", "name": "child",
            "run_type": "llm", "parent_run_id": root, "end_time": "2025-09-29T15:24:54Z",
        },
    ]  # fmt: skip
    client = line.run.client(headers={"x-api-key": await line.run.key(Permission.INGEST, Permission.READ)})
    assert (await client.post("/runs/batch", json={"post": runs})).status_code == 202
    await line.drain()
    assert (await client.patch(f"/runs/{child}", json={"outputs": {"a": 1}, "tags": ["late"]})).status_code == 202
    given = {"key": "k", "score": 1, "run_id": child}
    assert (await client.post("/feedback", json=given)).status_code == 200
    await line.drain()
    trace = await line.trace(UUID(root).hex)
    assert [(span.name, span.output, span.tags) for span in trace.spans] == [
        ("root", "", ()), ("child", '{"a":1}', ("late",)),
    ]  # fmt: skip
    assert [(one.name, one.span_id) for one in trace.scores] == [("k", ids.span_id(UUID(child)))]
    (feedback,) = (await client.get("/feedback", params={"run": child})).json()
    assert (feedback["run_id"], feedback["trace_id"], feedback["score"]) == (child, root, 1)
