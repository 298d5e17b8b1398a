"""Admit: whose call is it, is it well-formed, and may this key call this model?"""

import re
from collections.abc import Callable
from urllib.parse import parse_qs

from pilothouse.domain.access import VirtualKey
from pilothouse.domain.clock import Clock
from pilothouse.errors import ModelMissing
from pilothouse.gateway.call import Admission, Call, Next, Reply
from pilothouse.gateway.index import Index

_BEARER = b"bearer "
_SIGNED = re.compile(rb"AWS4-HMAC-SHA256 +Credential=([^/, ]+)/")


class Admit:
    """Checks the key before the body is read, then the body, then the model against the key's scope."""

    def __init__(self, index: Callable[[], Index], clock: Clock) -> None:
        self._index = index
        self._clock = clock

    async def __call__(self, call: Call, following: Next) -> Reply:
        """Pass an admitted call on; raises a `CallerError` for every other."""
        index = self._index()
        arrival, now_ns = call.arrival, self._clock.now_ns()
        if arrival.key_id:
            key = call.key = index.key_of(arrival.key_id, now_ns)
        else:
            key = call.key = find_key(index, arrival.headers, now_ns, arrival.query)
        body = call.body = await call.read_body()
        head = call.head = call.arrival.dialect.read_head(body, call.arrival.ask)
        model = head.model_name or call.arrival.ask.model
        if not model:
            field = arrival.dialect.model_field
            raise ModelMissing(f"the request names no model; set the field {field!r}", param=field)
        resolution = index.resolve(model)
        index.check_scope(key, model, resolution)
        call.admission = Admission(body, head, resolution, index)
        return await following(call)


def find_key(index: Index, headers: dict[bytes, bytes], now_ns: int, query: bytes = b"") -> VirtualKey:
    """Return the virtual key that the request carries, wherever an SDK puts it."""
    return index.key(_secret(headers, query), now_ns)


def _secret(headers: dict[bytes, bytes], query: bytes) -> bytes:
    authorization = headers.get(b"authorization")
    if authorization is not None:
        if authorization[:7].lower() == _BEARER:
            return authorization[7:].strip()
        signed = _SIGNED.match(authorization)
        if signed is not None:
            # An AWS client signs with a key that only it and we know by its id; the id alone is the virtual key.
            return signed[1]
    found = headers.get(b"x-api-key") or headers.get(b"api-key") or headers.get(b"x-goog-api-key")
    if not found and query:
        found = parse_qs(query).get(b"key", [b""])[-1]
    return (found or b"").strip()
