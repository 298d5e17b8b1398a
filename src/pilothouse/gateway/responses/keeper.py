"""What all that deals with kept responses shares: the store, what is under way, and news of it."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from pilothouse import instruments
from pilothouse.domain.clock import Clock
from pilothouse.domain.responses import KeptResponse
from pilothouse.errors import MetadataUnavailable, PilothouseError
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.responses.ports import ResponseStore

_DAY_NS = 86_400 * 10**9
_PATIENCE_S = 5.0
"""How long an answer waits for being kept."""
_REST_NS = 2 * 10**9
"""How long no answer waits for a store that has just failed."""
_TOLD_EVERY_NS = 60 * 10**9
_LONGEST_ID = 512

_log = logging.getLogger(__name__)


class Run(msgspec.Struct):
    """A call in the background that this process makes; the stage writes what it alone learns."""

    response_id: str
    account: str = ""
    upstream_id: str = ""


class News:
    """Tells those in this process who follow a response that something was written."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Return what will be set by the next `tell`; take it before looking, so that nothing is missed."""
        return self._next

    def tell(self) -> None:
        """Wake everybody."""
        told, self._next = self._next, asyncio.Event()
        told.set()


class Keeper:
    """Keeps answers for their callers, and never lets an answer fail because it could not be kept."""

    def __init__(self, store: ResponseStore, options: GatewayOptions, clock: Clock) -> None:
        self.store = store
        self.options = options
        self.clock = clock
        self.runs: dict[str, Run] = {}
        """By the id of the call."""
        self.news = News()
        self.wake: Callable[[], None] = _nobody
        """Tells the loop of this process that there is a call to make."""
        self.problem: str | None = None
        """Why the store cannot be reached; None when it can."""
        self._rests_until_ns = 0
        self._told_at_ns: int | None = None

    @property
    def keeps(self) -> bool:
        """Whether this installation keeps responses at all."""
        return self.options.responses_keep_days > 0

    @property
    def rests(self) -> bool:
        """Whether the store has failed a moment ago, so that nothing is tried."""
        return self.clock.monotonic_ns() < self._rests_until_ns

    def expiry_ns(self, now_ns: int) -> int:
        """Return until when a response is kept."""
        return now_ns + self.options.responses_keep_days * _DAY_NS

    async def keep(self, response: KeptResponse) -> bool:
        """Keep an answer; False, counted and logged, when that is not possible."""
        if len(response.input) + len(response.document) > self.options.responses_max_bytes:
            return self._lost("too_large", f"it is larger than {self.options.responses_max_bytes} bytes")
        if not response.id or len(response.id) > _LONGEST_ID:
            return self._lost("no_id", "the provider gave it no id")
        if self.rests:
            return self._lost("unavailable", self.problem or "the metadata database rests")
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self.store.put(response)
        except TimeoutError:
            return self._failed(f"the metadata database took more than {_PATIENCE_S:.0f} s")
        except MetadataUnavailable as error:
            return self._failed(error.detail)
        except PilothouseError as error:
            return self._lost(error.code, error.detail)
        self.problem = None
        return True

    def _failed(self, why: str) -> bool:
        self.problem = why
        self._rests_until_ns = self.clock.monotonic_ns() + _REST_NS
        return self._lost("unavailable", why)

    def _lost(self, reason: str, why: str) -> bool:
        instruments.RESPONSES_NOT_KEPT.inc(reason)
        now_ns = self.clock.monotonic_ns()
        if self._told_at_ns is None or now_ns - self._told_at_ns >= _TOLD_EVERY_NS:
            self._told_at_ns = now_ns
            _log.warning("a response was answered but could not be kept: %s", why)
        return False


def _nobody() -> None:
    pass
