"""The rate limits that a provider's answer tells of, in each of the forms that are in use."""

from pilothouse.domain.rate_limits import Allowance, RateLimit
from pilothouse.providers.waits import reset_s

_FIELDS = ("limit", "remaining", "reset")
_NAMES = {
    of: (
        tuple(f"x-ratelimit-{field}-{of}".encode() for field in _FIELDS),
        tuple(f"anthropic-ratelimit-{of}-{field}".encode() for field in _FIELDS),
    )
    for of in Allowance
}
"""Of each allowance's fields, in OpenAI's form and in Anthropic's."""
_KNOWN = frozenset(name for forms in _NAMES.values() for names in forms for name in names)

# What is beyond these is a fault of the server's, and no caller's form of a number or a time need hold it.
_MOST_DIGITS = 18
_LONGEST_S = 366 * 86_400.0


def read(headers: list[tuple[bytes, bytes]], now_s: float) -> tuple[RateLimit, ...]:
    """Return the limits among an answer's headers; `now_s` is the Unix time."""
    if _KNOWN.isdisjoint(dict(headers)):
        return ()
    known = {name: value.decode("latin-1").strip() for name, value in headers}
    found = (_limit(allowance, known, now_s) for allowance in Allowance)
    return tuple(limit for limit in found if limit is not None)


def _limit(allowance: Allowance, known: dict[bytes, str], now_s: float) -> RateLimit | None:
    openai, anthropic = ([known.get(name, "") for name in names] for names in _NAMES[allowance])
    limit, remaining, reset = openai if any(openai) else anthropic
    if not (limit or remaining):
        return None
    wait_s = reset_s(reset, now_s)
    if wait_s is not None and wait_s > _LONGEST_S:
        wait_s = None
    return RateLimit(allowance, _whole(limit), _whole(remaining), wait_s)


def _whole(said: str) -> int | None:
    return int(said) if len(said) <= _MOST_DIGITS and said.isascii() and said.isdigit() else None
