"""Access tokens of a service account: a signed claim is exchanged for one, which is kept until shortly before its end.

The key is Google's JSON file for a service account, as one text.
"""

import asyncio
from base64 import urlsafe_b64encode
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pilothouse.domain.clock import Clock
from pilothouse.errors import InvalidRequest, SettingsInvalid, UpstreamAuth, UpstreamError, UpstreamProtocol
from pilothouse.providers import failures
from pilothouse.providers.base import Send
from pilothouse.transport.base import Origin, Request, Timeouts

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CLAIM_S = 3600
_EARLY_S = 60.0
"""A token this close to its end is renewed first, so that none ends on its way."""
_LIMIT_BYTES = 64 * 1024
_TIMEOUTS = Timeouts(connect_s=5, first_byte_s=15, between_bytes_s=15, total_s=20)
_REFUSALS = frozenset({400, 401, 403})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NS = 1_000_000_000


class ServiceAccount(msgspec.Struct, frozen=True):
    """What of the file is used."""

    client_email: str
    private_key: str
    project_id: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"

    def __repr__(self) -> str:
        return f"ServiceAccount({self.client_email!r})"


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float = 3600.0


_FILE = msgspec.json.Decoder(ServiceAccount)
_GRANTED = msgspec.json.Decoder(_Granted)


class TokenSource:
    """The access token of one service account."""

    def __init__(self, secret: str, account: str, clock: Clock) -> None:
        self._name = account
        self._clock = clock
        self.account, self._key = _read(secret, account)
        try:
            self._origin, path = Origin.parse(self.account.token_uri)
        except InvalidRequest as error:
            raise _unusable(account, "its token_uri is no URL") from error
        if self._origin.scheme != "https" and self._origin.host not in _LOOPBACK:
            # Metadata services, which hand out the machine's own credentials, speak plain HTTP.
            raise _unusable(account, "its token_uri must begin with https://")
        self._target = (path or "/").encode()
        self._lock = asyncio.Lock()
        self._ends_ns = 0
        self._tries = 0
        self._failed: UpstreamError | None = None
        self.token = ""
        """The newest token; empty before the first."""

    @property
    def ready(self) -> bool:
        """Whether the token is good for a while yet."""
        return bool(self.token) and self._clock.monotonic_ns() < self._ends_ns

    def drop(self) -> None:
        """Forget a token that was refused."""
        self.token = ""

    async def renew(self, send: Send) -> None:
        """Fetch a token unless there is one; those who wait meanwhile share the outcome.

        Raises `UpstreamAuth` when the service account is refused, else what befell the exchange.
        """
        seen = self._tries
        async with self._lock:
            if self.ready:
                return
            if self._tries != seen and self._failed is not None:
                raise self._failed
            try:
                await self._exchange(send)
            except UpstreamError as error:
                self._failed = error
                raise
            else:
                self._failed = None
            finally:
                self._tries += 1

    async def _exchange(self, send: Send) -> None:
        response = await send(self._request())
        try:
            body = await response.read(_LIMIT_BYTES)
        finally:
            await response.close()
        if response.status != 200:
            answer = failures.Answer(self._name, response.status, response.headers, body)
            failure = failures.classify(answer, self._clock)
            if response.status in _REFUSALS:
                failure = UpstreamAuth(failure.detail, upstream_status=response.status, body=body)
            raise failure
        try:
            granted = _GRANTED.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UpstreamProtocol(f"account {self._name!r}: the answer to the token request holds no token") from error
        self.token = granted.access_token
        self._ends_ns = self._clock.monotonic_ns() + int((granted.expires_in - _EARLY_S) * _NS)

    def _request(self) -> Request:
        body = urlencode({"grant_type": _GRANT, "assertion": self._claim()}).encode()
        headers = ((b"content-type", b"application/x-www-form-urlencoded"), (b"accept", b"application/json"))
        return Request(self._origin, b"POST", self._target, headers, body, _TIMEOUTS)

    def _claim(self) -> str:
        now_s = self._clock.now_ns() // _NS
        head = {"alg": "RS256", "typ": "JWT"}
        if self.account.private_key_id:
            head["kid"] = self.account.private_key_id
        claims = {
            "iss": self.account.client_email,
            "scope": _SCOPE,
            "aud": self.account.token_uri,
            "iat": now_s,
            "exp": now_s + _CLAIM_S,
        }
        text = f"{_packed(msgspec.json.encode(head))}.{_packed(msgspec.json.encode(claims))}"
        return f"{text}.{_packed(self._key.sign(text.encode(), PKCS1v15(), SHA256()))}"


def _packed(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(secret: str, account: str) -> tuple[ServiceAccount, RSAPrivateKey]:
    try:
        found = _FILE.decode(secret)
    except msgspec.DecodeError as error:
        raise _unusable(account, "it must be the whole JSON file of a service account") from error
    try:
        key = load_pem_private_key(found.private_key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise _unusable(account, "its private_key is no key in PEM form") from error
    if not isinstance(key, RSAPrivateKey):
        raise _unusable(account, "its private_key is no RSA key")
    return found, key


def _unusable(account: str, why: str) -> SettingsInvalid:
    return SettingsInvalid(f"the key of account {account!r} cannot be used: {why}", param="secret")
