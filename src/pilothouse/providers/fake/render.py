"""An answer as the bytes that go out: pure, so that the server can keep what it has rendered once."""

import base64
import hashlib
import struct
import time
from email.utils import formatdate
from typing import Any

import msgspec

from pilothouse.providers.fake.script import DEFAULT_TEXT, MODELS, Answer, ToolCall

_ENCODER = msgspec.json.Encoder()
_CREATED = 1_700_000_000
_REASONS = {
    200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    405: "Method Not Allowed", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
}  # fmt: skip


class Asked(msgspec.Struct, frozen=True, cache_hash=True):
    """What of a chat request shapes the answer."""

    model: str
    streamed: bool = False
    usage: bool = False
    n: int = 1
    last_message: str = ""
    """Only filled when it is to be echoed."""


class Plan(msgspec.Struct, frozen=True):
    """What goes out, piece by piece."""

    head: bytes
    """Status line and headers, without the blank line."""
    pieces: tuple[bytes, ...]
    """The body with its framing; a stream has one piece for each chunk, or more."""
    waits: tuple[float, ...]
    """Seconds before each piece."""
    ending: str
    """`keep`, `close` or `stall`."""
    body: bytes
    """All pieces in one."""

    @property
    def at_once(self) -> bool:
        """Whether it can go out in one write."""
        return len(self.pieces) == 1 and not any(self.waits)


class _Body(msgspec.Struct):
    frames: list[bytes]
    ending: str = "keep"


def chat(answer: Answer, asked: Asked) -> Plan:
    """Return the plan of a chat answer."""
    if answer.body is not None or answer.status != 200 or (answer.error_message and answer.error_after is None):
        return _whole(answer, _other_body(answer), answer.content_type or "application/json")
    if not asked.streamed or answer.whole:
        return _whole(answer, _ENCODER.encode(_completion(answer, asked)), answer.content_type or "application/json")
    return _stream(answer, _frames(answer, asked))


def document(answer: Answer, content: Any) -> Plan:
    """Return the plan of any other JSON answer, broken as the answer asks."""
    if answer.body is not None or answer.status != 200 or answer.error_message:
        return _whole(answer, _other_body(answer), answer.content_type or "application/json")
    return _whole(answer, _ENCODER.encode(content), "application/json")


def models() -> dict[str, Any]:
    """Return the list of models."""
    items = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "fake"} for name in MODELS]
    return {"object": "list", "data": items}


def embeddings(model: str, texts: list[str], dimensions: int, *, packed: bool) -> dict[str, Any]:
    """Return an embeddings answer with vectors of length one that depend on the text alone."""
    items: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        vector = _vector(text, dimensions)
        raw = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        items.append({"object": "embedding", "index": index, "embedding": raw if packed else vector})
    tokens = sum(max(1, len(text) // 4) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": items, "model": model, "usage": usage}


def error_object(kind: str, code: str | None, message: str, param: str | None = None) -> bytes:
    """Return an OpenAI error object."""
    return _ENCODER.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def _vector(text: str, dimensions: int) -> list[float]:
    numbers = [byte - 127.5 for byte in hashlib.shake_256(text.encode(errors="replace")).digest(dimensions)]
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]


def _other_body(answer: Answer) -> bytes:
    if answer.body is not None:
        return answer.body.encode()
    message = answer.error_message or f"status {answer.status}"
    return error_object(answer.error_type, answer.error_code, message, answer.error_param)


def _head(answer: Answer, content_type: str, framing: tuple[tuple[str, str], ...]) -> bytes:
    pairs = [("content-type", content_type), *framing, *answer.headers]
    if answer.retry_after_date_s:
        pairs.append(("retry-after", formatdate(time.time() + answer.retry_after_date_s, usegmt=True)))
    if answer.huge_header_bytes:
        pairs.append(("x-huge", "h" * answer.huge_header_bytes))
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}"]
    lines.extend(f"{name}: {value}" for name, value in pairs)
    return "\r\n".join(lines).encode("latin-1") + b"\r\n"


