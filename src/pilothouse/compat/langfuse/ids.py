"""Langfuse's ids, which may be any text, as OpenTelemetry's: the same text always gives the same id.

What has the form already stays, so that a score that names the trace of an OpenTelemetry SDK finds it. Other text is
hashed as Langfuse's own SDKs hash a seed.
"""

import hashlib

_TRACE_DIGITS, _SPAN_DIGITS = 32, 16
_HEX = frozenset("0123456789abcdef")
_UUID_DASHES = (8, 13, 18, 23)


def trace_id(native: str) -> str:
    """Return the trace id of a text: hexadecimal digits and UUIDs as they are, of anything else the SHA-256."""
    text = native.lower()
    if len(text) == 36 and all(text[place] == "-" for place in _UUID_DASHES):
        text = text.replace("-", "")
    return text if _is_id(text, _TRACE_DIGITS) else _hashed(native, _TRACE_DIGITS)


def span_id(native: str) -> str:
    """Return the span id of an observation's id."""
    text = native.lower()
    return text if _is_id(text, _SPAN_DIGITS) else _hashed(native, _SPAN_DIGITS)


def root_span_id(trace: str) -> str:
    """Return the id of the span that stands for a trace as a whole, by the trace's hexadecimal id."""
    return _hashed(f"langfuse-trace:{trace}", _SPAN_DIGITS)


def _is_id(text: str, digits: int) -> bool:
    return len(text) == digits and _HEX.issuperset(text) and text.strip("0") != ""


def _hashed(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:digits]
