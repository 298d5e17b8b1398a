"""Requests of the domain in Anthropic's Messages form, and what of them is lost."""

import json
from typing import Any

import pytest

from pilothouse.domain.chat import (
    Audio,
    CacheMark,
    ChatRequest,
    CustomTool,
    Document,
    FunctionTool,
    Image,
    Media,
    Message,
    Native,
    NativeTool,
    OutputFormat,
    OutputKind,
    Part,
    Reasoning,
    Role,
    Sampling,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
    Video,
)
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols.anthropic_messages import write_request
from pilothouse.protocols.base import Written

FACTS = ModelFacts()
BUDGET = ModelFacts(thinking=ThinkingStyle.BUDGET)
ADAPTIVE = ModelFacts(thinking=ThinkingStyle.ADAPTIVE)
NAME = "anthropic_messages"
HELLO = Message(Role.USER, (Text("hello"),))


def chat(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(**{"dialect": "openai_chat", "model": "claude", "messages": messages or (HELLO,)} | more)


def sent(request: ChatRequest, facts: ModelFacts = FACTS) -> tuple[dict[str, Any], Written]:
    written = write_request(request, facts)
    return json.loads(written.body), written


def lost(written: Written, *, essential: bool) -> set[str]:
    return {loss.field for loss in written.losses if loss.essential is essential}


def contents(*messages: Message, facts: ModelFacts = FACTS, **more: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    body, _ = sent(chat(*messages, **more), facts)
    return [(turn["role"], turn["content"]) for turn in body["messages"]]


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def test_turns_alternate_and_blank_text_goes() -> None:
    assert contents(
        Message(Role.USER, (Text("a"), Text("  "))),
        Message(Role.USER, (Text("b"),)),
        Message(Role.ASSISTANT, (Text(""),)),
        Message(Role.USER, (Text("c"),)),
        Message(Role.ASSISTANT, (Text("so \n"),)),
    ) == [("user", [text("a"), text("b"), text("c")]), ("assistant", [text("so")])]


def test_a_conversation_begins_with_the_user() -> None:
    assert contents(Message(Role.ASSISTANT, (Text("hi"),)), HELLO)[0] == ("user", [text(".")])
    assert contents(Message(Role.SYSTEM, (Text("do it"),))) == [("user", [text("do it")])]


def test_system_messages_lead_or_keep_their_place() -> None:
    leading = Message(Role.SYSTEM, (Text("s", CacheMark()),))
    later = Message(Role.DEVELOPER, (Text("later"),))
    request = chat(leading, Message(Role.DEVELOPER, (Text("d"),)), HELLO, Message(Role.ASSISTANT, (Text("a"),)), later)
    body, written = sent(request)
    assert body["system"] == [text("s") | {"cache_control": {"type": "ephemeral"}}, text("d")]
    assert body["messages"][-1] == {"role": "user", "content": [text("<system>\nlater\n</system>")]}
    assert lost(written, essential=False) == {"messages.4"}
    body, _ = sent(request, ModelFacts(mid_system=True))
    assert body["messages"][-1]["role"] == "user", "behind the model it has no place"


def roles(*messages: Message) -> list[str]:
    body, _ = sent(chat(*messages), ModelFacts(mid_system=True))
    return [turn["role"] for turn in body["messages"]]


def test_newest_models_take_system_messages_behind_the_user_and_before_the_model() -> None:
    note, said = Message(Role.SYSTEM, (Text("note"),)), Message(Role.ASSISTANT, (Text("a"),))
    call = Message(Role.ASSISTANT, (ToolCall("a", "f", "{}"),))
    result = Message(Role.TOOL, (ToolResult("a", parts=(Text("1"),)),))
    body, written = sent(chat(HELLO, note, Message(Role.DEVELOPER, (Text("more"),))), ModelFacts(mid_system=True))
    assert body["messages"][-1] == {"role": "system", "content": [text("note"), text("more")]}
    assert not written.losses
    assert roles(HELLO, note, said, HELLO) == ["user", "system", "assistant", "user"]
    assert roles(HELLO, call, result, note) == ["user", "assistant", "user", "system"]
    assert roles(HELLO, note, HELLO) == ["user"]
    assert roles(HELLO, said, note, HELLO) == ["user", "assistant", "user"]
    seen = Message(Role.SYSTEM, (Image(Media("image/png", "iVBORw0KGgo=")), Text("note")))
    assert roles(HELLO, seen) == ["user"]


def test_an_answer_that_is_begun_needs_a_model_that_goes_on() -> None:
    request = chat(HELLO, Message(Role.ASSISTANT, (Text("So"),)))
    body, written = sent(request, ModelFacts(prefill=False))
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert lost(written, essential=True) == {"messages"}


def test_parallel_results_stand_first_in_one_turn() -> None:
    calls = Message(Role.ASSISTANT, (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "f", "")))
    results = Message(Role.TOOL, (ToolResult("b", parts=(Text("2"),)), ToolResult("a", parts=(Text("1"),))))
    turns = contents(HELLO, calls, Message(Role.SYSTEM, (Text("note"),)), results, Message(Role.USER, (Text("go"),)))
    assert [block["input"] for block in turns[1][1]] == [{"x": 1}, {}]
    assert [block["type"] for block in turns[2][1]] == ["tool_result", "tool_result", "text", "text"]
    assert len(turns) == 3


def test_nothing_stands_between_a_call_and_its_result() -> None:
    call, result = ToolCall("a", "f", "{}"), ToolResult("a", parts=(Text("1"),))
    note = Message(Role.SYSTEM, (Text("note"),))
    request = chat(HELLO, Message(Role.ASSISTANT, (call,)), note, Message(Role.TOOL, (result,)))
    body, _ = sent(request, ModelFacts(mid_system=True))
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "text"]
    assert "is_error" not in body["messages"][2]["content"][0]


