"""Applications traced by the field's own instrumentations, through the running product.

What the application says of a call and what the gateway says of it stand in one trace, with the provider's own
figures, and count once.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from pilothouse.providers.fake import Answer, FakeProvider, ToolCall
from tests.e2e.stack import Stack, running_stack, until
from tests.sdks.outside import ROOT

House = tuple[Stack, FakeProvider]
MODEL = "priced/gpt-4o-mini"
INPUT, OUTPUT = 40, 12
CALL_USD = INPUT * Decimal("0.15e-6") + OUTPUT * Decimal("0.60e-6")
"""By the list price of gpt-4o-mini."""
_NOWHERE = "http://127.0.0.1:9"
_QUIET = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "TRACELOOP_TELEMETRY": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "HF_HUB_OFFLINE": "1",
}
ANSWER = Answer(text="It is sunny in Paris.", prompt_tokens=INPUT, completion_tokens=OUTPUT, model="gpt-4o-mini")


def calling(name: str, arguments: str) -> Answer:
    """Return an answer that calls a tool."""
    return msgspec.structs.replace(ANSWER, text="", tool_calls=(ToolCall(name, arguments, f"call_{name}"),))


WEATHER = calling("weather", '{"city":"Paris"}')


class Told(msgspec.Struct, frozen=True):
    """A story, and what is to be seen of it."""

    answers: tuple[Answer, ...] = (ANSWER,)
    calls: int = 1
    kinds: tuple[str, ...] = ("llm",)
    """Of the application's own spans, besides the others."""
    session_id: str = ""
    user_id: str = ""
    environment: str = "sdks-tracing"
    told_texts: bool = True
    """Whether its spans hold questions and answers; OpenTelemetry's put them into log records."""
    priced: bool = True
    """Whether the application's own account of a call names a provider that sells the model."""


STORIES = {
    "traceloop": Told(kinds=("chain", "chain", "llm"), session_id="s-1", user_id="ada"),
    "openai_v2": Told(answers=(ANSWER, ANSWER), calls=2, kinds=("llm", "llm"), environment="sdks", told_texts=False),
    "openinference_openai": Told(answers=(WEATHER,)),
    "openinference_anthropic": Told(kinds=("llm", "llm"), priced=False),
    "langgraph": Told(kinds=("chain", "chain", "llm")),
    "logfire": Told(),
    "pydantic_ai": Told(answers=(WEATHER, ANSWER), calls=2, kinds=("agent", "llm", "llm", "tool")),
    "smolagents": Told(
        answers=(WEATHER, calling("final_answer", '{"answer":"sunny"}')), calls=2,
        kinds=("agent", "chain", "chain", "llm", "llm", "tool", "tool"),
    ),
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with running_stack(tmp_path_factory.mktemp("tracing")) as (stack, fake):
        await stack.add_account("priced", fake.base_url, provider="openai", secret="sk-fake", models=["gpt-4o-mini"])
        yield stack, fake


async def told(house: House, name: str, environment: str, folder: Path) -> str:
    """Let an application run to its end; return the id of its trace."""
    stack, _ = house
    python = ROOT / ".venv" / environment / "bin/python"
    if not python.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{python} is missing; `make test` installs it")
    process = await asyncio.create_subprocess_exec(
        str(python), "-W", "ignore", "-m", "tests.sdks.tracing_stories", name,
        stack.platform_url, stack.gateway_url, stack.key, MODEL,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), "TMPDIR": str(folder),
             "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, "NO_PROXY": "127.0.0.1", **_QUIET},
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    return json.loads(out.decode().splitlines()[-1])["trace"]


async def trace_of(stack: Stack, trace_id: str, spans: int) -> dict[str, Any]:
    """Return a trace once it has that many spans."""
    found: dict[str, Any] = {}

    async def whole() -> bool:
        async with stack.api() as api:
            answer = await api.get(f"/traces/{trace_id}")
        if answer.status_code != 200:
            return False
        found.update(answer.json())
        return len(found["spans"]) >= spans

    await until(whole)
    return found


@pytest.mark.timeout(120)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", STORIES)
async def test_a_traced_application_and_the_gateway_tell_one_trace(house: House, name: str, tmp_path: Path) -> None:
    stack, fake = house
    story = STORIES[name]
    fake.script(*story.answers)
    trace_id = await told(house, name, story.environment, tmp_path)
    least = len(story.kinds) + story.calls
    trace = await trace_of(stack, trace_id, least)
    summary, spans = trace["summary"], trace["spans"]
    ours = [span for span in spans if span["source"] == "gateway"]
    theirs = [span for span in spans if span["source"] != "gateway" and span["kind"] != "other"]
    assert len(ours) == story.calls
    assert sorted(span["kind"] for span in theirs) == sorted(story.kinds)
    for span in (*ours, *theirs):
        assert span["status"] == "ok", span["error_detail"]
        if span["kind"] == "llm":
            assert (span["usage"]["input_tokens"], span["usage"]["output_tokens"]) == (INPUT, OUTPUT), span["source"]
            assert span["model_served"].endswith("gpt-4o-mini")
            assert span["cost_status"] == ("priced" if story.priced or span in ours else "unpriced"), span[
                "cost_detail"
            ]
            assert Decimal(span["cost_usd"] or 0) == (CALL_USD if span["cost_status"] == "priced" else 0)
    asked = [span for span in theirs if span["kind"] == "llm" and "weather in Paris" in span["input"]]
    assert len(asked) == (story.calls if story.told_texts else 0), "Anthropic's own tracing is silent about texts"
    assert all(span["output"] for span in (*asked, *ours))
    assert {span["span_id"] for span in theirs if span["wrapper"]} == {
        span["span_id"] for span in theirs if span["kind"] == "llm"
    }
    assert (summary["call_count"], summary["unpriced_count"]) == (story.calls, 0)
    assert Decimal(summary["cost_usd"]) == story.calls * CALL_USD
    assert (summary["usage"]["input_tokens"], summary["usage"]["output_tokens"]) == (
        story.calls * INPUT,
        story.calls * OUTPUT,
    )
    assert (summary["session_id"], summary["user_id"]) == (story.session_id, story.user_id) or not story.user_id


@pytest.mark.timeout(120)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_program_of_dspy_is_there_whole_where_nothing_carries_its_trace_on(
    house: House, tmp_path: Path
) -> None:
    stack, fake = house
    fake.script(ANSWER)
    trace = await trace_of(stack, await told(house, "dspy", "sdks-tracing", tmp_path), 2)
    (call,) = [span for span in trace["spans"] if span["kind"] == "llm"]
    assert call["source"] == "openinference"
    assert "weather in Paris" in call["input"]
    assert "sunny in Paris" in call["output"]
    assert call["usage"] is None, "its instrumentation counts nothing"
