"""Whole answers of the Responses API, both ways, and the SDK's own client over what is written."""

import json
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import APIError, OpenAI
from openai.types.responses import Response

from pilothouse.domain.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    CustomTool,
    Ended,
    Extra,
    FunctionTool,
    Image,
    Media,
    Message,
    Native,
    OutputFormat,
    OutputKind,
    Reasoning,
    Refusal,
    Role,
    Sampling,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolMode,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamCut, UpstreamProtocol
from pilothouse.protocols.base import NO_ASK, ChatCodec, Echo, Memo
from pilothouse.protocols.conversion import events_of
from pilothouse.protocols.openai_responses import DIALECT

_NAME = "openai_responses"
_SCHEMA = {"type": "object", "properties": {}}


def _codec() -> ChatCodec:
    assert isinstance(DIALECT.codec, ChatCodec)
    return DIALECT.codec


_REQUEST = ChatRequest(
    dialect=_NAME,
    model="alias",
    messages=(Message(Role.SYSTEM, (Text("Be brief."),)), Message(Role.USER, (Text("hi"),))),
    max_output_tokens=50,
    sampling=Sampling(0.5, 0.9, top_logprobs=2),
    thinking=Thinking(True, "low"),
    tools=(FunctionTool("f", "d", _SCHEMA), CustomTool("sh")),
    tool_choice=ToolChoice(ToolMode.REQUIRED, ("f",)),
    parallel_tool_calls=False,
    output=OutputFormat(OutputKind.SCHEMA, "n", "", _SCHEMA, True),
    verbosity="low",
    labels={"k": "v"},
    extra=Extra(_NAME, {"truncation": "auto", "include": ["x"]}),
)
_ECHO = Echo(_REQUEST, "call-1", 1_700_000_000)
_USAGE = Usage(7, 2, 1, output_tokens=4, reasoning_tokens=3)


def _reply(*parts: Any, stop: StopReason = StopReason.END, **fields: Any) -> ChatReply:
    return ChatReply(choices=(Choice(tuple(parts), stop, **fields),), model="claude", usage=_USAGE)


def _written(reply: ChatReply, echo: Echo = _ECHO) -> dict[str, Any]:
    document = json.loads(_codec().write_reply(reply, echo))
    Response.model_validate(document)
    return document


def test_a_whole_answer_is_of_the_sdk_s_type_and_repeats_the_request() -> None:
    logprobs = {"content": [{"token": "hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
    document = _written(
        _reply(
            Reasoning("deep", "sig", vendor="anthropic"),
            Text("hi"),
            Refusal("but no"),
            ToolCall("c1", "f", "{}"),
            ToolCall("c2", "sh", "ls", custom=True),
            Image(Media("image/png", data="iVBO")),
            Native("other", {"type": "x"}),
            stop=StopReason.TOOL_CALLS,
            logprobs=logprobs,
        )
    )
    assert [item["type"] for item in document["output"]] == [
        "reasoning", "message", "function_call", "custom_tool_call", "image_generation_call"
    ]  # fmt: skip
    assert document["output"][0]["content"] == [{"type": "reasoning_text", "text": "deep"}]
    assert document["output"][1]["content"][0]["logprobs"][0]["bytes"] == [104, 105]
    assert document["usage"] == {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1}, "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 17,
    }  # fmt: skip
    repeated = {
        "id": "resp_call-1", "status": "completed", "model": "claude", "instructions": "Be brief.", "temperature": 0.5,
        "top_p": 0.9, "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": False,
        "max_output_tokens": 50, "truncation": "auto", "metadata": {"k": "v"}, "created_at": 1_700_000_000,
    }  # fmt: skip
    assert {key: document[key] for key in repeated} == repeated
    assert document["tools"][0] == {
        "type": "function", "name": "f", "description": "d", "parameters": _SCHEMA, "strict": None
    }  # fmt: skip
    assert document["text"]["format"]["name"] == "n"
    assert document["reasoning"] == {"effort": "low", "summary": None}
    assert "include" not in document


def test_a_cut_answer_is_incomplete() -> None:
    document = _written(_reply(Text("hal"), stop=StopReason.LENGTH))
    assert document["status"] == document["output"][0]["status"] == "incomplete"
    assert document["incomplete_details"] == {"reason": "max_output_tokens"}
    assert _written(ChatReply())["output"] == []


def _read(memo: Memo | None = None, **fields: Any) -> ChatReply:
    body = {"id": "resp_1", "object": "response", "created_at": 5.0, "model": "gpt-5", "status": "completed", **fields}
    return _codec().read_reply(json.dumps({"output": [], **body}).encode(), memo or Memo())


def test_a_whole_answer_is_read() -> None:
    cited = {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 1}
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    reply = _read(
        Memo({"a_b": "a.b"}),
        service_tier="flex",
        usage={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        tool_usage={"web_search": {"num_requests": 2}},
        output=[
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "s"}]},
            search,
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "hi", "annotations": [cited]}],
            },
            {"type": "function_call", "call_id": "c", "name": "a_b", "arguments": '{"b": 1, "a":2}'},
        ],
    )
    assert reply.choices[0].parts == (
        Reasoning(summary=("s",), id="rs"),
        Native(_NAME, search),
        Text("hi", citations=(cited,), extra=Extra(_NAME, {})),
        ToolCall("c", "a.b", '{"b": 1, "a":2}'),
    )
    assert reply.choices[0].stop is StopReason.TOOL_CALLS
    assert reply.usage == Usage(3, output_tokens=2, tier="flex", searches=2)
    assert (reply.id, reply.model, reply.created_s, reply.service_tier) == ("resp_1", "gpt-5", 5, "flex")