def test_calls_without_results_and_results_without_calls_are_repaired() -> None:
    calls = Message(Role.ASSISTANT, (ToolCall("a", "f", "{}"),))
    body, written = sent(chat(HELLO, calls, Message(Role.TOOL, (ToolResult("z", parts=(Text("lone"),)),))))
    turn = body["messages"][2]["content"]
    assert [block["type"] for block in turn] == ["tool_result", "text"]
    assert (turn[0]["tool_use_id"], turn[0]["is_error"]) == ("a", True)
    assert lost(written, essential=False) == {"messages"}
    assert contents(HELLO, calls)[2][0] == "user"


def test_arguments_that_are_no_object_survive_as_text() -> None:
    body, written = sent(chat(HELLO, Message(Role.ASSISTANT, (ToolCall("a", "f", '{"x":'),))))
    assert body["messages"][1]["content"][0]["input"] == {"arguments": '{"x":'}
    assert "messages.1.content.0.arguments" in lost(written, essential=False)


def test_only_thoughts_that_claude_signed_go_back_and_they_go_first() -> None:
    parts = (
        ToolCall("a", "f", "{}"),
        Reasoning("mine", "sig", vendor="anthropic"),
        Reasoning("other", "sig", vendor="google"),
        Reasoning("bare"),
        Reasoning(redacted="x", vendor="openai"),
    )
    request = chat(HELLO, Message(Role.ASSISTANT, parts), Message(Role.TOOL, (ToolResult("a"),)))
    body, written = sent(request)
    assert body["messages"][1]["content"][0] == {"type": "thinking", "thinking": "mine", "signature": "sig"}
    assert [block["type"] for block in body["messages"][1]["content"]] == ["thinking", "tool_use"]
    assert len(lost(written, essential=False)) == 3


