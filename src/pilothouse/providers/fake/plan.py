"""The bytes that go out and how they are cut up: the same for every dialect."""

import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Any, NamedTuple

import msgspec

from pilothouse.providers.fake.script import Answer

JSON = "application/json"
ENCODER = msgspec.json.Encoder()
_EVENTS = "text/event-stream; charset=utf-8"
_REASONS = {
    200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    405: "Method Not Allowed", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
}  # fmt: skip

Headers = tuple[tuple[str, str], ...]


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


class Frame(NamedTuple):
    """One event of a stream."""

    data: bytes
    counts: bool = False
    """Whether it is one of the content chunks that a script counts."""


def whole(answer: Answer, body: bytes, content_type: str = JSON, headers: Headers = ()) -> Plan:
    """Return the plan of an answer in one piece."""
    framing = (*headers, *_lengths(answer, len(body)))
    ending = "close" if answer.then_close or answer.content_length == "long" else "keep"
    pieces = _pieces(answer, body) or [b""]
    return _plan(answer, _head(answer, answer.content_type or content_type, framing), pieces, ending)


def stream(answer: Answer, frames: Sequence[Frame], problem: Callable[[], bytes], content_type: str = _EVENTS) -> Plan:
    """Return the plan of a stream, stopped where the answer says; `problem` makes the frame that tells an error."""
    kept, ending = _stopped(answer, frames, problem)
    pieces: list[bytes] = []
    waits: list[float] = []
    for frame in kept:
        for place, piece in enumerate(_pieces(answer, frame)):
            waits.append(answer.gap_s if place == 0 else 0.0)
            pieces.append(piece)
    framing: Headers = ()
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
    return _plan(answer, _head(answer, answer.content_type or content_type, framing), pieces, ending, waits)


def event(answer: Answer, data: Any, name: str = "", ping: bytes = b": ping") -> bytes:
    """Return one server-sent event; bytes go out as they are, all else as JSON."""
    line_end = b"\r\n" if answer.crlf else b"\n"
    raw = data if isinstance(data, bytes) else ENCODER.encode(data)
    lines = [*ping.split(b"\n"), b""] if answer.pings else []
    if name:
        lines.append(b"event: " + name.encode())
    lines.append((b"data:" if answer.tight else b"data: ") + raw)
    return line_end.join([*lines, b"", b""])


def _stopped(answer: Answer, frames: Sequence[Frame], problem: Callable[[], bytes]) -> tuple[list[bytes], str]:
    """Return the frames that go out and what comes after them."""
    for after, ending in ((answer.stall_after, "stall"), (answer.cut_after, "close"), (answer.error_after, "keep")):
        if after is None:
            continue
        place = _place(frames, after)
        kept = [frame.data for frame in frames[:place]]
        if ending == "close" and answer.cut_mid_frame:
            kept.append(frames[place].data[: len(frames[place].data) // 2])
        if ending == "keep":
            kept.append(problem())
        return kept, ending
    return [frame.data for frame in frames], "keep"


def _place(frames: Sequence[Frame], after: int) -> int:
    counted = [place for place, frame in enumerate(frames) if frame.counts]
    if after < len(counted):
        return counted[after]
    return counted[-1] + 1 if counted else len(frames)


def _head(answer: Answer, content_type: str, framing: Headers) -> bytes:
    pairs = [("content-type", content_type), *framing, *answer.headers]
    if answer.retry_after_date_s:
        pairs.append(("retry-after", formatdate(time.time() + answer.retry_after_date_s, usegmt=True)))
    if answer.huge_header_bytes:
        pairs.append(("x-huge", "h" * answer.huge_header_bytes))
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}"]
    lines.extend(f"{name}: {value}" for name, value in pairs)
    return "\r\n".join(lines).encode("latin-1") + b"\r\n"


def _lengths(answer: Answer, size: int) -> Headers:
    size = {"long": size + 100, "short": max(0, size - 10)}.get(answer.content_length, size)
    once = (("content-length", str(size)),)
    return (*once, ("content-length", str(size + 7))) if answer.content_length == "twice" else once


def _plan(answer: Answer, head: bytes, pieces: list[bytes], ending: str, waits: list[float] | None = None) -> Plan:
    waits = waits or [0.0] * len(pieces)
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
