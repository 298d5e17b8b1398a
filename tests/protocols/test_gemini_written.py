"""Requests of other dialects as requests for content, and what is lost of them."""

import json
from typing import Any

import pytest
from google.genai import types

from pilothouse.domain.chat import (
    Audio,
    CacheMark,
    ChatRequest,
    CustomTool,
    Document,
    Extra,
    FunctionTool,
    Image,
    Media,
    Message,
    Native,
    OutputFormat,
    OutputKind,
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
from pilothouse.domain.chat.parts import Part
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols.base import Written
from pilothouse.protocols.gemini import write_request

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
USER = Message(Role.USER, (Text("hi"),))
TOOL = FunctionTool("weather", "Tells the weather", SCHEMA)
CALLS = Message(Role.ASSISTANT, (ToolCall("c1", "weather", '{"city":"Bern"}'), ToolCall("c2", "weather", "{}")))
OLD, BUDGET, LEVEL = (
    ModelFacts(thinking=style) for style in (ThinkingStyle.NONE, ThinkingStyle.BUDGET, ThinkingStyle.LEVEL)
)
PNG = Image(Media("image/png", "iVBORw0KGgo="))


def ask(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(dialect="openai_chat", model=fields.pop("model", "m"), messages=messages or (USER,), **fields)


def write(request: ChatRequest, facts: ModelFacts | None = None) -> tuple[dict[str, Any], dict[str, bool], Written]:
    """Return the body, which Google's own types take, what is lost, and all of it."""
    written = write_request(request, facts or ModelFacts())
    body = json.loads(written.body)
    for turn in body["contents"]:
        types.Content.model_validate(turn)
    for tool in body.get("tools", ()):
        types.Tool.model_validate(tool)
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))
    types.ToolConfig.model_validate(body.get("toolConfig", {}))
    return body, {loss.field: loss.essential for loss in written.losses}, written


def config(facts: ModelFacts | None = None, **fields: Any) -> dict[str, Any]:
    return write(ask(**fields), facts)[0].get("generationConfig", {})


def parts_of(
    *parts: Part, facts: ModelFacts | None = None, role: Role = Role.USER
) -> tuple[list[Any], dict[str, bool]]:
    before = () if role is Role.USER else (USER,)
    body, lost, _ = write(ask(*before, Message(role, parts)), facts)
    return body["contents"][-1]["parts"], lost


def test_turns_alternate_and_results_come_together() -> None:
    results = Message(Role.TOOL, (ToolResult("c1", parts=(Text("sun"),)), ToolResult("c2", parts=(Text('{"a":1.0}'),))))
    body, lost, _ = write(ask(Message(Role.SYSTEM, (Text("Be brief."),)), USER, USER, CALLS, results, USER))
    assert lost == {}
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}, {"text": "hi"}]},
        {"role": "model", "parts": [
            {"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Bern"}}},
            {"functionCall": {"id": "c2", "name": "weather", "args": {}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "c1", "name": "weather", "response": {"output": "sun"}}},
            {"functionResponse": {"id": "c2", "name": "weather", "response": {"a": 1.0}}},
            {"text": "hi"},
        ]},
    ]  # fmt: skip


def test_missing_and_orphaned_results_are_mended() -> None:
    stray = Message(Role.TOOL, (ToolResult("c1", parts=(Text("sun"),)), ToolResult("c9", parts=(Text("lost"),))))
    body, lost, _ = write(ask(USER, CALLS, stray))
    assert lost == {"messages": False}
    first, second, third = body["contents"][-1]["parts"]
    assert first["functionResponse"]["response"] == {"output": "sun"}
    assert second["functionResponse"] == {
        "id": "c2", "name": "weather", "response": {"error": "The tool gave no result."}
    }  # fmt: skip
    assert third == {"text": '{"output":"lost"}'}


def test_system_text_between_turns_keeps_its_place() -> None:
    body, lost, _ = write(
        ask(USER, Message(Role.ASSISTANT, (Text("Yes?"),)), Message(Role.SYSTEM, (Text("Now"),)), USER)
    )
    assert body["contents"][-1]["parts"] == [{"text": "<system>\nNow\n</system>"}, {"text": "hi"}]
    assert lost == {"messages.2": False}


def test_somebody_speaks_and_the_user_first() -> None:
    body, lost, _ = write(ask(Message(Role.SYSTEM, (Text("Be brief."),))))
    assert (body["contents"][0]["parts"], "systemInstruction" in body) == ([{"text": "Be brief."}], False)
    assert lost == {"messages": False}
    body, _, _ = write(ask(Message(Role.ASSISTANT, (Text("Once"),))))
    assert [turn["role"] for turn in body["contents"]] == ["user", "model"]


