"""`Idempotency-Key`: a create that is sent again gives the first answer again."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, cast

import msgspec
from litestar import Request
from litestar.params import Dependency

from pilothouse.domain.clock import Clock
from pilothouse.errors import Conflict, InvalidRequest
from pilothouse.server.callers import Caller

_KEEP_NS = 24 * 3600 * 1_000_000_000
_MOST = 2000
_MAX_KEY = 255
T = TypeVar("T")


class _Kept(msgspec.Struct):
    body: bytes
    made_at_ns: int
    answer: "asyncio.Future[Any]"


class Replies:
    """Answers of creates by caller, path and key, for 24 hours, in memory: an answer may hold a new secret."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str, str], _Kept] = OrderedDict()

    async def once(self, request: Request[Any, Any, Any], data: msgspec.Struct, make: Callable[[], Awaitable[T]]) -> T:
        """Return what `make` gives, or the earlier answer to the same key and body.

        Raises `Conflict` when the key was used with another body. A failed create is not kept.
        """
        key = request.headers.get("idempotency-key")
        if key is None:
            return await make()
        if not 1 <= len(key) <= _MAX_KEY:
            raise InvalidRequest(f"`Idempotency-Key` must have 1 to {_MAX_KEY} characters.", param="Idempotency-Key")
        caller = cast("Caller", request.scope["auth"])
        slot = (f"{caller.kind}:{caller.id}:{caller.project_id}", request.url.path, key)
        return await self._once(slot, hashlib.sha256(msgspec.json.encode(data)).digest(), make)

    async def _once(self, slot: tuple[str, str, str], body: bytes, make: Callable[[], Awaitable[T]]) -> T:
        self._sweep()
        kept = self._kept.get(slot)
        if kept is not None:
            if kept.body != body:
                raise Conflict("This `Idempotency-Key` was used with another body; use a new one for a new thing.")
            return cast("T", await asyncio.shield(kept.answer))
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._kept[slot] = _Kept(body, self._clock.now_ns(), answer)
        try:
            made = await make()
        except BaseException as error:
            del self._kept[slot]
            answer.set_exception(
                error if isinstance(error, Exception) else Conflict("The first request was broken off.")
            )
            answer.exception()
            raise
        answer.set_result(made)
        return made

    def _sweep(self) -> None:
        oldest_ns = self._clock.now_ns() - _KEEP_NS
        while self._kept:
            slot, kept = next(iter(self._kept.items()))
            if kept.made_at_ns > oldest_ns and len(self._kept) < _MOST:
                return
            del self._kept[slot]


RepliesDep = Annotated[Replies, Dependency(skip_validation=True)]
