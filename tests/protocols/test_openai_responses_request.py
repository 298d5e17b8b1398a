"""Requests of the Responses API, both ways."""

import itertools
import json
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.chat import (
    Audio,
    ChatRequest,
    CustomTool,
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
    Refusal,
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
from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.protocols.base import NO_ASK, ChatCodec, Written
from pilothouse.protocols.openai_responses import DIALECT

_NAME = "openai_responses"
_FACTS = ModelFacts()
_SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"enum": [2**70]}}, "required": ["b"]}


def _codec() -> ChatCodec:
    assert isinstance(DIALECT.codec, ChatCodec)
    return DIALECT.codec


def _read(**fields: Any) -> ChatRequest:
    return _codec().read_request(json.dumps({"model": "m", "input": "hi", **fields}).encode(), NO_ASK)


def _write(request: ChatRequest, facts: ModelFacts = _FACTS) -> tuple[dict[str, Any], Written]:
    written = _codec().write_request(request, facts)
    return json.loads(written.body), written


def _chat(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(dialect="openai_chat", model="m", messages=messages, **fields)


_CONVERSATION: list[dict[str, Any]] = [
    {"role": "developer", "content": "Be brief."},
    {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0=", "detail": "low"},
            {"type": "input_image", "image_url": "https://a/b.png"},
            {"type": "input_image", "file_id": "file-1"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
            {"type": "input_file", "file_url": "https://a/b.pdf"},
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
        ],
    },
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "x"},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "phase": "commentary",
        "content": [{"type": "output_text", "text": "one moment", "annotations": []}],
    },
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"n": 1e400 ,'},
    {"type": "custom_tool_call", "call_id": "c2", "name": "sh", "input": "ls"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
    {"type": "function_call_output", "call_id": "c1", "output": "42"},
    {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "a"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    {"role": "user", "content": "and now?"},
]


def test_a_conversation_is_read() -> None:
    request = _read(instructions="Speak Latin.", input=_CONVERSATION)
    assert request.messages == (
        Message(Role.SYSTEM, (Text("Speak Latin."),)),
        Message(Role.DEVELOPER, (Text("Be brief."),)),
        Message(
            Role.USER,
            (
                Text("look"),
                Image(Media("image/png", data="iVBORw0="), "low"),
                Image(Media(url="https://a/b.png")),
                Image(Media(file_id="file-1")),
                Document(Media("application/pdf", data="JVBE"), name="a.pdf"),
                Document(Media(url="https://a/b.pdf")),
                Audio(Media("audio/wav", data="UklG")),
            ),
        ),
        Message(
            Role.ASSISTANT,
            (
                Reasoning(redacted="x", summary=("s",), id="rs_1", vendor="openai"),
                Text("one moment", extra=Extra(_NAME, {"item": {"phase": "commentary"}})),
                ToolCall("c1", "f", '{"n": 1e400 ,'),
                ToolCall("c2", "sh", "ls", custom=True),
                Native(_NAME, _CONVERSATION[6]),
            ),
        ),
        Message(
            Role.TOOL,
            (ToolResult("c1", parts=(Text("42"),)), ToolResult("c2", parts=(Text("a"),), custom=True)),
        ),
        Message(Role.ASSISTANT, (Refusal("no"),)),
        Message(Role.USER, (Text("and now?"),)),
    )


def test_a_conversation_is_written_as_the_items_it_came_as() -> None:
    out, written = _write(_read(instructions="Speak Latin.", input=_CONVERSATION))
    assert written.losses == ()
    assert out["instructions"] == "Speak Latin."
    kinds = [item["type"] for item in out["input"]]
    assert kinds == [item.get("type", "message") for item in _CONVERSATION]
    for place in (2, 5, 6):
        assert out["input"][place] == _CONVERSATION[place]
    assert out["input"][4] == {key: value for key, value in _CONVERSATION[4].items() if key != "id"}
    assert out["input"][3]["phase"] == "commentary"
    assert "id" not in out["input"][3]


_TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "f", "description": "d", "parameters": _SCHEMA, "strict": True},
    {"type": "custom", "name": "sh", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
    {"type": "web_search", "search_context_size": "low"},
]


