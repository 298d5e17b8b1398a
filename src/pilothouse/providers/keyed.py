"""What accounts with plain keys have in common: headers, failures, lists of models."""

from enum import StrEnum
from typing import Any, cast

import msgspec

from pilothouse import __version__
from pilothouse.domain.clock import Clock
from pilothouse.errors import SettingsInvalid, UpstreamError, UpstreamProtocol
from pilothouse.providers import failures
from pilothouse.providers.base import AccountOptions, Outbound
from pilothouse.providers.keys import Key, KeyRing, keys_of
from pilothouse.transport.base import Headers, Origin, Request

OWN_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "api-key", "authorization", "connection", "content-length", "content-type",
        "cookie", "expect", "host", "keep-alive", "proxy-authorization", "te", "trailer", "traceparent",
        "transfer-encoding", "upgrade", "user-agent", "x-api-key", "x-goog-api-key",
    }
)  # fmt: skip
JSON = b"application/json"
EVENT_STREAM = b"text/event-stream"
ANYTHING = b"*/*"
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_DECODER = msgspec.json.Decoder()


class Auth(StrEnum):
    """The header that carries a key."""

    BEARER = "authorization"
    API_KEY = "x-api-key"
    AZURE = "api-key"
    GOOGLE = "x-goog-api-key"

    def headers(self, secret: str) -> Headers:
        """Return the header with the key, none when there is no key."""
        if not secret:
            return ()
        prefix = b"Bearer " if self is Auth.BEARER else b""
        return ((self.value.encode(), prefix + secret.encode()),)


class KeyedAccount:
    """One account with one key or several; headers that are the same for many calls are made once for each key."""

    def __init__(self, options: AccountOptions, clock: Clock, *, needs_secret: bool) -> None:
        self._account = options.account
        self._clock = clock
        self._ring = KeyRing(keys_of(options, needed=needs_secret), clock)
        self._shared = shared_headers(options)

    def failed(self, request: Request, error: UpstreamError) -> bool:
        """Let a refused key rest; returns whether the same call may be tried at once with another."""
        return self._ring.failed(request, error)

    def failure(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> UpstreamError:
        """Return the error that an answer stands for, told by its status and typed error fields alone."""
        return self._classify(self._answer(status, headers, body))

    def _answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> failures.Answer:
        return failures.Answer(self._account, status, headers, self._ring.strike(body)[: failures.MAX_BODY_BYTES])

    def _classify(self, answer: failures.Answer) -> UpstreamError:
        return failures.classify(answer, self._clock)

    def _auth(self, secret: str, auth: Auth) -> Headers:
        return auth.headers(secret)

    def _headers(self, key: Key, auth: Auth, accept: bytes, content_type: bytes) -> Headers:
        made = key.headers.get((auth, accept, content_type))
        if made is None:
            made = (*self._shared, *self._auth(key.secret, auth), (b"content-type", content_type), (b"accept", accept))
            # Others are multipart, with a boundary of their own each.
            if content_type == JSON:
                key.headers[auth, accept, content_type] = made
        return made

    def _post(self, origin: Origin, target: bytes, call: Outbound, auth: Auth, more: Headers = ()) -> Request:
        accept = ANYTHING if call.dialect == "openai_speech" else EVENT_STREAM if call.streamed else JSON
        headers = self._headers(self._ring.pick(), auth, accept, call.content_type)
        if call.trace:
            more = (*more, (b"traceparent", call.trace.encode()))
        return Request(origin, b"POST", target, headers, call.body, call.timeouts, more)

    def _get(self, origin: Origin, target: bytes, auth: Auth, more: Headers = ()) -> Request:
        key = self._ring.pick()
        return Request(origin, b"GET", target, (*self._shared, *self._auth(key.secret, auth), *more, (b"accept", JSON)))


def traced(call: Outbound) -> Headers:
    """Return the header that carries the trace on, none when there is no trace."""
    return ((b"traceparent", call.trace.encode()),) if call.trace else ()


def shared_headers(options: AccountOptions) -> Headers:
    """Return what every request of the account carries; raises `SettingsInvalid` for the operator's own that cannot."""
    for name, value in options.headers:
        lowered = name.lower()
        if not lowered or not _TOKEN.issuperset(lowered) or lowered in OWN_HEADERS:
            raise SettingsInvalid(f"account {options.account!r} cannot set the header {name!r}", param="headers")
        if not value.isascii() or not value.isprintable():
            raise SettingsInvalid(f"header {name!r} of account {options.account!r} is not plain text", param="headers")
    own = tuple((name.lower().encode(), value.encode()) for name, value in options.headers)
    return ((b"user-agent", f"pilothouse/{__version__}".encode()), *own)


def model_names(account: str, body: bytes, fields: tuple[str, ...] = ("data", "models")) -> list[str]:
    """Return the names in a list of models, bare or under one of the fields; raises `UpstreamProtocol` for no list."""
    try:
        document: Any = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocol(f"{account}: the list of models is not JSON; is the base URL right?") from error
    items: Any = document
    if isinstance(document, dict):
        whole = cast("dict[str, Any]", document)
        items = next((whole[field] for field in fields if field in whole), None)
    if not isinstance(items, list):
        raise UpstreamProtocol(f"{account}: the answer holds no list of models; is the base URL right?")
    names = [_name(item) for item in cast("list[Any]", items)]
    return list(dict.fromkeys(name for name in names if name))


def _name(item: Any) -> str:
    if isinstance(item, dict):
        fields = cast("dict[str, Any]", item)
        item = fields.get("id") or fields.get("name")
    return item if isinstance(item, str) else ""
