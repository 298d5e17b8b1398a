"""Anthropic's Messages API as its documentation tells it, written without our own codec."""

from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Frame, Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import MODELS, Answer

_PING = b'event: ping\ndata: {"type":"ping"}'
_KINDS = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 503: "api_error",
    504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
_STOPS = {
    "stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal",
}  # fmt: skip


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]]


class _Choice(msgspec.Struct):
    type: str
    name: str = ""


class _Messages(msgspec.Struct):
    model: str
    max_tokens: int
    messages: list[_Message]
    stream: bool = False
    tool_choice: _Choice | None = None


class _Count(msgspec.Struct):
    model: str
    messages: list[_Message]


_FIELDS = frozenset({
    "model", "max_tokens", "messages", "stream", "tool_choice", "tools", "system", "temperature", "top_p", "top_k",
    "stop_sequences", "metadata", "thinking", "service_tier", "container", "mcp_servers", "context_management",
    "output_config", "output_format", "inference_geo", "speed", "cache_control",
})  # fmt: skip
_DECODER = msgspec.json.Decoder(_Messages)
_COUNT = msgspec.json.Decoder(_Count)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(request: Request) -> Asked:
    """Return what a request asks for, refusing what Anthropic refuses; raises `SettingsInvalid`."""
    body = _DECODER.decode(request.body)
    unknown = sorted(_ANY.decode(request.body).keys() - _FIELDS)
    if unknown:
        raise SettingsInvalid(f"{unknown[0]}: Extra inputs are not permitted")
    if not request.header(b"anthropic-version"):
        raise SettingsInvalid("anthropic-version: header is required")
    _check(body.messages)
    choice = body.tool_choice
    return Asked(
        model=body.model,
        streamed=body.stream,
        last_message=said.last_text(body.messages[-1].content),
        forced=choice.name if choice is not None and choice.type == "tool" else "",
    )


def read_count(request: Request) -> Asked:
    """Return what a request for a count asks for."""
    body = _COUNT.decode(request.body)
    return Asked(model=body.model, last_message=said.last_text(body.messages[-1].content))


def answer(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of an answer."""
    if said.failed(scripted):
        return plan.whole(scripted, _error(scripted))
    scripted = said.obeying(scripted, asked)
    if not asked.streamed or scripted.whole:
        return plan.whole(scripted, plan.ENCODER.encode(_message(scripted, asked)))
    return plan.stream(scripted, _frames(scripted, asked), lambda: plan.event(scripted, _error(scripted), "error"))


def count(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of a count."""
    del asked
    if said.failed(scripted):
        return plan.whole(scripted, _error(scripted))
    return plan.whole(scripted, plan.ENCODER.encode({"input_tokens": scripted.prompt_tokens}))


def models() -> dict[str, Any]:
    """Return the list of models."""
    items = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"} for name in MODELS
    ]
    return {"data": items, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}


def _check(messages: list[_Message]) -> None:
    if not messages:
        raise SettingsInvalid("messages: at least one message is required")
    open_calls: set[str] = set()
    for place, message in enumerate(messages):
        if message.role not in ("user", "assistant"):
            raise SettingsInvalid(f'messages.{place}.role: Input should be "user" or "assistant"')
        blocks = message.content if isinstance(message.content, list) else []
        answered = {str(block.get("tool_use_id")) for block in blocks if block.get("type") == "tool_result"}
        if answered != open_calls:
            raise SettingsInvalid(f"messages.{place}: `tool_use` ids and `tool_result` blocks do not match")
        open_calls = {str(block.get("id")) for block in blocks if block.get("type") == "tool_use"}


def _error(scripted: Answer) -> bytes:
    if scripted.body is not None:
        return scripted.body.encode()
    if scripted.status == 200:
        kind = scripted.error_type if scripted.error_type in _KINDS.values() else "api_error"
    else:
        kind = _KINDS.get(scripted.status, "api_error" if scripted.status >= 500 else "invalid_request_error")
    text = said.message(scripted)
    if scripted.error_code == "context_length_exceeded":
        text = "prompt is too long: 9000 tokens > 8192 maximum"
    problem = {"type": kind, "message": text}
    return plan.ENCODER.encode({"type": "error", "error": problem, "request_id": "req_fake"})


