"""LlamaIndex, CrewAI and JavaScript's SDKs, traced by what instruments them, through the running product.

Every step is there with its kind, what went in and what came out; each call of a model stands beside the gateway's
account of it, with the provider's own figures, and counts once.
"""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from pilothouse.providers.fake import Answer
from tests.sdks.traced import (
    ANSWER,
    CALL_USD,
    EMBEDDING,
    INPUT,
    MODEL,
    OUTPUT,
    WEATHER,
    House,
    told,
    told_by_node,
    trace_of,
    tracing_house,
)

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
QUESTION = "What is the weather in Paris?"
EMBEDDED = Answer(model=EMBEDDING)
EMBEDDING_USD = Decimal("0.02e-6")
"""The list price of a token of text-embedding-3-small."""
Span = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with tracing_house(tmp_path_factory.mktemp("agents")) as running:
        yield running


async def heard(house: House, story: str, answers: tuple[Answer, ...], spans: int, folder: Path) -> Span:
    """Return the trace of a story that the fake provider answers so, once it has that many spans."""
    stack, fake = house
    fake.script(*answers)
    return await trace_of(stack, await told(house, story, "sdks-agents", folder), spans)


def named(trace: Span, name: str) -> list[Span]:
    return sorted((span for span in trace["spans"] if span["name"] == name), key=lambda span: span["started_at"])


def of_kind(trace: Span, kind: str, *, gateway: bool) -> list[Span]:
    found = [span for span in trace["spans"] if span["kind"] == kind and (span["source"] == "gateway") is gateway]
    return sorted(found, key=lambda span: span["started_at"])


def tokens(span: Span) -> tuple[int, int]:
    return span["usage"]["input_tokens"], span["usage"].get("output_tokens", 0)


def counts_once(trace: Span, calls: int, usd: Decimal, used: tuple[int, int]) -> None:
    """Only the gateway's spans count, all went well, and the sums are the provider's."""
    summary = trace["summary"]
    assert {span["status"] for span in trace["spans"]} == {"ok"}
    counted = [span for span in trace["spans"] if span["kind"] in ("llm", "embedding") and not span["wrapper"]]
    assert [span["source"] for span in counted] == ["gateway"] * calls
    assert (summary["call_count"], summary["unpriced_count"], Decimal(summary["cost_usd"])) == (calls, 0, usd)
    assert tokens(summary) == used


def a_round_of_tools(asked: list[Span]) -> None:
    """The application's two calls: the first is answered by a call of the tool, the second after its result."""
    first, second = asked
    assert [tokens(span) for span in asked] == [(INPUT, OUTPUT)] * 2
    (offered,) = json.loads(first["input"])["tools"]
    assert offered["function"]["name"] == "weather"
    (answer,) = json.loads(first["output"])
    (call,) = answer["tool_calls"]
    assert (call["id"], call["function"]["name"]) == ("call_weather", "weather")
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}
    *_, result = json.loads(second["input"])["messages"]
    assert (result["role"], result["tool_call_id"], result["content"]) == ("tool", "call_weather", "sunny in Paris")
    (answer,) = json.loads(second["output"])
    assert (answer["role"], answer["content"]) == ("assistant", ANSWER.text)


async def test_a_question_to_an_index_of_llama_index(house: House, tmp_path: Path) -> None:
    trace = await heard(house, "llama_index_stories.retrieval", (EMBEDDED, EMBEDDED, ANSWER), 25, tmp_path)
    (query,) = named(trace, "RetrieverQueryEngine.query")
    assert (query["kind"], query["input"], query["output"]) == ("chain", QUESTION, ANSWER.text)
    (found,) = named(trace, "VectorIndexRetriever.retrieve")
    assert (found["kind"], found["input"]) == ("retriever", QUESTION)
    documents = json.loads(found["output"])["documents"]
    assert len(documents) == 2
    assert [one["score"] for one in documents] == sorted((one["score"] for one in documents), reverse=True)
    assert {one["content"]: one["metadata"]["page"] for one in documents}[QUESTION] == 0
    embedded = of_kind(trace, "embedding", gateway=True)
    assert [len(json.loads(span["input"])["input"]) for span in embedded] == [3, 1]
    asked = [span for span in of_kind(trace, "llm", gateway=False) if span["usage"]]
    assert [(tokens(span), span["model_requested"]) for span in asked] == [((INPUT, OUTPUT), MODEL)]
    assert json.loads(asked[0]["input"])["messages"][0]["role"] == "system"
    assert all(document["content"] in asked[0]["input"] for document in documents)
    (ours,) = of_kind(trace, "llm", gateway=True)
    assert ours["parent_span_id"] == asked[0]["span_id"]
    embedding_tokens = sum(span["usage"]["input_tokens"] for span in embedded)
    counts_once(trace, 3, CALL_USD + embedding_tokens * EMBEDDING_USD, (INPUT + embedding_tokens, OUTPUT))
    assert (trace["summary"]["session_id"], trace["summary"]["user_id"]) == ("s-1", "ada")


