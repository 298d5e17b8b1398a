"""A bound on how often one address may try a one-time link."""

from collections import OrderedDict, deque

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.domain.clock import Clock
from pilothouse.errors import LoginThrottled

_WINDOW_NS = 60 * 1_000_000_000
_MOST = 10
_ADDRESSES = 10_000


class Attempts:
    """Counts attempts by address over one minute; guessing is hopeless anyway, this keeps it cheap too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_address: OrderedDict[str, deque[int]] = OrderedDict()

    def count(self, address: str) -> None:
        """Count one attempt; raises `LoginThrottled` after ten in a minute."""
        now_ns = self._clock.monotonic_ns()
        recent = self._by_address.setdefault(address, deque())
        self._by_address.move_to_end(address)
        while recent and recent[0] <= now_ns - _WINDOW_NS:
            recent.popleft()
        if len(recent) >= _MOST:
            wait_s = (recent[0] + _WINDOW_NS - now_ns) / 1e9
            raise LoginThrottled("Too many attempts from this address; wait a minute.", retry_after_s=wait_s)
        recent.append(now_ns)
        while len(self._by_address) > _ADDRESSES:
            self._by_address.popitem(last=False)


AttemptsDep = NamedDependency[SkipValidation[Attempts]]