@pytest.mark.parametrize(
    ("fields", "stop", "raw"),
    [
        ({}, StopReason.END, "completed"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, StopReason.LENGTH, ""),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, StopReason.FILTERED, ""),
        ({"status": "queued"}, StopReason.PAUSED, "queued"),
        ({"status": "cancelled"}, StopReason.UNKNOWN, "cancelled"),
        (
            {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]},
            StopReason.REFUSED,
            "completed",
        ),
    ],
)
def test_why_it_stopped(fields: dict[str, Any], stop: StopReason, raw: str) -> None:
    choice = _read(**fields).choices[0]
    assert choice.stop is stop
    assert choice.stop_raw == (raw or fields["incomplete_details"]["reason"])


def test_malformed_answers_are_the_provider_s_fault() -> None:
    for output in ([{"type": "function_call"}], [{"nothing": 1}], [{"type": "message", "content": 3}]):
        with pytest.raises(UpstreamProtocol):
            _read(output=output)


def test_what_the_record_needs() -> None:
    body = {"model": "m", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": []}
    reply = DIALECT.read_reply(json.dumps({**body, "error": None, "usage": {"input_tokens": 1}}).encode())
    assert (reply.model, reply.finish_reason, reply.usage, reply.error) == ("m", "max_output_tokens", Usage(1), None)
    failed = DIALECT.read_reply(b'{"status":"failed","error":{"code":"server_error","message":"x"},"output":[]}')
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == ("server_error", "x")
    assert DIALECT.read_reply(b'{"status":"failed","error":null,"output":[]}').error is not None
    assert DIALECT.read_reply(b'{"error":{"message":"busy"}}').error is not None


def test_contradicting_usage_is_told() -> None:
    usage = {"input_tokens": 1, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 9}}
    found = _read(usage=usage).usage
    assert found is not None
    assert found.inconsistent


def _client(body: bytes, content_type: str) -> OpenAI:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body, headers={"content-type": content_type})

    transport = httpx.MockTransport(answer)
    return OpenAI(api_key="k", base_url="http://gateway/v1", http_client=httpx.Client(transport=transport))


_REPLY = _reply(
    Reasoning("deep"), Text("hello"), ToolCall("c1", "f", '{"a":1}'), stop=StopReason.TOOL_CALLS
)  # fmt: skip


