"""Whole answers, usage and errors in Anthropic's Messages form."""

import json
from typing import Any

import pytest

from pilothouse.domain.chat import (
    ChatReply,
    ChatRequest,
    Choice,
    Extra,
    Native,
    Part,
    Reasoning,
    Refusal,
    StopReason,
    Text,
    ToolCall,
)
from pilothouse.domain.usage import Usage
from pilothouse.errors import (
    BodyTooLarge,
    InvalidRequest,
    KeyUnknown,
    ModelForbidden,
    ModelUnknown,
    PilothouseError,
    UpstreamAuth,
    UpstreamInvalid,
    UpstreamOverloaded,
    UpstreamProtocol,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from pilothouse.protocols import table
from pilothouse.protocols.anthropic_messages import (
    read_chat_reply,
    read_count,
    read_error,
    read_reply,
    render_error,
    render_stream_error,
    usage,
    write_reply,
)
from pilothouse.protocols.base import NO_MEMO, Echo, Memo

NAME = "anthropic_messages"
ECHO = Echo(ChatRequest(dialect=NAME, model="asked", messages=()), "r1")


def message(*content: dict[str, Any], **more: Any) -> bytes:
    found = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
             "stop_reason": "end_turn", "stop_sequence": None,
             "usage": {"input_tokens": 3, "output_tokens": 4, "service_tier": "priority"}}  # fmt: skip
    return json.dumps(found | more).encode()


def test_the_record_gets_model_usage_and_the_end() -> None:
    found = read_reply(message(stop_reason="max_tokens"))
    assert (found.model, found.finish_reason) == ("claude-x", "max_tokens")
    assert found.usage == Usage(3, output_tokens=4, tier="priority")


@pytest.mark.parametrize(
    "odd", [{"model": 7}, {"content": ["text"]}, {"usage": {"input_tokens": "3", "output_tokens": 4.0}}, {"usage": []}]
)
def test_the_record_gets_what_can_be_read_of_an_odd_answer(odd: dict[str, Any]) -> None:
    found = read_reply(message(stop_reason="max_tokens", **odd))
    assert (found.finish_reason, found.error) == ("max_tokens", None)
    assert found.model == ("" if "model" in odd else "claude-x")
    assert (found.usage is None) is (odd.get("usage") == [])


@pytest.mark.parametrize("citations", [{}, {"citations": None}])
def test_bare_text_is_read_like_any_other(citations: dict[str, Any]) -> None:
    said, own = {"type": "text", "text": "a", **citations}, {"type": "text", "text": "b", "own": 1}
    alone = read_chat_reply(message(said, said), NO_MEMO)
    beside = read_chat_reply(message(said, own, container={"id": "c"}), NO_MEMO)
    assert alone.choices[0].parts == (Text("a"), Text("a"))
    assert beside.choices[0].parts == (Text("a"), Text("b", extra=Extra(NAME, {"own": 1})))
    assert beside.extra == Extra(NAME, {"container": {"id": "c"}})


@pytest.mark.parametrize("content", [None, "text", {}])
def test_an_answer_without_a_list_of_blocks_is_none(content: Any) -> None:
    with pytest.raises(UpstreamProtocol):
        read_chat_reply(message(content=content), NO_MEMO)


def test_an_error_in_place_of_an_answer_is_found() -> None:
    found = read_reply(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"q"}')
    assert found.error is not None
    assert (found.error.type, found.error.status) == ("overloaded_error", 529)
    for body in (b'{"content":"text"}', b"[]", b"null", b"{", b'{"content":5,"model":"\xff"}'):
        with pytest.raises(UpstreamProtocol):
            read_reply(body)
        with pytest.raises(UpstreamProtocol):
            read_chat_reply(body, NO_MEMO)