def _whole(answer: Answer, body: bytes, content_type: str) -> Plan:
    framing = _lengths(answer, len(body))
    ending = "close" if answer.then_close or answer.content_length == "long" else "keep"
    pieces = _pieces(answer, body) or [b""]
    return _plan(answer, _head(answer, content_type, framing), pieces, [0.0] * len(pieces), ending)


def _stream(answer: Answer, body: _Body) -> Plan:
    pieces: list[bytes] = []
    waits: list[float] = []
    for frame in body.frames:
        for place, piece in enumerate(_pieces(answer, frame)):
            waits.append(answer.gap_s if place == 0 else 0.0)
            pieces.append(piece)
    ending = body.ending
    framing: tuple[tuple[str, str], ...] = ()
    if answer.framing == "length" or answer.content_length != "right":
        framing = _lengths(answer, sum(map(len, pieces)))
    elif answer.framing == "chunked":
        framing = (("transfer-encoding", "chunked"),)
        pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
        if ending == "keep":
            pieces.append(b"0\r\n\r\n")
            waits.append(0.0)
    else:
        framing = (("connection", "close"),)
    if ending == "keep" and (answer.framing == "close" or answer.then_close or answer.content_length == "long"):
        ending = "close"
    head = _head(answer, answer.content_type or "text/event-stream; charset=utf-8", framing)
    return _plan(answer, head, pieces, waits, ending)


def _lengths(answer: Answer, size: int) -> tuple[tuple[str, str], ...]:
    size = {"long": size + 100, "short": max(0, size - 10)}.get(answer.content_length, size)
    once = (("content-length", str(size)),)
    return (*once, ("content-length", str(size + 7))) if answer.content_length == "twice" else once


def _plan(answer: Answer, head: bytes, pieces: list[bytes], waits: list[float], ending: str) -> Plan:
    body = b"".join(pieces)
    slow = any(waits) or answer.piece_bytes > 0 or answer.split_utf8
    if slow or not pieces:
        return Plan(head, tuple(pieces), tuple(waits), ending, body)
    return Plan(head, (body,), (0.0,), ending, body)


