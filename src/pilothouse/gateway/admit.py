"""Admit: whose call is it, is it well-formed, and may this key call this model?"""

from collections.abc import Callable

from pilothouse.domain.access import VirtualKey
from pilothouse.domain.clock import Clock
from pilothouse.errors import ModelMissing
from pilothouse.gateway.call import Admission, Call, Next, Reply
from pilothouse.gateway.index import Index

_BEARER = b"bearer "


class Admit:
    """Checks the key before the body is read, then the body, then the model against the key's scope."""

    def __init__(self, index: Callable[[], Index], clock: Clock) -> None:
        self._index = index
        self._clock = clock

    async def __call__(self, call: Call, following: Next) -> Reply:
        """Pass an admitted call on; raises a `CallerError` for every other."""
        index = self._index()
        key = call.key = find_key(index, call.arrival.headers, self._clock.now_ns())
        body = call.body = await call.read_body()
        head = call.head = call.arrival.dialect.read_head(body, call.arrival.ask)
        model = head.model_name
        if not model:
            raise ModelMissing("the request names no model; set the field 'model'", param="model")
        resolution = index.resolve(model)
        index.check_scope(key, model, resolution)
        call.admission = Admission(body, head, resolution, index)
        return await following(call)


def find_key(index: Index, headers: dict[bytes, bytes], now_ns: int) -> VirtualKey:
    """Return the virtual key that the headers carry, wherever an SDK puts it."""
    return index.key(_secret(headers), now_ns)


def _secret(headers: dict[bytes, bytes]) -> bytes:
    authorization = headers.get(b"authorization")
    if authorization is not None and authorization[:7].lower() == _BEARER:
        return authorization[7:].strip()
    return (headers.get(b"x-api-key") or headers.get(b"api-key") or b"").strip()