def test_the_knobs_are_read_and_written() -> None:
    knobs: dict[str, Any] = {
        "stream": True, "max_output_tokens": 100, "temperature": 0.5, "top_p": 0.9, "top_logprobs": 3,
        "reasoning": {"effort": "high", "summary": "auto", "context": "all_turns"}, "tools": _TOOLS,
        "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": False, "truncation": "auto",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": _SCHEMA, "strict": True}, "verbosity": "low"},
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"], "metadata": {"k": "v"},
        "store": True, "background": True, "previous_response_id": "resp_0", "prompt_cache_key": "pk",
        "user": "u", "safety_identifier": "s", "service_tier": "flex", "max_tool_calls": 3,
    }  # fmt: skip
    request = _read(**knobs)
    assert request.streamed
    assert request.wants_usage
    assert request.sampling == Sampling(0.5, 0.9, logprobs=True, top_logprobs=3)
    assert request.thinking == Thinking(True, "high", shown=True, summary="auto")
    assert request.tools == (
        FunctionTool("f", "d", _SCHEMA, True),
        CustomTool("sh", format=_TOOLS[1]["format"]),
        NativeTool(_NAME, _TOOLS[2]),
    )
    assert request.output == OutputFormat(OutputKind.SCHEMA, "n", "", _SCHEMA, True)
    assert (request.store, request.background, request.previous_id) == (True, True, "resp_0")
    assert (request.user_id, request.labels, request.cache_key) == ("u", {"k": "v"}, "pk")
    out, written = _write(request)
    assert written.losses == ()
    assert sorted(out.pop("include")) == sorted(knobs.pop("include"))
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    assert out == {"model": "m", "input": [message], **knobs}
    assert json.dumps(out["tools"][0]["parameters"]) == json.dumps(_SCHEMA)


