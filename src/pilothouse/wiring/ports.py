"""TCP ports: whether one is free, who has it, and which free one to take."""

import contextlib
import errno
import random
import socket

import psutil

from pilothouse.errors import PortInUse, SettingsInvalid
from pilothouse.wiring.findings import Finding, State

_QUIET_PORTS = range(20_000, 32_000)
_TRIES = 50


def check(host: str, port: int, setting: str) -> None:
    """Raise `PortInUse` when something listens there; `setting` is how the operator chooses another port."""
    listen(host, port, setting).close()


def listen(host: str, port: int, setting: str, backlog: int = 1) -> socket.socket:
    """Return a listening socket; raises `PortInUse` that names who has the port, or `SettingsInvalid` for the host."""
    try:
        return _bind(host, port, backlog)
    except socket.gaierror as error:
        raise SettingsInvalid(f"{host!r} is not an address of this machine: {error.strerror}", param="host") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise SettingsInvalid(f"cannot listen on {host}:{port}: {error.strerror}", param=setting) from error
        other = port + 10000 if port < 50000 else port - 10000
        raise PortInUse(
            f"port {port} is in use{_by(port)}; stop that, or choose another port: {setting}={other}", param=setting
        ) from error


def pick(host: str, wanted: int = 0) -> int:
    """Return `wanted` when it is free, else any free port.

    Chosen below the range from which systems take the ports of outgoing connections, so that none of these is on it by
    the time at which it is listened on, now or at the next start.
    """
    for port in [*([wanted] if wanted else []), *random.sample(_QUIET_PORTS, _TRIES)]:
        with contextlib.suppress(OSError), _bind(host, port):
            return port
    with _bind(host, 0) as listener:
        return listener.getsockname()[1]


def url(host: str, port: int, path: str = "") -> str:
    """Return the address under which this machine reaches a server that listens on `host`."""
    here = reachable(host)
    return f"http://{f'[{here}]' if ':' in here else here}:{port}{path}"


def reachable(host: str) -> str:
    """Return where this machine reaches a server that listens on `host`, which may stand for all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def holder(port: int) -> str | None:
    """Return name and id of the process that listens on the port; None when the system does not tell."""
    try:
        listening = [found for found in psutil.net_connections(kind="tcp") if found.status == psutil.CONN_LISTEN]
        pid = next((found.pid for found in listening if tuple(found.laddr)[1:2] == (port,)), None)
        return f"{psutil.Process(pid).name()} (process {pid})" if pid else None
    except psutil.Error:
        return None


def _by(port: int) -> str:
    name = holder(port)
    return f" by {name}" if name else ""


def _bind(host: str, port: int, backlog: int = 1) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def silent(name: str, port: int, setting: str) -> Finding:
    """Return the finding of a server that does not answer, or whose port another program has."""
    who = holder(port)
    if who is None:
        return Finding(name, State.SKIPPED, f"nothing listens on port {port}", "start it with `pilothouse up`")
    mend = f"stop it, or choose another port with {setting}"
    return Finding(name, State.FAILED, f"port {port} is used by {who}, which is not ours", mend)
