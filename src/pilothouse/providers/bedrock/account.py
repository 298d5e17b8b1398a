"""One account at Amazon Bedrock, in one region."""

import re
from typing import Any, cast
from urllib.parse import quote

import msgspec

from pilothouse import __version__
from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.errors import EndpointUnknown, SettingsInvalid, UpstreamError, UpstreamProtocol
from pilothouse.protocols.bedrock_converse.event_stream import CONTENT_TYPE
from pilothouse.providers import failures
from pilothouse.providers.base import AccountOptions, Outbound, Provider, ProviderKind
from pilothouse.providers.bedrock.failures import classify
from pilothouse.providers.bedrock.signing import Credentials, Signable, Signer
from pilothouse.transport.base import Headers, Origin, Request

_DIALECT = "bedrock_converse"
_RUNTIME = re.compile(r"(?:^|\.)bedrock-runtime(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\.")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")
_REGION_OPTION = "x-amz-region"
"""An entry of the account's headers that is not sent: the region where the base URL does not tell it."""

_DEFAULT_REGION = "us-east-1"
_MODELS = "/foundation-models"
_OWN_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "cookie",
        "expect", "host", "keep-alive", "proxy-authorization", "te", "trailer", "traceparent", "transfer-encoding",
        "upgrade", "user-agent", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token",
    }
)  # fmt: skip
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_JSON = msgspec.json.Decoder()


class BedrockRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row of Bedrock in the table of providers."""

    title: str = "Amazon Bedrock"
    base_url: str = ""
    """None: the region is the operator's choice, since it says where prompts go."""

    def kind(self, name: str) -> ProviderKind:
        """Return the row as the UI shows it."""
        return ProviderKind(name, self.title, self.base_url, needs_secret=True, free=False, several_keys=False)

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return the account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        return BedrockAccount(options, clock or SystemClock())


