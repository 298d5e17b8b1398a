"""Amazon's Signature Version 4."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "bedrock"
"""By which both the runtime and the list of models are signed for."""
_S3 = "s3"


class Credentials(msgspec.Struct, frozen=True):
    """A pair of keys, with a token when they are temporary."""

    access_key: str
    secret_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "Credentials(***)"


class Signable(msgspec.Struct, frozen=True):
    """What a signature covers; the path is the one on the wire, percent-encoded, without a query."""

    method: str
    host: str
    path: str
    body: bytes = b""
    content_type: str = ""


class Signer:
    """Signs the requests of one account in one region; the key of a day is made once."""

    def __init__(self, credentials: Credentials, region: str, service: str = _SERVICE) -> None:
        self._credentials = credentials
        self._region = region
        self._service = service
        self._day = ""
        self._key = b""

    def __repr__(self) -> str:
        return f"Signer({self._region!r})"

    def headers(self, signed: Signable, now_ns: int) -> tuple[tuple[bytes, bytes], ...]:
        """Return the headers to add: the time, the token of temporary keys, and the signature."""
        stamp = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(signed.body).hexdigest()
        covered = {"host": signed.host, "x-amz-date": stamp}
        if self._service == _S3:
            covered["x-amz-content-sha256"] = digest
        if signed.content_type:
            covered["content-type"] = signed.content_type
        if self._credentials.session_token:
            covered["x-amz-security-token"] = self._credentials.session_token
        names = ";".join(sorted(covered))
        lines = "".join(f"{name}:{' '.join(covered[name].split())}\n" for name in sorted(covered))
        # Every service but S3 signs the path encoded once more than it is sent.
        path = signed.path if self._service == _S3 else quote(signed.path or "/", safe="/~")
        canonical = f"{signed.method}\n{path}\n\n{lines}\n{names}\n{digest}"
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self._day_key(stamp[:8]), text.encode(), hashlib.sha256).hexdigest()
        credential = f"{self._credentials.access_key}/{scope}"
        authorization = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        added = [(b"x-amz-date", stamp.encode()), (b"authorization", authorization.encode())]
        if self._credentials.session_token:
            added.append((b"x-amz-security-token", self._credentials.session_token.encode()))
        if self._service == _S3:
            added.append((b"x-amz-content-sha256", digest.encode()))
        return tuple(added)

    def _day_key(self, day: str) -> bytes:
        if day != self._day:
            key = f"AWS4{self._credentials.secret_key}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            self._day, self._key = day, key
        return self._key
