"""How long a provider asks us to wait, in each of the forms that are in use."""

import math
from datetime import datetime
from email.utils import parsedate_to_datetime

_UNITS_S = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001, "µs": 0.000001, "ns": 1e-9}
_LIMITS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
)
_EPOCH_S = 1_000_000_000
"""A reset above this is a point in time, not a span: 1e9 seconds are 31 years."""


def retry_after_s(headers: list[tuple[bytes, bytes]], now_ns: int) -> float | None:
    """Return the seconds to wait, None when the provider does not say.

    `retry-after-ms` goes before `retry-after` (seconds or a date), and both before the resets of rate limits. Of those
    the spent ones count, the longest of them; when none is told to be spent, the shortest of all.
    """
    known = {name.lower().decode("latin-1"): value.decode("latin-1").strip() for name, value in headers}
    now_s = _date_s(known.get("date", "")) or now_ns / 1e9
    millis = _number(known.get("retry-after-ms", ""))
    if millis is not None:
        return max(0.0, millis / 1000)
    after = known.get("retry-after", "")
    seconds = _number(after)
    if seconds is None:
        moment = _date_s(after)
        seconds = None if moment is None else moment - now_s
    if seconds is not None:
        return max(0.0, seconds)
    return _from_limits(known, now_s)


def duration_s(text: str) -> float | None:
    """Return the seconds of a duration such as `1m2s`, `6ms`, `1h2m3.5s` or `12.5`, None when it is none."""
    plain = _number(text)
    if plain is not None:
        return plain
    total, digits, unit = 0.0, "", ""
    for char in f"{text.lower()}0":
        if not (char.isdigit() or char == "."):
            unit += char
        elif unit:
            amount = _number(digits)
            if amount is None or unit not in _UNITS_S:
                return None
            total, digits, unit = total + amount * _UNITS_S[unit], char, ""
        else:
            digits += char
    # The added digit is all that may be left; more means a number without a unit.
    return total if digits == "0" and text else None


def _from_limits(known: dict[str, str], now_s: float) -> float | None:
    spent: list[float] = []
    waits: list[float] = []
    for remaining, reset in _LIMITS:
        wait_s = reset_s(known.get(reset, ""), now_s)
        if wait_s is not None:
            waits.append(wait_s)
            if _number(known.get(remaining, "")) == 0:
                spent.append(wait_s)
    if spent:
        return max(spent)
    return min(waits) if waits else None


def reset_s(text: str, now_s: float) -> float | None:
    """Return the seconds until a reset, told as a duration or a time, from the Unix time `now_s`; None for neither."""
    if not text:
        return None
    span = duration_s(text)
    if span is not None:
        if span > _EPOCH_S * 1000:
            span /= 1000
        return max(0.0, span - now_s) if span > _EPOCH_S else max(0.0, span)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - now_s) if moment.tzinfo else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _date_s(text: str) -> float | None:
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
