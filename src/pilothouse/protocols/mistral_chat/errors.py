"""Errors in Mistral's form."""

from pilothouse.errors import PilothouseError
from pilothouse.protocols import openai_error
from pilothouse.protocols.loose import ENCODER


def render_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as Mistral's, in the provider's own words where those help the caller."""
    return ENCODER.encode({"object": "error", **openai_error.fields(error, request_id)})


def render_stream_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as the last event of a stream; a `[DONE]` must never follow it."""
    return b"data: " + render_error(error, request_id) + b"\n\n"