def test_marks_go_back_to_google_alone() -> None:
    said = Message(Role.ASSISTANT, (
        Reasoning("g", "c2ln", vendor="google"), Reasoning("a", "YW50", vendor="anthropic"), Reasoning("plain"),
        Text("so", signature="dGV4dA=="), ToolCall("c1", "weather", "{}", signature="Y2FsbA=="),
    ))  # fmt: skip
    body, lost, _ = write(ask(USER, said, Message(Role.TOOL, (ToolResult("c1"),))))
    assert body["contents"][1]["parts"] == [
        {"text": "g", "thought": True, "thoughtSignature": "c2ln"}, {"text": "so", "thoughtSignature": "dGV4dA=="},
        {"functionCall": {"id": "c1", "name": "weather", "args": {}}, "thoughtSignature": "Y2FsbA=="},
    ]  # fmt: skip
    assert lost == {"messages.1.content.1": False, "messages.1.content.2": False}


@pytest.mark.parametrize(
    ("facts", "model", "marks"),
    [
        (LEVEL, "gemini-3-pro", ["skip_thought_signature_validator", None]),
        (ModelFacts(), "gemini-flash-latest", ["skip_thought_signature_validator", None]),
        (BUDGET, "gemini-2.5-pro", [None, None]),
        (ModelFacts(), "m", [None, None]),
    ],
)
def test_the_first_call_without_a_mark_gets_googles_word_for_that(
    facts: ModelFacts, model: str, marks: list[str | None]
) -> None:
    results = Message(Role.TOOL, (ToolResult("c1"), ToolResult("c2")))
    body, _, _ = write(ask(USER, CALLS, results, model=model), facts)
    assert [part.get("thoughtSignature") for part in body["contents"][1]["parts"]] == marks


