"""`Idempotency-Key`: a create that is sent again within 24 hours gives the first answer again."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.registry.replies import Replies, Reply
from pilothouse.server import scope
from pilothouse.server.callers import NOBODY, Caller

_CREATED = 201
T = TypeVar("T", bound=msgspec.Struct)


class Once:
    """Carries out a create, or gives the kept answer; without the header it only carries out."""

    def __init__(self, replies: Replies | None) -> None:
        self._replies = replies

    async def __call__(self, request: Request[Any, Any, Any], kind: type[T], make: Callable[[], Awaitable[T]]) -> T:
        """Return what `make` gives, an object of `kind`, or the same as the first time.

        Raises `Conflict` when the key came with another body before or the first request is under way. The answer of
        a failed create is not kept.
        """
        key = request.headers.get("idempotency-key")
        if key is None or self._replies is None:
            return await make()
        caller: Caller = scope.values(request).get(scope.CALLER, NOBODY)
        project = request.headers.get("x-pilothouse-project", "")
        place = f"{caller.actor} {project} {request.method} {request.url.path}"
        body = await request.body()
        kept = await self._replies.claim(place, key, body)
        if kept is not None:
            return msgspec.json.decode(kept.body, type=kind)
        try:
            made = await make()
        except BaseException:
            await self._replies.release(place, key)
            raise
        await self._replies.keep(place, key, body, Reply(_CREATED, msgspec.json.encode(made).decode()))
        return made


OnceDep = NamedDependency[SkipValidation[Once]]
