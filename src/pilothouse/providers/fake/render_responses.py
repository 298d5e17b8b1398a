"""OpenAI's Responses API as its documentation tells it, written without our own codec."""

from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, render, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Frame, Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer

_Object = dict[str, Any]
_ENCRYPTED = "reasoning.encrypted_content"
_FIELDS = frozenset({
    "model", "input", "stream", "tool_choice", "include", "instructions", "tools", "text", "reasoning", "temperature",
    "top_p", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls", "previous_response_id",
    "conversation", "prompt", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier",
    "store", "stream_options", "top_logprobs", "truncation", "user", "background", "context_management",
})  # fmt: skip
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


class _Choice(msgspec.Struct):
    type: str
    name: str = ""


class _Create(msgspec.Struct):
    model: str
    input: str | list[_Object]
    stream: bool | None = None
    tool_choice: str | _Choice | None = None
    include: list[str] | None = None


_DECODER = msgspec.json.Decoder(_Create)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(request: Request) -> Asked:
    """Return what a request asks for, refusing what OpenAI refuses; raises `SettingsInvalid`."""
    body = _DECODER.decode(request.body)
    unknown = sorted(_ANY.decode(request.body).keys() - _FIELDS)
    if unknown:
        raise SettingsInvalid(f"Unknown parameter: '{unknown[0]}'.")
    items = body.input if isinstance(body.input, list) else []
    _check(items)
    return Asked(
        model=body.model,
        streamed=body.stream is True,
        last_message=body.input if isinstance(body.input, str) else _last(items),
        forced=body.tool_choice.name if isinstance(body.tool_choice, _Choice) else "",
        variant="encrypted" if _ENCRYPTED in (body.include or []) else "",
    )


