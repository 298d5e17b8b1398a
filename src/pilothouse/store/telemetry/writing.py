"""Which inserts of spans are under way, so that whoever builds rollups knows what surely is in the store."""

import contextlib
import math
import time
from collections.abc import Callable, Generator

OVER_S = 90.0
"""After which an insert of which nobody heard is surely over and visible: longer than it may take."""


class Writing:
    """The inserts of one process, the only one that inserts spans, by their versions."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._over_at: dict[int, float] = {}
        # The process before this one may have left some behind.
        self._known_at = clock() + OVER_S

    @contextlib.contextmanager
    def version(self, version_us: int) -> Generator[None]:
        """Note that an insert with this version runs until the block ends; one that fails may go on in the store."""
        self._over_at[version_us] = math.inf
        try:
            yield
        except BaseException:
            self._over_at[version_us] = self._clock() + OVER_S
            raise
        del self._over_at[version_us]

    def settled_us(self, next_us: int) -> int | None:
        """Return the version before which all inserts are over, given one before any to come; None when unknown."""
        now = self._clock()
        if now < self._known_at:
            return None
        self._over_at = {version: at for version, at in self._over_at.items() if at > now}
        return min((next_us, *self._over_at))
