"""What makes an item unusable, and what is mended and noted; the same for both encodings."""

import binascii
from typing import Any, TypeVar

import msgspec

from pilothouse.otlp.signals import Attributes, Bounds, Decoded, OtelSpan, Reason, Rejected

T = TypeVar("T")
EARLIEST_NS = 946_684_800_000_000_000
LATEST_NS = 4_102_444_800_000_000_000
"""Of the years 2000 and 2100: what lies outside is another unit or no time."""
_TRACE_DIGITS, _SPAN_DIGITS = 32, 16


class Unusable(Exception):
    """Raised where an item turns out to be unusable; never leaves the room."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Tally(msgspec.Struct):
    """The items and rejects of one request as it is read."""

    bounds: Bounds
    seen: int = 0
    rejected: list[Rejected] = []

    def turn(self) -> bool:
        """Return whether one more item may be read; counts it either way."""
        self.seen += 1
        if self.seen <= self.bounds.items:
            return True
        self.reject(Reason.TOO_MANY, detail=f"more than {self.bounds.items} in one request")
        return False

    def reject(self, reason: Reason, span_id: str = "", detail: str = "") -> None:
        """Note that the item whose turn it is was not taken."""
        self.rejected.append(Rejected(self.seen - 1, reason, span_id, detail))

    def result(self, items: list[T]) -> Decoded[T]:
        """Return everything that was read."""
        return Decoded(tuple(items), tuple(self.rejected))


def hex_id(value: Any, digits: int) -> str:
    """Return an id of OTLP's JSON as hexadecimal digits: it comes as those, or as base64 of the bytes.

    Empty for a missing one; what is neither is returned as text, for `checked` to refuse.
    """
    if not isinstance(value, str) or not value:
        return "" if value is None or value == "" else str(value)
    text = value.replace("-", "") if len(value) == 36 else value
    if len(text) == digits and _is_hex(text):
        return text.lower()
    try:
        padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
        decoded = binascii.a2b_base64(padded, strict_mode=True)
    except (binascii.Error, ValueError):
        return text
    return decoded.hex() if len(decoded) == digits // 2 else text


def trace_id(value: Any) -> str:
    """Return a trace id of OTLP's JSON."""
    return hex_id(value, _TRACE_DIGITS)


def span_id(value: Any) -> str:
    """Return a span id of OTLP's JSON."""
    return hex_id(value, _SPAN_DIGITS)


def valid(text: str, digits: int) -> bool:
    """Return whether a text is an id of that many digits that is not all zero."""
    return len(text) == digits and text.strip("0") != "" and _is_hex(text)


def checked(span: OtelSpan, received_at_ns: int) -> OtelSpan:
    """Return a span with what is wrong mended and noted; raises `Unusable` when its ids are no ids."""
    if not valid(span.trace_id, _TRACE_DIGITS):
        raise Unusable(Reason.TRACE_ID, f"trace id {span.trace_id[:64]!r}")
    if not valid(span.span_id, _SPAN_DIGITS):
        raise Unusable(Reason.SPAN_ID, f"span id {span.span_id[:64]!r}")
    started, ended, parent = span.started_at_ns, span.ended_at_ns, span.parent_span_id
    sane = EARLIEST_NS <= started <= ended <= LATEST_NS and span.name != ""
    if sane and (parent == "" or (valid(parent, _SPAN_DIGITS) and parent != span.span_id)):
        return span
    return _mended(span, received_at_ns)


def linked(trace: str, span: str) -> bool:
    """Return whether both ids are good, as a link or a log record needs them."""
    return valid(trace, _TRACE_DIGITS) and valid(span, _SPAN_DIGITS)


def _mended(span: OtelSpan, received_at_ns: int) -> OtelSpan:
    notes = list(span.notes)
    parent = span.parent_span_id
    if parent and (not valid(parent, _SPAN_DIGITS) or parent == span.span_id):
        if parent.strip("0"):
            notes.append(f"parent span id was {parent[:64]!r}")
        parent = ""
    started, ended = span.started_at_ns, span.ended_at_ns
    if ended and not EARLIEST_NS <= ended <= LATEST_NS:
        notes.append(f"end time was {ended}")
        ended = started if EARLIEST_NS <= started <= LATEST_NS else received_at_ns
    if not EARLIEST_NS <= started <= LATEST_NS:
        notes.append(f"start time was {started}")
        started = ended or received_at_ns
    if ended and ended < started:
        notes.append(f"ended {started - ended} ns before it started")
        ended = started
    if not span.name:
        notes.append("had no name")
    return msgspec.structs.replace(
        span, parent_span_id=parent, started_at_ns=started, ended_at_ns=ended, notes=tuple(notes)
    )


def moment(at_ns: int, otherwise_ns: int) -> int:
    """Return a time, or the other where it is none."""
    return at_ns if EARLIEST_NS <= at_ns <= LATEST_NS else otherwise_ns


def bounded(attributes: Attributes, bounds: Bounds, notes: list[str]) -> Attributes:
    """Return attributes cut to the bounds; what was cut is noted."""
    if len(attributes) > bounds.attributes:
        notes.append(f"{len(attributes) - bounds.attributes} attributes were left out")
        attributes = dict(list(attributes.items())[: bounds.attributes])
    for key, value in attributes.items():
        if isinstance(value, str) and len(value) > bounds.text_chars:
            notes.append(f"{key[:200]} was cut from {len(value)} characters")
            attributes[key] = value[: bounds.text_chars]
    return attributes


def _is_hex(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return text.isalnum()
