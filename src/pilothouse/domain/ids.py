"""Identifiers: UUIDv7 for our own things, W3C trace context for traces and spans."""

import os
import re
import time
from collections.abc import Callable

import msgspec

_TRACEPARENT = re.compile(rb"^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$")

_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""The hex digit that marks an RFC 9562 variant, for each random one."""


class TraceContext(msgspec.Struct, frozen=True):
    """The trace a call belongs to and the span that caused it, as W3C `traceparent` carries them."""

    trace_id: str
    """32 lower-case hex digits, not all zero."""
    parent_span_id: str
    """16 lower-case hex digits; empty when this call starts the trace."""
    sampled: bool = True


class IdSource:
    """Makes identifiers out of a block of random bytes, at a tenth of the cost of asking the system for each."""

    _BLOCK_BYTES = 4096

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._hex = ""
        self._at = 0
        self._millisecond = -1
        self._prefix = ""

    def _take(self, digits: int) -> str:
        start = self._at
        end = start + digits
        if end > len(self._hex):
            self._hex = os.urandom(self._BLOCK_BYTES).hex()
            start, end = 0, digits
        self._at = end
        return self._hex[start:end]

    def uuid7(self) -> str:
        """Return a UUIDv7 in its canonical text form; sorts by creation time to the millisecond."""
        return self._uuid7(self._now_ns(), self._take(19))

    def of_call(self, now_ns: int) -> tuple[str, str, str]:
        """Return a UUIDv7 of the given time, a trace id and a span id, out of one slice of the block."""
        digits = self._take(67)
        return self._uuid7(now_ns, digits), digits[19:51], digits[51:]

    def _uuid7(self, now_ns: int, digits: str) -> str:
        millisecond = now_ns // 1_000_000
        if millisecond != self._millisecond:
            when = f"{millisecond:012x}"
            self._millisecond, self._prefix = millisecond, f"{when[:8]}-{when[8:12]}-7"
        return f"{self._prefix}{digits[:3]}-{_VARIANTS[digits[3]]}{digits[4:7]}-{digits[7:19]}"

    def trace_id(self) -> str:
        """Return 32 random hex digits."""
        return self._take(32)

    def span_id(self) -> str:
        """Return 16 random hex digits."""
        return self._take(16)


def new_id() -> str:
    """Return a UUIDv7 in its canonical text form; sorts by creation time to the millisecond."""
    return IdSource().uuid7()


def new_trace_id() -> str:
    """Return 32 random hex digits."""
    return os.urandom(16).hex()


def new_span_id() -> str:
    """Return 16 random hex digits."""
    return os.urandom(8).hex()


def parse_traceparent(header: bytes) -> TraceContext | None:
    """Return the context of a W3C `traceparent` header, None when it is not valid (and so must be ignored)."""
    found = _TRACEPARENT.match(header.strip())
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == b"ff" or (version == b"00" and rest) or not trace_id.strip(b"0") or not span_id.strip(b"0"):
        return None
    return TraceContext(trace_id.decode(), span_id.decode(), bool(int(flags, 16) & 1))


def render_traceparent(trace_id: str, span_id: str, *, sampled: bool = True) -> str:
    """Return the W3C `traceparent` header value, version 00."""
    return f"00-{trace_id}-{span_id}-{'01' if sampled else '00'}"
