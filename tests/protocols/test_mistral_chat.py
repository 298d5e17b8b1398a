"""Mistral's chat: its own words both ways, whole calls and unasked usage in streams, thoughts in parts."""

import json
from typing import Any

import pytest

from pilothouse.domain.chat import (
    Audio,
    BlockEnded,
    BlockStarted,
    ChatReply,
    ChatRequest,
    Choice,
    Document,
    Ended,
    Finished,
    FunctionTool,
    Image,
    Media,
    Message,
    Metered,
    Native,
    NativeTool,
    Reasoning,
    ReasoningDelta,
    Role,
    SignatureDelta,
    Started,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from pilothouse.domain.facts import ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest, ModelUnknown
from pilothouse.protocols import losses, marks
from pilothouse.protocols.base import Echo
from pilothouse.protocols.conversion import events_of
from pilothouse.protocols.mistral_chat import DIALECT, StreamWriter, read_request, write_request
from pilothouse.protocols.mistral_chat.replies import write_whole
from pilothouse.protocols.openai_chat import fold
from pilothouse.protocols.openai_chat.replies import read_whole
from pilothouse.protocols.openai_chat.stream_in import StreamIn

ASKED = Message(Role.USER, (Text("Hi"),))


def read(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    return read_request(json.dumps({"model": "m", "messages": messages, **fields}).encode())


def write(*messages: Message, **fields: Any) -> dict[str, Any]:
    written = write_request(ChatRequest(dialect="gemini", model="m", messages=messages or (ASKED,), **fields), FACTS)
    assert [loss for loss in written.losses if loss.essential] == []
    return json.loads(written.body)


FACTS = ModelFacts()
USER = {"role": "user", "content": "Hi"}


def test_its_own_words_are_understood() -> None:
    found = read(USER, random_seed=7, tool_choice="any", prompt_mode="reasoning", safe_prompt=False, metadata={"a": 1})
    assert (found.dialect, found.sampling.seed, found.thinking, found.extra) == (
        "mistral_chat", 7, Thinking(enabled=True), None,
    )  # fmt: skip
    assert found.tool_choice == ToolChoice(ToolMode.REQUIRED)
    assert found.labels == {"a": "1"}


def test_what_others_have_no_word_for_is_kept_by_name() -> None:
    found = read(USER, safe_prompt=True, min_tokens=3, logprobs=True, tools=[{"type": "web_search"}])
    assert found.extra is not None
    assert found.extra.fields == {"safe_prompt": True, "min_tokens": 3, "logprobs": True}
    assert found.tools == (NativeTool("mistral_chat", {"type": "web_search"}),)


@pytest.mark.parametrize("field", ["safe_prompt", "guardrails", "logprobs"])
def test_what_was_asked_for_and_cannot_be_had_elsewhere_is_refused(field: str) -> None:
    found = losses.foreign(read(USER, **{field: [True]}), "openai_chat", "none")
    assert [(loss.field, loss.essential) for loss in found] == [(field, True)]


def test_parts_of_every_kind_are_read() -> None:
    found = read({"role": "user", "content": [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": "https://a.test/p.png"},
        {"type": "document_url", "document_url": "https://a.test/d.pdf", "document_name": "d"},
        {"type": "input_audio", "input_audio": "UklGRg=="},
        {"type": "file", "file_id": "f1"},
        {"type": "reference", "reference_ids": [1]},
    ]})  # fmt: skip
    assert found.messages[0].parts == (
        Text("a"), Image(Media(url="https://a.test/p.png")), Document(Media(url="https://a.test/d.pdf"), name="d"),
        Audio(Media("audio/mpeg", data="UklGRg==")), Document(Media(file_id="f1")),
        Native("mistral_chat", {"type": "reference", "reference_ids": [1]}),
    )  # fmt: skip


def test_thoughts_calls_and_marks_are_read() -> None:
    packed = marks.pack(Reasoning(signature="sig", vendor="anthropic"))
    identity = marks.into_id("c1", "gemini mark")
    found = read(USER, {
        "role": "assistant", "prefix": False,
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}], "signature": packed},
            {"type": "thinking", "thinking": [{"type": "text", "text": "So"}], "signature": "own"},
            {"type": "text", "text": "Yes"},
        ],
        "tool_calls": [{"id": identity, "function": {"name": "f", "arguments": {"a": 1}}}],
    }, {"role": "tool", "tool_call_id": identity, "name": "f", "content": "ok"})  # fmt: skip
    assert found.messages[1].parts == (
        Reasoning("Hm", "sig", vendor="anthropic"), Reasoning("So", "own", vendor="mistral"), Text("Yes"),
        ToolCall("c1", "f", '{"a":1}', signature="gemini mark"),
    )  # fmt: skip
    assert found.messages[2].parts == (ToolResult("c1", "f", (Text("ok"),)),)


