"""OpenAI's chat and embeddings, and the list of models: pure, so that the server can keep what it has rendered once."""

import base64
import hashlib
import struct
from typing import Any

from pilothouse.providers.fake import plan, said
from pilothouse.providers.fake.plan import Frame, Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import MODELS, Answer

CREATED = 1_700_000_000


def chat(answer: Answer, asked: Asked) -> Plan:
    """Return the plan of a chat answer."""
    if said.failed(answer):
        return plan.whole(answer, error_body(answer))
    if not asked.streamed or answer.whole:
        return plan.whole(answer, plan.ENCODER.encode(_completion(answer, asked)))
    return plan.stream(answer, _frames(answer, asked), lambda: error_event(answer))


def document(answer: Answer, content: Any) -> Plan:
    """Return the plan of any other JSON answer, broken as the answer asks."""
    if answer.body is not None or answer.status != 200 or answer.error_message:
        return plan.whole(answer, error_body(answer))
    return plan.whole(answer, plan.ENCODER.encode(content))


def models() -> dict[str, Any]:
    """Return the list of models."""
    items = [{"id": name, "object": "model", "created": CREATED, "owned_by": "fake"} for name in MODELS]
    return {"object": "list", "data": items}


def embeddings(model: str, texts: list[str], dimensions: int, *, packed: bool) -> dict[str, Any]:
    """Return an embeddings answer with vectors of length one that depend on the text alone."""
    items: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        numbers = vector(text, dimensions)
        raw = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        items.append({"object": "embedding", "index": index, "embedding": raw if packed else numbers})
    tokens = sum(max(1, len(text) // 4) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": items, "model": model, "usage": usage}


def error_body(answer: Answer) -> bytes:
    """Return the body of an error: an OpenAI error object, or what the script says."""
    if answer.body is not None:
        return answer.body.encode()
    problem = {
        "message": said.message(answer),
        "type": answer.error_type,
        "param": answer.error_param,
        "code": answer.error_code,
    }
    return plan.ENCODER.encode({"error": problem})


def error_event(answer: Answer) -> bytes:
    """Return the event that tells an error inside a stream."""
    return plan.event(answer, error_body(answer), "error" if answer.error_event else "")


def vector(text: str, dimensions: int) -> list[float]:
    """Return a vector of length one that depends on the text alone."""
    numbers = [byte - 127.5 for byte in hashlib.shake_256(text.encode(errors="replace")).digest(dimensions)]
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]


def _finish(answer: Answer) -> str | None:
    if answer.finish_reason == "none":
        return None
    return answer.finish_reason or ("tool_calls" if answer.tool_calls else "stop")


def _usage(answer: Answer, text: str) -> dict[str, Any]:
    count = said.tokens(answer, text)
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": count.output,
        "total_tokens": answer.prompt_tokens + count.output,
        "prompt_tokens_details": {"cached_tokens": count.cached},
        "completion_tokens_details": {"reasoning_tokens": count.reasoning},
    }


def _completion(answer: Answer, asked: Asked) -> dict[str, Any]:
    text = said.text(answer, asked)
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": answer.refusal or None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = [
            {"id": identity, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call, identity in said.calls(answer, "call_fake")
        ]
    choice = {"message": message, "logprobs": None, "finish_reason": _finish(answer)}
    whole: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.model or asked.model,
        "choices": [{"index": index, **choice} for index in range(asked.n)],
        "system_fingerprint": "fp_fake",
    }
    if answer.usage != "missing":
        whole["usage"] = _usage(answer, text)
    return whole


class _Frames:
    """Renders the chunks of one stream."""

    def __init__(self, answer: Answer, asked: Asked) -> None:
        self._answer = answer
        self._asked = asked
        self._shared: dict[str, Any] = {
            "id": "chatcmpl-fake",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": answer.model or asked.model,
            "system_fingerprint": "fp_fake",
        }

    def delta(self, index: int, delta: dict[str, Any], finish: str | None = None, usage: Any = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk: dict[str, Any] = {**self._shared, "choices": [choice]}
        if usage is not None or (self._asked.usage and self._answer.usage == "asked"):
            chunk["usage"] = usage
        return plan.event(self._answer, chunk)

    def usage(self, usage: dict[str, Any]) -> bytes:
        return plan.event(self._answer, {**self._shared, "choices": [], "usage": usage})


def _frames(answer: Answer, asked: Asked) -> list[Frame]:
    frames = _Frames(answer, asked)
    text = said.text(answer, asked)
    usage = _usage(answer, text)
    running = usage if answer.usage == "every_chunk" else None
    opening = [
        Frame(frames.delta(index, {"role": "assistant", "content": "", "refusal": None}, usage=running))
        for index in range(asked.n)
    ]
    content = [
        Frame(frames.delta(index, delta, usage=running), counts=True)
        for index in range(asked.n)
        for delta in _deltas(answer, text)
    ]
    finish = _finish(answer)
    last = usage if answer.usage in ("last_chunk", "every_chunk") else None
    closing = [Frame(frames.delta(index, {}, finish, last)) for index in range(asked.n)] if finish else []
    if answer.usage == "always" or (answer.usage == "asked" and asked.usage):
        closing.append(Frame(frames.usage(usage)))
    if answer.done:
        closing.append(Frame(plan.event(answer, b"[DONE]")))
    return (opening if answer.opening else []) + content + closing


def _deltas(answer: Answer, text: str) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"reasoning_content": part} for part in said.words(answer.reasoning)]
    if answer.refusal:
        deltas.append({"refusal": answer.refusal})
    deltas.extend({"content": part} for part in said.parts(answer, text))
    for place, (call, identity) in enumerate(said.calls(answer, "call_fake")):
        number = {"right": {"index": place}, "zero": {"index": 0}, "missing": {}}[answer.tool_index]
        start = {"id": identity, "type": "function", "function": {"name": call.name, "arguments": ""}}
        deltas.append({"tool_calls": [{**number, **start}]})
        deltas.extend(
            {"tool_calls": [{**number, "function": {"arguments": piece}}]} for piece in said.halves(call.arguments)
        )
    return deltas