def test_names_of_tools_are_mapped() -> None:
    long, dotted = "x" * 80, "a.b"
    request = chat(
        HELLO,
        Message(Role.ASSISTANT, (ToolCall("call|1", dotted, "{}"),)),
        Message(Role.TOOL, (ToolResult("call|1"),)),
        tools=(FunctionTool(dotted), FunctionTool("a_b"), FunctionTool(long)),
        tool_choice=ToolChoice(ToolMode.REQUIRED, (dotted,)),
    )
    body, written = sent(request)
    names = [tool["name"] for tool in body["tools"]]
    assert names == ["a_b_2", "a_b", "x" * 56]
    assert written.memo.tool_names == {"a_b_2": dotted, "x" * 56: long}
    assert body["tool_choice"] == {"type": "tool", "name": "a_b_2"}
    call = body["messages"][1]["content"][0]
    assert call["name"] == "a_b_2"
    assert call["id"].startswith("toolu_")
    assert body["messages"][2]["content"][0]["tool_use_id"] == call["id"]


def test_tools_and_their_choice() -> None:
    tool = FunctionTool("f", "does", {"properties": {"b": {}, "a": {}}}, cache=CacheMark("5m"))
    body, _ = sent(chat(tools=(tool, FunctionTool("g")), parallel_tool_calls=False))
    assert body["tools"][0] == {
        "name": "f",
        "description": "does",
        "input_schema": {"properties": {"b": {}, "a": {}}, "type": "object"},
        "cache_control": {"type": "ephemeral", "ttl": "5m"},
    }
    assert body["tools"][1] == {"name": "g", "input_schema": {"type": "object", "properties": {}}}
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    for mode, word in ((ToolMode.NONE, "none"), (ToolMode.AUTO, "auto"), (ToolMode.REQUIRED, "any")):
        body, _ = sent(chat(tools=(tool,), tool_choice=ToolChoice(mode)))
        assert body["tool_choice"] == {"type": word}
    body, _ = sent(chat(tools=(tool, FunctionTool("g"), FunctionTool("h")), tool_choice=ToolChoice(names=("g", "h"))))
    assert [entry["name"] for entry in body["tools"]] == ["g", "h"]
    body, _ = sent(chat(tools=(tool, FunctionTool("g")), tool_choice=ToolChoice(names=("g",))))
    assert [entry["name"] for entry in body["tools"]] == ["g"]
    body, _ = sent(chat(tools=(tool, FunctionTool("g")), tool_choice=ToolChoice(ToolMode.REQUIRED, ("g",))))
    assert [entry["name"] for entry in body["tools"]] == ["f", "g"]
    body, _ = sent(chat(tool_choice=ToolChoice(ToolMode.REQUIRED)))
    assert "tool_choice" not in body


def test_a_history_with_calls_declares_its_tools() -> None:
    body, _ = sent(chat(HELLO, Message(Role.ASSISTANT, (ToolCall("a", "f", "{}"),))))
    assert [tool["name"] for tool in body["tools"]] == ["f"]
    assert body["tool_choice"] == {"type": "none"}


def test_what_anthropic_cannot_do_is_an_essential_loss() -> None:
    parts: tuple[Part, ...] = (
        Audio(Media("audio/wav", data="AA==")),
        Video(Media("video/mp4", data="AA==")),
        Image(Media("image/tiff", data="AA==")),
        Image(Media(url="gs://b/o")),
        Document(Media(file_id="file-1")),
        Native("openai_responses", {"type": "web_search_call"}),
    )
    request = chat(
        Message(Role.USER, (Text("x"), *parts)),
        tools=(CustomTool("c"), NativeTool("gemini_generate", {"googleSearch": {}})),
        choices=2,
        sampling=Sampling(logprobs=True),
        modalities=("text", "audio"),
        previous_id="resp_1",
        background=True,
    )
    body, written = sent(request)
    assert body["messages"][0]["content"] == [text("x")]
    assert lost(written, essential=True) == {
        *(f"messages.0.content.{place}" for place in range(1, 7)),
        "tools.0", "tools.1", "n", "logprobs", "modalities", "previous_response_id", "background",
    }  # fmt: skip


