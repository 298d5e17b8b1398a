"""The loop that forgets responses whose time is over."""

from pilothouse.errors import DiskFull, MetadataUnavailable
from pilothouse.gateway.responses.keeper import Keeper
from pilothouse.loops import Loop

_EVERY_S, _AGAIN_S = 600.0, 60.0
_AT_ONCE = 200


class Purge(Loop):
    """Forgets a few at a time, so that nobody waits long for the database."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__("purge of responses")
        self._keeper = keeper

    async def tick(self) -> float:
        """Forget some; at once again while there are more."""
        try:
            gone = await self._keeper.store.purge(self._keeper.clock.now_ns(), _AT_ONCE)
        except (MetadataUnavailable, DiskFull):
            return _AGAIN_S
        return 0.0 if gone == _AT_ONCE else _EVERY_S