def test_a_whole_answer_goes_into_the_domain_and_back() -> None:
    content: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "t", "signature": "S="},
        {"type": "redacted_thinking", "data": "R="},
        {"type": "text", "text": "a", "citations": [{"type": "char_location", "cited_text": "c"}]},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"b": 1.0, "a": 2}},
    ]
    body = message(*content, stop_reason="tool_use", container={"id": "c"})
    found = read_chat_reply(body, NO_MEMO)
    assert (found.id, found.model, found.service_tier) == ("msg_1", "claude-x", "priority")
    choice = found.choices[0]
    assert (choice.stop, choice.stop_raw) == (StopReason.TOOL_CALLS, "tool_use")
    assert choice.parts[0] == Reasoning("t", "S=", vendor="anthropic")
    assert choice.parts[3] == Native(NAME, content[3])
    call = choice.parts[4]
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"b": 1.0, "a": 2}'
    back = json.loads(write_reply(found, ECHO))
    assert back["content"] == content
    assert back["container"] == {"id": "c"}
    assert (back["stop_reason"], back["id"], back["type"], back["role"]) == (
        "tool_use",
        "msg_1",
        "message",
        "assistant",
    )


def test_refusals_keep_their_details() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": None}
    found = read_chat_reply(message(stop_reason="refusal", stop_details=details), NO_MEMO)
    assert found.choices[0].stop is StopReason.REFUSED
    assert json.loads(write_reply(found, ECHO))["stop_details"] == details


def test_the_tool_that_stands_in_for_a_schema_is_unwrapped() -> None:
    call = {"type": "tool_use", "id": "t", "name": "answer", "input": {"value": [1, 2.0]}}
    body = message(call, stop_reason="tool_use")
    found = read_chat_reply(body, Memo(format_tool="answer", wrapped=True))
    assert found.choices[0].parts == (Text("[1, 2.0]"),)
    assert found.choices[0].stop is StopReason.END
    found = read_chat_reply(body, Memo({"answer": "x"}, "other"))
    assert isinstance(found.choices[0].parts[0], ToolCall)
    assert found.choices[0].parts[0].name == "x"


def test_an_answer_of_another_dialect_is_written() -> None:
    parts: tuple[Part, ...] = (
        Reasoning("thought", "foreign", vendor="google"),
        Reasoning(redacted="secret", vendor="openai"),
        Text(""),
        Text("hi", signature="x"),
        Refusal("no"),
        ToolCall("call|1", "f", "not json"),
        Native("openai_responses", {"type": "web_search_call"}),
    )
    reply = ChatReply(choices=(Choice(parts, StopReason.END, "stop"),), usage=Usage(1, 2, 3, 4, output_tokens=5))
    written = json.loads(write_reply(reply, ECHO))
    assert written["content"] == [
        {"type": "thinking", "thinking": "thought", "signature": ""},
        {"type": "text", "text": "hi"},
        {"type": "text", "text": "no"},
        {"type": "tool_use", "id": written["content"][3]["id"], "name": "f", "input": {"arguments": "not json"}},
    ]
    assert (written["id"], written["model"], written["stop_reason"]) == ("msg_r1", "asked", "tool_use")
    assert written["usage"] == {
        "input_tokens": 1,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 2,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
        "output_tokens": 5,
    }
    assert json.loads(write_reply(ChatReply(), ECHO))["content"] == []


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (StopReason.END, "end_turn"),
        (StopReason.UNKNOWN, "end_turn"),
        (StopReason.BROKEN, "end_turn"),
        (StopReason.FILTERED, "refusal"),
        (StopReason.REFUSED, "refusal"),
        (StopReason.LENGTH, "max_tokens"),
        (StopReason.TOOL_CALLS, "tool_use"),
    ],
)
def test_words_for_the_end(stop: StopReason, word: str) -> None:
    assert json.loads(write_reply(ChatReply(choices=(Choice((), stop, "raw"),)), ECHO))["stop_reason"] == word


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"input_tokens": 1, "output_tokens": 2}, Usage(1, output_tokens=2)),
        ({"input_tokens": 1, "cache_creation_input_tokens": 5, "output_tokens": 0}, Usage(1, 0, 5)),
        (
            {"input_tokens": 1, "output_tokens": 0, "cache_creation_input_tokens": 5,
             "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 3}},
            Usage(1, 0, 2, 3),
        ),
        (
            {"input_tokens": 1, "output_tokens": 0, "cache_creation_input_tokens": 3,
             "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}},
            Usage(1, 0, 2, 3, inconsistent=True),
        ),
        ({"input_tokens": -1, "output_tokens": 0}, Usage(-1, inconsistent=True)),
        (
            {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 4}},
            Usage(output_tokens=3, reasoning_tokens=4, inconsistent=True),
        ),
        ({"input_tokens": 1, "output_tokens": 1, "service_tier": "batch"}, Usage(1, output_tokens=1, tier="batch")),
        ({"input_tokens": 1, "output_tokens": 1, "service_tier": "standard"}, Usage(1, output_tokens=1)),
        ({"input_tokens": 1, "output_tokens": 1, "speed": "fast"}, Usage(1, output_tokens=1, tier="fast")),
        ({"cache_creation": None}, None),
        ({"input_tokens": "many"}, None),
        (None, None),
    ],
)  # fmt: skip
def test_usage_is_read(raw: Any, found: Usage | None) -> None:
    assert usage.read(raw) == found