def _stop(scripted: Answer) -> str | None:
    if scripted.finish_reason:
        return None if scripted.finish_reason == "none" else _STOPS.get(scripted.finish_reason, scripted.finish_reason)
    if scripted.refusal:
        return "refusal"
    return "tool_use" if scripted.tool_calls else "end_turn"


def _usage(scripted: Answer, text: str) -> dict[str, Any]:
    tokens = said.tokens(scripted, text)
    return {
        "input_tokens": tokens.read,
        "cache_creation_input_tokens": tokens.written,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tokens.output,
        "service_tier": "standard",
    }


def _thinking(scripted: Answer) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if scripted.reasoning:
        mark = said.signature("anthropic", scripted)
        blocks.append({"type": "thinking", "thinking": scripted.reasoning, "signature": mark})
    if scripted.redacted:
        blocks.append({"type": "redacted_thinking", "data": scripted.redacted})
    return blocks


def _message(scripted: Answer, asked: Asked) -> dict[str, Any]:
    text = said.text(scripted, asked)
    blocks = _thinking(scripted)
    if scripted.refusal or text:
        blocks.append({"type": "text", "text": scripted.refusal + text})
    for call, identity in said.calls(scripted, "toolu_fake"):
        blocks.append({"type": "tool_use", "id": identity, "name": call.name, "input": said.arguments(call)})
    whole = _shell(scripted, asked) | {"content": blocks, "stop_reason": _stop(scripted)}
    if scripted.usage != "missing":
        whole["usage"] = _usage(scripted, text)
    return whole


def _shell(scripted: Answer, asked: Asked) -> dict[str, Any]:
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": scripted.model or asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


class _Frames:
    """Renders the events of one stream."""

    def __init__(self, scripted: Answer) -> None:
        self._scripted = scripted
        self._index = -1
        self.frames: list[Frame] = []

    def add(self, kind: str, fields: dict[str, Any], *, counts: bool = False) -> None:
        data = {"type": kind, **fields}
        self.frames.append(Frame(plan.event(self._scripted, data, kind, _PING), counts))

    def block(self, start: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
        """Add a whole block; a mark on reasoning is no content of its own."""
        self._index += 1
        self.add("content_block_start", {"index": self._index, "content_block": start})
        for delta in deltas:
            counted = delta["type"] != "signature_delta"
            self.add("content_block_delta", {"index": self._index, "delta": delta}, counts=counted)
        self.add("content_block_stop", {"index": self._index})


def _frames(scripted: Answer, asked: Asked) -> list[Frame]:
    frames = _Frames(scripted)
    text = said.text(scripted, asked)
    usage = _usage(scripted, text)
    if scripted.opening:
        shell = _shell(scripted, asked)
        if scripted.usage != "missing":
            shell["usage"] = usage | {"output_tokens": 1}
        frames.add("message_start", {"message": shell})
    for block in _thinking(scripted):
        _thinking_block(frames, block)
    spoken = ([scripted.refusal] if scripted.refusal else []) + said.parts(scripted, text)
    if spoken:
        frames.block({"type": "text", "text": ""}, [{"type": "text_delta", "text": part} for part in spoken])
    for call, identity in said.calls(scripted, "toolu_fake"):
        halves = ("", *said.halves(bytes(said.arguments(call)).decode()))
        start: dict[str, Any] = {"type": "tool_use", "id": identity, "name": call.name, "input": {}}
        frames.block(start, [{"type": "input_json_delta", "partial_json": half} for half in halves])
    stop = _stop(scripted)
    if stop is not None:
        totals: dict[str, Any] = {} if scripted.usage == "missing" else {"usage": usage}
        frames.add("message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None}, **totals})
    if scripted.done:
        frames.add("message_stop", {})
    return frames.frames


def _thinking_block(frames: _Frames, block: dict[str, Any]) -> None:
    if block["type"] == "redacted_thinking":
        frames.block(block, [])
        return
    deltas = [{"type": "thinking_delta", "thinking": part} for part in said.words(block["thinking"])]
    if block["signature"]:
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    frames.block({"type": "thinking", "thinking": "", "signature": ""}, deltas)
