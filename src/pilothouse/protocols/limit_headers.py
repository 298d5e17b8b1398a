"""Rate limits as headers, in the words of the callers who read them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from pilothouse.domain.rate_limits import Allowance, RateLimit

Pairs = tuple[tuple[bytes, bytes], ...]
_SHARED = (Allowance.REQUESTS, Allowance.TOKENS)
_MINUTE_S = 60


def openai(limits: Sequence[RateLimit], _now_s: float) -> Pairs:
    """Return `x-ratelimit-…`, resets as durations; of tokens in and out the scarcer ones stand for all."""
    known = {limit.of: limit for limit in limits}
    scarce = [known[of] for of in (Allowance.INPUT_TOKENS, Allowance.OUTPUT_TOKENS) if of in known]
    if scarce and Allowance.TOKENS not in known:
        known[Allowance.TOKENS] = min(scarce, key=lambda limit: limit.remaining if limit.remaining is not None else 0)
    return tuple(
        (f"x-ratelimit-{field}-{of}".encode(), value.encode())
        for of in _SHARED
        if of in known
        for field, value in _fields(known[of], _duration)
    )


def anthropic(limits: Sequence[RateLimit], now_s: float) -> Pairs:
    """Return `anthropic-ratelimit-…`, resets as points in time."""

    def moment(reset_s: float) -> str:
        return datetime.fromtimestamp(round(now_s + reset_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    return tuple(
        (f"anthropic-ratelimit-{limit.of}-{field}".encode(), value.encode())
        for limit in limits
        for field, value in _fields(limit, moment)
    )


def _fields(limit: RateLimit, reset: Callable[[float], str]) -> Iterator[tuple[str, str]]:
    if limit.limit is not None:
        yield "limit", str(limit.limit)
    if limit.remaining is not None:
        yield "remaining", str(limit.remaining)
    if limit.reset_s is not None:
        yield "reset", reset(limit.reset_s)


def _duration(reset_s: float) -> str:
    if reset_s < 1:
        return f"{round(reset_s * 1000)}ms"
    minutes, seconds = divmod(round(reset_s, 3), _MINUTE_S)
    return (f"{int(minutes)}m" if minutes else "") + f"{seconds:g}s"
