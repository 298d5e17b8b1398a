"""JavaScript's SDKs of Langfuse and LangSmith, and Vercel's AI SDK, against the platform."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pilothouse.domain.access import Permission
from pilothouse.domain.reading import SpanFilter
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.store.metadata.experiments import ExperimentFilter
from tests.compat.pipeline import Pipeline
from tests.compat.test_langfuse_sdks import ROOT

NODE, SCRIPTS = ROOT / ".venv" / "node" / "node", ROOT / "tests" / "sdks" / "node"
_NOWHERE = "http://127.0.0.1:9"


async def told(line: Pipeline, script: str, *more: str, folder: Path) -> dict[str, Any]:
    if not NODE.exists() or not (SCRIPTS / "node_modules" / "langsmith").is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the SDKs of tests/sdks/node are missing: `make test`")
    key = await line.run.key(Permission.INGEST, Permission.READ, Permission.WRITE)
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(folder), "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE,
                    "NO_PROXY": "127.0.0.1", "LANGSMITH_TRACING": "true"}  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        str(NODE), str(SCRIPTS / script), line.run.url, key, *more, cwd=SCRIPTS, env=surroundings,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    line.ingest.on_experiments(line.run.parts.library.experiments.see)
    await line.drain()
    return json.loads(out.splitlines()[-1])


@pytest.mark.timeout(60)
async def test_langsmith(line: Pipeline, tmp_path: Path) -> None:
    found = await told(line, "langsmith.mjs", folder=tmp_path)
    assert (found["rows"], found["examples"]) == ([[1, 2, True], [2, 4, True]], [1, 2])
    assert (found["pulled"], found["liked"]) == ("Hi {name}", 1)
    trace = await line.trace(UUID(found["root"]).hex)
    assert sorted((one.name, one.kind) for one in trace.spans) == [
        ("broken", SpanKind.CHAIN), ("checkout", SpanKind.CHAIN), ("multiply", SpanKind.TOOL),
    ]  # fmt: skip
    assert [one.status for one in trace.spans if one.name == "broken"] == [SpanStatus.ERROR]
    assert (trace.summary.session_id, [one.number for one in trace.scores]) == ("s-1", [0.9])
    (experiment,), _ = await line.run.parts.library.experiments.page(ExperimentFilter(project_id=line.run.project.id))
    assert (experiment.name, experiment.item_count) == (found["experiment"], 2)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("generation", ["3", "5"])
async def test_langfuse(line: Pipeline, generation: str, tmp_path: Path) -> None:
    found = await told(line, f"langfuse_library_{generation}.mjs", folder=tmp_path)
    assert (found["rules"], found["config"], found["moved"], found["fallback"]) == (
        "Rules: Be kind, Ada.", {"t": 1}, 1, "else",
    )  # fmt: skip
    assert [(one["role"], one["content"]) for one in found["ask"]] == [("user", "why?")]
    assert (found["items"], found["results"]) == ([1, 2], [[2, 1], [4, 1]])
    (experiment,), _ = await line.run.parts.library.experiments.page(ExperimentFilter(project_id=line.run.project.id))
    assert (experiment.name, experiment.item_count) == ("twice-1", 2)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("major", ["6", ""])
async def test_what_the_ai_sdk_tells_of_itself(line: Pipeline, major: str, tmp_path: Path) -> None:
    found = await told(line, "ai_telemetry.mjs", *([major] if major else []), folder=tmp_path)
    assert found == {"text": "It rains."}
    page = await line.store.spans(SpanFilter(project_id=line.run.project.id))
    (trace_id,) = set(page.trace_ids)
    trace = await line.trace(trace_id)
    calls = [one for one in trace.spans if one.kind is SpanKind.LLM and not one.wrapper]
    assert [one.model_requested for one in calls] == ["gpt-4o-mini"] * 2
    usage = trace.summary.usage
    assert (usage.input_total, usage.output_total, usage.cache_read_tokens) == (30, 10, 6)
    assert trace.summary.cost_usd is not None
    (tool,) = [one for one in trace.spans if one.kind is SpanKind.TOOL]
    assert (json.loads(tool.input), "rain in Paris" in tool.output) == ({"city": "Paris"}, True)
