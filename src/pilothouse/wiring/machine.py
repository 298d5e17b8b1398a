"""Everything on one machine: which processes `pilothouse up` runs, and in which environment."""

import asyncio
import sys
import time
from collections.abc import Mapping

import msgspec

from pilothouse import settings as sources
from pilothouse.errors import LocalModelUnavailable
from pilothouse.providers import local
from pilothouse.settings import Settings
from pilothouse.wiring import addresses, ports
from pilothouse.wiring.children import Child, ChildSpec
from pilothouse.wiring.data_folder import Lock, prepare
from pilothouse.wiring.log_files import LogFile
from pilothouse.wiring.process import keep_private
from pilothouse.wiring.supervisor import Member, Reporter, Supervisor

GATEWAY_PORT = "PILOTHOUSE_GATEWAY_PORT"
PLATFORM_PORT = "PILOTHOUSE_PLATFORM_PORT"
_LOCK_WAIT_S = 3.0


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One process: its role, how to tell that it is ready, and its place in the end."""

    role: str
    ready_url: str
    stop_turn: int
    roles: str = ""
    """What the process runs, in the form of `serve --roles`; empty means its role."""
    needed: bool = True
    stop_s: float = 3.2


class Machine:
    """One `pilothouse up` on its data folder, from taking the lock to the end of the last process."""

    def __init__(self, settings: Settings, reporter: Reporter, began_at_s: float | None = None) -> None:
        keep_private()
        self.settings = settings
        self.layout = prepare(settings.data)
        self.local_model_missing: str | None = None
        """Why the local model is not started, None when it is or is not wanted."""
        self._reporter = reporter
        self._began_at_s = time.monotonic() if began_at_s is None else began_at_s

    def run(self) -> None:
        """Run until a signal; blocks. Raises `PortInUse`, `DataFolderInUse` or `PlatformError` before it is up."""
        with Lock(self.layout, "up", _LOCK_WAIT_S):
            gateway, server = self.settings.gateway, self.settings.server
            ports.check(gateway.host, gateway.port, GATEWAY_PORT)
            ports.check(server.host, server.port, PLATFORM_PORT)
            parts = self._parts()
            self.layout.welcome.unlink(missing_ok=True)
            asyncio.run(self._run([self._member(part) for part in parts]))

    async def _run(self, members: list[Member]) -> None:
        await Supervisor(members, self._reporter, self._began_at_s).run()

    def _parts(self) -> list[Part]:
        gateway, server = self.settings.gateway, self.settings.server
        parts = [
            self._platform(ports.url(server.host, server.port, "/readyz")),
            Part(role="gateway", ready_url=ports.url(gateway.host, gateway.port, "/readyz"), stop_turn=0),
        ]
        if self.settings.ingest.apart:
            ingest = addresses.settle(self.layout, addresses.INGEST)
            parts.append(Part(role=addresses.INGEST, ready_url=f"{ingest.url}/readyz", stop_turn=1))
        if self.settings.telemetry.url:
            addresses.forget(self.layout, addresses.STORE)
        else:
            store = addresses.settle(self.layout, addresses.STORE)
            parts.insert(0, Part(role=addresses.STORE, ready_url=f"{store.url}/ping", stop_turn=2))
        if self._wants_local_model():
            model = addresses.settle(self.layout, addresses.LOCAL_MODEL)
            parts.append(
                Part(role=addresses.LOCAL_MODEL, ready_url=f"{model.url}/health", stop_turn=1, needed=False, stop_s=1.5)
            )
        else:
            addresses.forget(self.layout, addresses.LOCAL_MODEL)
        return parts

    def _platform(self, ready_url: str) -> Part:
        roles = "api" if self.settings.ingest.apart else "api,ingest"
        return Part(role="platform", roles=roles, ready_url=ready_url, stop_turn=1)

    def _wants_local_model(self) -> bool:
        chosen = self.settings
        if not chosen.local_model.enabled or chosen.openai_api_key or chosen.anthropic_api_key:
            return False
        try:
            local.weights()
        except LocalModelUnavailable as error:
            self.local_model_missing = error.detail
            return False
        return True

    def _member(self, part: Part) -> Member:
        spec = ChildSpec(
            role=part.role,
            argv=(
                sys.executable,
                "-m",
                "pilothouse.cli.main",
                "serve",
                "--roles",
                part.roles or part.role,
                "--supervised",
            ),
            environment=sources.child_environment(self._environment()),
            ready_url=part.ready_url,
            stop_s=part.stop_s,
        )
        log = LogFile(self.layout.logs / f"{part.role}.log")
        return Member(Child(spec, log, self._reporter.line), needed=part.needed, stop_turn=part.stop_turn)

    def _environment(self) -> Mapping[str, str]:
        # absolute, because the children must find what the parent found
        source = self.settings.source
        names = {"PILOTHOUSE_DATA": str(self.layout.root)}
        return {**names, "PILOTHOUSE_SETTINGS": str(source.absolute())} if source else names
