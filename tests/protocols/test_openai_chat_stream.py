"""The scan and the fold of chat streams: byte-identical, whatever the network does to the pieces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import openai_chat
from pilothouse.protocols.openai_chat import StreamScan
from pilothouse.protocols.openai_chat.scan import MAX_EVENT_BYTES

WIDE = 'Grüße 世界 🌍 \u2028 \u0085 \\ " end'


def event(document: object, *, end: str = "\n\n", start: str = "data: ") -> bytes:
    return (start + json.dumps(document, ensure_ascii=False, separators=(",", ":")) + end).encode()


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice], **more}


DONE = b"data: [DONE]\n\n"
RAW_USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
USAGE = Usage(6, 4, output_tokens=3)
OPENING = event(chunk({"role": "assistant", "content": "", "refusal": None}))
TEXTS = [event(chunk({"content": text})) for text in ("Hello", " wörld", WIDE)]
FINISH = event(chunk({}, "stop"))
USAGE_ONLY = event({**chunk(), "choices": [], "usage": RAW_USAGE})
STREAM = b"".join([OPENING, *TEXTS, FINISH, USAGE_ONLY, DONE])


def run(scan: StreamScan, pieces: list[bytes], *, end: bool = True) -> bytes:
    out = b"".join(scan.feed(piece) for piece in pieces)
    return out + scan.end() if end else out


def test_a_stream_passes_on_byte_for_byte() -> None:
    scan = StreamScan()
    assert run(scan, [STREAM]) == STREAM
    assert (scan.model, scan.usage, scan.finish_reason) == ("m-1", USAGE, "stop")
    assert (scan.done, scan.complete, scan.content_seen, scan.error) == (True, True, True, None)


def test_whole_events_pass_without_a_copy() -> None:
    scan = StreamScan()
    scan.feed(OPENING + TEXTS[0])
    assert scan.feed(TEXTS[1]) is TEXTS[1]


def test_the_usage_chunk_that_the_gateway_asked_for_is_hidden() -> None:
    scan = StreamScan(hide_usage=True)
    assert run(scan, [STREAM]) == STREAM.replace(USAGE_ONLY, b"")
    assert scan.usage == USAGE


def test_usage_beside_a_choice_is_read_and_passed_on() -> None:
    last = event(chunk({}, "stop", usage=RAW_USAGE))
    stream = OPENING + TEXTS[0] + last + DONE
    scan = StreamScan(hide_usage=True)
    assert run(scan, [stream]) == stream
    assert scan.usage == USAGE


def test_the_last_of_running_usage_counts() -> None:
    early = event(chunk({"content": "a"}, usage={"prompt_tokens": 10, "completion_tokens": 1}))
    scan = StreamScan(hide_usage=True)
    assert run(scan, [early, early, USAGE_ONLY, DONE]) == early + early + DONE
    assert scan.usage == USAGE


def test_usage_null_in_every_chunk_is_no_usage() -> None:
    stream = event(chunk({"content": "a"}, usage=None)) * 3 + event({**chunk(), "choices": [], "usage": None}) + DONE
    scan = StreamScan(hide_usage=True)
    assert run(scan, [stream]) == stream
    assert scan.usage is None


@pytest.mark.parametrize("colon", [":", ": ", " : "])
def test_blanks_in_the_json_do_not_hide_the_end(colon: str) -> None:
    def spaced(document: object) -> bytes:
        return ("data: " + json.dumps(document, separators=(", ", colon)) + "\n\n").encode()

    stream = spaced(chunk({"content": "a"}, usage=None)) * 2 + spaced(chunk({}, "length", usage=RAW_USAGE))
    scan = StreamScan()
    assert run(scan, [stream]) == stream
    assert (scan.finish_reason, scan.usage, scan.complete) == ("length", USAGE, True)


@given(st.data())
def test_any_split_gives_the_same(data: st.DataObject) -> None:
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    pings = data.draw(st.booleans())
    stream = STREAM.replace(b"\n", newline.encode())
    if pings:
        stream = stream.replace(b"data: ", b": ping" + newline.encode() * 2 + b"data: ")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    plain, hiding = StreamScan(), StreamScan(hide_usage=True)
    assert run(plain, pieces) == stream
    whole = StreamScan(hide_usage=True)
    assert run(hiding, pieces) == run(whole, [stream])
    for scan in (plain, hiding, whole):
        assert (scan.usage, scan.finish_reason, scan.model, scan.complete) == (USAGE, "stop", "m-1", True)
    assert openai_chat.fold(stream) == openai_chat.fold(STREAM)


def test_byte_by_byte() -> None:
    scan = StreamScan(hide_usage=True)
    assert run(scan, [STREAM[i : i + 1] for i in range(len(STREAM))]) == STREAM.replace(USAGE_ONLY, b"")


def test_a_whole_event_leaves_as_soon_as_it_is_whole() -> None:
    scan = StreamScan()
    assert scan.feed(TEXTS[0][:-1]) == b""
    assert scan.feed(TEXTS[0][-1:]) == TEXTS[0]
    assert scan.content_seen


def test_data_without_a_blank() -> None:
    stream = (
        event(chunk({"content": "a"}), start="data:") + event(chunk({}, "stop"), start="data:") + b"data:[DONE]\n\n"
    )
    scan = StreamScan()
    assert run(scan, [stream]) == stream
    assert (scan.done, scan.finish_reason) == (True, "stop")


@pytest.mark.parametrize(
    ("delta", "seen"),
    [
        ({"role": "assistant"}, False),
        ({"role": "assistant", "content": ""}, False),
        ({"content": None, "tool_calls": None, "reasoning_content": ""}, False),
        ({"content": "a"}, True),
        ({"content": [{"type": "thinking"}]}, True),
        ({"reasoning_content": "hm"}, True),
        ({"reasoning": "hm"}, True),
        ({"refusal": "no"}, True),
        ({"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f", "arguments": ""}}]}, True),
        ({"function_call": {"name": "f"}}, True),
        ({"audio": {"data": "x"}}, True),
    ],
)
def test_what_counts_as_content(delta: dict[str, Any], seen: bool) -> None:
    scan = StreamScan()
    scan.feed(event(chunk(delta)))
    assert scan.content_seen is seen


def test_comments_are_no_content() -> None:
    scan = StreamScan()
    assert run(scan, [b": ping\n\n" * 3], end=False) == b": ping\n\n" * 3
    assert not scan.content_seen


PROBLEM = {"error": {"message": "The engine failed.", "type": "server_error", "code": None}}
IN_STREAM = {
    "an error object": event(PROBLEM),
    "an error event": event(PROBLEM, start="event: error\ndata: "),
    "an error event with a bare object": event(PROBLEM["error"], start="event: error\ndata: "),
    "llama.cpp's error field": event(PROBLEM, start="error: "),
    "an error beside choices": event(chunk({}, "error", **PROBLEM)),
    "vLLM's old form": event({"object": "error", "message": "The engine failed.", "type": "server_error", "code": 500}),
    "text": b'data: {"error":"The engine failed."}\n\n',
    "an error event that is not JSON": b"event: error\ndata: The engine failed.\n\n",
    "choices of a wrong type": event({"choices": "none", **PROBLEM}),
}


@pytest.mark.parametrize("name", IN_STREAM)
@pytest.mark.parametrize("after_content", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_an_error_inside_a_stream_ends_what_is_passed_on(name: str, after_content: bool, at_once: bool) -> None:
    before = OPENING + TEXTS[0] if after_content else b""
    pieces = [before, IN_STREAM[name], TEXTS[1], DONE]
    scan = StreamScan(hide_usage=True)
    assert run(scan, [b"".join(pieces)] if at_once else pieces) == before
    assert scan.error is not None
    assert scan.error.message == "The engine failed."
    assert not scan.complete
    assert json.loads(openai_chat.fold(b"".join(pieces)))["error"]


def test_error_null_and_the_word_error_are_no_error() -> None:
    stream = event(chunk({"content": 'an "error" event: error'}, error=None)) + FINISH + DONE
    scan = StreamScan()
    assert run(scan, [TEXTS[0], stream]) == TEXTS[0] + stream
    assert (scan.error, scan.complete) == (None, True)


def test_a_stream_without_done_is_complete_after_a_finish_and_a_clean_end() -> None:
    scan = StreamScan()
    run(scan, [OPENING, *TEXTS, FINISH], end=False)
    assert not scan.complete
    scan.end()
    assert scan.complete
    assert not scan.done


def test_a_stream_without_done_and_finish_is_cut() -> None:
    scan = StreamScan()
    run(scan, [OPENING, *TEXTS])
    assert not scan.complete


@pytest.mark.parametrize("newline", [b"", b"\n", b"\r\n"])
def test_a_last_event_without_its_blank_line_is_passed_on(newline: bytes) -> None:
    scan = StreamScan()
    assert run(scan, [OPENING + TEXTS[0] + DONE.rstrip() + newline]) == OPENING + TEXTS[0] + DONE
    assert scan.done


def test_half_an_event_at_the_end_is_not_passed_on() -> None:
    scan = StreamScan()
    assert run(scan, [OPENING + TEXTS[0] + TEXTS[1][:60]]) == OPENING + TEXTS[0]
    assert not scan.complete


def test_halves_of_a_surrogate_pair_are_passed_on_and_joined() -> None:
    stream = b"".join(
        b'data: {"choices":[{"index":0,"delta":{"content":"\\u' + half + b'"}}]}\n\n' for half in (b"d83c", b"df0d")
    )
    scan = StreamScan()
    assert run(scan, [stream + FINISH + DONE]) == stream + FINISH + DONE
    assert (scan.content_seen, scan.complete) == (True, True)
    assert message(stream)["content"] == "🌍"
    assert message(stream[: len(stream) // 2])["content"] == "\ufffd"


@pytest.mark.parametrize("lead", [b"", b"\n", b"  \r\n"])
def test_a_whole_answer_to_a_streamed_request_becomes_a_stream(lead: bytes) -> None:
    call = {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    whole = {
        "id": "c1",
        "object": "chat.completion",
        "model": "m-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": WIDE, "tool_calls": [call]},
                "finish_reason": "stop",
            }
        ],
        "usage": RAW_USAGE,
    }
    body = lead + json.dumps(whole, indent=1).encode()
    scan = StreamScan(hide_usage=True)
    fed = b"".join(scan.feed(body[i : i + 7]) for i in range(0, len(body), 7))
    assert fed.strip() == b""
    stream = scan.end()
    assert (scan.usage, scan.finish_reason, scan.model, scan.complete) == (USAGE, "stop", "m-1", True)
    assert b'"usage"' not in stream
    assert stream.endswith(DONE)
    assert message(stream) == {"role": "assistant", "content": WIDE, "tool_calls": [call]}


def test_an_error_object_in_place_of_a_stream() -> None:
    scan = StreamScan()
    assert run(scan, [json.dumps(PROBLEM, indent=1).encode()]) == b""
    assert scan.error is not None
    assert scan.error.message == "The engine failed."
    assert not scan.complete


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b'{"choices":[{"message"', b"{}", b"[1]"])
def test_a_body_that_is_neither_stream_nor_answer_is_refused(body: bytes) -> None:
    scan = StreamScan()
    assert scan.feed(body) == b""
    with pytest.raises(UpstreamProtocol):
        scan.end()


def test_an_endless_event_is_refused() -> None:
    scan = StreamScan()
    block = b"data: " + b"x" * (MAX_EVENT_BYTES // 4)
    with pytest.raises(UpstreamProtocol, match="larger"):
        run(scan, [block] * 5, end=False)


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n\r\n"])
def test_an_empty_stream_is_not_complete(body: bytes) -> None:
    scan = StreamScan()
    assert run(scan, [body]) == body
    assert not scan.complete


def message(stream: bytes) -> dict[str, Any]:
    return json.loads(openai_chat.fold(stream))["choices"][0]["message"]


def test_the_fold_of_a_stream_is_the_whole_answer() -> None:
    folded = json.loads(openai_chat.fold(STREAM))
    assert folded == {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello wörld" + WIDE},
                "finish_reason": "stop",
            }
        ],
        "usage": RAW_USAGE,
    }


def test_the_fold_joins_reasoning_refusals_and_more() -> None:
    deltas: list[dict[str, Any]] = [
        {"reasoning_content": "I "},
        {"reasoning_content": "think"},
        {"content": "A"},
        {"refusal": "n"},
        {"refusal": "o"},
        {"audio": {"id": "a", "data": "x"}},
        {"audio": {"data": "y"}},
        {"annotations": [1]},
        {"annotations": [2]},
        {"function_call": {"name": "f", "arguments": "{"}},
        {"function_call": {"arguments": "}"}},
    ]
    assert message(b"".join(event(chunk(delta)) for delta in deltas)) == {
        "role": "assistant",
        "reasoning_content": "I think",
        "content": "A",
        "refusal": "no",
        "audio": {"id": "a", "data": "xy"},
        "annotations": [1, 2],
        "function_call": {"name": "f", "arguments": "{}"},
    }


def test_the_fold_keeps_choices_apart() -> None:
    stream = b"".join(
        event({"choices": [{"index": index, "delta": {"content": text}}]})
        for index, text in ((1, "b"), (0, "a"), (1, "B"), (0, "A"))
    )
    choices = json.loads(openai_chat.fold(stream))["choices"]
    assert [(choice["index"], choice["message"]["content"]) for choice in choices] == [(0, "aA"), (1, "bB")]


def piece(index: int | None, identity: str | None = None, name: str | None = None, arguments: Any = None) -> bytes:
    call: dict[str, Any] = {} if index is None else {"index": index}
    if identity is not None:
        call["id"] = identity
    call["function"] = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return event(chunk({"tool_calls": [call]}))


TWO_CALLS = [("1", "a", '{"x":1}'), ("2", "b", '{"y":2}')]
PARALLEL = {
    "by index, mixed": [
        piece(0, "1", "a", ""), piece(1, "2", "b", ""), piece(0, arguments='{"x"'), piece(1, arguments='{"y"'),
        piece(0, arguments=":1}"), piece(1, arguments=":2}"),
    ],
    "all on index 0": [
        piece(0, "1", "a", ""), piece(0, arguments='{"x":1}'), piece(0, "2", "b", ""), piece(0, arguments='{"y":2}'),
    ],
    "all on index 0, id repeated": [
        piece(0, "1", "a", '{"x"'), piece(0, "1", "a", ":1}"), piece(0, "2", "b", '{"y"'),
        piece(0, "2", arguments=":2}"),
    ],
    "no index": [
        piece(None, "1", "a", ""), piece(None, arguments='{"x":1}'), piece(None, "2", "b", '{"y"'),
        piece(None, arguments=":2}"),
    ],
    "no index, by id": [
        piece(None, "1", "a", '{"x"'), piece(None, "2", "b", '{"y"'), piece(None, "1", arguments=":1}"),
        piece(None, "2", arguments=":2}"),
    ],
    "a new id with every piece": [
        piece(0, "1", "a", ""), piece(0, "z1", arguments='{"x":1}'), piece(1, "2", "b", ""),
        piece(1, "z2", arguments='{"y":2}'),
    ],
    "arguments as objects": [piece(0, "1", "a", {"x": 1}), piece(0, "2", "b", {"y": 2})],
    "empty ids in the pieces": [
        piece(0, "1", "a", ""), piece(0, "", "", '{"x":1}'), piece(1, "2", "b", ""), piece(1, "", "", '{"y":2}'),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", PARALLEL)
def test_parallel_tool_calls_are_put_together(name: str) -> None:
    calls = message(b"".join(PARALLEL[name]))["tool_calls"]
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls] == TWO_CALLS
    assert {call["type"] for call in calls} == {"function"}


def test_whole_calls_without_ids_on_one_index_are_kept_apart() -> None:
    calls = message(piece(0, None, "a", '{"x":1}') + piece(0, None, "a", '{"x":2}'))["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"x":1}', '{"x":2}']


@given(st.integers(0, len(STREAM)))
def test_the_fold_takes_any_cut_tail(length: int) -> None:
    folded = json.loads(openai_chat.fold(STREAM[:length]))
    text = folded["choices"][0]["message"]["content"] if folded["choices"] else None
    assert ("Hello wörld" + WIDE).startswith(text or "")


@given(st.binary(max_size=200), st.booleans())
def test_the_fold_and_the_scan_take_any_bytes(noise: bytes, led: bool) -> None:
    raw = b"data: " + noise if led else noise
    if raw.lstrip()[:1] != b"{":
        json.loads(openai_chat.fold(raw))
    scan = StreamScan()
    scan.feed(raw)
    if not scan.plain:
        scan.end()


def test_the_fold_gives_back_what_is_whole_already() -> None:
    assert openai_chat.fold(b'{"id":"x"}') == b'{"id":"x"}'


@pytest.mark.parametrize(
    "odd", [b"data: 3\n\n", b"data: []\n\n", b'data: {"choices":{}}\n\n', b'data: {"choices":[3]}\n\n']
)
def test_odd_events_are_passed_on_and_folded_away(odd: bytes) -> None:
    scan = StreamScan(hide_usage=True)
    assert run(scan, [odd + TEXTS[0] + FINISH + DONE]) == odd + TEXTS[0] + FINISH + DONE
    assert scan.complete
    assert message(odd + TEXTS[0])["content"] == "Hello"


REPLY = {
    "id": "c",
    "model": "m",
    "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}],
    "usage": RAW_USAGE,
}


def test_a_whole_reply_is_read() -> None:
    reply = openai_chat.read_reply(json.dumps(REPLY).encode())
    assert (reply.model, reply.usage, reply.finish_reason, reply.error) == ("m", USAGE, "stop", None)


def test_a_reply_with_odd_fields_is_read_as_far_as_it_goes() -> None:
    odd = {**REPLY, "choices": [{"finish_reason": "stop"}, 3], "usage": {"prompt_tokens": "many"}}
    reply = openai_chat.read_reply(json.dumps(odd).encode())
    assert (reply.model, reply.usage, reply.finish_reason) == ("m", None, "stop")


def test_an_error_in_a_success_is_told() -> None:
    reply = openai_chat.read_reply(json.dumps(PROBLEM).encode())
    assert reply.error is not None
    assert reply.error.type == "server_error"


@pytest.mark.parametrize(
    "body", [b"", b"<html></html>", b"{}", b"[]", b"null", b'{"choices":null}', b'{"id":"x"', b"[" * 99999]
)
def test_what_is_no_reply_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        openai_chat.read_reply(body)