def test_broken_arguments_and_odd_ids_survive() -> None:
    call = ToolCall("gemini-call-ab", "weather", "{broken")
    body, lost, _ = write(ask(USER, Message(Role.ASSISTANT, (call,)), Message(Role.TOOL, (ToolResult(call.id),))))
    made, back = body["contents"][1]["parts"][0], body["contents"][2]["parts"][0]
    assert made == {"functionCall": {"name": "weather", "args": {"arguments": "{broken"}}}
    assert back == {"functionResponse": {"name": "weather", "response": {"output": ""}}}
    assert lost == {"messages.1.content.0.arguments": False}


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (PNG, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}),
        (Image(Media(data="/9j/4AA=")), {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4AA="}}),
        (Image(Media(url="https://x/y.webp?q=a.b")),
         {"fileData": {"mimeType": "image/webp", "fileUri": "https://x/y.webp?q=a.b"}}),
        (Image(Media(url="https://x/y")), {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/y"}}),
        (Document(Media(data="aGk="), name="a.csv"), {"inlineData": {"mimeType": "text/csv", "data": "aGk="}}),
        (Document(text="Once", name="a.txt"), {"text": '<document title="a.txt">\nOnce\n</document>'}),
        (Audio(Media("audio/wav", "UklGRg==")), {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}),
        (Video(Media("video/mp4", url="gs://b/v")), {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v"}}),
    ],
)  # fmt: skip
def test_media(part: Part, written: dict[str, Any]) -> None:
    assert parts_of(part) == ([written], {})


@pytest.mark.parametrize(
    "part",
    [
        Image(Media(file_id="file-1")),
        Image(Media(url="s3://b/k")),
        Native("openai_chat", {"type": "odd"}),
        Audio(id="a"),
    ],
)
def test_what_gemini_cannot_read_is_an_essential_loss(part: Part) -> None:
    written, lost = parts_of(Text("see"), part)
    assert (written, lost) == ([{"text": "see"}], {"messages.0.content.1": True})


def test_a_model_without_eyes() -> None:
    assert parts_of(Text("see"), PNG, facts=ModelFacts(inputs=frozenset({"text"})))[1] == {"messages.0.content.1": True}


@pytest.mark.parametrize(("facts", "inside"), [(LEVEL, True), (ModelFacts(), True), (BUDGET, False)])
def test_pictures_in_results(facts: ModelFacts, *, inside: bool) -> None:
    call = Message(Role.ASSISTANT, (ToolCall("c1", "shot", "{}"),))
    body, lost, _ = write(ask(USER, call, Message(Role.TOOL, (ToolResult("c1", parts=(Text("a"), PNG)),))), facts)
    parts = body["contents"][-1]["parts"]
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    assert (parts[0]["functionResponse"].get("parts") == [picture]) is inside
    assert (parts[1:] == [picture]) is not inside
    assert lost == {}


def test_names_that_google_does_not_take_are_made_and_remembered() -> None:
    tools = (FunctionTool("1st tool"), FunctionTool("_1st_tool"), FunctionTool("ok"))
    call = Message(Role.ASSISTANT, (ToolCall("c1", "1st tool", "{}"),))
    choice = ToolChoice(ToolMode.REQUIRED, ("1st tool",))
    body, _, written = write(ask(USER, call, tools=tools, tool_choice=choice))
    [name, *others] = [declared["name"] for declared in body["tools"][0]["functionDeclarations"]]
    assert others == ["_1st_tool", "ok"]
    assert written.memo.tool_names == {name: "1st tool"}
    assert body["contents"][1]["parts"][0]["functionCall"]["name"] == name
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == name
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": [name]}
    assert name[0] == "_"


@pytest.mark.parametrize(
    ("choice", "sent", "count"),
    [
        (ToolChoice(ToolMode.NONE), {"mode": "NONE"}, 2),
        (ToolChoice(ToolMode.REQUIRED), {"mode": "ANY"}, 2),
        (ToolChoice(ToolMode.AUTO, ("weather",)), {"mode": "AUTO"}, 1),
    ],
)
def test_the_choice_of_tools(choice: ToolChoice, sent: dict[str, Any], count: int) -> None:
    body, _, _ = write(ask(tools=(TOOL, FunctionTool("clock")), tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": sent}
    assert len(body["tools"][0]["functionDeclarations"]) == count


def test_what_is_lost_of_tools() -> None:
    tools = (TOOL, CustomTool("free"), FunctionTool("held", strict=True, cache=CacheMark()))
    _, lost, _ = write(ask(tools=tools, parallel_tool_calls=False))
    assert lost == {
        "tools.1": True, "tools.2.strict": False, "tools.2.cache_control": False, "parallel_tool_calls": False
    }  # fmt: skip
    assert write(ask(tools=(TOOL,)), ModelFacts(tools=False))[1] == {"tools": True}


RICH: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "kind": {"const": "a"},
        "name": {"type": ["string", "null"], "format": "uuid", "minLength": 1},
        "one": {"oneOf": [{"$ref": "#/$defs/leaf"}, {"type": "null"}]},
        "leaf": {"$ref": "#/$defs/leaf", "description": "told"},
        "all": {"allOf": [{"type": "integer"}]},
        "few": {"enum": [1, 2]},
    },
    "$defs": {"leaf": {"type": "object", "properties": {"next": {"$ref": "#/$defs/leaf"}}}},
}


def test_a_tools_schema_follows_googles_rules() -> None:
    body, lost, _ = write(ask(tools=(FunctionTool("f", schema=RICH), FunctionTool("g", schema={"type": "object"}))))
    [sent, bare] = body["tools"][0]["functionDeclarations"]
    found = sent["parametersJsonSchema"]
    assert "$schema" not in found
    assert found["properties"]["kind"] == {"enum": ["a"]}
    assert found["properties"]["leaf"] == {"anyOf": [{"$ref": "#/$defs/leaf"}], "description": "told"}
    assert found["properties"]["all"] == {"type": "integer"}
    assert found["properties"]["name"] == RICH["properties"]["name"]
    assert (bare, lost) == ({"name": "g"}, {})


def test_older_models_get_openapis_part_of_a_schema() -> None:
    body, lost, _ = write(ask(tools=(FunctionTool("f", schema=RICH),)), OLD)
    found = body["tools"][0]["functionDeclarations"][0]["parameters"]
    types.Schema.model_validate(found, extra="forbid")
    named = found["properties"]
    assert found["type"] == "OBJECT"
    assert "additionalProperties" not in found
    assert named["kind"] == {"enum": ["a"], "type": "STRING"}
    assert named["name"] == {"type": "STRING", "nullable": True, "minLength": 1}
    assert (named["one"]["type"], named["one"]["nullable"]) == ("OBJECT", True)
    assert (named["leaf"]["description"], named["all"]) == ("told", {"type": "INTEGER"})
    assert named["few"] == {"enum": ["1", "2"], "type": "STRING"}
    # It refers to itself, and ends somewhere.
    assert lost == {"tools.0": False}


SHAPED = OutputFormat(OutputKind.SCHEMA, "place", "", SCHEMA)


def test_a_schema_for_the_answer() -> None:
    assert config(output=SHAPED) == {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    assert config(output=OutputFormat(OutputKind.JSON)) == {"responseMimeType": "application/json"}
    old = config(OLD, output=SHAPED)["responseSchema"]
    assert old == {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}


def test_what_gemini_does_not_heed_of_a_schema_is_checked_afterwards() -> None:
    strict = OutputFormat(OutputKind.SCHEMA, schema={"type": "array", "items": {"type": "string", "pattern": "a"}})
    _, lost, written = write(ask(output=strict))
    assert (lost, written.memo.schema) == ({"response_format": False}, strict.schema)
    assert write(ask(output=SHAPED))[2].memo.schema is None


def test_a_schema_beside_tools_becomes_a_tool_where_both_do_not_go() -> None:
    body, lost, written = write(ask(output=SHAPED, tools=(TOOL,)), BUDGET)
    assert [declared["name"] for declared in body["tools"][0]["functionDeclarations"]] == ["weather", "place"]
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "ANY"}
    assert "responseMimeType" not in body.get("generationConfig", {})
    assert (written.memo.format_tool, lost) == ("place", {})
    body, _, _ = write(ask(output=SHAPED, tools=(TOOL,)), LEVEL)
    assert "responseJsonSchema" in body["generationConfig"]
    body, lost, _ = write(ask(output=OutputFormat(OutputKind.JSON), tools=(TOOL,)), BUDGET)
    assert "JSON object" in body["systemInstruction"]["parts"][0]["text"]
    assert lost == {"response_format": False}


def test_how_tokens_are_drawn() -> None:
    sampling = Sampling(0.5, 0.9, 4, 0.1, 0.2, 7, {"5": 1.0}, True, 3)
    body, lost, _ = write(ask(sampling=sampling, stop=("a", ""), choices=2, max_output_tokens=9))
    assert body["generationConfig"] == {
        "maxOutputTokens": 9, "stopSequences": ["a"], "candidateCount": 2, "temperature": 0.5, "topP": 0.9, "topK": 4,
        "frequencyPenalty": 0.1, "presencePenalty": 0.2, "seed": 7, "responseLogprobs": True, "logprobs": 3,
    }  # fmt: skip
    assert lost == {"logit_bias": False}
    assert write(ask(sampling=Sampling(seed=2**31)))[1] == {"seed": False}
    assert write(ask(stop=tuple("abcdef")))[1] == {"stop": True}
    assert write(ask(sampling=Sampling(0.5)), ModelFacts(sampling=False))[1] == {"temperature": False}
    assert write(ask(max_output_tokens=99), ModelFacts(max_output_tokens=9))[1] == {"max_output_tokens": False}


@pytest.mark.parametrize(
    ("facts", "model", "thinking", "sent"),
    [
        (LEVEL, "gemini-3-pro", Thinking(effort="minimal"), {"thinkingLevel": "low", "includeThoughts": True}),
        (LEVEL, "gemini-3-flash", Thinking(effort="minimal"), {"thinkingLevel": "minimal", "includeThoughts": True}),
        (LEVEL, "gemini-3-pro", Thinking(effort="max"), {"thinkingLevel": "high", "includeThoughts": True}),
        (LEVEL, "gemini-3-flash", Thinking(enabled=False), {"thinkingLevel": "minimal"}),
        (LEVEL, "g", Thinking(enabled=True, budget_tokens=99), {"thinkingBudget": 99, "includeThoughts": True}),
        (BUDGET, "gemini-2.5-flash", Thinking(effort="medium", shown=False),
         {"thinkingBudget": 8192, "includeThoughts": False}),
        (BUDGET, "gemini-2.5-flash", Thinking(effort="none"), {"thinkingBudget": 0}),
        (BUDGET, "gemini-2.5-pro", Thinking(enabled=False), {"thinkingBudget": 128}),
        (BUDGET, "gemini-2.5-pro", Thinking(enabled=True, adaptive=True),
         {"thinkingBudget": -1, "includeThoughts": True}),
        (OLD, "gemini-2.0-flash", Thinking(effort="low"), None),
        (LEVEL, "g", Thinking(), None),
    ],
)  # fmt: skip
def test_how_much_to_think(facts: ModelFacts, model: str, thinking: Thinking, sent: dict[str, Any] | None) -> None:
    assert config(facts, thinking=thinking, model=model).get("thinkingConfig") == sent


def test_what_else_is_lost() -> None:
    _, lost, _ = write(ask(
        labels={"a": "b"}, user_id="u", cache_key="k", verbosity="low", store=True, service_tier="scale",
        prediction={"a": 1}, previous_id="r", background=True, modalities=("text", "audio"),
        extra=Extra("openai_chat", {"odd": 1, "web_search_options": {}}),
    ))  # fmt: skip
    assert lost == {
        "metadata": False, "user": False, "prompt_cache_key": False, "verbosity": False, "store": False,
        "service_tier": False, "prediction": False, "previous_response_id": True, "background": True,
        "modalities": True, "odd": False, "web_search_options": True,
    }  # fmt: skip
    body, lost, _ = write(ask(service_tier="flex", modalities=("text", "image")))
    assert (body["serviceTier"], body["generationConfig"]) == ("flex", {"responseModalities": ["TEXT", "IMAGE"]})
    assert write(ask(service_tier="default"))[1] == {} == lost


def test_half_characters_become_whole_ones() -> None:
    assert parts_of(Text("a\ud83d"))[0] == [{"text": "a\ufffd"}]