@pytest.mark.parametrize(
    ("messages", "param"),
    [("text", "messages"), ([7], "messages.0"), ([{"role": "x"}], "messages.0.role"),
     ([{"role": "user", "content": [7]}], "messages.0.content.0")],
)  # fmt: skip
def test_what_is_no_message_is_refused_by_name(messages: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_request(json.dumps({"model": "m", "messages": messages}).encode())
    assert refused.value.param == param


def test_a_request_is_written_in_its_words() -> None:
    tool = FunctionTool("f", "Does", None, strict=True)
    body = write(
        Message(Role.DEVELOPER, (Text("Be brief."),)), ASKED,
        tools=(tool,), tool_choice=ToolChoice(ToolMode.REQUIRED), thinking=Thinking(effort="low"), max_output_tokens=5,
    )  # fmt: skip
    assert body == {
        "model": "m", "max_tokens": 5, "reasoning_effort": "low", "tool_choice": "any",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "function": {
            "name": "f", "description": "Does", "parameters": {"type": "object", "properties": {}}, "strict": True,
        }}],
    }  # fmt: skip


def test_ids_of_calls_have_nine_letters_and_stay_equal() -> None:
    body = write(
        ASKED, Message(Role.ASSISTANT, (ToolCall("toolu_0123", "f", "{}"), ToolCall("abcDEF123", "f", "{}"))),
        Message(Role.TOOL, (ToolResult("toolu_0123", "f"), ToolResult("abcDEF123", "f", is_error=True))),
    )  # fmt: skip
    made, kept = (call["id"] for call in body["messages"][1]["tool_calls"])
    assert kept == "abcDEF123"
    assert len(made) == 9
    assert made.isalnum()
    assert [message["tool_call_id"] for message in body["messages"][2:]] == [made, kept]
    assert body["messages"][3]["content"] == "Error:"


def test_an_answer_that_is_begun_is_a_prefix_and_own_thoughts_go_back() -> None:
    thought, foreign = Reasoning("Hm", vendor="mistral"), Reasoning("No", "s", vendor="anthropic")
    written = write_request(
        ChatRequest(
            dialect="gemini", model="m", messages=(ASKED, Message(Role.ASSISTANT, (thought, foreign, Text("So")))),
        ), FACTS,
    )  # fmt: skip
    assert json.loads(written.body)["messages"][1] == {
        "role": "assistant", "prefix": True,
        "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}, {"type": "text", "text": "So"}],
    }  # fmt: skip
    assert [loss.field for loss in written.losses] == ["messages.1.content.1"]


REPLY = ChatReply(
    id="id", model="m",
    choices=(Choice((Reasoning("Hm", vendor="mistral"), Text("Yes"), ToolCall("c1", "f", '{"a":1}')),
                    StopReason.TOOL_CALLS),), usage=Usage(5, 2, output_tokens=3), created_s=9,
)  # fmt: skip
ECHO = Echo(ChatRequest(dialect="mistral_chat", model="m", messages=(ASKED,)), "r")


def streamed(*events: Any) -> bytes:
    writer = StreamWriter(ECHO)
    return b"".join(writer.write(event) for event in events)