@pytest.mark.parametrize(
    ("wire", "domain"),
    [
        ("auto", ToolChoice()),
        ("none", ToolChoice(ToolMode.NONE)),
        ("required", ToolChoice(ToolMode.REQUIRED)),
        ({"type": "function", "name": "f"}, ToolChoice(ToolMode.REQUIRED, ("f",))),
        ({"type": "custom", "name": "sh"}, ToolChoice(ToolMode.REQUIRED, ("sh",))),
        (
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "sh"}],
            },
            ToolChoice(ToolMode.AUTO, ("f", "sh")),
        ),
        (
            {"type": "web_search_preview"},
            ToolChoice(ToolMode.REQUIRED, extra=Extra(_NAME, {"tool_choice": {"type": "web_search_preview"}})),
        ),
    ],
)
def test_choices_of_tools(wire: Any, domain: ToolChoice) -> None:
    request = _read(tools=_TOOLS, tool_choice=wire)
    assert request.tool_choice == domain
    assert _write(request)[0]["tool_choice"] == wire


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": 3}, "input"),
        ({"input": ["x"]}, "input.0"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input.0.role"),
        ({"input": [{"role": "user", "content": 3}]}, "input.0.content"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content.0"),
        ({"input": [{"role": "user", "content": [{"text": "x"}]}]}, "input.0.content.0.type"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input.0.call_id"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0"),
        ({"input": [{"id": "msg_1"}]}, "input.0"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"instructions": 3}, "instructions"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools.0.name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": "x"}]}, "tools.0.parameters"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"temperature": True}, "temperature"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_malformed_requests_are_refused_with_the_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as found:
        _read(**fields)
    assert found.value.param == param


def test_what_is_no_json_object_is_refused() -> None:
    for body in (b"{", b"", b'{"input":' + b"[" * 5000):
        with pytest.raises(InvalidJson):
            _codec().read_request(body, NO_ASK)
    with pytest.raises(InvalidRequest):
        _codec().read_request(b"[]", NO_ASK)


def test_a_request_of_another_dialect_is_not_stored_and_its_thoughts_come_sealed() -> None:
    request = _chat(
        Message(Role.SYSTEM, (Text("a"),)),
        Message(Role.USER, (Text("hi"),)),
        tools=(FunctionTool("f"),),
        thinking=Thinking(budget_tokens=4000),
        max_output_tokens=5,
    )
    out, written = _write(request)
    assert (out["store"], out["include"]) == (False, ["reasoning.encrypted_content"])
    assert out["instructions"] == "a"
    assert out["tools"] == [{"type": "function", "name": "f", "parameters": None, "strict": False}]
    assert out["reasoning"] == {"effort": "medium"}
    assert out["max_output_tokens"] == 16
    assert not any(loss.essential for loss in written.losses)
    plain, _ = _write(request, ModelFacts(thinking=ThinkingStyle.NONE))
    assert "include" not in plain
    assert "reasoning" not in plain


def test_what_has_no_place_is_named() -> None:
    request = _chat(
        Message(Role.USER, (Video(Media(url="https://a")), Image(Media(url="gs://a"))), name="bob"),
        Message(
            Role.ASSISTANT,
            (
                Reasoning("secret", "sig", vendor="anthropic"),
                Reasoning("open"),
                ToolCall("c", "f", "{}", signature="g"),
            ),
        ),
        Message(Role.TOOL, (ToolResult("c", is_error=True),)),
        stop=("x",),
        choices=2,
        modalities=("text", "audio"),
        sampling=Sampling(0.1, top_k=3, seed=1, logit_bias={"1": 2.0}),
        tools=(NativeTool("anthropic_messages", {"type": "web_search_20250305"}),),
        service_tier="mystery",
        extra=Extra("openai_chat", {"web_search_options": {}}),
    )
    out, written = _write(request, ModelFacts(sampling=False))
    essential = {loss.field for loss in written.losses if loss.essential}
    assert essential == {
        "messages.0.content.0", "messages.0.content.1", "stop", "n", "modalities", "tools.0", "web_search_options"
    }  # fmt: skip
    hints = {loss.field for loss in written.losses if not loss.essential}
    assert hints == {
        "messages.0.name", "messages.1.content.0", "messages.1.content.1", "messages.1.content.2",
        "messages.2.content.0.is_error", "temperature", "top_k", "seed", "logit_bias", "service_tier",
    }  # fmt: skip
    assert [item["type"] for item in out["input"]] == ["function_call", "function_call_output"]
    assert "secret" not in json.dumps(out)


def test_names_that_openai_does_not_take_are_spelled_otherwise_and_remembered() -> None:
    long = "n" * 70
    request = _chat(
        Message(Role.ASSISTANT, (ToolCall("c", "a.b", "{}"),)),
        tools=(FunctionTool("a_b"), FunctionTool("a.b"), FunctionTool(long)),
        tool_choice=ToolChoice(ToolMode.REQUIRED, ("a.b",)),
    )
    out, written = _write(request)
    assert [tool["name"] for tool in out["tools"]] == ["a_b", "a_b_2", "n" * 64]
    assert out["tool_choice"] == {"type": "function", "name": "a_b_2"}
    assert out["input"][0]["name"] == "a_b_2"
    assert written.memo.tool_names == {"a_b_2": "a.b", "n" * 64: long}


def test_thoughts_of_another_vendor_never_reach_a_provider_of_this_dialect() -> None:
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": "pilothouse:anthropic:signature:s",
    }
    body = json.dumps({"model": "a/m", "input": [thought, {"role": "user", "content": "hi"}]}).encode()
    out = json.loads(DIALECT.rewrite(body, model="m", ask_usage=True))
    assert out == {"model": "m", "input": [{"role": "user", "content": "hi"}]}
    request = _codec().read_request(body, NO_ASK)
    assert request.messages[0].parts == (Reasoning(signature="s", vendor="anthropic"),)
    assert len(_write(request)[0]["input"]) == 1


def test_the_head_is_read() -> None:
    head = DIALECT.read_head(
        b'{"model":"m","stream":true,"safety_identifier":"s","metadata":{"a":1,"b":[]},"stream_options":3}', NO_ASK
    )
    assert (head.model_name, head.streamed, head.wants_usage) == ("m", True, False)
    assert (head.user_id, head.labels) == ("s", {"a": "1"})


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_IDS = st.text("abc_1", min_size=1, max_size=8)
_URLS = st.sampled_from(["https://a/b", "http://c"])
_IMAGES = st.builds(
    Image,
    st.one_of(
        st.builds(lambda url: Media(url=url), _URLS),
        st.builds(lambda name: Media(file_id=name), _IDS),
        st.builds(lambda data: Media("image/png", data=data), st.sampled_from(["iVBO", "AAAA"])),
    ),
    st.sampled_from(["", "low", "high"]),
)
_FILES = st.builds(
    lambda name, data: Document(Media("application/pdf", data=data), name=name + ".pdf"), _IDS, st.just("JVBE")
)
_ASKED: st.SearchStrategy[Part] = st.one_of(st.builds(Text, _TEXTS), _IMAGES, _FILES)
_THOUGHTS = st.builds(
    lambda mark, summary, identity: Reasoning(redacted=mark, summary=tuple(summary), id=identity, vendor="openai"),
    _IDS, st.lists(_TEXTS, max_size=2), _IDS,
)  # fmt: skip
_SAID: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, _TEXTS),
    st.builds(Refusal, _TEXTS),
    _THOUGHTS,
    st.builds(ToolCall, _IDS, _IDS, _TEXTS, st.booleans()),
    st.builds(lambda name: Native(_NAME, {"type": "web_search_call", "id": name}), _IDS),
)
_RESULTS: st.SearchStrategy[Part] = st.builds(
    lambda call, parts, custom: ToolResult(call, parts=tuple(parts), custom=custom),
    _IDS, st.lists(_ASKED, max_size=2), st.booleans(),
)  # fmt: skip


