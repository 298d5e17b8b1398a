"""Applications traced by the field's own instrumentations, through the running product.

What the application says of a call and what the gateway says of it stand in one trace, with the provider's own
figures, and count once.
"""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from pilothouse.providers.fake import Answer
from tests.sdks.traced import (
    ANSWER,
    CALL_USD,
    INPUT,
    OUTPUT,
    WEATHER,
    House,
    calling,
    told,
    trace_of,
    tracing_house,
)


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
    async with tracing_house(tmp_path_factory.mktemp("tracing")) as running:
        yield running


@pytest.mark.timeout(120)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", STORIES)
async def test_a_traced_application_and_the_gateway_tell_one_trace(house: House, name: str, tmp_path: Path) -> None:
    stack, fake = house
    story = STORIES[name]
    fake.script(*story.answers)
    trace_id = await told(house, f"tracing_stories.{name}", story.environment, tmp_path)
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
async def test_a_program_of_dspy_and_the_gateway_tell_one_trace(house: House, tmp_path: Path) -> None:
    stack, fake = house
    fields = ("[[ ## reasoning ## ]]", "It is known.", "[[ ## answer ## ]]", ANSWER.text, "[[ ## completed ## ]]")
    fake.script(msgspec.structs.replace(ANSWER, text="\n\n".join(fields)))
    trace = await trace_of(stack, await told(house, "tracing_stories.dspy", "sdks-tracing", tmp_path), 7)
    summary, spans = trace["summary"], trace["spans"]
    (program,) = [span for span in spans if span["name"] == "ChainOfThought.forward"]
    assert (json.loads(program["input"]), json.loads(program["output"])) == (
        {"question": "What is the weather in Paris?"}, {"reasoning": "It is known.", "answer": ANSWER.text},
    )  # fmt: skip
    (call,) = [span for span in spans if span["kind"] == "llm" and span["source"] == "openinference"]
    assert "weather in Paris" in call["input"]
    assert "sunny in Paris" in call["output"]
    assert (call["usage"], call["wrapper"]) == (None, True), "its instrumentation counts nothing"
    (ours,) = [span for span in spans if span["source"] == "gateway"]
    assert ours["parent_span_id"] == call["span_id"]
    assert (summary["call_count"], Decimal(summary["cost_usd"])) == (1, CALL_USD)
    assert (summary["usage"]["input_tokens"], summary["usage"]["output_tokens"]) == (INPUT, OUTPUT)
