"""Every provider with an OpenAI-like API: one row of options each, no code."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, cast

import msgspec

from pilothouse import __version__
from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.errors import EndpointUnknown, SettingsInvalid, UpstreamError, UpstreamProtocol
from pilothouse.providers import failures
from pilothouse.providers.base import AccountOptions, Outbound, Provider, ProviderKind
from pilothouse.transport.base import Headers, Origin, Request

_OWN_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "cookie",
        "expect", "host", "keep-alive", "proxy-authorization", "te", "trailer", "traceparent", "transfer-encoding",
        "upgrade", "x-api-key",
    }
)  # fmt: skip
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_JSON = msgspec.json.Decoder()


class Auth(StrEnum):
    """How a secret is sent."""

    BEARER = "bearer"
    API_KEY = "x-api-key"


class OpenAICompatible(msgspec.Struct, frozen=True, kw_only=True):
    """One row: where a vendor or server listens and what it needs."""

    title: str
    base_url: str = ""
    """Default base URL with its path; empty when the operator has to give one."""
    usual_path: str = "/v1"
    """Taken when the operator's base URL has no path."""
    needs_secret: bool = True
    free: bool = False
    managed: bool = False
    auth: Auth = Auth.BEARER
    chat_path: str = "/chat/completions"
    embeddings_path: str = "/embeddings"
    """Empty when the vendor has none."""
    models_path: str = "/models"
    probe_auth: Auth = Auth.BEARER
    probe_headers: tuple[tuple[str, str], ...] = ()

    def kind(self, name: str) -> ProviderKind:
        """Return the row as the UI shows it."""
        return ProviderKind(name, self.title, self.base_url, self.needs_secret, self.free, self.managed)

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return the account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        return OpenAIAccount(self, options, clock or SystemClock())


class OpenAIAccount:
    """One account; everything that is the same for every call is made once."""

    def __init__(self, row: OpenAICompatible, options: AccountOptions, clock: Clock) -> None:
        secret = options.secret.strip()
        _check_secret(secret, options.account, needed=row.needs_secret)
        self._account = options.account
        self._secret = secret.encode()
        self._clock = clock
        self._origin, prefix = _join(row, options)
        paths = {"openai_chat": row.chat_path, "openai_embeddings": row.embeddings_path}
        self._targets = {name: (prefix + path).encode() for name, path in paths.items() if path}
        self.dialects = tuple(self._targets)
        shared = (("user-agent", f"pilothouse/{__version__}"), *_extra(options))
        sent = _encode(shared) + _auth(row.auth, secret)
        self._plain: Headers = (*sent, (b"content-type", b"application/json"), (b"accept", b"application/json"))
        self._streamed: Headers = (*sent, (b"content-type", b"application/json"), (b"accept", b"text/event-stream"))
        probe_headers = _encode(shared) + _auth(row.probe_auth, secret) + _encode(row.probe_headers)
        probe_headers = (*probe_headers, (b"accept", b"application/json"))
        self._probe = Request(self._origin, b"GET", (prefix + row.models_path).encode(), probe_headers)

    def __repr__(self) -> str:
        return f"OpenAIAccount({self._account!r} at {self._origin.netloc})"

    def request(self, call: Outbound) -> Request:
        """Return the request to send; raises `EndpointUnknown` when the account does not speak the dialect."""
        target = self._targets.get(call.dialect)
        if target is None:
            raise EndpointUnknown(f"the provider of account {self._account!r} does not speak {call.dialect}")
        headers = self._streamed if call.streamed else self._plain
        trace = ((b"traceparent", call.trace.encode()),) if call.trace else ()
        return Request(self._origin, b"POST", target, headers, call.body, call.timeouts, trace)

    def failure(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> UpstreamError:
        """Return the error that an answer stands for, told by its status and typed error fields alone."""
        answer = failures.Answer(self._account, status, headers, body[: failures.MAX_BODY_BYTES])
        return failures.classify(answer, self._secret, self._clock)

    def probe(self) -> Request:
        """Return the request for the list of models."""
        return self._probe

    def models(self, body: bytes) -> list[str]:
        """Return the model names in an answer to the probe; raises `UpstreamProtocol` when it is no such list."""
        try:
            document: Any = _JSON.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamProtocol(
                f"{self._account}: the list of models is not JSON; is the base URL right?"
            ) from error
        items: Any = document
        if isinstance(document, dict):
            whole = cast("dict[str, Any]", document)
            items = whole.get("data", whole.get("models"))
        if not isinstance(items, list):
            raise UpstreamProtocol(f"{self._account}: the answer holds no list of models; is the base URL right?")
        names = [_name(item) for item in cast("list[Any]", items)]
        return list(dict.fromkeys(name for name in names if name))


def _name(item: Any) -> str:
    if isinstance(item, dict):
        fields = cast("dict[str, Any]", item)
        item = fields.get("id") or fields.get("name")
    return item if isinstance(item, str) else ""


def _join(row: OpenAICompatible, options: AccountOptions) -> tuple[Origin, str]:
    url = options.base_url.strip() or row.base_url
    if not url:
        raise SettingsInvalid(f"account {options.account!r} needs a base URL", param="base_url")
    origin, path = Origin.parse(url)
    for known in (row.chat_path, row.embeddings_path, row.models_path):
        # People paste the whole endpoint; what is meant is clear.
        path = path.removesuffix(known) if known else path
    path = path.rstrip("/")
    return origin, path or ("" if url.endswith(row.chat_path) else row.usual_path)


def _check_secret(secret: str, account: str, *, needed: bool) -> None:
    if needed and not secret:
        raise SettingsInvalid(f"account {account!r} needs a key", param="secret")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise SettingsInvalid(
            f"the key of account {account!r} holds a blank, a line break or a character that no header can carry",
            param="secret",
        )


def _extra(options: AccountOptions) -> tuple[tuple[str, str], ...]:
    for name, value in options.headers:
        lowered = name.lower()
        if not lowered or not _TOKEN.issuperset(lowered) or lowered in _OWN_HEADERS:
            raise SettingsInvalid(f"account {options.account!r} cannot set the header {name!r}", param="headers")
        if not value.isascii() or not value.isprintable():
            raise SettingsInvalid(f"header {name!r} of account {options.account!r} is not plain text", param="headers")
    return options.headers


def _encode(headers: tuple[tuple[str, str], ...]) -> Headers:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers)


def _auth(auth: Auth, secret: str) -> Headers:
    if not secret:
        return ()
    known: Mapping[Auth, Headers] = {
        Auth.BEARER: ((b"authorization", b"Bearer " + secret.encode()),),
        Auth.API_KEY: ((b"x-api-key", secret.encode()),),
    }
    return known[auth]
