"""Langfuse's own SDKs, four generations of them, tell one story; it is in the store field by field."""

import asyncio
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pilothouse.compat.langfuse import ids
from pilothouse.domain.access import Permission
from pilothouse.domain.money import CostStatus
from pilothouse.domain.reading import SpanDetail, Trace
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from tests.compat.pipeline import Pipeline

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = {"2": "sdks-older", "3": "sdks-oldest", "4": "sdks-previous", "5": "sdks"}
"""Of Python's SDKs, by generation."""
_NODE = ROOT / "tests" / "sdks" / "node"
SCRIPTS = {"js-3": "langfuse_3.mjs", "js-5": "langfuse_5.mjs"}
AS_EVENTS = frozenset({"2", "js-3"})
"""Of generations that send no spans but events."""
_NOWHERE = "http://127.0.0.1:9"


def _command(generation: str) -> list[str]:
    if generation in SCRIPTS:
        return [str(ROOT / ".venv/node/node"), str(_NODE / SCRIPTS[generation])]
    python = ROOT / ".venv" / ENVIRONMENTS[generation] / "bin/python"
    return [str(python), "-W", "ignore", "-m", "tests.compat.langfuse_story"]


async def asked(line: Pipeline, generation: str, folder: Path, *more: str) -> dict[str, Any]:
    """Let an SDK tell the story, or read a trace back; return what it prints."""
    command = _command(generation)
    shown = _NODE / "node_modules/langfuse/package.json" if generation in SCRIPTS else Path(command[0])
    if not shown.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{shown} is missing; `make test` installs it")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE,
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    key = await line.run.key(Permission.INGEST, Permission.READ)
    process = await asyncio.create_subprocess_exec(
        *command, line.run.url, key, *more,
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    assert b"rror" not in errors, errors.decode()[-3000:]
    return json.loads(out)


async def told(line: Pipeline, generation: str, folder: Path) -> tuple[dict[str, Any], Trace]:
    """Let an SDK tell the story; return the ids that it was given, and the trace."""
    said = await asked(line, generation, folder)
    assert said["checked"] is True
    await line.drain()
    return said, await line.trace(ids.trace_id(said["trace"]))


def named(trace: Trace, name: str) -> SpanDetail:
    (found,) = [span for span in trace.spans if span.name == name]
    return found


@pytest.mark.timeout(120)
@pytest.mark.parametrize("generation", [*ENVIRONMENTS, *SCRIPTS])
async def test_a_story_of_an_sdk(line: Pipeline, generation: str, tmp_path: Path) -> None:
    said, trace = await told(line, generation, tmp_path)
    about = trace.summary
    assert (about.name, about.user_id, about.session_id) == ("checkout", "ada", "s-1")
    assert (about.running, about.call_count, about.cost_usd) == (False, 1, Decimal("0.003"))
    root = trace.spans[0]
    assert (root.parent_span_id, root.tags, root.metadata["plan"], root.release, root.version) == (
        "", ("a", "b"), "pro", "r1", "7",
    )  # fmt: skip
    fetch, answer = named(trace, "fetch"), named(trace, "answer")
    assert (json.loads(fetch.input), json.loads(fetch.output), fetch.metadata["m"]) == ({"k": 1}, {"v": 2}, "x")
    _generation(answer)
    assert (answer.parent_span_id, answer.span_id) == (fetch.span_id, ids.span_id(said["generation"]))
    clicked, broken = named(trace, "clicked"), named(trace, "broken")
    assert (clicked.level, clicked.input, clicked.duration_ms, clicked.status) == ("warning", "1", 0, SpanStatus.OK)
    assert (broken.level, broken.status, broken.error_detail) == ("error", SpanStatus.ERROR, "it broke")
    assert {clicked.parent_span_id, broken.parent_span_id} == {fetch.span_id}
    assert {(one.name, one.number, one.text, one.comment, one.span_id) for one in trace.scores} == {
        ("quality", 0.9, "", "good", ""), ("kind", None, "great", "", answer.span_id),
    }  # fmt: skip
    if generation != "2":
        assert {span.environment for span in trace.spans} == {"test"}
    assert len(trace.spans) == (5 if generation in AS_EVENTS else 4)


def _generation(answer: SpanDetail) -> None:
    assert (answer.kind, answer.model_requested, answer.provider) == (SpanKind.LLM, "gpt-4o-mini", "openai")
    assert json.loads(answer.input) == [{"role": "user", "content": "Hello"}]
    assert json.loads(answer.output) == {"role": "assistant", "content": "Hi!"}
    assert answer.usage == Usage(input_tokens=7, cache_read_tokens=3, output_tokens=4, reasoning_tokens=1)
    assert answer.cost_usd == Decimal("0.003")
    assert answer.cost_status is not CostStatus.UNPRICED
    assert answer.ttft_ms is not None
    parameters = next(value for name, value in answer.attributes.items() if "arameters" in name)
    assert float(json.loads(parameters)["temperature"]) == 0.5


@pytest.mark.timeout(120)
@pytest.mark.parametrize("generation", ["2", "3", "4"])
async def test_what_an_sdk_reads_back(line: Pipeline, generation: str, tmp_path: Path) -> None:
    said, trace = await told(line, generation, tmp_path)
    assert await asked(line, generation, tmp_path, said["trace"]) == {
        "id": said["trace"], "name": "checkout", "tags": ["a", "b"], "cost": 0.003, "traces": [said["trace"]],
        "observations": 4, "type": "GENERATION", "input": [{"role": "user", "content": "Hello"}],
        "usage": {
            "input": 7, "cache_read_input_tokens": 3, "output": 4, "output_reasoning_tokens": 1, "total": 15,
        },
        "scores": ["kind", "quality"], "session": None if generation == "2" else [said["trace"]],
    }  # fmt: skip
    assert trace.summary.session_id == "s-1"
