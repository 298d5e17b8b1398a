"""Requests for content into the domain, and back again."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    Audio,
    ChatRequest,
    Document,
    Extra,
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
from pilothouse.domain.facts import ModelFacts
from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.protocols.base import Ask
from pilothouse.protocols.gemini import read_request, write_request

ASK = Ask("gemini-3-pro", streamed=True)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]}
FULL: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "sys"}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "hi"},
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}, "mediaResolution": {"level": "L"}},
                {"fileData": {"mimeType": "image/webp", "fileUri": "https://x/y.webp"}},
                {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0=", "displayName": "a.pdf"}},
                {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}, "videoMetadata": {"fps": 2}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "t", "thought": True, "thoughtSignature": "c2ln"},
                {"text": "ok", "thoughtSignature": "c2lnMg=="},
                {"executableCode": {"language": "PYTHON", "code": "1"}},
                {
                    "functionCall": {"id": "c1", "name": "f", "args": {"b": 1.0, "a": []}},
                    "thoughtSignature": "c2lnMw==",
                },
                {"functionCall": {"id": "c2", "name": "g", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "c1", "name": "f", "response": {"x": 1}}},
                {
                    "functionResponse": {
                        "id": "c2", "name": "g", "response": {"error": "no"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}],
                    },
                },
            ],
        },
        {"role": "user", "parts": [{"text": "next"}]},
    ],
    "tools": [
        {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": SCHEMA}, {"name": "g"}]},
        {"googleSearch": {}},
    ],
    "toolConfig": {
        "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]},
        "retrievalConfig": {"languageCode": "de"},
    },
    "generationConfig": {
        "temperature": 0.5, "topP": 0.9, "topK": 5, "maxOutputTokens": 50, "stopSequences": ["x"], "candidateCount": 2,
        "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseLogprobs": True, "logprobs": 3,
        "responseMimeType": "application/json", "responseJsonSchema": SCHEMA, "responseModalities": ["TEXT", "IMAGE"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        "thinkingConfig": {"thinkingBudget": 99, "includeThoughts": True}, "mediaResolution": "MEDIA_RESOLUTION_LOW",
    },
    "safetySettings": [{"category": "C", "threshold": "T"}],
    "cachedContent": "cachedContents/c",
    "labels": {"team": "a"},
    "serviceTier": "flex",
    "store": False,
}  # fmt: skip


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def read(**fields: Any) -> ChatRequest:
    return read_request(encoded({"contents": [{"parts": [{"text": "hi"}]}], **fields}), ASK)


def parts(*given: dict[str, Any], role: str = "user") -> tuple[Part, ...]:
    return read(contents=[{"role": role, "parts": list(given)}]).messages[0].parts


def snaked(text: bytes) -> bytes:
    """Return JSON with its keys in the other spelling."""
    return re.sub(
        rb'("[a-zA-Z]+")(?=:)', lambda key: re.sub(rb"[A-Z]", lambda big: b"_" + big[0].lower(), key[0]), text
    )


def test_a_full_request_comes_out_as_it_went_in() -> None:
    request = read_request(encoded(FULL), ASK)
    written = write_request(request, ModelFacts())
    wanted = json.loads(encoded(FULL))
    # Two turns of the user are one.
    wanted["contents"][2]["parts"] += wanted["contents"].pop()["parts"]
    assert json.loads(written.body) == wanted
    assert written.losses == ()
    assert (request.model, request.streamed, request.wants_usage) == ("gemini-3-pro", True, True)


def test_google_spells_fields_in_two_ways() -> None:
    # What is not read keeps its spelling, for Google's own.
    config = {key: found for key, found in FULL["generationConfig"].items() if key != "speechConfig"}
    choice = {"functionCallingConfig": {"mode": "ANY"}}
    known = encoded({**FULL, "toolConfig": choice, "generationConfig": config})
    assert read_request(snaked(known), ASK) == read_request(known, ASK)


def test_the_text_of_arguments_results_and_base64_survives() -> None:
    args = f'{{ "z":1.10, "a_b":{10**30}}}'
    call = f'{{"functionCall":{{"name":"f","args":{args}}}}}'
    answer = f'{{"functionResponse":{{"name":"f","response":{args}}}}}'
    turns = [f'{{"role":"{role}","parts":[{part}]}}' for role, part in (("model", call), ("user", answer))]
    request = read_request(f'{{"contents":[{",".join(turns)}]}}'.encode(), ASK)
    made, back = request.messages[0].parts[0], request.messages[1].parts[0]
    assert isinstance(made, ToolCall)
    assert isinstance(back, ToolResult)
    assert made.arguments == args
    assert back.parts == (Text(args),)
    assert write_request(request, ModelFacts()).body.count(args.encode()) == 2


def test_base64_for_urls_becomes_the_usual_one() -> None:
    [image] = parts({"inline_data": {"mime_type": "image/png", "data": "-_-_iVA"}})
    assert image == Image(Media("image/png", data="+/+/iVA="))


def test_parts_are_read() -> None:
    system, first, second, third, _ = read_request(encoded(FULL), ASK).messages
    assert system.parts == (Native("gemini", {"cachedContent": "cachedContents/c"}), Text("sys"))
    more = Extra("gemini", {"mediaResolution": {"level": "L"}})
    assert first.parts == (
        Text("hi"), Image(Media("image/png", "iVBORw0KGgo="), extra=more),
        Image(Media("image/webp", url="https://x/y.webp")),
        Document(Media("application/pdf", "JVBERi0="), name="a.pdf"), Audio(Media("audio/wav", "UklGRg==")),
        Video(Media("video/mp4", url="gs://b/v.mp4"), Extra("gemini", {"videoMetadata": {"fps": 2}})),
    )  # fmt: skip
    assert second.role is Role.ASSISTANT
    assert second.parts == (
        Reasoning("t", "c2ln", vendor="google"), Text("ok", signature="c2lnMg=="),
        Native("gemini", {"executableCode": {"language": "PYTHON", "code": "1"}}),
        ToolCall("c1", "f", '{"b": 1.0, "a": []}', signature="c2lnMw=="), ToolCall("c2", "g", "{}"),
    )  # fmt: skip
    assert third.role is Role.TOOL
    assert third.parts == (
        ToolResult("c1", "f", (Text('{"x": 1}'),)),
        ToolResult("c2", "g", (Text("no"), Image(Media("image/png", "iVBORw0KGgo="))), is_error=True,
                   extra=Extra("gemini", {"key": "error"})),
    )  # fmt: skip


def test_files_of_googles_are_nobody_elses() -> None:
    uri = "https://generativelanguage.googleapis.com/v1beta/files/a"
    assert parts({"fileData": {"mimeType": "image/png", "fileUri": uri}}) == (Image(Media("image/png", file_id=uri)),)


def test_calls_and_results_without_ids_find_each_other() -> None:
    calls: list[Any] = [{"functionCall": {"name": name, "args": {}}} for name in ("f", "g", "f")]
    results = [{"functionResponse": {"name": name, "response": {"output": name}}} for name in ("g", "f", "f")]
    request = read(contents=[{"role": "model", "parts": calls}, {"role": "function", "parts": results}] * 2)
    made = [part for turn in request.messages for part in turn.parts if isinstance(part, ToolCall)]
    back = [part for turn in request.messages for part in turn.parts if isinstance(part, ToolResult)]
    assert len({call.id for call in made}) == 6
    assert [part.call_id for part in back] == [made[place].id for place in (1, 0, 2, 4, 3, 5)]
    sent = json.loads(write_request(request, ModelFacts()).body)
    assert b'"id"' not in encoded(sent)
    assert sent["contents"][0]["parts"] == calls


def test_single_things_stand_for_lists_of_one() -> None:
    request = read(contents={"parts": {"text": "hi"}}, tools={"functionDeclarations": [{"name": "f"}]})
    assert request.messages == (Message(Role.USER, (Text("hi"),)),)
    assert request.tools == (FunctionTool("f"),)


def test_openapis_schemas_become_json_schemas() -> None:
    given = {
        "type": "OBJECT",
        "propertyOrdering": ["b", "a"],
        "properties": {
            "a": {"type": "STRING", "nullable": True, "enum": ["x"], "format": "enum", "example": "x"},
            "b": {"type": "ARRAY", "items": {"anyOf": [{"type": "INTEGER"}], "nullable": True}, "max_items": "3"},
        },
    }
    [tool] = read(tools=[{"functionDeclarations": [{"name": "f", "parameters": given}]}]).tools
    assert isinstance(tool, FunctionTool)
    assert tool.schema is not None
    assert tool.schema == {
        "type": "object",
        "properties": {
            "b": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "maxItems": 3},
            "a": {"type": ["string", "null"], "enum": ["x", None], "examples": ["x"]},
        },
    }
    assert list(tool.schema["properties"]) == ["b", "a"]
    output = read(generationConfig={"responseMimeType": "application/json", "responseSchema": given}).output
    assert output == OutputFormat(OutputKind.SCHEMA, schema=tool.schema, held=True)


def test_tools_of_googles_own_stay_as_they_are() -> None:
    tools = read(tools=[{"googleSearch": {"a": 1}, "codeExecution": {}}]).tools
    assert tools == (NativeTool("gemini", {"googleSearch": {"a": 1}}), NativeTool("gemini", {"codeExecution": {}}))


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice(ToolMode.AUTO)),
        ({"mode": "none"}, ToolChoice(ToolMode.NONE)),
        ({"mode": "ANY", "allowed_function_names": ["f"]}, ToolChoice(ToolMode.REQUIRED, ("f",))),
        ({"mode": "VALIDATED"}, ToolChoice(ToolMode.AUTO, extra=Extra("gemini", {"mode": "VALIDATED"}))),
    ],
)
def test_the_choice_of_tools(config: dict[str, Any], choice: ToolChoice) -> None:
    assert read(toolConfig={"functionCallingConfig": config}).tool_choice == choice


@pytest.mark.parametrize(
    ("config", "thinking"),
    [
        ({"thinkingBudget": 0}, Thinking(enabled=False)),
        ({"thinkingBudget": -1}, Thinking(enabled=True, adaptive=True)),
        ({"thinkingBudget": 9, "includeThoughts": False}, Thinking(enabled=True, budget_tokens=9, shown=False)),
        ({"thinkingLevel": "LOW"}, Thinking(enabled=True, effort="low")),
        ({"includeThoughts": True}, Thinking(shown=True)),
    ],
)
def test_how_much_to_think(config: dict[str, Any], thinking: Thinking) -> None:
    request = read(generationConfig={"thinkingConfig": config})
    assert request.thinking == thinking
    again = read_request(write_request(request, ModelFacts()).body, ASK)
    assert again.thinking == thinking


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"contents": "hi"}, "contents"),
    ({"contents": [1]}, "contents.0"),
    ({"contents": [{"role": "assistant", "parts": []}]}, "contents.0.role"),
    ({"contents": [{"parts": [{"text": 1}]}]}, "contents.0.parts.0.text"),
    ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]}, "contents.0.parts.0.inlineData"),
    ({"contents": [{"parts": [{"functionCall": 1}]}]}, "contents.0.parts.0.functionCall"),
    ({"generationConfig": {"maxOutputTokens": "many"}}, "generationConfig.maxOutputTokens"),
    ({"generationConfig": {"seed": 1.5}}, "generationConfig.seed"),
    ({"generationConfig": {"thinkingConfig": {"thinkingBudget": "a"}}},
     "generationConfig.thinkingConfig.thinkingBudget"),
    ({"tools": [{"functionDeclarations": [{"name": 1}]}]}, "tools.0.functionDeclarations.0.name"),
    ({"systemInstruction": "be brief"}, "systemInstruction"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "param"), WRONG)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b'{"contents":[{"parts":[{"text":"\xff"}]}]}', b'{"x":' + b"[" * 100_000])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        read_request(body, ASK)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
TEXTS = st.builds(Text, WORDS, signature=st.sampled_from(["", "c2ln"]))
THOUGHTS = st.builds(Reasoning, WORDS, signature=st.just("c2ln"), vendor=st.just("google"))
JSON = st.dictionaries(WORDS, st.recursive(st.booleans() | st.integers() | WORDS, st.lists, max_leaves=3), max_size=3)
ARGUMENTS = JSON.map(lambda found: json.dumps(found, ensure_ascii=False, separators=(",", ":")))
SETTINGS: Any = st.fixed_dictionaries({
    "max_output_tokens": st.none() | st.integers(1, 9),
    "sampling": st.builds(Sampling, temperature=st.none() | st.floats(0, 2), top_k=st.none() | st.integers(1, 9),
                          seed=st.none() | st.integers(-9, 9)),
    "stop": st.lists(WORDS, max_size=2).map(tuple),
    "thinking": st.none() | st.builds(Thinking, enabled=st.just(True), effort=st.sampled_from(["low", "high"])),
    "labels": st.dictionaries(WORDS, WORDS, max_size=2),
})  # fmt: skip


@given(
    said=st.lists(TEXTS, min_size=1, max_size=3),
    thought=THOUGHTS,
    answers=st.lists(TEXTS, max_size=2),
    arguments=ARGUMENTS.filter(lambda text: not {"output", "result", "error"} & json.loads(text).keys()),
    settings=SETTINGS,
)
def test_any_request_comes_back(
    said: list[Part], thought: Part, answers: list[Part], arguments: str, settings: dict[str, Any]
) -> None:
    call = ToolCall("c1", "f", arguments, signature="c2ln")
    messages = (
        Message(Role.USER, tuple(said)),
        Message(Role.ASSISTANT, (thought, *answers, call)),
        Message(Role.TOOL, (ToolResult("c1", "f", (Text(arguments),)),)),
        Message(Role.ASSISTANT, (Text("And"),)),
    )
    request = ChatRequest(
        dialect="gemini", model=ASK.model, streamed=True, wants_usage=True, messages=messages, **settings
    )
    written = write_request(request, ModelFacts())
    assert written.losses == ()
    assert read_request(written.body, ASK) == request
