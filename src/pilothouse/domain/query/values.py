"""Numbers with units and moments, as queries write them."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec

from pilothouse.domain.query.fields import Unit

_NUMBER = re.compile(r"(\$?)([+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?)([A-Za-zµ%$]*)")
_UNITS: Mapping[Unit, Mapping[str, float]] = {
    Unit.NONE: {"": 1},
    Unit.MILLISECONDS: {"": 1, "us": 1e-3, "µs": 1e-3, "ms": 1, "s": 1e3, "m": 6e4, "h": 3.6e6},
    Unit.DOLLARS: {"": 1, "$": 1, "usd": 1},
    Unit.COUNT: {"": 1, "k": 1e3, "m": 1e6},
    Unit.BYTES: {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30},
}
UNIT_EXAMPLES: Mapping[Unit, str] = {
    Unit.NONE: "0.5",
    Unit.MILLISECONDS: "1500, 1500ms, 1.5s or 2m",
    Unit.DOLLARS: "0.01 or $0.01",
    Unit.COUNT: "1000 or 1k",
    Unit.BYTES: "1024, 10kB or 1MiB",
}
_AGO = re.compile(r"-(\d{1,9})(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_MAX_AGO_S = 100 * 366 * 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2106, 1, 1, tzinfo=UTC)
TIME_EXAMPLES = "-2h, 2026-01-31 or 2026-01-31T09:30:00Z"


class Moment(msgspec.Struct, frozen=True):
    """A moment; exactly one of the two is set."""

    at_us: int | None = None
    ago_s: int | None = None
    whole_day: bool = False
    """Only the day was said."""


def number(text: str, unit: Unit) -> float | None:
    """Return the number in the field's own unit; None when the text is none, or its unit is of another sort."""
    found = _NUMBER.fullmatch(text)
    if found is None or (found.group(1) and unit is not Unit.DOLLARS):
        return None
    factor = _UNITS[unit].get(found.group(3).lower())
    if factor is None:
        return None
    value = float(found.group(2)) * factor
    return value if math.isfinite(value) else None


def moment(text: str) -> Moment | None:
    """Return the moment that a text says, None when it says none between 1970 and 2105; without a zone it is UTC."""
    if text == "now":
        return Moment(ago_s=0)
    ago = _AGO.fullmatch(text)
    if ago is not None:
        seconds = int(ago.group(1)) * _SECONDS[ago.group(2)]
        return Moment(ago_s=seconds) if seconds <= _MAX_AGO_S else None
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-01-31") else None
        value = datetime.fromisoformat(text) if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        inside = _EPOCH <= aware < _LATEST
    except (ValueError, OverflowError):
        return None
    return Moment(at_us=(aware - _EPOCH) // timedelta(microseconds=1), whole_day=day is not None) if inside else None


def show_number(value: float) -> str:
    """Return the shortest text that reads back as the number."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def show_moment(at_us: int) -> str:
    """Return the text that reads back as the moment."""
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat().replace("+00:00", "Z")
