"""The one clock, injected wherever time matters."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps, monotonic time for durations; both in nanoseconds."""

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch, UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    now_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.perf_counter_ns)


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, now_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now_ns = now_ns

    def advance(self, seconds: float) -> None:
        """Move both times on by `seconds`."""
        self._now_ns += int(seconds * 1e9)

    def now_ns(self) -> int:
        """Return the set wall time."""
        return self._now_ns

    def monotonic_ns(self) -> int:
        """Return the same time as a monotonic reading."""
        return self._now_ns
