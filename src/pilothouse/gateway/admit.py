"""Admit: whose call is it, is it well-formed, and may this key call this model?"""

from collections.abc import Awaitable, Callable

from pilothouse.domain.access import VirtualKey
from pilothouse.domain.clock import Clock
from pilothouse.errors import ModelMissing
from pilothouse.gateway.call import Admission, Arrival, Call, Next, Reply
from pilothouse.gateway.caller_headers import secret_of
from pilothouse.gateway.index import Index


class Admit:
    """Checks the key before the body is read, then the body, then the model against the key's scope."""

    def __init__(self, index: Callable[[], Index], clock: Clock) -> None:
        self._index = index
        self._clock = clock

    def __call__(self, call: Call, following: Next) -> Awaitable[Reply]:
        """Pass an admitted call on; raises a `CallerError` for every other."""
        index = self._index()
        key = call.key = _key(index, call.arrival, self._clock.now_ns())
        body = call.read_body()
        if not isinstance(body, bytes):
            return _admitted_later(call, following, index, key, body)
        _admit(call, index, key, body)
        return following(call)


async def _admitted_later(call: Call, following: Next, index: Index, key: VirtualKey, body: Awaitable[bytes]) -> Reply:
    _admit(call, index, key, await body)
    return await following(call)


def _admit(call: Call, index: Index, key: VirtualKey, body: bytes) -> None:
    arrival, call.body = call.arrival, body
    head = call.head = arrival.dialect.read_head(body, arrival.ask)
    model = call.model = head.model_name or arrival.ask.model
    call.streamed = head.streamed
    if not model:
        field = arrival.dialect.model_field
        raise ModelMissing(f"the request names no model; set the field {field!r}", param=field)
    resolution = index.resolve(model)
    index.check_scope(key, model, resolution)
    call.admission = Admission(body, head, resolution, index)


def find_key(index: Index, headers: dict[bytes, bytes], now_ns: int, query: bytes = b"") -> VirtualKey:
    """Return the virtual key that the request carries, wherever an SDK puts it."""
    return index.key(secret_of(headers, query), now_ns)


def _key(index: Index, arrival: Arrival, now_ns: int) -> VirtualKey:
    if arrival.key_id:
        return index.key_of(arrival.key_id, now_ns)
    said = arrival.said
    if said.secret:
        return index.key_of_digest(said.digest, said.secret, now_ns)
    return find_key(index, arrival.headers, now_ns, arrival.query)