def chunks(stream: bytes) -> list[dict[str, Any]]:
    lines = stream.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def test_a_streamed_call_is_whole_and_usage_comes_last() -> None:
    found = chunks(streamed(*events_of(REPLY)))
    deltas = [chunk["choices"][0]["delta"] for chunk in found]
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}, "index": 0}
    assert deltas == [
        {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
        {"content": "Yes"}, {"content": "", "tool_calls": [call]}, {"content": ""},
    ]  # fmt: skip
    assert [chunk["choices"][0]["finish_reason"] for chunk in found] == [None, None, None, "tool_calls"]
    assert ["usage" in chunk for chunk in found] == [False, False, False, True]
    assert found[-1]["usage"]["prompt_tokens"] == 7


def test_of_several_answers_the_last_chunk_carries_the_usage() -> None:
    stream = streamed(
        Started("i", "m"), BlockStarted(0, Text(""), 0), BlockStarted(1, Text(""), 1), TextDelta(0, "a"),
        TextDelta(1, "b"), BlockEnded(0), BlockEnded(1), Finished(StopReason.END, choice=0),
        Finished(StopReason.CONTEXT_FULL, choice=1), Metered(Usage(1, output_tokens=2)), Ended(),
    )  # fmt: skip
    last = chunks(stream)[-2:]
    assert [(chunk["choices"][0]["index"], chunk["choices"][0]["finish_reason"]) for chunk in last] == [
        (0, "stop"), (1, "model_length"),
    ]  # fmt: skip
    assert ["usage" in chunk for chunk in last] == [False, True]


def test_marks_of_other_vendors_come_with_the_thought_and_the_call() -> None:
    stream = streamed(
        Started("i", "m"), BlockStarted(0, Reasoning(vendor="anthropic")), ReasoningDelta(0, "Hm"),
        SignatureDelta(0, "sig"), BlockEnded(0), BlockStarted(1, ToolCall("c1", "f", signature="g")), BlockEnded(1),
        Finished(StopReason.TOOL_CALLS), Ended(),
    )  # fmt: skip
    message = json.loads(fold(stream))["choices"][0]["message"]
    found = read(USER, message).messages[1].parts
    assert found == (Reasoning("Hm", "sig", vendor="anthropic"), ToolCall("c1", "f", "{}", signature="g"))


def test_whole_and_streamed_answers_are_read_alike() -> None:
    whole = write_whole(REPLY, ECHO)
    stream = streamed(*events_of(REPLY))
    for body in (whole, fold(stream)):
        found = read_whole(body)
        assert found.choices[0].parts == REPLY.choices[0].parts
        assert found.choices[0].stop is StopReason.TOOL_CALLS
    for step in (1, 13):
        reader = StreamIn()
        events = [event for at in range(0, len(stream), step) for event in reader.feed(stream[at : at + step])]
        events += reader.end()
        assert isinstance(events[-1], Ended)
        thoughts = [event.part for event in events if isinstance(event, BlockStarted)]
        assert thoughts[0] == Reasoning(vendor="mistral")


@pytest.mark.parametrize(
    ("word", "stop"), [("model_length", StopReason.CONTEXT_FULL), ("error", StopReason.BROKEN)]
)  # fmt: skip
def test_its_ends_are_understood(word: str, stop: StopReason) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": word}
    assert read_whole(json.dumps({"choices": [choice]}).encode()).choices[0].stop is stop


def test_errors_have_its_form() -> None:
    found = json.loads(DIALECT.render_error(ModelUnknown("no such model", param="model"), "r"))
    assert found["object"] == "error"
    assert (found["message"], found["code"], found["param"]) == ("no such model", "model_not_found", "model")
    streamed_error = DIALECT.render_stream_error(ModelUnknown("no such model"), "r")
    assert json.loads(streamed_error.removeprefix(b"data: "))["object"] == "error"


def test_marks_do_not_reach_mistral_itself() -> None:
    body = json.dumps({"model": "a/m", "messages": [{"id": marks.into_id("c1", "g")}]}).encode()
    assert DIALECT.needs_canonical(body)
    assert json.loads(DIALECT.rewrite(body, model="m", ask_usage=False)) == {"model": "m", "messages": [{"id": "c1"}]}