def test_hints_are_lost_with_a_word() -> None:
    request = chat(
        sampling=Sampling(frequency_penalty=1, presence_penalty=1, seed=0, logit_bias={"1": 1}),
        verbosity="low", cache_key="k", labels={"a": "b"}, prediction={"x": 1}, store=True, service_tier="flex",
    )  # fmt: skip
    _, written = sent(request)
    assert lost(written, essential=True) == set()
    assert lost(written, essential=False) == {
        "frequency_penalty", "presence_penalty", "seed", "logit_bias", "verbosity", "prompt_cache_key", "metadata",
        "prediction", "store", "service_tier",
    }  # fmt: skip


def test_media_is_written() -> None:
    pdf = Document(Media(data="JVBERi0="), name="a.pdf", cited=True)
    plain = Document(Media("text/csv", data="YSxi"))
    shown = Image(Media(data="iVBORw0KGgo="))
    turn = contents(Message(Role.USER, (pdf, plain, shown, Image(Media(url="https://x/y")))))[0][1]
    assert turn == [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
         "title": "a.pdf", "citations": {"enabled": True}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y"}},
    ]  # fmt: skip
    _, written = sent(chat(Message(Role.USER, (shown,))), ModelFacts(inputs=frozenset({"text"})))
    assert lost(written, essential=True) == {"messages.0.content.0"}


def test_the_length_is_always_sent() -> None:
    assert sent(chat(), ModelFacts(default_output_tokens=77))[0]["max_tokens"] == 77
    body, written = sent(chat(max_output_tokens=99), ModelFacts(max_output_tokens=50))
    assert body["max_tokens"] == 50
    assert lost(written, essential=False) == {"max_output_tokens"}


def test_sampling_is_held_to_what_the_model_takes() -> None:
    body, written = sent(chat(sampling=Sampling(1.7, 0.5), stop=("a", " ")))
    assert (body["temperature"], body["stop_sequences"]) == (1.0, ["a"])
    assert "top_p" not in body
    assert lost(written, essential=False) == {"temperature", "top_p", "stop"}
    body, written = sent(chat(sampling=Sampling(0.5, None, 3)), ModelFacts(sampling=False))
    assert not {"temperature", "top_k"} & set(body)
    assert lost(written, essential=False) == {"temperature", "top_k"}


def test_thinking_by_budget() -> None:
    body, _ = sent(chat(thinking=Thinking(effort="low")), BUDGET)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert body["max_tokens"] > 2048
    body, written = sent(chat(thinking=Thinking(effort="high"), max_output_tokens=2000), BUDGET)
    assert body["thinking"]["budget_tokens"] == 1999
    assert lost(written, essential=False) == {"thinking.budget_tokens"}
    body, written = sent(chat(thinking=Thinking(effort="high"), max_output_tokens=100), BUDGET)
    assert "thinking" not in body
    assert lost(written, essential=False) == {"thinking"}
    body, written = sent(chat(thinking=Thinking(effort="low"), sampling=Sampling(0.2, None, 4)), BUDGET)
    assert not {"temperature", "top_k"} & set(body)
    assert lost(written, essential=False) == {"temperature", "top_k"}


def test_thinking_by_effort() -> None:
    body, _ = sent(chat(thinking=Thinking(effort="minimal", shown=True)), ADAPTIVE)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "low"}
    body, _ = sent(chat(thinking=Thinking(enabled=True, budget_tokens=10_000)), ADAPTIVE)
    assert body["output_config"] == {"effort": "high"}
    body, _ = sent(chat(thinking=Thinking(effort="none")), ADAPTIVE)
    assert body["thinking"] == {"type": "disabled"}
    body, _ = sent(chat(thinking=Thinking(effort="medium"), dialect=NAME), ADAPTIVE)
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "medium"}


