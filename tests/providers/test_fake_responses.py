"""The fake provider speaks OpenAI's Responses API and its old completions: OpenAI's own SDK reads them."""

from typing import Any

import openai
import pytest

from pilothouse.providers.fake import FakeProvider
from tests.providers.fake_calls import EVERYTHING, events, served

MARK = "ZmFrZSBzaWduYXR1cmUgb2Ygb3BlbmFp"


def sdk(fake: FakeProvider) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="k", base_url=fake.base_url, max_retries=0)


async def test_openais_own_sdk_reads_a_whole_answer() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script(EVERYTHING)
        answer: Any = await client.responses.create(model="m", input="hi", include=["reasoning.encrypted_content"])
        bare: Any = await client.responses.create(model="m", input="hi")
    thought, said, first, second = answer.output
    assert (thought.summary[0].text, thought.encrypted_content) == ("Think a bit.", MARK)
    assert bare.output[0].encrypted_content is None
    assert (said.content[0].text, answer.output_text) == ("Grüße an alle.", "Grüße an alle.")
    assert (first.call_id, first.name, first.arguments) == (
        "call_fake0",
        "get_weather",
        '{"city": "Zürich", "days": 3}',
    )
    assert (second.call_id, answer.status) == ("given_7", "completed")
    usage = answer.usage
    assert (usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.total_tokens) == (100, 60, 140)
    assert (usage.output_tokens, usage.output_tokens_details.reasoning_tokens) == (40, 15)


async def test_openais_own_sdk_puts_a_stream_together() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script({**EVERYTHING, "refusal": "No."})
        whole: Any = await client.responses.create(model="m", input="hi")
        async with client.responses.stream(model="m", input="hi") as stream:
            found = [event async for event in stream]
            final: Any = await stream.get_final_response()
    assert final.output_text == whole.output_text == "Grüße an alle."
    assert final.output[1].content[0].refusal == "No."
    done = [event.item.to_dict() for event in found if event.type == "response.output_item.done"]
    assert done == [item.to_dict() for item in whole.output]
    kinds = [event.type for event in found]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert {"response.refusal.delta", "response.reasoning_summary_text.delta", "response.completed"} <= set(kinds)
    assert final.usage.total_tokens == 140


async def test_events_are_numbered_and_told_by_name() -> None:
    async with served() as (fake, client):
        fake.script(EVERYTHING)
        answer = await client.post("/v1/responses", json={"model": "m", "input": "hi", "stream": True})
    found = events(answer.content)
    assert [data["sequence_number"] for _, data in found] == list(range(len(found)))
    assert all(name == data["type"] for name, data in found)


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [("length", "incomplete", "max_output_tokens"), ("content_filter", "incomplete", "content_filter"),
     ("", "completed", None)],
)  # fmt: skip
async def test_how_answers_end(word: str, status: str, reason: str | None) -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script({"finish_reason": word})
        answer: Any = await client.responses.create(model="m", input="hi")
        stream: Any = await client.responses.create(model="m", input="hi", stream=True)
        last = [event async for event in stream][-1]
    assert answer.status == status
    assert (answer.incomplete_details and answer.incomplete_details.reason) == reason
    assert last.type == f"response.{status}"


async def test_errors_outside_and_inside_of_a_stream() -> None:
    async with served() as (fake, client):
        body = {"model": "m", "input": "hi", "stream": True}
        fake.script("error-in-stream", "error-event", "no-finish", "429")
        failed, told, unfinished, refused = [await client.post("/v1/responses", json=body) for _ in range(4)]
    assert events(failed.content)[-1][1]["response"]["error"] == {
        "code": "server_error",
        "message": "The engine failed.",
    }
    assert events(told.content)[-1][0] == "error"
    assert events(told.content)[-1][1]["code"] == "overloaded_error"
    assert events(unfinished.content)[-1][0] == "response.output_item.done"
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "Unknown parameter: 'messages'"),
    ({"input": [CALL]}, "No tool output found for function call c"),
    ({"input": [{"type": "function_call_output", "call_id": "d", "output": ""}]}, "No tool call found"),
]


@pytest.mark.parametrize(("fields", "told"), WRONG)
async def test_what_openai_refuses_is_refused(fields: dict[str, Any], told: str) -> None:
    async with served() as (_, client):
        answer = await client.post("/v1/responses", json={"model": "m", "input": "hi", **fields})
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]


async def test_echoes_and_forced_tools() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script("echo", {"text": '{"a":1}'})
        parts: Any = [{"role": "user", "content": [{"type": "input_text", "text": "in parts"}]}]
        echoed = await client.responses.create(model="m", input=parts)
        forced: Any = await client.responses.create(
            model="m", input="hi", tool_choice={"type": "function", "name": "t"}
        )
    assert echoed.output_text == "in parts"
    assert [(item.type, item.arguments) for item in forced.output] == [("function_call", '{"a":1}')]


async def test_completions() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script({"text": "Once upon", "finish_reason": "length"})
        whole = await client.completions.create(model="m", prompt="hi", n=2)
        stream = await client.completions.create(
            model="m", prompt="hi", stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        fake.script("echo", "500")
        echoed = await client.completions.create(model="m", prompt=["a", "b"])
        with pytest.raises(openai.InternalServerError):
            await client.completions.create(model="m", prompt="hi")
    assert (whole.choices[1].text, whole.choices[1].finish_reason) == ("Once upon", "length")
    assert whole.usage is not None
    assert whole.usage.total_tokens == 12
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "Once upon"
    assert chunks[-1].usage == whole.usage
    assert echoed.choices[0].text == "b"