class BedrockAccount:
    """One account; everything that is the same for every call is made once, the signature for each attempt."""

    dialects = (_DIALECT,)

    def __init__(self, options: AccountOptions, clock: Clock) -> None:
        self._account = options.account
        self._clock = clock
        self._origin, self._prefix = _join(options)
        secret = _checked_secret(options)
        extra, region = _extra(options)
        self._secrets, self._signer = _keys(secret, region or _region_of(self._origin.host), options.account)
        key: Headers = ((b"authorization", b"Bearer " + secret.encode()),) if self._signer is None else ()
        shared: Headers = ((b"user-agent", f"pilothouse/{__version__}".encode()), *extra, *key)
        self._plain: Headers = (*shared, (b"accept", b"application/json"))
        self._streamed: Headers = (*shared, (b"accept", CONTENT_TYPE))

    def __repr__(self) -> str:
        return f"BedrockAccount({self._account!r} at {self._origin.netloc})"

    def request(self, call: Outbound) -> Request:
        """Return the request to send, signed for this moment; raises `EndpointUnknown` for another dialect."""
        if call.dialect != _DIALECT:
            raise EndpointUnknown(f"the provider of account {self._account!r} does not speak {call.dialect}")
        verb = "converse-stream" if call.streamed else "converse"
        path = f"{self._prefix}/model/{quote(call.model, safe='')}/{verb}"
        kind = call.content_type.decode("latin-1")
        signed = self._sign(Signable("POST", self._origin.authority, path, call.body, kind))
        trace = ((b"traceparent", call.trace.encode()),) if call.trace else ()
        headers = (*(self._streamed if call.streamed else self._plain), (b"content-type", call.content_type))
        return Request(self._origin, b"POST", path.encode(), headers, call.body, call.timeouts, (*signed, *trace))

    def failure(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> UpstreamError:
        """Return the error that an answer stands for, told by its type, else by its status."""
        for secret in self._secrets:
            body = body.replace(secret, b"***")
        return classify(failures.Answer(self._account, status, headers, body[: failures.MAX_BODY_BYTES]), self._clock)

    def probe(self) -> Request:
        """Return the request for the list of models, which Amazon serves from a host of its own."""
        origin, path = self._origin, f"{self._prefix}{_MODELS}"
        if _RUNTIME.search(origin.host):
            host = origin.host.replace("bedrock-runtime", "bedrock", 1)
            origin, path = Origin(origin.scheme, host, origin.port), _MODELS
        signed = self._sign(Signable("GET", origin.authority, path))
        return Request(origin, b"GET", path.encode(), self._plain, more_headers=signed)

    def models(self, body: bytes) -> list[str]:
        """Return the model names in an answer to the probe; raises `UpstreamProtocol` when it is no such list."""
        try:
            document: Any = _JSON.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UpstreamProtocol(
                f"{self._account}: the list of models is not JSON; is the base URL right?"
            ) from error
        items: Any = cast("dict[str, Any]", document).get("modelSummaries") if isinstance(document, dict) else None
        if not isinstance(items, list):
            raise UpstreamProtocol(f"{self._account}: the answer holds no list of models; is the base URL right?")
        found = [
            cast("dict[str, Any]", item).get("modelId") for item in cast("list[Any]", items) if isinstance(item, dict)
        ]
        return list(dict.fromkeys(name for name in found if isinstance(name, str) and name))

    def _sign(self, signed: Signable) -> Headers:
        return () if self._signer is None else self._signer.headers(signed, self._clock.now_ns())


def _join(options: AccountOptions) -> tuple[Origin, str]:
    url = options.base_url.strip()
    if not url:
        raise SettingsInvalid(
            f"account {options.account!r} needs a base URL: https://bedrock-runtime.<region>.amazonaws.com",
            param="base_url",
        )
    origin, path = Origin.parse(url)
    return origin, path.rstrip("/")


def _region_of(host: str) -> str:
    found = _RUNTIME.search(host)
    if found is not None:
        return found.group(1)
    anywhere = _REGION.search(host)
    return anywhere.group() if anywhere is not None else _DEFAULT_REGION


def _checked_secret(options: AccountOptions) -> str:
    secret = options.secret.strip()
    if not secret:
        raise SettingsInvalid(
            f"account {options.account!r} needs a Bedrock API key, or ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]",
            param="secret",
        )
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise SettingsInvalid(
            f"the key of account {options.account!r} holds a blank, a line break or a character that no header can "
            "carry",
            param="secret",
        )
    return secret


def _keys(secret: str, region: str, account: str) -> tuple[tuple[bytes, ...], Signer | None]:
    """Return what is to be struck from texts, and the signer, None for an API key."""
    if ":" not in secret:
        return (secret.encode(),), None
    access_key, _, others = secret.partition(":")
    secret_key, _, token = others.partition(":")
    if not access_key or not secret_key:
        raise SettingsInvalid(
            f"the key of account {account!r} must be ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]", param="secret"
        )
    struck = tuple(part.encode() for part in (secret, token, secret_key) if part)
    return struck, Signer(Credentials(access_key, secret_key, token), region)


def _extra(options: AccountOptions) -> tuple[Headers, str]:
    """Return the operator's own headers, and the region among them; headers that are added are not signed."""
    region = ""
    headers: list[tuple[bytes, bytes]] = []
    for name, value in options.headers:
        lowered = name.lower()
        if not _NAME.fullmatch(lowered) or lowered in _OWN_HEADERS:
            raise SettingsInvalid(f"account {options.account!r} cannot set the header {name!r}", param="headers")
        if not value.isascii() or not value.isprintable():
            raise SettingsInvalid(f"header {name!r} of account {options.account!r} is not plain text", param="headers")
        if lowered != _REGION_OPTION:
            headers.append((lowered.encode(), value.encode()))
        elif _REGION.fullmatch(value):
            region = value
        else:
            raise SettingsInvalid(f"header {name!r} of account {options.account!r} is no region", param="headers")
    return tuple(headers), region