async def test_an_agent_of_llama_index_that_streams(house: House, tmp_path: Path) -> None:
    slow = msgspec.structs.replace(ANSWER, chunks=20, gap_s=0.1)  # its span has long ended by then
    trace = await heard(house, "llama_index_stories.agent", (WEATHER, slow), 20, tmp_path)
    asked = [span for span in of_kind(trace, "llm", gateway=False) if span["usage"]]
    a_round_of_tools(asked)
    assert {span["kind"] for span in named(trace, "OpenAILike._prepare_chat_with_tools")} == {"chain"}
    (tool,) = of_kind(trace, "tool", gateway=False)
    assert (tool["name"], json.loads(tool["input"])) == ("weather", {"kwargs": {"city": "Paris"}})
    assert json.loads(tool["output"])["raw_output"] == "sunny in Paris"
    counts_once(trace, 2, 2 * CALL_USD, (2 * INPUT, 2 * OUTPUT))
    assert (trace["summary"]["session_id"], trace["summary"]["user_id"]) == ("s-1", "ada")


@pytest.mark.parametrize(
    ("story", "crew", "agent", "tools"),
    [
        ("wrapped", "forecasters.kickoff", "forecaster.forecast._execute_core", 1),
        ("listened", "forecasters.kickoff", "forecaster.forecast.execute", 1),
        ("traceloop", "forecasters", "forecaster", 0),
    ],
)
async def test_a_crew_of_crewai(house: House, story: str, crew: str, agent: str, tools: int, tmp_path: Path) -> None:
    trace = await heard(house, f"crewai_stories.{story}", (WEATHER, ANSWER), 7 + tools, tmp_path)
    (kicked,) = named(trace, crew)
    assert (kicked["kind"], ANSWER.text in kicked["output"]) == ("chain", True)
    (acting,) = named(trace, agent)
    assert acting["kind"] == "agent"
    asked = of_kind(trace, "llm", gateway=False)
    a_round_of_tools(asked)
    assert {span["parent_span_id"] for span in asked} == {acting["span_id"]}
    used = of_kind(trace, "tool", gateway=False)
    assert [(span["name"], json.loads(span["input"]), span["output"]) for span in used] == [
        ("weather", {"city": "Paris"}, "sunny in Paris")
    ] * tools
    counts_once(trace, 2, 2 * CALL_USD, (2 * INPUT, 2 * OUTPUT))
    known = ("", "") if story == "traceloop" else ("s-1", "ada")
    assert (trace["summary"]["session_id"], trace["summary"]["user_id"]) == known


@pytest.mark.parametrize("story", ["ai", "ai_stream"])
async def test_an_agent_of_the_ai_sdk(house: House, story: str, tmp_path: Path) -> None:
    stack, fake = house
    fake.script(WEATHER, ANSWER)
    trace = await trace_of(stack, await told_by_node(house, story, tmp_path), 9)
    (acting,) = of_kind(trace, "agent", gateway=False)
    assert (acting["name"], acting["usage"]) == ("forecast", None)
    assert (QUESTION in acting["input"], ANSWER.text in acting["output"]) == (True, True)
    assert [span["name"] for span in of_kind(trace, "chain", gateway=False)] == ["step 1", "step 2"]
    asked = of_kind(trace, "llm", gateway=False)
    a_round_of_tools(asked)
    (used,) = of_kind(trace, "tool", gateway=False)
    assert (used["name"], json.loads(used["input"]), json.loads(used["output"])) == (
        "weather", {"city": "Paris"}, "sunny in Paris",
    )  # fmt: skip
    assert [span["parent_span_id"] for span in of_kind(trace, "llm", gateway=True)] == [
        span["span_id"] for span in asked
    ]
    counts_once(trace, 2, 2 * CALL_USD, (2 * INPUT, 2 * OUTPUT))
    assert (trace["summary"]["session_id"], trace["summary"]["user_id"]) == ("s-1", "ada")


async def test_a_generation_of_langfuses_newest_javascript_sdk(house: House, tmp_path: Path) -> None:
    stack, fake = house
    fake.script(ANSWER)
    trace = await trace_of(stack, await told_by_node(house, "langfuse", tmp_path), 3)
    (asked,), (ours,) = of_kind(trace, "llm", gateway=False), of_kind(trace, "llm", gateway=True)
    assert (asked["source"], asked["name"], tokens(asked), ours["parent_span_id"]) == (
        "langfuse", "ask", (INPUT, OUTPUT), asked["span_id"],
    )  # fmt: skip
    assert json.loads(asked["input"]) == [{"role": "user", "content": QUESTION}]
    assert json.loads(asked["output"])["content"] == ANSWER.text
    counts_once(trace, 1, CALL_USD, (INPUT, OUTPUT))
    summary = trace["summary"]
    assert (summary["name"], summary["session_id"], summary["user_id"]) == ("forecast", "s-1", "ada")
