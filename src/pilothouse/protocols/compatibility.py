"""What of a chat request arrives where: each feature sent from each dialect to each other, by the codecs themselves.

The reference page is made from it, and so are tests; nothing here is stated, everything is tried.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

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
    OutputFormat,
    OutputKind,
    Reasoning,
    Role,
    Sampling,
    Speech,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
    Video,
)
from pilothouse.domain.chat.parts import Part
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols.base import Ask, ChatCodec, Dialect
from pilothouse.protocols.request_parts import parts_of

_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
_PDF = "JVBERi0xLjQKJSVFT0YK"
_MP4 = "AAAAGGZ0eXBtcDQy"
_WAV = "UklGRiQAAABXQVZFZm10IA=="
_URL = "https://files.example/a"
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_TOOL = FunctionTool("weather", "Tells the weather", _SCHEMA)
_CLOCK = FunctionTool("clock", "Tells the time", _SCHEMA)
_ASKED = Message(Role.USER, (Text("How is the weather?"),))
_CALLED = Message(Role.ASSISTANT, (ToolCall("call_1", "weather", '{"city":"Bern"}'),))

_SIGNED = Message(Role.ASSISTANT, (ToolCall("call_1", "weather", '{"city":"Bern"}', signature="c2lnbmVk"),))
_RESULT = Message(Role.TOOL, (ToolResult("call_1", "weather", (Text("rain"),)),))
_BUDGET = Thinking(enabled=True, budget_tokens=2048)


class Arrival(StrEnum):
    """What becomes of a feature on its way."""

    WHOLE = "whole"
    """It stands in the target's request as the caller meant it."""
    CHANGED = "changed"
    """It stands there in another form, such as a schema as a forced tool."""
    NOTED = "noted"
    """A hint that is left out or put differently, and named in the answer's headers and on the trace."""
    REFUSED = "refused"
    """It matters and has no place: the call is refused, unless the caller allows the loss."""
    UNSAID = "unsaid"
    """The caller's dialect has no words for it."""


class Feature(msgspec.Struct, frozen=True):
    """One thing that a request may ask for."""

    group: str
    title: str
    request: ChatRequest
    found: Callable[[ChatRequest], bool]
    """Whether a request says it."""


def _request(*messages: Message, **fields: Any) -> ChatRequest:
    plain = ChatRequest(dialect="", model="m", messages=messages or (_ASKED,), max_output_tokens=64)
    return msgspec.structs.replace(plain, **fields)


def _has(kind: type, **fields: Any) -> Callable[[ChatRequest], bool]:
    """Whether some part is of a kind, and its fields (`media__data` for nested ones) are as given."""

    def found(request: ChatRequest) -> bool:
        return any(isinstance(part, kind) and _agrees(part, fields) for part in parts_of(request))

    return found


def _is(**fields: Any) -> Callable[[ChatRequest], bool]:
    return lambda request: _agrees(request, fields)


def _agrees(value: Any, fields: dict[str, Any]) -> bool:
    for path, wanted in fields.items():
        one: Any = value
        for name in path.split("__"):
            one = getattr(one, name, None)
        if one != wanted:
            return False
    return True


def _user(*parts: Part) -> ChatRequest:
    return _request(Message(Role.USER, (Text("Look at this."), *parts)))


def _roles(*roles: Role) -> Callable[[ChatRequest], bool]:
    return lambda request: tuple(message.role for message in request.messages) == roles


def _tooled(**fields: Any) -> ChatRequest:
    return _request(tools=(_TOOL, _CLOCK), **fields)


def _answered(*parts: Part, is_error: bool = False) -> ChatRequest:
    result = ToolResult("call_1", "weather", parts, is_error)
    return _request(_ASKED, _CALLED, Message(Role.TOOL, (result,)), tools=(_TOOL,))


def _thought(thought: Reasoning) -> ChatRequest:
    return _request(_ASKED, Message(Role.ASSISTANT, (thought, *_CALLED.parts)), _RESULT, tools=(_TOOL,))


def _schema(request: ChatRequest) -> bool:
    return request.output.kind is OutputKind.SCHEMA and request.output.schema == _SCHEMA


def _forced(request: ChatRequest) -> bool:
    choice = request.tool_choice
    return choice is not None and choice.mode is ToolMode.REQUIRED and choice.names == ("weather",)


