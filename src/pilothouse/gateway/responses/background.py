"""The loop that makes the calls of responses in the background, and takes over those that another gateway dropped."""

import asyncio
import logging

from pilothouse import instruments
from pilothouse.domain.ids import new_id
from pilothouse.domain.responses import ClaimedResponse
from pilothouse.errors import DiskFull, InternalError, MetadataUnavailable
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.responses.keeper import Keeper
from pilothouse.gateway.responses.making import Making
from pilothouse.loops import Loop

_LOOK_S = 1.0
"""How soon a cancellation is seen, and a call that another gateway dropped."""
_LOOK_AGAIN_S = 2.0
_LEASE_NS = 15 * 10**9
"""Longer than a busy database makes a write wait."""

_log = logging.getLogger(__name__)

_Id = tuple[str, str]


class Background(Loop):
    """Claims calls, makes them, and writes how they ended; several gateways may do so on one database."""

    def __init__(self, keeper: Keeper, deferred: Deferred) -> None:
        super().__init__("responses in the background")
        self._keeper = keeper
        self._deferred = deferred
        self._owner = new_id()
        self._tasks: dict[_Id, asyncio.Task[None]] = {}
        keeper.wake = self.wake

    async def tick(self) -> float:
        """Keep the claims on what runs, end what is no longer ours, begin what there is room for."""
        try:
            await self._look()
        except (MetadataUnavailable, DiskFull) as error:
            self._keeper.problem = error.detail
            return _LOOK_AGAIN_S
        self._keeper.problem = None
        return _LOOK_S

    async def _look(self) -> None:
        keeper, now_ns = self._keeper, self._keeper.clock.now_ns()
        if self._tasks:
            held = await keeper.store.renew(self._owner, tuple(self._tasks), now_ns + _LEASE_NS)
            for identity in self._tasks.keys() - held:
                self._tasks[identity].cancel()
        room = keeper.options.background_calls - len(self._tasks)
        if room > 0:
            for claimed in await keeper.store.claim(self._owner, now_ns, now_ns + _LEASE_NS, room):
                self._begin(claimed)

    async def stop(self, grace_s: float = 5.0) -> None:
        """Give up what runs, and give it back, so that the next gateway makes it again at once."""
        await super().stop(grace_s)
        ids = tuple(self._tasks)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if not ids:
            return
        try:
            await self._keeper.store.release(self._owner, ids)
        except (MetadataUnavailable, DiskFull) as error:
            _log.warning("background responses are taken up again only when their claims lapse: %s", error.detail)

    def _begin(self, claimed: ClaimedResponse) -> None:
        identity = claimed.response.project_id, claimed.response.id
        task = asyncio.create_task(self._make(claimed), name=f"response:{claimed.response.id}")
        self._tasks[identity] = task
        instruments.RESPONSES_IN_BACKGROUND.set(len(self._tasks))
        task.add_done_callback(lambda _task: self._gone(identity))

    def _gone(self, identity: _Id) -> None:
        self._tasks.pop(identity, None)
        instruments.RESPONSES_IN_BACKGROUND.set(len(self._tasks))
        self.wake()

    async def _make(self, claimed: ClaimedResponse) -> None:
        making = Making(self._keeper, self._deferred, claimed, self._owner)
        tries = self._keeper.options.background_tries
        try:
            if claimed.tries > tries:
                ended = await making.fail(
                    InternalError.status, f"a gateway stopped amid this response {tries} times; it is not tried again"
                )
            else:
                ended = await making.run()
        except Exception:  # noqa: BLE001 - border: whatever breaks, the response ends
            _log.exception("background response %s failed inside the gateway", claimed.response.id)
            ended = await making.fail(InternalError.status, "the gateway failed; its log says why")
        await self._deferred.recorded()
        await making.end(ended)
