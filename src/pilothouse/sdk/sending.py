"""One request to the platform, and what its answer means for what was sent."""

import gzip
import logging
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

import msgspec
import requests
from opentelemetry import context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

TIMEOUT_S: Final = 2.0
"""For connecting, and between bytes."""
_log = logging.getLogger("pilothouse.sdk")
SUPPRESSED: Final = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
"""The mark by which instrumentations of HTTP clients know that a request is telemetry, and no work of the app."""
_LATER: Final = frozenset({408, 429, 500, 502, 503, 504})
_KEY_REFUSED: Final = frozenset({401, 403})
_encoder = msgspec.json.Encoder()


class Outcome(Enum):
    """What became of a request."""

    TAKEN = "taken"
    LATER = "later"
    """The same may be taken later."""
    LARGE = "large"
    """Less at once may be taken."""
    REFUSED = "refused"


class ScoreItem(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A score as the platform's address for scores takes it."""

    id: str
    name: str
    value: float | str
    data_type: str
    timestamp: str
    trace_id: str
    observation_id: str = ""
    comment: str = ""


class Wire:
    """The way to one platform; used by one thread at a time. A child process needs one of its own."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._key = key
        self._session = requests.Session()

    def renewed(self) -> "Wire":
        """Return the same without the connections, which belong to the process that opened them."""
        return Wire(self.url, self._key)

    def spans(self, spans: Sequence[ReadableSpan]) -> Outcome:
        """Send spans; blocks for about `TIMEOUT_S` at most."""
        body = gzip.compress(encode_spans(spans).SerializeToString(), 1)
        return self._post("/v1/traces", body, "application/x-protobuf", {"content-encoding": "gzip"})

    def scores(self, scores: Sequence[ScoreItem]) -> Outcome:
        """Send scores; blocks for about `TIMEOUT_S` at most."""
        return self._post("/api/public/scores", _encoder.encode(scores), "application/json", {})

    def credentials(self) -> dict[str, str]:
        """Return the headers that show the key."""
        return {"authorization": f"Bearer {self._key}"}

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _post(self, path: str, body: bytes, content_type: str, more: dict[str, str]) -> Outcome:
        headers = {**self.credentials(), "content-type": content_type, **more}
        address = f"{self.url}{path}"
        token = context.attach(context.set_value(SUPPRESSED, True))
        try:
            answer = self._session.post(
                address, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, auth=as_it_is
            )
        except requests.RequestException as error:
            _log.debug("cannot reach %s: %s", address, error)
            return Outcome.LATER
        finally:
            context.detach(token)
        return _judged(answer.status_code, address)


def _judged(status: int, address: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome.TAKEN
    if status in _LATER:
        return Outcome.LATER
    if status == 413:
        return Outcome.LARGE
    why = (
        "the key is not taken; it needs the permission `ingest`" if status in _KEY_REFUSED else "what was sent is lost"
    )
    _log.debug("%s answers %s: %s", address, status, why)
    return Outcome.REFUSED


def as_it_is(request: Any) -> Any:
    """Keep `~/.netrc` from putting other credentials in the place of ours."""
    return request
