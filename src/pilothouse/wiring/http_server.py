"""uvicorn as a part of a process: it serves between enter and exit, and leaves signals to the process."""

import asyncio
import contextlib
import functools
from collections.abc import Generator
from types import TracebackType
from typing import Any

import msgspec
import uvicorn

from pilothouse.errors import PlatformError
from pilothouse.transport.burst import Burst
from pilothouse.wiring import ports
from pilothouse.wiring.joined_writes import JoinedWritesProtocol

_BACKLOG = 2048
_KEEP_ALIVE_S = 75


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to serve."""

    host: str
    port: int
    setting: str
    """The environment variable that chooses another port."""
    drain_s: float
    """How long open requests may take to end on exit; then they are cancelled."""
    trusted_proxies: tuple[str, ...] = ()
    """Whose forwarded addresses are believed."""
    joined_writes: bool = False
    """Send an answer's head together with the first piece of its body; see `joined_writes`."""
    lifespan: bool = False
    """Whether the application has start and end hooks of its own."""


class HttpServer:
    """Serves one ASGI application."""

    def __init__(self, app: Any, options: HttpOptions) -> None:
        self._options = options
        config = uvicorn.Config(
            app,
            http=_joined_writes() if options.joined_writes else "httptools",
            proxy_headers=bool(options.trusted_proxies),
            forwarded_allow_ips=list(options.trusted_proxies),
            ws="none",
            lifespan="on" if options.lifespan else "off",
            access_log=False,
            log_config=None,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(options.drain_s)),
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "HttpServer":
        """Listen and serve; raises `PortInUse`, or what the application's start raised."""
        listener = ports.listen(self._options.host, self._options.port, self._options.setting, _BACKLOG)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="http-server")
        while not self._server.started:
            done, _ = await asyncio.wait({self._task}, timeout=0.01)
            if done:
                listener.close()
                await self._task
                raise PlatformError("the HTTP server did not start; its log says why")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no new connection, let open requests end, stop."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task

    async def ended(self) -> None:
        """Return when the server stopped by itself."""
        if self._task is not None:
            await asyncio.wait({self._task})


def _joined_writes() -> Any:
    return functools.partial(JoinedWritesProtocol, burst=Burst())


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take no signals: the process has several parts to end, in order."""
        yield

    async def startup(self, sockets: Any = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as error:
            # a SystemExit inside a task would tear the event loop down before the other parts could end
            raise PlatformError("the application did not start; the log says why") from error
