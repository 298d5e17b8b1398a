"""Exports, retention and deletions: their services and their loops, made together."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.domain.keeping import Marks
from pilothouse.domain.secret import SecretBox
from pilothouse.lifecycle.deletions import DeletionLoop, DeletionParts, Deletions
from pilothouse.lifecycle.export_loop import ExportLoop, ExportParts
from pilothouse.lifecycle.exports import Exports
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.lifecycle.retention import RetentionLoop, Retentions
from pilothouse.lifecycle.revisions import Revisions
from pilothouse.loops import Loop
from pilothouse.registry.secrets import load_secret_key
from pilothouse.server.parts import Health, Lifecycle
from pilothouse.settings import Settings
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.telemetry.archive import Archive
from pilothouse.transport.base import Transport
from pilothouse.wiring.data_folder import Layout
from pilothouse.wiring.spools import depths
from pilothouse.wiring.telemetry import telemetry_options

_LONG_S = 3600.0
"""A loop that removes or writes many rows may be at it for long."""


class Running:
    """The services, and the loops behind them."""

    def __init__(self, asked: Lifecycle, loops: Sequence[Loop]) -> None:
        self.services = asked
        self._loops = loops

    async def start(self) -> None:
        """Start the loops; not before the store has its tables."""
        for loop in self._loops:
            await loop.start()

    @property
    def health(self) -> dict[str, Health]:
        """What to ask whether each loop is well."""
        return {loop.name: partial(_ping, loop) for loop in self._loops}


async def _ping(loop: Loop) -> str | None:
    return loop.ping(_LONG_S)


@asynccontextmanager
async def serve_lifecycle(
    settings: Settings, layout: Layout, metadata: Metadata, transport: Transport
) -> AsyncGenerator[Running]:
    """Make the services and the loops; the caller starts the loops."""
    clock: Clock = SystemClock()
    key = load_secret_key(layout.secret_key)
    box, marks, options = SecretBox(key), Marks(key), settings.lifecycle
    async with AsyncExitStack() as parts:
        archive = Archive(telemetry_options(settings, layout))
        parts.push_async_callback(archive.close)
        of_exports = ExportParts(metadata, archive, transport, box, clock, layout.root)
        of_deletions = DeletionParts(metadata, archive, box, marks, clock, lambda: _oldest_s(layout.spool))
        loops: list[Loop] = [
            ExportLoop(of_exports, options),
            DeletionLoop(of_deletions, options),
            RetentionLoop(metadata, archive, clock, options),
        ]
        for loop in loops:
            parts.push_async_callback(loop.stop, 2.0)
        yield Running(services(metadata, archive, key, layout.root, options), loops)


def services(metadata: Metadata, archive: Archive, key: bytes, data: Path, options: LifecycleOptions) -> Lifecycle:
    """Return what the API asks."""
    clock: Clock = SystemClock()
    box = SecretBox(key)
    return Lifecycle(
        exports=Exports(metadata, box, clock, data, options),
        retentions=Retentions(metadata, archive, clock),
        deletions=Deletions(metadata, box, Marks(key), clock),
        revisions=Revisions(metadata, clock),
        rows=archive,
    )


def _oldest_s(spools: Path) -> float:
    return max((depth.oldest_age_s or 0.0 for depth in depths(spools)), default=0.0)
