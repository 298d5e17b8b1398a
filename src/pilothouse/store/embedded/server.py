"""The store process's main function."""

import errno
import os
import signal
import socket
from pathlib import Path
from types import FrameType

import uvicorn

from pilothouse.errors import PortInUse
from pilothouse.store.embedded.engine import Engine
from pilothouse.store.embedded.http import Front
from pilothouse.store.embedded.options import EmbeddedOptions


def run(options: EmbeddedOptions) -> None:
    """Serve the embedded store until SIGTERM or SIGINT; blocks, from the main thread of a process of its own.

    Writes the port file once it answers. Running statements end before the engine is closed. Raises
    `DataFolderInUse`, `DataFolderUnwritable`, `StoreUnavailable` or `PortInUse` before it serves anything.
    """
    engine = Engine(options)
    engine.open()
    try:
        with _listen(options.host, options.port) as listener:
            front = Front(engine, options)
            config = uvicorn.Config(
                front,
                lifespan="off",
                http="httptools",
                access_log=False,
                log_config=None,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=int(options.stop_grace_s),
            )
            server = _Server(config, front)
            # From here on a signal means a graceful stop: also before uvicorn installs its own handlers, and after it
            # has put these back and sent the signal again.
            for stop in (signal.SIGTERM, signal.SIGINT):
                signal.signal(stop, server.handle_exit)
            if options.port_file is not None:
                _publish(options.port_file, listener.getsockname()[1])
            server.run(sockets=[listener])
            front.close()
    finally:
        engine.close()
        if options.port_file is not None:
            options.port_file.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """Ends running queries as soon as it is told to stop; inserts and schema changes run to their end."""

    def __init__(self, config: uvicorn.Config, front: Front) -> None:
        super().__init__(config)
        self._front = front

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._front.stop_reading()
        super().handle_exit(sig, frame)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"port {port} on {host} is taken; the telemetry store cannot listen there") from error
        raise
    return listener


def _publish(path: Path, port: int) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(f"{port}\n", encoding="ascii")
    os.replace(draft, path)
