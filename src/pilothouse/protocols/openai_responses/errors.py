"""Errors in the forms that callers of the Responses API know."""

from typing import Any

from pilothouse.errors import PilothouseError
from pilothouse.protocols import openai_error
from pilothouse.protocols.loose import mapping
from pilothouse.protocols.openai_responses.reply import event_of
from pilothouse.protocols.openai_responses.wire import decode

_LAST = 2**31 - 1


def error_event(error: PilothouseError, request_id: str, sequence_number: int) -> dict[str, Any]:
    """Return the event that tells of an error."""
    inner = mapping(mapping(decode(openai_error.render_error(error, request_id))).get("error"))
    return {
        "type": "error",
        "code": inner.get("code"),
        "message": inner.get("message"),
        "param": inner.get("param"),
        "sequence_number": sequence_number,
        "request_id": request_id,
    }


def render_stream_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as the last event of a stream that passes through.

    Its number is above that of any event before it, since the provider's own have not been counted.
    """
    return event_of(error_event(error, request_id, _LAST))
