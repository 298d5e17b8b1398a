"""The objects that the server works with, made and closed by whoever starts it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from litestar.params import Dependency

from pilothouse.domain.clock import Clock
from pilothouse.server.options import ServerOptions


class SpoolStats(msgspec.Struct, frozen=True):
    """How much one writer's spool holds."""

    writer: str
    size_bytes: int
    """Undrained bytes on disk."""
    records: int
    oldest_age_s: float | None
    """Age of the oldest undrained record; None when drained."""


Health = Callable[[], Awaitable[str | None]]
"""Returns None when the part can do its job, else why it cannot, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """What `create_app` is given."""

    registry: Any
    people: Any
    telemetry: Any
    transport: Any
    catalog: Any
    options: ServerOptions
    clock: Clock
    local_token: str = ""
    """The `pho_…` secret of this machine's own command line; empty refuses all of them."""
    gateway_url: str = ""
    version: str = ""
    spool_stats: Callable[[], Sequence[SpoolStats]] = list
    health: Mapping[str, Health] = field(default_factory=dict[str, Health])
    """More parts that `/readyz` asks, by name, besides the store and the metadata database."""


Parts = Annotated[ServerParts, Dependency(skip_validation=True)]
