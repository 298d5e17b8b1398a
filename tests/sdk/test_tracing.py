"""`@trace` and `span()`: what reaches the platform of functions of every kind, and how little the app notices."""

import asyncio
import inspect
import json
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Any

import pytest
from opentelemetry import trace

from pilothouse import sdk
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from tests.sdk.conftest import App


@sdk.trace(kind="tool")
def look_up(city: str, *, days: int = 1) -> dict[str, object]:
    return {"city": city, "days": days}


@sdk.trace(name="plan", kind="agent")
async def plan(cities: list[str]) -> int:
    await asyncio.sleep(0)
    return len([look_up(city) for city in cities])


@sdk.trace
def words(text: str) -> Iterator[str]:
    with sdk.span("inside"):
        pass
    yield from text.split(" ")


@sdk.trace
async def awords(text: str) -> AsyncGenerator[str, None]:
    for word in text.split(" "):
        await asyncio.sleep(0)
        with sdk.span("inside"):
            pass
        yield word


@sdk.trace
def echo() -> Generator[str, str, None]:
    got = "ready"
    while True:
        try:
            got = yield got
        except KeyError as error:
            got = f"caught {error.args[0]}"


async def test_functions_sync_and_async(app: App) -> None:
    assert await plan(["Oslo", "Rome"]) == 2
    found = await app.sent()
    root = found.named("plan")
    assert (root.kind, root.input, root.output) == (SpanKind.AGENT, '{"cities":["Oslo","Rome"]}', "2")
    tools = [span for span in found.spans if span.name == "look_up"]
    assert [span.input for span in tools] == ['{"city":"Oslo"}', '{"city":"Rome"}']
    assert json.loads(tools[0].output or "") == {"city": "Oslo", "days": 1}
    assert {(span.trace_id, span.parent_span_id, span.kind) for span in tools} == {
        (root.trace_id, root.span_id, SpanKind.TOOL)
    }
    assert root.parent_span_id == ""


async def test_a_generator_is_one_span_and_is_not_around_its_reader(app: App) -> None:
    read: list[str] = []
    for word in words("to be or"):
        with sdk.span("reader"):
            read.append(word)
    assert read == ["to", "be", "or"]
    found = await app.sent()
    root = found.named("words")
    assert (root.output, root.status) == ("tobeor", SpanStatus.OK)
    assert found.named("inside").parent_span_id == root.span_id
    assert {span.parent_span_id for span in found.spans if span.name == "reader"} == {""}


async def test_an_async_generator_too_also_when_it_is_left_early(app: App) -> None:
    stream = awords("to be or")
    assert await anext(stream) == "to"
    with sdk.span("reader"):
        assert await anext(stream) == "be"
    await stream.aclose()
    found = await app.sent()
    root = found.named("awords")
    assert (root.output, root.status) == ("tobe", SpanStatus.OK)
    assert {span.parent_span_id for span in found.spans if span.name == "inside"} == {root.span_id}
    assert found.named("reader").parent_span_id == ""


async def test_a_generator_takes_what_is_sent_and_thrown(app: App) -> None:
    talk = echo()
    assert next(talk) == "ready"
    assert talk.send("hello") == "hello"
    assert talk.throw(KeyError("k")) == "caught k"
    talk.close()
    assert (await app.sent()).named("echo").status is SpanStatus.OK


async def test_what_a_function_raises_is_noted_and_raised_on(app: App) -> None:
    @sdk.trace
    def broken() -> None:
        raise ValueError("no such city")

    @sdk.trace
    async def stopped() -> None:
        raise asyncio.CancelledError

    @sdk.trace
    def broken_stream() -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    with pytest.raises(ValueError, match="no such city"):
        broken()
    with pytest.raises(asyncio.CancelledError):
        await stopped()
    with pytest.raises(LookupError):
        list(broken_stream())
    found = await app.sent()
    failed = found.named("broken")
    assert (failed.status, failed.error_code, failed.error_detail) == (SpanStatus.ERROR, "ValueError", "no such city")
    assert [event.name for event in failed.events] == ["exception"]
    assert found.named("stopped").status is SpanStatus.CANCELLED
    assert (found.named("broken_stream").error_code, found.named("broken_stream").output) == ("LookupError", "[1]")