def _paired(request: ChatRequest) -> bool:
    """Whether results name their calls, whatever the ids are."""
    called = [part.id for part in parts_of(request) if isinstance(part, ToolCall)]
    return bool(called) and [part.call_id for part in parts_of(request) if isinstance(part, ToolResult)] == called


_SYSTEM = Message(Role.SYSTEM, (Text("Be brief."),))
_SAID = Message(Role.ASSISTANT, (Text("Where?"),))
_FORMAT = OutputFormat(OutputKind.SCHEMA, "place", "", _SCHEMA, strict=True)
_MARKED = Text("A long text.", cache=CacheMark("1h"))

FEATURES: tuple[Feature, ...] = (
    Feature("Turns", "system text", _request(_SYSTEM, _ASKED), lambda r: r.messages[0].role is Role.SYSTEM),
    Feature("Turns", "developer text", _request(Message(Role.DEVELOPER, _SYSTEM.parts), _ASKED),
            lambda r: r.messages[0].role is Role.DEVELOPER),
    Feature("Turns", "system text between turns", _request(_ASKED, _SAID, _SYSTEM, _ASKED),
            _roles(Role.USER, Role.ASSISTANT, Role.SYSTEM, Role.USER)),
    Feature("Turns", "two user turns in a row", _request(_ASKED, _ASKED), _roles(Role.USER, Role.USER)),
    Feature("Turns", "the answer's beginning given", _request(_ASKED, _SAID), _roles(Role.USER, Role.ASSISTANT)),
    Feature("Parts", "image as data", _user(Image(Media("image/png", _PNG))), _has(Image, media__data=_PNG)),
    Feature("Parts", "image by address", _user(Image(Media(url=_URL))), _has(Image, media__url=_URL)),
    Feature("Parts", "image uploaded to the provider", _user(Image(Media(file_id="file-1"))),
            _has(Image, media__file_id="file-1")),
    Feature("Parts", "PDF as data", _user(Document(Media("application/pdf", _PDF), name="a.pdf")),
            _has(Document, media__data=_PDF)),
    Feature("Parts", "PDF by address", _user(Document(Media("application/pdf", url=_URL))),
            _has(Document, media__url=_URL)),
    Feature("Parts", "document as text", _user(Document(text="Once upon", name="a.txt")),
            _has(Document, text="Once upon")),
    Feature("Parts", "sound as data", _user(Audio(Media("audio/wav", _WAV))), _has(Audio, media__data=_WAV)),
    Feature("Parts", "film as data", _user(Video(Media("video/mp4", _MP4))), _has(Video, media__data=_MP4)),
    Feature("Tools", "tools with a schema", _tooled(), lambda r: [getattr(t, "schema", None) for t in r.tools] ==
            [_SCHEMA, _SCHEMA]),
    Feature("Tools", "strict tools", _request(tools=(msgspec.structs.replace(_TOOL, strict=True),)),
            lambda r: bool(r.tools) and getattr(r.tools[0], "strict", None) is True),
    Feature("Tools", "tools that take plain text", _request(tools=(CustomTool("note", "Keeps a note"),)),
            lambda r: bool(r.tools) and isinstance(r.tools[0], CustomTool)),
    Feature("Tools", "tools forbidden", _tooled(tool_choice=ToolChoice(ToolMode.NONE)),
            lambda r: r.tool_choice == ToolChoice(ToolMode.NONE)),
    Feature("Tools", "some tool demanded", _tooled(tool_choice=ToolChoice(ToolMode.REQUIRED)),
            lambda r: r.tool_choice == ToolChoice(ToolMode.REQUIRED)),
    Feature("Tools", "one tool demanded", _tooled(tool_choice=ToolChoice(ToolMode.REQUIRED, ("weather",))), _forced),
    Feature("Tools", "no more than one call", _tooled(parallel_tool_calls=False), _is(parallel_tool_calls=False)),
    Feature("Tools", "results", _answered(Text("rain")), _paired),
    Feature("Tools", "results that are errors", _answered(Text("no such city"), is_error=True),
            _has(ToolResult, is_error=True)),
    Feature("Tools", "pictures in results", _answered(Image(Media("image/png", _PNG))), _has(Image, media__data=_PNG)),
    Feature("Form of the answer", "any JSON", _request(output=OutputFormat(OutputKind.JSON)),
            lambda r: r.output.kind is OutputKind.JSON),
    Feature("Form of the answer", "JSON of a schema", _request(output=_FORMAT), _schema),
    Feature("Form of the answer", "JSON of a schema, with tools", _request(output=_FORMAT, tools=(_TOOL,)), _schema),
    Feature("Form of the answer", "several answers", _request(choices=2), _is(choices=2)),
    Feature("Form of the answer", "probabilities of tokens", _request(sampling=Sampling(logprobs=True)),
            _is(sampling__logprobs=True)),
    Feature("Form of the answer", "a spoken answer",
            _request(modalities=("text", "audio"), speech=Speech("alloy", "wav")), lambda r: "audio" in r.modalities),
    Feature("Form of the answer", "verbosity", _request(verbosity="low"), _is(verbosity="low")),
    Feature("Thinking", "an effort", _request(thinking=Thinking(effort="low")),
            lambda r: r.thinking is not None and r.thinking.effort == "low"),
    Feature("Thinking", "a budget of tokens", _request(thinking=_BUDGET, max_output_tokens=4096),
            lambda r: r.thinking is not None and r.thinking.budget_tokens == _BUDGET.budget_tokens),
    Feature("Thinking", "Anthropic's signed thoughts", _thought(Reasoning("Rain?", "c2lnbmVk", vendor="anthropic")),
            _has(Reasoning, signature="c2lnbmVk", vendor="anthropic")),
    Feature("Thinking", "OpenAI's encrypted thoughts",
            _thought(Reasoning(redacted="c2lnbmVk", summary=("Rain?",), id="rs_1", vendor="openai")),
            _has(Reasoning, redacted="c2lnbmVk", vendor="openai")),
    Feature("Thinking", "Gemini's signed calls", _request(_ASKED, _SIGNED, _RESULT, tools=(_TOOL,)),
            _has(ToolCall, signature="c2lnbmVk")),
    Feature("Sampling", "temperature", _request(sampling=Sampling(temperature=0.5)), _is(sampling__temperature=0.5)),
    Feature("Sampling", "top_p", _request(sampling=Sampling(top_p=0.5)), _is(sampling__top_p=0.5)),
    Feature("Sampling", "top_k", _request(sampling=Sampling(top_k=5)), _is(sampling__top_k=5)),
    Feature("Sampling", "penalties", _request(sampling=Sampling(frequency_penalty=0.5, presence_penalty=0.5)),
            _is(sampling__frequency_penalty=0.5, sampling__presence_penalty=0.5)),
    Feature("Sampling", "seed", _request(sampling=Sampling(seed=7)), _is(sampling__seed=7)),
    Feature("Sampling", "bias of tokens", _request(sampling=Sampling(logit_bias={"5": 1.0})),
            _is(sampling__logit_bias={"5": 1.0})),
    Feature("Sampling", "stop sequences", _request(stop=("END",)), _is(stop=("END",))),
    Feature("Sampling", "a limit of tokens", _request(), _is(max_output_tokens=64)),
    Feature("About the call", "cache marks", _request(Message(Role.USER, (_MARKED, Text("Sum it up.")))),
            _has(Text, text="A long text.", cache=CacheMark("1h"))),
    Feature("About the call", "cache key", _request(cache_key="k"), _is(cache_key="k")),
    Feature("About the call", "end user", _request(user_id="u"), _is(user_id="u")),
    Feature("About the call", "own metadata", _request(labels={"a": "b"}), _is(labels={"a": "b"})),
    Feature("About the call", "service tier", _request(service_tier="flex"), _is(service_tier="flex")),
)  # fmt: skip


def arrival(feature: Feature, caller: Dialect, upstream: Dialect) -> Arrival:
    """Return what becomes of a feature between two different chat dialects, with a model of which nothing is known."""
    here, there = _codec(caller), _codec(upstream)
    said = here.write_request(msgspec.structs.replace(feature.request, dialect=caller.name), ModelFacts())
    request = here.read_request(said.body, _ask(caller))
    if not feature.found(request):
        return Arrival.UNSAID
    written = there.write_request(msgspec.structs.replace(request, model="m"), ModelFacts())
    if any(loss.essential for loss in written.losses):
        return Arrival.REFUSED
    if feature.found(there.read_request(written.body, _ask(upstream))):
        return Arrival.WHOLE
    return Arrival.NOTED if written.losses else Arrival.CHANGED


def _codec(dialect: Dialect) -> ChatCodec:
    if not isinstance(dialect.codec, ChatCodec):
        raise TypeError(f"{dialect.name} has no chat codec")
    return dialect.codec


def _ask(dialect: Dialect) -> Ask:
    return Ask("m", streamed=False) if "{model}" in dialect.path else Ask()
