"""Error objects in Anthropic's form, both ways."""

import msgspec

from pilothouse.errors import (
    PilothouseError,
    UpstreamOverloaded,
)
from pilothouse.protocols import loose, openai_error
from pilothouse.protocols.base import ErrorBody

_STATUSES: dict[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Anthropic's types and the HTTP status that each comes with."""

_TYPES: dict[int, str] = {status: kind for kind, status in _STATUSES.items()}


def read_error(body: bytes) -> ErrorBody | None:
    """Return the error object in a JSON document, with the status that its type stands for; None when it holds none."""
    found = openai_error.read_error(body)
    if found is None or found.status or found.type not in _STATUSES:
        return found
    return msgspec.structs.replace(found, status=_STATUSES[found.type])


def error_type(error: PilothouseError) -> str:
    """Return the type by which a client of Anthropic's knows an error."""
    if isinstance(error, UpstreamOverloaded):
        return "overloaded_error"
    return _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")


def error_status(error: PilothouseError, status: int) -> int:
    """Return the HTTP status: an overloaded provider has one of its own here."""
    return _STATUSES["overloaded_error"] if isinstance(error, UpstreamOverloaded) else status


def render_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as Anthropic's error object, in the provider's own words where those help the caller."""
    shown = openai_error.upstream_words(error)
    message = shown.message if shown is not None and shown.message else error.detail
    kind = shown.type if shown is not None and shown.type in _STATUSES else error_type(error)
    inner = {"type": kind, "message": loose.clean(message)}
    return loose.ENCODER.encode({"type": "error", "error": inner, "request_id": request_id})


def render_stream_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as the last event of a stream; no `message_stop` may follow it."""
    return b"event: error\ndata: " + render_error(error, request_id) + b"\n\n"