async def test_methods_say_no_self_and_capture_can_be_off(app: App) -> None:
    class Bot:
        @sdk.trace
        def answer(self, question: str) -> str:
            return question.upper()

        @sdk.trace(arguments=False, result=False)
        def secret(self, password: str) -> str:
            return password

    bot = Bot()
    assert bot.answer("why") == "WHY"
    assert bot.secret("1234") == "1234"
    found = await app.sent()
    assert (found.named("Bot.answer").input, found.named("Bot.answer").output) == ('{"question":"why"}', "WHY")
    assert (found.named("Bot.secret").input, found.named("Bot.secret").output) == (None, None)


async def test_a_span_of_a_model_call_says_all_of_it(app: App) -> None:
    async with sdk.span("ask", kind="llm", input=[{"role": "user", "content": "hi"}], model="gpt-5") as span:
        span.set(output="hello", provider="openai", usage={"input_tokens": 12, "output_tokens": 5}, cost_usd=0.25)
        span.set(metadata={"plan": "pro", "depth": 2})
    found = (await app.sent()).named("ask")
    assert (found.kind, found.model_requested, found.provider) == (SpanKind.LLM, "gpt-5", "openai")
    assert found.input == '{"messages":[{"role":"user","content":"hi"}]}'
    assert found.output == "hello"
    assert found.usage == Usage(input_tokens=12, output_tokens=5)
    assert str(found.cost_usd) == "0.25"
    assert found.metadata == {"plan": "pro", "depth": "2"}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 6}},
         Usage(input_tokens=4, cache_read_tokens=6, output_tokens=4)),
        ({"input_tokens": 10, "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 7}},
         Usage(input_tokens=10, output_tokens=2, reasoning_tokens=7)),
        ({"input_tokens": 3, "cache_read_input_tokens": 6, "output_tokens": 4},
         Usage(input_tokens=3, cache_read_tokens=6, output_tokens=4)),
    ],
)  # fmt: skip
async def test_usage_in_the_words_of_model_apis(app: App, usage: object, expected: Usage) -> None:
    with sdk.span("ask", kind="llm", usage=usage):
        pass
    assert (await app.sent()).named("ask").usage == expected


async def test_what_an_app_says_wrongly_is_left_out_and_nothing_else(app: App) -> None:
    class Broken:
        def model_dump(self) -> None:
            raise RuntimeError("no")

    with sdk.session(None), sdk.span("ask", model="gpt-5") as span:
        span.set(usage=Broken())
        wrong: Any = 3
        span.set(metadata=wrong)
        with trace.get_tracer("other").start_as_current_span("lone \ud800"):
            pass
    found = await app.sent()
    assert (found.named("ask").model_requested, found.named("ask").session_id) == ("gpt-5", None)
    assert sdk.dropped() - app.dropped_before == 1, "what cannot be encoded is lost, alone"


async def test_an_async_generator_takes_what_is_sent_and_thrown(app: App) -> None:
    @sdk.trace
    async def talk() -> AsyncGenerator[str, str]:
        got = yield "ready"
        try:
            yield got
        except KeyError:
            yield "caught"
        raise ValueError("over")

    talking = talk()
    assert [await anext(talking), await talking.asend("hello"), await talking.athrow(KeyError("k"))] == [
        "ready", "hello", "caught",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="over"):
        await anext(talking)
    assert (await app.sent()).named("talk").error_code == "ValueError"


def test_a_wrapped_function_is_still_of_its_kind() -> None:
    assert inspect.iscoroutinefunction(plan)
    assert inspect.isgeneratorfunction(words)
    assert inspect.isasyncgenfunction(awords)
    assert (look_up.__name__, list(inspect.signature(look_up).parameters)) == ("look_up", ["city", "days"])


def test_without_tracing_everything_works_as_if_it_were_not_there() -> None:
    assert look_up("Oslo") == {"city": "Oslo", "days": 1}
    assert list(words("a b")) == ["a", "b"]
    with sdk.session("s"), sdk.user("u"), sdk.tags("t"), sdk.metadata(a=1), sdk.span("x") as span:
        span.set(output=object())
    assert not sdk.score("good", 1)


async def test_a_call_with_wrong_arguments_raises_what_it_would(app: App) -> None:
    untyped: Any = look_up
    with pytest.raises(TypeError, match="town"):
        untyped(town="Oslo")
    assert (await app.sent()).named("look_up").error_code == "TypeError"
