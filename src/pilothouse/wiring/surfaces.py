"""The surfaces of other products' SDKs, put on the platform's own ways in and out."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from pilothouse.compat import media
from pilothouse.compat.base import Reads, Surface
from pilothouse.compat.langfuse import surface as langfuse
from pilothouse.compat.langfuse.links import links
from pilothouse.compat.langfuse.parts import LangfuseParts
from pilothouse.compat.langsmith import surface as langsmith
from pilothouse.compat.langsmith.parts import LangSmithParts, Spans
from pilothouse.compat.langsmith.v2 import surface as langsmith_v2
from pilothouse.domain.access import Permission, VirtualKey
from pilothouse.domain.receipt import Receipt
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.errors import PermissionMissing
from pilothouse.server.otlp.credentials import secret_of
from pilothouse.server.otlp.door import Door
from pilothouse.server.parts import ServerParts


class Telemetry(Reads, Spans, Protocol):
    """What all surfaces read of the telemetry store."""


class Intake:
    """The way in of OpenTelemetry's door, for what is no OpenTelemetry."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def admit(self, headers: Mapping[str, str], *permissions: Permission) -> VirtualKey:
        """Return the key of a request when it has one of the permissions."""
        secret = secret_of(headers)
        *others, last = permissions
        for permission in others:
            try:
                return await self._door.keys.admit(secret, permission)
            except PermissionMissing:
                continue
        return await self._door.keys.admit(secret, last)

    async def body(self, chunks: AsyncIterator[bytes], headers: Mapping[str, str]) -> bytes:
        """Return a request's body, decompressed."""
        with self._door.bodies.holding() as holding:
            return await self._door.bodies.read(chunks, headers, holding)

    async def keep(self, kind: str, payload: bytes) -> None:
        """Return once the record is durable."""
        await self._door.keep(kind, payload)

    def redactor(self, project_id: str) -> Redactor | None:
        """Return what redacts for a project."""
        return self._door.keys.redactors.of(project_id)

    def note(self, receipt: Receipt) -> None:
        """Count what became of a request, or of items in it."""
        self._door.receipts.note(receipt)


def surfaces(door: Door, reads: Telemetry, platform: ServerParts) -> Sequence[Surface]:
    """Return every surface of a platform."""
    intake, projects, library, clock = Intake(door), platform.registry, platform.library, platform.clock
    deletions = platform.lifecycle.deletions if platform.lifecycle else None
    smith = LangSmithParts(
        intake=intake, reads=reads, projects=projects, library=library, clock=clock, deletions=deletions
    )
    fuse = LangfuseParts(
        intake=intake, reads=reads, projects=projects, library=library, clock=clock, deletions=deletions
    )
    return (
        langfuse.surface(fuse),
        links(),
        langsmith.surface(smith),
        langsmith_v2.surface(smith),
        langsmith.platform_surface(smith),
        media.surface(library.media),
    )
