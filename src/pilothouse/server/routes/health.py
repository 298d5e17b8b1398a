"""Alive, ready, and metrics: what a supervisor, a load balancer and Prometheus ask."""

import asyncio

import msgspec
from litestar import Response, get

from pilothouse import instruments
from pilothouse.server.parts import Health, Parts, ServerParts

_CHECK_S = 3.0


class PartView(msgspec.Struct, frozen=True):
    """Whether one part can do its job."""

    name: str
    ok: bool
    detail: str
    """Empty when ok, else why not."""


class ReadyView(msgspec.Struct, frozen=True):
    """Whether this process can do its job, and how its neighbours are."""

    ready: bool
    parts: list[PartView]


class AliveView(msgspec.Struct, frozen=True):
    """That the process answers."""

    alive: bool


async def check(parts: ServerParts) -> ReadyView:
    """Ask every part at once whether it can do its job."""
    asked: dict[str, Health] = {"metadata": parts.registry.ping, "store": parts.telemetry.ping, **parts.health}
    beside: dict[str, Health] = {name: one.problem for name, one in parts.neighbours.items()}
    found = await asyncio.gather(*(_ask(name, ping) for name, ping in (asked | beside).items()))
    return ReadyView(all(part.ok for part in found if part.name in asked), list(found))


@get("/healthz", include_in_schema=False)
async def alive() -> AliveView:
    """Say that the process answers."""
    return AliveView(True)


@get("/readyz", include_in_schema=False)
async def ready(parts: Parts) -> Response[ReadyView]:
    """Say whether every part can do its job: 200, or 503 and which cannot."""
    view = await check(parts)
    return Response(view, status_code=200 if view.ready else 503)


@get("/metrics", include_in_schema=False)
async def metrics(parts: Parts) -> Response[str]:
    """Return this process's metrics, and those of its neighbours, as Prometheus text."""
    neighbours = {name: await one.metrics() for name, one in parts.neighbours.items()}
    return Response(instruments.render(neighbours), media_type="text/plain; version=0.0.4")


HANDLERS = (alive, ready, metrics)


async def _ask(name: str, ping: Health) -> PartView:
    try:
        async with asyncio.timeout(_CHECK_S):
            detail = await ping()
    except TimeoutError:
        detail = f"no answer within {_CHECK_S:.0f} s"
    except Exception as error:  # noqa: BLE001 - border: a part that breaks its promise must not break the report on it
        detail = f"{type(error).__name__}: {error}"
    return PartView(name, detail is None, detail or "")
