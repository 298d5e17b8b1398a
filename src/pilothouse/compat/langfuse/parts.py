"""The objects that Langfuse's routes work with, and what every route does with a request's key and body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.compat.arrival import Arrival, worked
from pilothouse.compat.base import Deletions, Intake, Projects, Reads, chunks_of, headers_of
from pilothouse.compat.decode import body_of
from pilothouse.compat.langfuse.observations import SOURCE
from pilothouse.domain.access import Permission, VirtualKey
from pilothouse.domain.clock import Clock
from pilothouse.registry.library import Library


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseParts:
    """What the routes are given."""

    intake: Intake
    reads: Reads
    projects: Projects
    library: Library
    clock: Clock
    deletions: Deletions | None = None
    """Without it nothing is removed here."""

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC)

    async def reader(self, request: Request[Any, Any, Any]) -> VirtualKey:
        """Return the key of a request that reads; raises what is wrong with it."""
        return await self.intake.admit(headers_of(request), Permission.READ)

    async def application(self, request: Request[Any, Any, Any]) -> VirtualKey:
        """Return the key of a request that applications send while they run; raises what is wrong with it."""
        return await self.intake.admit(headers_of(request), Permission.READ, Permission.INGEST)

    async def editor(self, request: Request[Any, Any, Any]) -> VirtualKey:
        """Return the key of a request that changes prompts or datasets; raises what is wrong with it."""
        return await self.intake.admit(headers_of(request), Permission.WRITE)

    async def sender(self, request: Request[Any, Any, Any]) -> VirtualKey:
        """Return the key of a request that belongs to what an application traces; raises what is wrong with it."""
        return await self.intake.admit(headers_of(request), Permission.INGEST, Permission.WRITE)

    async def remover(self, request: Request[Any, Any, Any]) -> VirtualKey:
        """Return the key of a request that has telemetry removed for good; raises what is wrong with it."""
        return await self.intake.admit(headers_of(request), Permission.ADMIN)

    async def writer(self, request: Request[Any, Any, Any], signal: str) -> Arrival:
        """Return a request that brings something; raises what is wrong with its key."""
        headers = headers_of(request)
        key = await self.intake.admit(headers, Permission.INGEST)
        name = _said(headers, "sdk_name")
        return Arrival(
            intake=self.intake, key=key, received_at_ns=self.clock.now_ns(), surface=SOURCE,
            sdk_name=f"langfuse-{name}" if name else "", sdk_version=_said(headers, "sdk_version"), signal=signal,
        )  # fmt: skip

    async def body(self, request: Request[Any, Any, Any]) -> Any:
        """Return a request's JSON."""
        data = await self.intake.body(chunks_of(request), headers_of(request))
        return await worked(lambda: body_of(data), len(data))


def actor_of(key: VirtualKey) -> str:
    """Return how the audit names a key."""
    return f"key:{key.id}"


def _said(headers: Mapping[str, str], name: str) -> str:
    # the SDKs of generation 2 write these names with underscores
    return headers.get(f"x-langfuse-{name.replace('_', '-')}") or headers.get(f"x_langfuse_{name}", "")


PartsDep = NamedDependency[SkipValidation[LangfuseParts]]
