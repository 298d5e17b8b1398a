"""Roles: which parts of Pilothouse a process is, and its life from start to end."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import uvloop

from pilothouse.errors import PlatformError, SettingsInvalid
from pilothouse.plugins import load
from pilothouse.settings import Settings
from pilothouse.wiring import process
from pilothouse.wiring.data_folder import Layout, Lock, low_disk, prepare
from pilothouse.wiring.http_server import HttpServer

TOGETHER: Mapping[str, str] = MappingProxyType(
    {
        "gateway": "pilothouse.wiring.gateway:serve",
        "api": "pilothouse.wiring.platform:serve_api",
        "ingest": "pilothouse.wiring.ingest:serve",
    }
)
"""Roles that may share a process, in the order of their start."""
APART: Mapping[str, str] = MappingProxyType({"ingest": "pilothouse.wiring.ingest:serve_apart"})
"""Roles that answer for themselves where no other shares their process."""
ALONE: Mapping[str, str] = MappingProxyType(
    {"store": "pilothouse.wiring.store:serve", "local-model": "pilothouse.wiring.local_model:serve"}
)
"""Roles that run a native engine, whose crash must end nothing else."""
SUPERVISED_DRAIN_S = 3.0
"""`pilothouse up` ends within ten seconds, whatever is open."""
_LOCK_WAIT_S = 5.0
"""A predecessor whose parent was killed may still be ending."""

_log = logging.getLogger(__name__)


def parse(text: str) -> tuple[str, ...]:
    """Return the roles of a comma-separated list; `platform` stands for `api,ingest`. Raises `SettingsInvalid`."""
    names = [part.strip() for part in text.replace("platform", "api,ingest").split(",") if part.strip()]
    known = {**TOGETHER, **ALONE}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None or not names:
        raise SettingsInvalid(f"unknown role {unknown!r}; roles: platform, {', '.join(known)}", param="roles")
    alone = next((name for name in names if name in ALONE), None)
    if alone is not None and len(set(names)) > 1:
        raise SettingsInvalid(f"the role {alone!r} needs a process of its own", param="roles")
    return tuple(name for name in known if name in names)


def run(settings: Settings, roles: Sequence[str], *, supervised: bool) -> None:
    """Be these roles until SIGTERM or SIGINT; blocks. `supervised` ends them with the parent and within seconds."""
    process.keep_private()
    process.raise_file_limit()
    process.keep_one_heap()
    process.start_logging(settings)
    if supervised:
        process.end_with_parent()
    layout = prepare(settings.data)
    if warning := low_disk(layout):
        _log.warning(warning)
    drain_s = SUPERVISED_DRAIN_S if supervised else float("inf")
    with contextlib.ExitStack() as locks:
        for role in roles:
            locks.enter_context(Lock(layout, role, _LOCK_WAIT_S))
        if roles[0] in ALONE:
            load(ALONE[roles[0]])(settings, layout, drain_s)
        else:
            uvloop.run(_serve(settings, layout, roles, drain_s))


async def _serve(settings: Settings, layout: Layout, roles: Sequence[str], drain_s: float) -> None:
    stop = asyncio.create_task(process.until_signal())
    async with contextlib.AsyncExitStack() as parts:
        servers: list[HttpServer] = []
        for role in roles:
            serve = load((APART if len(roles) == 1 else TOGETHER).get(role, TOGETHER[role]))
            part = await parts.enter_async_context(serve(settings, layout, drain_s))
            if isinstance(part, HttpServer):
                servers.append(part)
        _log.info("%s is up", ", ".join(roles))
        ended = [asyncio.create_task(server.ended()) for server in servers]
        await asyncio.wait({stop, *ended}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.done():
            raise PlatformError("the HTTP server stopped by itself; the log says why")
        _log.info("%s is stopping", ", ".join(roles))
