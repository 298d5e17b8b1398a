"""Errors in Cohere's form, both ways."""

from typing import Any

from pilothouse.errors import PilothouseError
from pilothouse.protocols import loose, openai_error
from pilothouse.protocols.base import ErrorBody
from pilothouse.protocols.cohere_chat import wire


def _message(error: PilothouseError) -> str:
    shown = openai_error.upstream_words(error)
    return loose.clean(shown.message if shown is not None and shown.message else error.detail)


def render_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as Cohere's, in the provider's own words where those help the caller."""
    return loose.ENCODER.encode({"id": request_id, "message": _message(error)})


def render_stream_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as the last event of a stream: an end of the message that says what went wrong."""
    said = _message(error)
    ending: dict[str, Any] = {
        "type": "message-end",
        "id": request_id,
        "message": said,
        "delta": {"finish_reason": "ERROR", "error": said},
    }
    return b"event: error\ndata: " + loose.ENCODER.encode(ending) + b"\n\n"


def read_ending(fields: dict[str, Any], data: bytes) -> ErrorBody | None:
    """Return the error that the end of a message tells; None for a proper end."""
    delta = loose.mapping(fields.get("delta"))
    word, said = loose.text(delta.get("finish_reason")), loose.text(delta.get("error"))
    if word not in wire.FAILED and not said:
        return None
    return ErrorBody(message=said or f"the provider's answer ended with {word}", type=word, raw=data)