def test_a_forced_tool_wins_over_thinking() -> None:
    request = chat(
        tools=(FunctionTool("f"),), tool_choice=ToolChoice(ToolMode.REQUIRED), thinking=Thinking(effort="high")
    )
    for facts in (BUDGET, ADAPTIVE):
        body, written = sent(request, facts)
        assert "thinking" not in body
        assert lost(written, essential=False) == {"thinking"}


def test_a_call_that_lost_its_thoughts_turns_thinking_by_budget_off() -> None:
    history = (HELLO, Message(Role.ASSISTANT, (ToolCall("a", "f", "{}"),)), Message(Role.TOOL, (ToolResult("a"),)))
    assert "thinking" not in sent(chat(*history, thinking=Thinking(effort="low")), BUDGET)[0]
    assert "thinking" in sent(chat(*history, thinking=Thinking(effort="low")), ADAPTIVE)[0]


def test_a_schema_is_sent_natively_in_what_anthropic_takes_of_it() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "description": "age"}}}
    body, written = sent(chat(output=OutputFormat(OutputKind.SCHEMA, "n", schema=schema)))
    assert lost(written, essential=False) == {"response_format"}
    assert body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {"a": {"type": "integer", "description": "age (minimum: 3)"}},
            "additionalProperties": False,
        },
    }


def test_a_schema_is_asked_for_by_a_forced_tool_where_there_is_no_other_way() -> None:
    facts = ModelFacts(schema_output=False, thinking=ThinkingStyle.BUDGET)
    output = OutputFormat(OutputKind.SCHEMA, "my.form", schema={"type": "array", "items": {}})
    body, written = sent(chat(output=output, thinking=Thinking(effort="low")), facts)
    assert written.memo.format_tool == "my_form"
    assert written.memo.wrapped
    assert body["tools"][0]["input_schema"]["properties"] == {"value": {"type": "array", "items": {}}}
    assert body["tool_choice"] == {"type": "tool", "name": "my_form"}
    assert "thinking" not in body
    body, _ = sent(chat(output=output, tools=(FunctionTool("f"),)), facts)
    assert body["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "object"}}},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ],
)
def test_a_schema_that_anthropic_does_not_take_itself_is_asked_for_by_a_tool(schema: dict[str, Any]) -> None:
    output = OutputFormat(OutputKind.SCHEMA, schema=schema)
    body, written = sent(chat(output=output))
    assert written.memo.format_tool == "answer"
    assert "output_config" not in body
    forced = ToolChoice(ToolMode.REQUIRED, ("f",))
    body, _ = sent(chat(output=output, tools=(FunctionTool("f"),), tool_choice=forced))
    assert body["tool_choice"] == {"type": "tool", "name": "f"}


def test_a_tool_is_strict_only_with_a_schema_that_allows_it() -> None:
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    bounded = {"type": "object", "properties": {"a": {"minimum": 1}}, "additionalProperties": False}
    tools = (FunctionTool("f", schema=closed, strict=True), FunctionTool("g", schema=bounded, strict=True))
    body, written = sent(chat(tools=tools))
    assert [tool.get("strict") for tool in body["tools"]] == [True, None]
    assert lost(written, essential=False) == {"tools.1.strict"}


def test_json_without_a_schema_is_asked_for_in_words() -> None:
    body, written = sent(chat(output=OutputFormat(OutputKind.JSON)))
    assert "JSON" in body["system"][-1]["text"]
    assert lost(written, essential=False) == {"response_format"}


def test_four_cache_marks_are_kept() -> None:
    parts = tuple(Text(str(place), CacheMark()) for place in range(6))
    body, written = sent(chat(Message(Role.USER, parts)))
    marked = [block["text"] for block in body["messages"][0]["content"] if "cache_control" in block]
    assert marked == ["0", "3", "4", "5"]
    assert lost(written, essential=False) == {"cache_control"}