def _pieces(answer: Answer, data: bytes) -> list[bytes]:
    if answer.piece_bytes > 0:
        return [data[start : start + answer.piece_bytes] for start in range(0, len(data), answer.piece_bytes)]
    if answer.split_utf8 and len(data) > 1:
        wide = next((place for place, byte in enumerate(data) if byte >= 0xC0), len(data) // 2)
        return [data[: wide + 1], data[wide + 1 :]]
    return [data]


def _text(answer: Answer, asked: Asked) -> str:
    if answer.echo:
        text = asked.last_message
    elif answer.text is not None:
        text = answer.text
    elif answer.tool_calls:
        text = ""
    elif answer.chunks:
        text = " ".join(f"tok{number}" for number in range(answer.chunks))
    else:
        text = DEFAULT_TEXT
    missing = answer.size_bytes - len(text.encode())
    return text + "x" * missing if missing > 0 else text


def _parts(answer: Answer, text: str) -> list[str]:
    if not text:
        return []
    if answer.chunks == 0 and answer.size_bytes == 0:
        words = text.split(" ")
        return [word if place == 0 else f" {word}" for place, word in enumerate(words)]
    count = max(1, min(answer.chunks or answer.size_bytes // 1000, len(text)))
    step = len(text) / count
    return [text[round(place * step) : round((place + 1) * step)] for place in range(count)]


def _calls(answer: Answer) -> list[tuple[ToolCall, str]]:
    return [(call, call.id or f"call_fake{place}") for place, call in enumerate(answer.tool_calls)]


def _finish(answer: Answer) -> str | None:
    if answer.finish_reason == "none":
        return None
    return answer.finish_reason or ("tool_calls" if answer.tool_calls else "stop")


def _usage(answer: Answer, text: str) -> dict[str, Any]:
    completion = len(_deltas(answer, text)) if answer.completion_tokens is None else answer.completion_tokens
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": answer.prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
    }


def _completion(answer: Answer, asked: Asked) -> dict[str, Any]:
    text = _text(answer, asked)
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": answer.refusal or None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = [
            {"id": identity, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call, identity in _calls(answer)
        ]
    choice = {"message": message, "logprobs": None, "finish_reason": _finish(answer)}
    whole: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": _CREATED,
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
        self._line_end = b"\r\n" if answer.crlf else b"\n"
        self._shared: dict[str, Any] = {
            "id": "chatcmpl-fake",
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": answer.model or asked.model,
            "system_fingerprint": "fp_fake",
        }

    def delta(self, index: int, delta: dict[str, Any], finish: str | None = None, usage: Any = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk: dict[str, Any] = {**self._shared, "choices": [choice]}
        if usage is not None or (self._asked.usage and self._answer.usage == "asked"):
            chunk["usage"] = usage
        return self.event(_ENCODER.encode(chunk))

    def usage(self, usage: dict[str, Any]) -> bytes:
        return self.event(_ENCODER.encode({**self._shared, "choices": [], "usage": usage}))

    def event(self, data: bytes, name: bytes = b"") -> bytes:
        lines = [b": ping", b""] if self._answer.pings else []
        if name:
            lines.append(b"event: " + name)
        lines.append((b"data:" if self._answer.tight else b"data: ") + data)
        return self._line_end.join([*lines, b"", b""])


def _frames(answer: Answer, asked: Asked) -> _Body:
    frames = _Frames(answer, asked)
    text = _text(answer, asked)
    usage = _usage(answer, text)
    running = usage if answer.usage == "every_chunk" else None
    content = [frames.delta(index, delta, usage=running) for index in range(asked.n) for delta in _deltas(answer, text)]
    opening = [
        frames.delta(index, {"role": "assistant", "content": "", "refusal": None}, usage=running)
        for index in range(asked.n)
    ]
    opening = opening if answer.opening else []
    broken = _broken(answer, frames, content)
    if broken is not None:
        return _Body(opening + broken.frames, broken.ending)
    finish = _finish(answer)
    last = usage if answer.usage in ("last_chunk", "every_chunk") else None
    closing = [frames.delta(index, {}, finish, last) for index in range(asked.n)] if finish else []
    if answer.usage == "always" or (answer.usage == "asked" and asked.usage):
        closing.append(frames.usage(usage))
    if answer.done:
        closing.append(frames.event(b"[DONE]"))
    return _Body(opening + content + closing)


def _broken(answer: Answer, frames: _Frames, content: list[bytes]) -> _Body | None:
    """The streams that do not come to their end."""
    if answer.stall_after is not None:
        return _Body(content[: answer.stall_after], "stall")
    if answer.cut_after is not None:
        kept = content[: answer.cut_after]
        if answer.cut_mid_frame:
            half = content[answer.cut_after]
            kept.append(half[: len(half) // 2])
        return _Body(kept, "close")
    if answer.error_after is not None:
        problem = error_object(answer.error_type, answer.error_code, answer.error_message, answer.error_param)
        return _Body([*content[: answer.error_after], frames.event(problem, b"error" if answer.error_event else b"")])
    return None


def _deltas(answer: Answer, text: str) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"reasoning_content": part} for part in _parts(Answer(), answer.reasoning)]
    if answer.refusal:
        deltas.append({"refusal": answer.refusal})
    deltas.extend({"content": part} for part in _parts(answer, text))
    for place, (call, identity) in enumerate(_calls(answer)):
        number = {"right": {"index": place}, "zero": {"index": 0}, "missing": {}}[answer.tool_index]
        start = {"id": identity, "type": "function", "function": {"name": call.name, "arguments": ""}}
        deltas.append({"tool_calls": [{**number, **start}]})
        half = len(call.arguments) // 2
        halves = (call.arguments[:half], call.arguments[half:])
        deltas.extend({"tool_calls": [{**number, "function": {"arguments": piece}}]} for piece in halves)
    return deltas
