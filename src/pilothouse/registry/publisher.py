"""The loop that puts the snapshot where gateways read it."""

import asyncio
from pathlib import Path

from pilothouse.domain import snapshot
from pilothouse.loops import Loop
from pilothouse.registry.registry import Registry
from pilothouse.registry.secrets import write_private

_POLL_S = 1.0


class Publisher(Loop):
    """Writes the snapshot file at start, at once after a change here, and within a second of a change elsewhere.

    The file has mode 0600 and is replaced as a whole: a reader sees the old or the new one, also after a crash.
    """

    def __init__(self, registry: Registry, path: Path) -> None:
        super().__init__("snapshot publisher")
        self._registry = registry
        self._path = path
        self.published: int | None = None
        """The version in the file; None until this process has written it."""
        registry.on_change(self.wake)

    async def tick(self) -> float:
        """Write the file when its version is not the registry's."""
        if await self._registry.version() != self.published or not self._path.exists():
            await self.publish()
        return _POLL_S

    async def publish(self) -> int:
        """Write the file now and return its version; raises `DiskFull`, `DataFolderUnwritable`."""
        made = await self._registry.snapshot()
        await asyncio.to_thread(write_private, self._path, snapshot.encode(made))
        self.published = made.version
        return made.version
