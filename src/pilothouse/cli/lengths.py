"""Lengths of time as people type them."""

import re
from datetime import timedelta

from pilothouse.errors import InvalidRequest

_FORM = re.compile(r"^(\d{1,6})([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def length(text: str) -> timedelta:
    """Return the length of time that `30d`, `12h` and the like name; raises `InvalidRequest`."""
    found = _FORM.match(text.strip())
    if found is None:
        raise InvalidRequest(f"{text!r} is not a length of time; write a number and one of s, m, h, d, w, such as 30d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