def answer(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of an answer."""
    if said.failed(scripted):
        return plan.whole(scripted, render.error_body(scripted))
    scripted = said.obeying(scripted, asked)
    if not asked.streamed or scripted.whole:
        return plan.whole(scripted, plan.ENCODER.encode(_ended(scripted, asked)))
    frames = _frames(scripted, asked)
    return plan.stream(scripted, frames, lambda: _problem(scripted, asked, len(frames)))


def _last(items: list[_Object]) -> str:
    return said.last_text(items[-1].get("content") or "") if items else ""


def _check(items: list[_Object]) -> None:
    calls = {str(item.get("call_id")) for item in items if item.get("type") == "function_call"}
    results = {str(item.get("call_id")) for item in items if item.get("type") == "function_call_output"}
    for missing in sorted(calls - results):
        raise SettingsInvalid(f"No tool output found for function call {missing}.")
    for missing in sorted(results - calls):
        raise SettingsInvalid(f"No tool call found for function call output with call_id {missing}.")


def _response(scripted: Answer, asked: Asked, status: str, output: list[_Object]) -> _Object:
    return {
        "id": scripted.id or "resp_fake",
        "object": "response",
        "created_at": render.CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": scripted.model or asked.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "metadata": {},
    }


def _ended(scripted: Answer, asked: Asked) -> _Object:
    reason = _REASONS.get(scripted.finish_reason)
    whole = _response(scripted, asked, "incomplete" if reason else "completed", _items(scripted, asked))
    if reason:
        whole["incomplete_details"] = {"reason": reason}
    if scripted.usage != "missing":
        tokens = said.tokens(scripted, said.text(scripted, asked))
        whole["usage"] = {
            "input_tokens": scripted.prompt_tokens,
            "input_tokens_details": {"cached_tokens": tokens.cached},
            "output_tokens": tokens.output,
            "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
            "total_tokens": scripted.prompt_tokens + tokens.output,
        }
    return whole


def _items(scripted: Answer, asked: Asked) -> list[_Object]:
    """Return the whole items of an answer, in their order."""
    items: list[_Object] = []
    if scripted.reasoning or scripted.redacted:
        summary = [{"type": "summary_text", "text": scripted.reasoning}] if scripted.reasoning else []
        thought: _Object = {"id": "rs_fake", "type": "reasoning", "summary": summary}
        if asked.variant == "encrypted":
            thought["encrypted_content"] = scripted.redacted or said.signature("openai", scripted)
        items.append(thought)
    content: list[_Object] = []
    text = said.text(scripted, asked)
    if scripted.refusal:
        content.append({"type": "refusal", "refusal": scripted.refusal})
    if text:
        content.append({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
    if content:
        items.append(
            {"id": "msg_fake", "type": "message", "status": "completed", "role": "assistant", "content": content}
        )
    for place, (call, identity) in enumerate(said.calls(scripted, "call_fake")):
        made = {"id": f"fc_fake{place}", "type": "function_call", "status": "completed", "call_id": identity}
        items.append({**made, "name": call.name, "arguments": call.arguments})
    return items


class _Frames:
    """Renders the events of one stream, numbered."""

    def __init__(self, scripted: Answer) -> None:
        self._scripted = scripted
        self.frames: list[Frame] = []

    def add(self, kind: str, fields: _Object, *, counts: bool = False) -> None:
        data = {"type": kind, "sequence_number": len(self.frames), **fields}
        self.frames.append(Frame(plan.event(self._scripted, data, kind), counts))

    def item(self, place: int, item: _Object) -> None:
        """Add an item from its beginning to its end."""
        empty: _Object = {"summary": [], "content": [], "arguments": ""}
        begun = item | {key: value for key, value in empty.items() if key in item}
        if "status" in item:
            begun["status"] = "in_progress"
        self.add("response.output_item.added", {"output_index": place, "item": begun})
        where = {"item_id": item["id"], "output_index": place}
        if item["type"] == "reasoning":
            self._reasoning(where, item)
        elif item["type"] == "message":
            self._content(where, item)
        else:
            kind = "response.function_call_arguments"
            for half in ("", *said.halves(item["arguments"])):
                self.add(f"{kind}.delta", {**where, "delta": half}, counts=True)
            self.add(f"{kind}.done", {**where, "name": item["name"], "arguments": item["arguments"]})
        self.add("response.output_item.done", {"output_index": place, "item": item})

    def _reasoning(self, where: _Object, item: _Object) -> None:
        for number, part in enumerate(item["summary"]):
            here = {**where, "summary_index": number}
            self.add("response.reasoning_summary_part.added", {**here, "part": {**part, "text": ""}})
            for piece in said.words(part["text"]):
                self.add("response.reasoning_summary_text.delta", {**here, "delta": piece}, counts=True)
            self.add("response.reasoning_summary_text.done", {**here, "text": part["text"]})
            self.add("response.reasoning_summary_part.done", {**here, "part": part})

    def _content(self, where: _Object, item: _Object) -> None:
        for number, part in enumerate(item["content"]):
            here = {**where, "content_index": number}
            name = "refusal" if part["type"] == "refusal" else "text"
            pieces = [part["refusal"]] if name == "refusal" else said.parts(self._scripted, part["text"])
            kind = "response.refusal" if name == "refusal" else "response.output_text"
            more: _Object = {} if name == "refusal" else {"logprobs": []}
            self.add("response.content_part.added", {**here, "part": {**part, name: ""}})
            for piece in pieces:
                self.add(f"{kind}.delta", {**here, "delta": piece, **more}, counts=True)
            self.add(f"{kind}.done", {**here, name: part[name], **more})
            self.add("response.content_part.done", {**here, "part": part})


def _frames(scripted: Answer, asked: Asked) -> list[Frame]:
    frames = _Frames(scripted)
    if scripted.opening:
        begun = _response(scripted, asked, "in_progress", [])
        frames.add("response.created", {"response": begun})
        frames.add("response.in_progress", {"response": begun})
    ended = _ended(scripted, asked)
    for place, item in enumerate(ended["output"]):
        frames.item(place, item)
    if scripted.finish_reason != "none":
        frames.add(f"response.{ended['status']}", {"response": ended})
    return frames.frames


def _problem(scripted: Answer, asked: Asked, number: int) -> bytes:
    """Return how a stream tells an error: an event of its own, or a response that failed."""
    message = said.message(scripted)
    code = scripted.error_code or scripted.error_type
    if scripted.error_event:
        data: _Object = {"type": "error", "code": code, "message": message, "param": scripted.error_param}
        return plan.event(scripted, {**data, "sequence_number": number}, "error")
    failed = _response(scripted, asked, "failed", []) | {"error": {"code": code, "message": message}}
    kind = "response.failed"
    return plan.event(scripted, {"type": kind, "sequence_number": number, "response": failed}, kind)
