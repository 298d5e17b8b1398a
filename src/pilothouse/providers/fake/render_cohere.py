"""Cohere's chat as its documentation tells it, written without our own codec."""

from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Frame, Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer

_STOPS = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR"}
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_FIELDS = frozenset({
    "model", "messages", "stream", "tools", "strict_tools", "tool_choice", "response_format", "max_tokens",
    "stop_sequences", "temperature", "seed", "frequency_penalty", "presence_penalty", "k", "p", "logprobs", "thinking",
    "documents", "citation_options", "safety_mode", "raw_prompting", "priority",
})  # fmt: skip


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] = []
    tool_call_id: str = ""


class _Chat(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool = False


_DECODER = msgspec.json.Decoder(_Chat)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(request: Request) -> Asked:
    """Return what a request asks for, refusing what Cohere refuses; raises `SettingsInvalid`."""
    body = _DECODER.decode(request.body)
    unknown = sorted(_ANY.decode(request.body).keys() - _FIELDS)
    if unknown:
        raise SettingsInvalid(f"unknown field: parameter '{unknown[0]}' is not a valid field")
    _check(body.messages)
    return Asked(model=body.model, streamed=body.stream, last_message=said.last_text(body.messages[-1].content or ""))


def answer(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of an answer."""
    if said.failed(scripted):
        return plan.whole(scripted, _error(scripted))
    if not asked.streamed or scripted.whole:
        return plan.whole(scripted, plan.ENCODER.encode(_whole(scripted, asked)))
    return plan.stream(scripted, _frames(scripted, asked), lambda: _event(scripted, "message-end", _failure(scripted)))


def _check(messages: list[_Message]) -> None:
    if not messages:
        raise SettingsInvalid("messages must not be empty")
    asked: set[str] = set()
    for place, message in enumerate(messages):
        if message.role not in _ROLES:
            raise SettingsInvalid(f"messages[{place}].role must be one of system, user, assistant, tool")
        if message.role == "tool" and message.tool_call_id not in asked:
            raise SettingsInvalid(f"messages[{place}]: tool call id not found in previous tool calls")
        if message.role == "user" and not message.content:
            raise SettingsInvalid(f"messages[{place}]: all elements in a message must have content")
        asked |= {str(call.get("id")) for call in message.tool_calls}


def _error(scripted: Answer) -> bytes:
    if scripted.body is not None:
        return scripted.body.encode()
    text = said.message(scripted)
    if scripted.error_code == "context_length_exceeded":
        text = "too many tokens: size limit exceeded by 808 tokens. Try using shorter or fewer inputs."
    return plan.ENCODER.encode({"id": "err-fake", "message": text})


def _failure(scripted: Answer) -> dict[str, Any]:
    return {"id": "chat-fake", "delta": {"finish_reason": "ERROR", "error": said.message(scripted)}}


def _stop(scripted: Answer) -> str:
    word = scripted.finish_reason or ("tool_calls" if scripted.tool_calls else "stop")
    return _STOPS.get(word, word)


def _usage(scripted: Answer, text: str) -> dict[str, Any]:
    tokens = said.tokens(scripted, text)
    counts = {"input_tokens": tokens.prompt, "output_tokens": tokens.output}
    return {"billed_units": counts, "tokens": counts, "cached_tokens": tokens.cached}


def _calls(scripted: Answer) -> list[dict[str, Any]]:
    return [
        {"id": identity, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call, identity in said.calls(scripted, "call_fake")
    ]


def _whole(scripted: Answer, asked: Asked) -> dict[str, Any]:
    text = said.text(scripted, asked)
    message: dict[str, Any] = {"role": "assistant"}
    content = [{"type": "thinking", "thinking": scripted.reasoning}] if scripted.reasoning else []
    if scripted.tool_calls:
        message["tool_calls"] = _calls(scripted)
        message["tool_plan"] = text
    elif scripted.refusal or text:
        content.append({"type": "text", "text": scripted.refusal + text})
    if content:
        message["content"] = content
    whole: dict[str, Any] = {"id": "chat-fake", "finish_reason": _stop(scripted), "message": message}
    if scripted.usage != "missing":
        whole["usage"] = _usage(scripted, text)
    return whole


class _Frames:
    """Renders the events of one stream."""

    def __init__(self, scripted: Answer) -> None:
        self._scripted = scripted
        self._index = -1
        self.frames: list[Frame] = []

    def add(self, kind: str, fields: dict[str, Any], *, counts: bool = False) -> None:
        self.frames.append(Frame(_event(self._scripted, kind, fields), counts))

    def message(self, kind: str, message: dict[str, Any], index: int | None = None, *, counts: bool = False) -> None:
        place: dict[str, Any] = {} if index is None else {"index": index}
        self.add(kind, {**place, "delta": {"message": message}}, counts=counts)

    def content(self, kind: str, parts: list[str]) -> None:
        """Add a whole content."""
        self._index += 1
        self.message("content-start", {"content": {"type": kind, kind: ""}}, self._index)
        for part in parts:
            self.message("content-delta", {"content": {kind: part}}, self._index, counts=True)
        self.add("content-end", {"index": self._index})

    def call(self, place: int, call: dict[str, Any]) -> None:
        """Add a whole call."""
        function = call["function"]
        start = {**call, "function": {"name": function["name"], "arguments": ""}}
        self.message("tool-call-start", {"tool_calls": start}, place, counts=True)
        for half in said.halves(function["arguments"]):
            self.message("tool-call-delta", {"tool_calls": {"function": {"arguments": half}}}, place, counts=True)
        self.add("tool-call-end", {"index": place})


def _frames(scripted: Answer, asked: Asked) -> list[Frame]:
    frames = _Frames(scripted)
    text = said.text(scripted, asked)
    if scripted.opening:
        frames.add("message-start", {"id": "chat-fake", "delta": {"message": {"role": "assistant", "content": []}}})
    if scripted.reasoning:
        frames.content("thinking", said.words(scripted.reasoning))
    spoken = ([scripted.refusal] if scripted.refusal else []) + said.parts(scripted, text)
    if scripted.tool_calls:
        for part in spoken:
            frames.message("tool-plan-delta", {"tool_plan": part}, counts=True)
        for place, call in enumerate(_calls(scripted)):
            frames.call(place, call)
    elif spoken:
        frames.content("text", spoken)
    if scripted.done:
        usage = {} if scripted.usage == "missing" else {"usage": _usage(scripted, text)}
        frames.add("message-end", {"id": "chat-fake", "delta": {"finish_reason": _stop(scripted), **usage}})
    return frames.frames


def _event(scripted: Answer, kind: str, fields: dict[str, Any]) -> bytes:
    return plan.event(scripted, {"type": kind, **fields}, kind)
