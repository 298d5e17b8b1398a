"""What the headers of a request say, read once for all calls of a connection that say the same."""

import re
from urllib.parse import parse_qs

import msgspec

from pilothouse.domain.access import digest

_BEARER = b"bearer "
_SIGNED = re.compile(rb"AWS4-HMAC-SHA256 +Credential=([^/, ]+)/")
_OF_ONE_CALL = (b"content-length", b"traceparent", b"tracestate", b"x-request-id", b"idempotency-key")
"""Headers that differ from call to call: nothing that is kept depends on them."""
_RECORDED = {name.encode(): name for name in (
    "user-agent", "content-type", "accept", "traceparent", "tracestate", "x-request-id", "openai-organization",
    "openai-project", "openai-beta", "x-stainless-lang", "x-stainless-package-version", "x-stainless-runtime",
    "x-stainless-retry-count", "x-pilothouse-user-id", "x-pilothouse-session-id", "x-pilothouse-environment",
)}  # fmt: skip
_RECORDED_OF_ONE_CALL = frozenset(name for name in _OF_ONE_CALL if name in _RECORDED)
_PASSED_ON = (b"anthropic-version", b"anthropic-beta", b"openai-beta")


class CallerHeaders(msgspec.Struct, frozen=True):
    """What a caller's headers say, but for those of one call alone.

    Holds the caller's secret, so that it must not outlive the connection that the headers came on.
    """

    lasting: dict[bytes, bytes] = {}
    """The headers themselves."""
    secret: bytes = b""
    """Of the caller's virtual key; empty when no header holds one."""
    digest: str = ""
    """Of the secret."""
    recorded: dict[str, str] = {}
    """Those that the record shows."""
    user_id: str = ""
    session_id: str = ""
    environment: str = ""
    passed_on: tuple[tuple[bytes, bytes], ...] = ()
    """Those that the upstream gets."""

    def __repr__(self) -> str:
        return f"CallerHeaders({len(self.lasting)} headers)"


def read(headers: dict[bytes, bytes], known: CallerHeaders | None = None) -> CallerHeaders:
    """Return what the headers say; `known` itself, which an earlier request said, where they say the same."""
    lasting = headers.copy()
    for name in _OF_ONE_CALL:
        lasting.pop(name, None)
    if known is not None and known.lasting == lasting:
        return known
    secret = secret_of(headers)
    return CallerHeaders(
        lasting,
        secret,
        digest(secret) if secret else "",
        {_RECORDED[name]: value.decode("latin-1") for name, value in lasting.items() if name in _RECORDED},
        _text(headers, b"x-pilothouse-user-id"),
        _text(headers, b"x-pilothouse-session-id"),
        _text(headers, b"x-pilothouse-environment"),
        tuple((name, headers[name]) for name in _PASSED_ON if name in headers),
    )


def recorded(headers: dict[bytes, bytes], said: CallerHeaders) -> dict[str, str]:
    """Return the headers that the record shows, those of one call among them."""
    if _RECORDED_OF_ONE_CALL.isdisjoint(headers):
        return said.recorded
    own = {_RECORDED[name]: headers[name].decode("latin-1") for name in _RECORDED_OF_ONE_CALL if name in headers}
    return said.recorded | own


def secret_of(headers: dict[bytes, bytes], query: bytes = b"") -> bytes:
    """Return the secret of a virtual key, wherever an SDK puts it; empty when there is none."""
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


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    value = headers.get(name)
    return value.decode("utf-8", "replace")[:256] if value else ""
