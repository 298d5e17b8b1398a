"""Error objects in the OpenAI form, both ways."""

from collections.abc import Callable
from typing import Any, cast

import msgspec

from pilothouse.errors import (
    ContentPolicy,
    ContextLength,
    KeyExpired,
    KeyMissing,
    KeyRevoked,
    KeyUnknown,
    ModelUnknown,
    PilothouseError,
    UpstreamFault,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
)
from pilothouse.protocols.base import ErrorBody

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()

_CODES: dict[type[PilothouseError], str] = {
    KeyMissing: "invalid_api_key",
    KeyUnknown: "invalid_api_key",
    KeyExpired: "invalid_api_key",
    KeyRevoked: "invalid_api_key",
    ModelUnknown: "model_not_found",
    UpstreamNotFound: "model_not_found",
    ContextLength: "context_length_exceeded",
    ContentPolicy: "content_filter",
    UpstreamRateLimited: "rate_limit_exceeded",
}
"""Codes that OpenAI's own clients and the frameworks above them look for; every other error has our own code."""

_SHOWN = (UpstreamInvalid, UpstreamNotFound, UpstreamRateLimited, UpstreamOverloaded, UpstreamFault)
"""Errors whose upstream wording helps the caller; those of the account (key, credit) are the operator's business."""

_TYPES: dict[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def read_error(body: bytes) -> ErrorBody | None:
    """Return the error object in a JSON document of any known form; None when it holds none or is not JSON.

    Forms: `{"error": {…}}`, `{"error": "text"}`, a list of such, `{"object": "error", …}`, `{"detail": …}`.
    """
    try:
        document = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return find_error(document, body)


def find_error(document: Any, raw: bytes) -> ErrorBody | None:
    """Return the error object in a decoded document, as `read_error` does."""
    if isinstance(document, list) and document:
        document = cast("list[Any]", document)[0]
    if not isinstance(document, dict):
        return None
    whole = cast("dict[str, Any]", document)
    error: Any = whole.get("error")
    if error:
        inner = cast("dict[str, Any]", error) if isinstance(error, dict) else {"message": error, **_around(whole)}
        return _error_body(inner, raw)
    if whole.get("object") == "error" or whole.get("type") == "error":
        return _error_body(whole, raw)
    if "choices" not in whole and ("detail" in whole or "message" in whole):
        return _error_body({"message": whole.get("detail") or whole.get("message"), **_around(whole)}, raw)
    return None


def upstream_words(error: PilothouseError, read: Callable[[bytes], ErrorBody | None] = read_error) -> ErrorBody | None:
    """Return the provider's own error object where its words help the caller, else None."""
    return read(error.body) if isinstance(error, _SHOWN) and error.body else None


def render_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as an OpenAI error object, in the provider's own words where those help the caller."""
    return _ENCODER.encode({"error": fields(error, request_id)})


def render_stream_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as the last event of a stream; a `[DONE]` must never follow it."""
    return b"data: " + render_error(error, request_id) + b"\n\n"


def fields(error: PilothouseError, request_id: str) -> dict[str, Any]:
    """Return what an error object says, in the provider's own words where those help the caller."""
    shown = upstream_words(error)
    own_code = _CODES.get(type(error), error.code)
    own_type = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    inner: dict[str, Any] = {
        "message": error.detail,
        "type": own_type,
        "param": error.param,
        "code": own_code,
        "request_id": request_id,
    }
    if shown is not None and shown.message:
        inner["message"] = shown.message
        inner["type"] = shown.type or own_type
        inner["param"] = shown.param or error.param
        # A code of the provider's stays; a bare status in its place says less than ours.
        inner["code"] = own_code if not shown.code or shown.code.isdigit() else shown.code
    return inner


def _around(whole: dict[str, Any]) -> dict[str, Any]:
    kind = whole.get("type") or whole.get("error_type")
    return {"type": kind, "code": whole.get("code"), "param": whole.get("param")}


def _error_body(inner: dict[str, Any], raw: bytes) -> ErrorBody:
    code: Any = inner.get("code")
    status: Any = code if isinstance(code, int) else inner.get("http_status_code") or inner.get("status_code")
    deeper: Any = inner.get("innererror")
    if isinstance(deeper, dict):
        code = cast("dict[str, Any]", deeper).get("code") or code
    kind = inner.get("type") or inner.get("error_type") or inner.get("status")
    return ErrorBody(
        message=_text(inner.get("message")),
        type=_text(kind),
        code=_text(code),
        param=_text(inner.get("param")),
        status=status if isinstance(status, int) and 400 <= status <= 599 else 0,
        raw=raw,
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _ENCODER.encode(value).decode()
