"""Lines of a batch that ask for several vectors. Google's batches take one a line, so such a line becomes several."""

from collections.abc import Iterator

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.providers.base import BatchResult
from pilothouse.providers.batches.exchange import decode
from pilothouse.providers.google.paths import BATCH


class _Requests(msgspec.Struct):
    requests: list[msgspec.Raw]


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int = 0


class _Answer(msgspec.Struct, rename="camel"):
    embedding: msgspec.Raw
    usage_metadata: _Usage | None = None


_REQUESTS = msgspec.json.Decoder(_Requests)
_ANSWER = msgspec.json.Decoder(_Answer)


def spread(key: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the lines that a line becomes; their keys name their places behind colons, which keys of ours have not."""
    if not body.startswith(BATCH):
        yield key, body
        return
    try:
        requests = _REQUESTS.decode(body).requests
    except msgspec.DecodeError:
        # Google says what is wrong with it.
        yield key, body
        return
    for place, request in enumerate(requests):
        yield f"{key}:{place}:{len(requests)}", bytes(request)


class Gathered:
    """Puts the answers to a line that became several together again. Answers in order wait for one line only."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, bytes]] = {}
        self._seen: set[str] = set()

    def add(self, result: BatchResult) -> BatchResult | None:
        """Return the result of a line, once: when its last answer, or one that is an error, is there."""
        key, _, rest = result.key.partition(":")
        if key in self._seen:
            return None
        whole = msgspec.structs.replace(result, key=key)
        if rest and result.status == 200:
            place, _, count = rest.partition(":")
            if not (place.isdecimal() and count.isdecimal()):
                raise UpstreamProtocol("the provider names a line of the batch that it was not given")
            parts = self._waiting.setdefault(key, {})
            parts[int(place)] = result.body
            if len(parts) < int(count):
                return None
            whole = msgspec.structs.replace(whole, body=_joined([parts[number] for number in sorted(parts)]))
        self._waiting.pop(key, None)
        self._seen.add(key)
        return whole


def _joined(bodies: list[bytes]) -> bytes:
    answers = [decode(_ANSWER, body) for body in bodies]
    tokens = sum(answer.usage_metadata.prompt_token_count for answer in answers if answer.usage_metadata is not None)
    whole: dict[str, object] = {"embeddings": [answer.embedding for answer in answers]}
    if all(answer.usage_metadata is not None for answer in answers):
        whole["usageMetadata"] = {"promptTokenCount": tokens}
    return msgspec.json.encode(whole)
