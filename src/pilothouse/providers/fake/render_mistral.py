"""Mistral's chat as its documentation tells it, written without our own codec."""

import re
from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, render, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Frame, Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer

_FIELDS = frozenset({
    "model", "messages", "stream", "tools", "tool_choice", "parallel_tool_calls", "response_format", "max_tokens",
    "min_tokens", "stop", "temperature", "random_seed", "frequency_penalty", "presence_penalty", "top_p", "top_k", "n",
    "prediction", "reasoning_effort", "prompt_mode", "safe_prompt", "guardrails", "metadata", "prompt_cache_key",
    "service_tier",
})  # fmt: skip
_CALL_ID = re.compile("[a-zA-Z0-9]{9}")


class _Function(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    arguments: str | dict[str, Any]


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    function: _Function
    type: str = "function"
    index: int = 0


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str = ""
    name: str | None = None
    prefix: bool = False


class _Chat(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool = False
    n: int | None = None


_DECODER = msgspec.json.Decoder(_Chat)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(request: Request) -> Asked:
    """Return what a request asks for, refusing what Mistral refuses; raises `SettingsInvalid`."""
    body = _DECODER.decode(request.body)
    unknown = sorted(_ANY.decode(request.body).keys() - _FIELDS)
    if unknown:
        raise SettingsInvalid(f"Extra inputs are not permitted: {unknown[0]}")
    _check(body.messages)
    message = said.last_text(body.messages[-1].content or "")
    return Asked(model=body.model, streamed=body.stream, n=body.n or 1, last_message=message)


def _check(messages: list[_Message]) -> None:
    if not messages:
        raise SettingsInvalid("Conversation must have at least one message")
    last = messages[-1]
    if last.role not in ("user", "tool") and not last.prefix:
        raise SettingsInvalid("Expected last role User or Tool (or Assistant with prefix True) for serving")
    asked: set[str] = set()
    for message in messages:
        if message.role not in ("system", "user", "assistant", "tool"):
            raise SettingsInvalid(f"Input tag '{message.role}' does not match any of the expected tags")
        if message.role == "tool" and message.tool_call_id not in asked:
            raise SettingsInvalid("Unexpected tool call id in tool results")
        for call in message.tool_calls or ():
            if not _CALL_ID.fullmatch(call.id):
                raise SettingsInvalid(f"Tool call id was {call.id} but must be a-z, A-Z, 0-9, with a length of 9.")
            asked.add(call.id)


def answer(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of an answer."""
    if said.failed(scripted):
        return plan.whole(scripted, _error(scripted))
    if not asked.streamed or scripted.whole:
        return plan.whole(scripted, plan.ENCODER.encode(_whole(scripted, asked)))
    return plan.stream(scripted, _frames(scripted, asked), lambda: plan.event(scripted, _error(scripted)))


def _error(scripted: Answer) -> bytes:
    if scripted.body is not None:
        return scripted.body.encode()
    problem = {
        "object": "error",
        "message": said.message(scripted),
        "type": scripted.error_type,
        "param": scripted.error_param,
        "code": scripted.error_code,
    }
    return plan.ENCODER.encode(problem)


def _finish(scripted: Answer) -> str:
    word = scripted.finish_reason or ("tool_calls" if scripted.tool_calls else "stop")
    return "error" if word == "content_filter" else word


def _usage(scripted: Answer, text: str) -> dict[str, Any]:
    tokens = said.tokens(scripted, text)
    return {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.prompt + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
    }


def _thinking(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _calls(scripted: Answer) -> list[dict[str, Any]]:
    return [
        {
            "id": identity,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
            "index": place,
        }
        for place, (call, identity) in enumerate(said.calls(scripted, "callfake"))
    ]


def _shared(scripted: Answer, asked: Asked, kind: str) -> dict[str, Any]:
    return {
        "id": "mistral-fake",
        "object": kind,
        "created": render.CREATED,
        "model": scripted.model or asked.model,
    }


def _whole(scripted: Answer, asked: Asked) -> dict[str, Any]:
    text = scripted.refusal + said.text(scripted, asked)
    content: Any = text
    if scripted.reasoning:
        content = [_thinking(scripted.reasoning), {"type": "text", "text": text}]
    message: dict[str, Any] = {"role": "assistant", "content": content, "tool_calls": None, "prefix": False}
    if scripted.tool_calls:
        message["tool_calls"] = _calls(scripted)
    choices = [{"index": index, "message": message, "finish_reason": _finish(scripted)} for index in range(asked.n)]
    whole = {**_shared(scripted, asked, "chat.completion"), "choices": choices}
    if scripted.usage != "missing":
        whole["usage"] = _usage(scripted, said.text(scripted, asked))
    return whole


def _frames(scripted: Answer, asked: Asked) -> list[Frame]:
    text = said.text(scripted, asked)
    shared = _shared(scripted, asked, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], index: int = 0, finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        return plan.event(scripted, {**shared, "choices": [choice], **more})

    frames = [Frame(chunk({"role": "assistant", "content": ""}, index)) for index in range(asked.n)]
    for index in range(asked.n):
        deltas = [{"content": [_thinking(part)]} for part in said.words(scripted.reasoning)]
        deltas += [{"content": part} for part in [scripted.refusal, *said.parts(scripted, text)] if part]
        deltas += [{"content": "", "tool_calls": [call]} for call in _calls(scripted)]
        frames += [Frame(chunk(delta, index), counts=True) for delta in deltas]
    usage = {} if scripted.usage == "missing" else {"usage": _usage(scripted, text)}
    for index in range(asked.n):
        if scripted.finish_reason != "none":
            more = usage if index == asked.n - 1 else {}
            frames.append(Frame(chunk({"content": ""}, index, _finish(scripted), **more)))
    if scripted.done:
        frames.append(Frame(plan.event(scripted, b"[DONE]")))
    return frames if scripted.opening else frames[asked.n :]
