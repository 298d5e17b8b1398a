"""Error objects in the form of Google's APIs, both ways."""

from typing import Any

import msgspec

from pilothouse.errors import PilothouseError
from pilothouse.protocols import loose, openai_error
from pilothouse.protocols.base import ErrorBody

ARRAY = "array"
"""The variant of a stream that is one JSON array instead of server-sent events."""

_WORDS: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_STATUSES: dict[str, int] = {
    **{word: status for status, word in reversed(_WORDS.items())},
    "UNAVAILABLE": 503,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "ALREADY_EXISTS": 409,
    "DATA_LOSS": 500,
    "UNKNOWN": 500,
}
KEY_REASONS = frozenset({
    "API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_NOT_FOUND", "API_KEY_SERVICE_BLOCKED",
    "API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED", "ACCESS_TOKEN_EXPIRED",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "ACCESS_TOKEN_TYPE_UNSUPPORTED", "CREDENTIALS_MISSING", "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED", "SERVICE_DISABLED", "USER_PROJECT_DENIED",
})  # fmt: skip
"""Typed reasons that are about the key, whichever status they come with."""


def reasons(body: bytes) -> frozenset[str]:
    """Return the typed reasons (`google.rpc.ErrorInfo`) in an error document."""
    try:
        document: Any = loose.ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset()
    listed = loose.listing(document)
    error = loose.mapping(loose.mapping(listed[0] if listed else document).get("error"))
    details = [loose.mapping(detail) for detail in loose.listing(error.get("details"))]
    return frozenset(reason for detail in details if (reason := loose.text(detail.get("reason"))))


def read_error(body: bytes) -> ErrorBody | None:
    """Return the error object in a JSON document; None when it holds none. A bad key has status 401."""
    found = openai_error.read_error(body)
    if found is None:
        return None
    keyed = KEY_REASONS & reasons(body)
    if keyed:
        return msgspec.structs.replace(found, code=min(keyed), status=401)
    return found if found.status else msgspec.structs.replace(found, status=_STATUSES.get(found.type, 0))


def render_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as Google's error object, in the provider's own words where those help the caller."""
    shown = openai_error.upstream_words(error, read_error)
    message = shown.message if shown is not None and shown.message else error.detail
    word = _WORDS.get(error.status, "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
    info: dict[str, Any] = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": error.code.upper()}
    if error.param:
        info["metadata"] = {"field": error.param}
    details = [info, {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id}]
    inner = {"code": error.status, "message": loose.clean(message), "status": word, "details": details}
    return loose.ENCODER.encode({"error": inner})


def render_stream_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as the last event of a stream."""
    return b"data: " + render_error(error, request_id) + b"\n\n"


def render_array_error(error: PilothouseError, request_id: str, *, begun: bool = True) -> bytes:
    """Return the error as the last element of a stream that is an array, and the array's end."""
    return (b",\r\n" if begun else b"[") + render_error(error, request_id) + b"]"