def test_usage_survives_the_way_round() -> None:
    for found in (Usage(1, 2, 3, 4, output_tokens=5, reasoning_tokens=6, searches=7, tier="batch"), Usage(tier="fast")):
        assert usage.read(usage.write(found)) == found


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InvalidRequest("x", param="messages"), 400, "invalid_request_error"),
        (KeyUnknown("x"), 401, "authentication_error"),
        (ModelForbidden("x"), 403, "permission_error"),
        (ModelUnknown("x"), 404, "not_found_error"),
        (BodyTooLarge("x"), 413, "request_too_large"),
        (UpstreamRateLimited("x"), 429, "rate_limit_error"),
        (UpstreamAuth("x"), 502, "api_error"),
        (UpstreamTimeout("x"), 504, "timeout_error"),
        (UpstreamOverloaded("x"), 529, "overloaded_error"),
    ],
)
def test_errors_have_anthropics_types(error: PilothouseError, status: int, kind: str) -> None:
    whole = json.loads(render_error(error, "r1"))
    assert whole == {"type": "error", "error": {"type": kind, "message": "x"}, "request_id": "r1"}
    assert table.dialect(NAME).error_status(error, error.status) == status


def test_a_providers_own_words_are_shown_where_they_help() -> None:
    body = b'{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}'
    whole = json.loads(render_error(UpstreamInvalid("x", body=body), "r1"))
    assert whole["error"] == {"type": "invalid_request_error", "message": "too long"}
    whole = json.loads(render_error(UpstreamAuth("x", body=b'{"error":{"message":"key sk-1 is wrong"}}'), "r1"))
    assert whole["error"]["message"] == "x"
    assert render_stream_error(UpstreamOverloaded("x"), "r1").startswith(b"event: error\ndata: {")


def test_errors_are_read_with_the_status_of_their_type() -> None:
    found = read_error(b'{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}')
    assert found is not None
    assert (found.message, found.type, found.status) == ("slow", "rate_limit_error", 429)
    assert read_error(b'{"type":"message","content":[]}') is None
    assert read_error(b"<html>") is None


def test_a_count_of_tokens_passes() -> None:
    found = read_count(b'{"input_tokens":14}')
    assert (found.usage, found.error) == (None, None)
    assert read_count(b'{"type":"error","error":{"type":"api_error","message":"m"}}').error is not None
    counted = table.dialect("anthropic_count_tokens")
    assert (counted.codec, counted.scan, counted.path) == (None, None, "/v1/messages/count_tokens")