def test_the_sdk_s_client_takes_a_whole_answer() -> None:
    client = _client(_codec().write_reply(_REPLY, _ECHO), "application/json")
    response = client.responses.create(model="alias", input="hi")
    assert response.output_text == "hello"
    assert response.usage is not None
    assert response.usage.total_tokens == 17


def test_the_sdk_s_client_puts_a_written_stream_together() -> None:
    writer = _codec().writer(_ECHO)
    stream = b"".join(writer.write(event) for event in (*events_of(_REPLY), Ended()))
    client = _client(stream, "text/event-stream")
    with client.responses.stream(model="alias", input="hi") as events:
        kinds = [event.type for event in events]
        final = events.get_final_response()
    assert kinds[-1] == "response.completed"
    assert final.output_text == "hello"
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]


def test_the_sdk_s_client_sees_the_error_of_a_stream_that_fails() -> None:
    writer = _codec().writer(_ECHO)
    begun = b"".join(writer.write(event) for event in list(events_of(_REPLY))[:5])
    client = _client(begun + writer.fail(UpstreamCut("cut off"), "r1"), "text/event-stream")
    kinds: list[str] = []
    try:
        kinds = [event.type for event in client.responses.create(model="alias", input="hi", stream=True)]
    except APIError as error:
        kinds = [str(error)]
    assert {"error", "response.failed"} <= set(kinds) or "cut off" in kinds[0]


def test_an_answer_that_was_asked_for_in_an_object_is_taken_out() -> None:
    def said(text: str) -> Any:
        content = [{"type": "output_text", "text": text}]
        return _read(Memo(wrapped=True), output=[{"type": "message", "content": content}]).choices[0].parts[0]

    assert said('{"value": [1, 2.50]}') == Text("[1, 2.50]")
    assert said('{"value": [1') == Text('{"value": [1')


def test_a_call_without_arguments_has_an_empty_object() -> None:
    reply = _reply(ToolCall("c1", "f"), ToolCall("c2", "sh", custom=True), stop=StopReason.TOOL_CALLS)
    document = _written(reply)
    assert (document["output"][0]["arguments"], document["output"][1]["input"]) == ("{}", "")
    writer = _codec().writer(_ECHO)
    stream = b"".join(writer.write(event) for event in (*events_of(reply), Ended()))
    assert b'"delta":"{}"' in stream
    assert DIALECT.fold is not None
    assert json.loads(DIALECT.fold(stream))["output"] == document["output"]


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_IDS = st.text("abc_1", min_size=1, max_size=8)
_PARTS = st.lists(
    st.one_of(
        st.builds(Text, _TEXTS, signature=st.just("") | _IDS),
        st.builds(Refusal, _TEXTS),
        st.builds(lambda text, mark: Reasoning(text, mark, vendor="anthropic"), _TEXTS, _IDS),
        st.builds(lambda mark: Reasoning(redacted=mark, vendor="anthropic"), _IDS),
        st.builds(ToolCall, _IDS, _IDS, _TEXTS, st.booleans(), st.just("") | _IDS),
        st.builds(lambda name: Native(_NAME, {"type": "web_search_call", "id": name}), _IDS),
    ),
    max_size=5,
)


@given(_PARTS, st.booleans())
def test_what_a_caller_gets_can_be_given_back(parts: list[Any], summarised: bool) -> None:
    thinking = Thinking(summary="auto") if summarised else None
    echo = Echo(msgspec.structs.replace(_REQUEST, thinking=thinking), "call-1")
    reply = ChatReply(choices=(Choice(tuple(parts)),))
    whole = json.loads(_codec().write_reply(reply, echo))
    writer = _codec().writer(echo)
    stream = b"".join(writer.write(event) for event in (*events_of(reply), Ended()))
    assert DIALECT.fold is not None
    streamed = json.loads(DIALECT.fold(stream))["output"]
    for output in (whole["output"], streamed):
        body = json.dumps({"model": "m", "input": output}).encode()
        messages = [one for one in _codec().read_request(body, NO_ASK).messages if one.parts]
        assert [part for message in messages for part in message.parts] == parts
    Response.model_validate({**whole, "output": [one for one in streamed if one["type"] != "web_search_call"]})
