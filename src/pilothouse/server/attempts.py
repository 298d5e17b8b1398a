"""Bounds on how often one address may try links: those for one use, and those that share something."""

from collections import OrderedDict, deque
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.domain.clock import Clock
from pilothouse.errors import LoginThrottled

_WINDOW_NS = 60 * 1_000_000_000
MOST_WRONG = 10
"""Guesses of an address in a minute."""
MOST_SHARED = 300
"""Reads behind share links of an address in a minute; a person at a large trace makes dozens."""
_ADDRESSES = 10_000


class Attempts:
    """Counts attempts by address over one minute; guessing is hopeless anyway, this keeps it cheap too."""

    def __init__(self, clock: Clock, most: int = MOST_WRONG) -> None:
        self._clock = clock
        self._most = most
        self._by_address: OrderedDict[str, deque[int]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raise `LoginThrottled` where another attempt in this minute would be one too many."""
        now_ns = self._clock.monotonic_ns()
        recent = self._by_address.get(address, deque())
        while recent and recent[0] <= now_ns - _WINDOW_NS:
            recent.popleft()
        if len(recent) >= self._most:
            wait_s = (recent[0] + _WINDOW_NS - now_ns) / 1e9
            raise LoginThrottled("Too many attempts from this address; wait a minute.", retry_after_s=wait_s)

    def count(self, address: str) -> None:
        """Count one attempt; raises `LoginThrottled` where there were too many in this minute."""
        self.check(address)
        self._by_address.setdefault(address, deque()).append(self._clock.monotonic_ns())
        self._by_address.move_to_end(address)
        while len(self._by_address) > _ADDRESSES:
            self._by_address.popitem(last=False)


def address_of(request: Request[Any, Any, Any]) -> str:
    """Return the address that a request comes from, empty when nobody knows."""
    return request.client.host if request.client else ""


AttemptsDep = NamedDependency[SkipValidation[Attempts]]