def _turn(role: Role, parts: st.SearchStrategy[Part]) -> st.SearchStrategy[Message]:
    return st.lists(parts, min_size=1, max_size=4).map(lambda found: Message(role, tuple(found)))


_TURNS = st.lists(
    st.one_of(
        _turn(Role.USER, _ASKED),
        _turn(Role.DEVELOPER, _ASKED),
        _turn(Role.SYSTEM, _ASKED),
        _turn(Role.ASSISTANT, _SAID),
        _turn(Role.TOOL, _RESULTS),
    ),
    max_size=6,
).filter(
    lambda turns: (
        not any(
            one.role is two.role and one.role in (Role.ASSISTANT, Role.TOOL) for one, two in itertools.pairwise(turns)
        )
    )
)
_REQUESTS = st.builds(
    ChatRequest,
    dialect=st.just(_NAME),
    model=_IDS,
    messages=_TURNS.map(tuple),
    streamed=st.booleans(),
    wants_usage=st.just(True),
    max_output_tokens=st.none() | st.integers(1, 10**6),
    sampling=st.builds(Sampling, st.none() | st.floats(0, 2), st.none() | st.floats(0, 1)),
    thinking=st.none()
    | st.builds(lambda effort: Thinking(effort != "none", effort), st.sampled_from(["none", "low", "xhigh"])),
    tools=st.lists(
        st.one_of(
            st.builds(FunctionTool, _IDS, _TEXTS, st.none() | st.just(_SCHEMA), st.sampled_from([None, True, False])),
            st.builds(CustomTool, _IDS, _TEXTS),
            st.just(NativeTool(_NAME, {"type": "web_search"})),
        ),
        max_size=3,
        unique_by=lambda tool: getattr(tool, "name", ""),
    ).map(tuple),
    tool_choice=st.none() | st.builds(ToolChoice, st.sampled_from([ToolMode.AUTO, ToolMode.REQUIRED])),
    parallel_tool_calls=st.sampled_from([None, True, False]),
    output=st.sampled_from([OutputFormat(), OutputFormat(OutputKind.JSON)])
    | st.builds(OutputFormat, st.just(OutputKind.SCHEMA), _IDS, _TEXTS, st.just(_SCHEMA), st.none() | st.booleans()),
    verbosity=st.sampled_from(["", "low"]),
    service_tier=st.sampled_from(["", "flex", "odd"]),
    cache_key=st.just("") | _IDS,
    user_id=st.just("") | _IDS,
    labels=st.dictionaries(_IDS, _TEXTS, max_size=2),
    previous_id=st.just("") | _IDS,
    store=st.sampled_from([None, True, False]),
    background=st.booleans(),
    extra=st.none() | st.just(Extra(_NAME, {"truncation": "auto", "max_tool_calls": 2, "include": ["a"]})),
)


@given(_REQUESTS)
def test_a_request_comes_back_as_it_was(request: ChatRequest) -> None:
    written = _codec().write_request(request, _FACTS)
    assert written.losses == ()
    assert msgspec.structs.replace(_codec().read_request(written.body, NO_ASK), instructions=0) == request


_KEYS = [
    "type",
    "role",
    "content",
    "text",
    "id",
    "output",
    "name",
    "summary",
    "image_url",
    "call_id",
    "message",
    "user",
]
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(_KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
)


@given(_ANY)
def test_no_input_breaks_the_reader(value: Any) -> None:
    refused: InvalidRequest | None = None
    try:
        _write(_read(input=value, tools=value if isinstance(value, list) else None))
    except InvalidRequest as error:
        refused = error
    assert refused is None or refused.param


def test_a_schema_that_is_no_object_is_asked_for_in_one() -> None:
    schema = {"type": "array", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"type": "integer"}}}
    request = _chat(Message(Role.USER, (Text("hi"),)), output=OutputFormat(OutputKind.SCHEMA, "n", schema=schema))
    out, written = _write(request)
    assert out["text"]["format"]["schema"] == {
        "type": "object",
        "properties": {"value": {"type": "array", "items": {"$ref": "#/$defs/x"}}},
        "required": ["value"],
        "additionalProperties": False,
        "$defs": {"x": {"type": "integer"}},
    }
    assert written.memo.wrapped


def test_json_is_spoken_of_where_it_is_asked_for() -> None:
    def items(text: str) -> list[Any]:
        request = _chat(Message(Role.USER, (Text(text),)), output=OutputFormat(OutputKind.JSON))
        return cast("list[Any]", _write(request)[0]["input"])

    assert len(items("give me Json")) == 1
    assert "JSON" in items("hi")[0]["content"][0]["text"]
