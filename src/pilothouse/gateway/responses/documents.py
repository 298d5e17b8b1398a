"""Response objects and events that the gateway itself writes, for calls in the background."""

from typing import Any

import msgspec

from pilothouse.domain.responses import ENDED, KeptResponse
from pilothouse.gateway.responses import mend
from pilothouse.gateway.responses.mend import Mend
from pilothouse.protocols import json_body
from pilothouse.protocols.loose import mapping, text

OPENING = 2
"""How many events come before those of the call itself."""

_DEFAULTS: dict[str, Any] = {
    "instructions": None, "max_output_tokens": None, "max_tool_calls": None, "parallel_tool_calls": True,
    "previous_response_id": None, "prompt_cache_key": None, "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None, "service_tier": None, "temperature": None, "text": {"format": {"type": "text"}},
    "tool_choice": "auto", "tools": [], "top_logprobs": None, "top_p": None, "truncation": "disabled", "user": None,
    "metadata": {},
}  # fmt: skip
"""What a response object repeats of its request."""
_CODES = {429: "rate_limit_exceeded"}
_OUR_FAULT = 500


def queued(body: bytes, response_id: str, created_s: int) -> bytes:
    """Return the response object of a call that has yet to be made; raises `InvalidJson`."""
    asked = json_body.read_document(body)
    told = {name: asked[name] for name in _DEFAULTS if asked.get(name) is not None}
    document: dict[str, Any] = {
        "id": response_id,
        "object": "response",
        "created_at": created_s,
        "status": "queued",
        "background": True,
        "error": None,
        "incomplete_details": None,
        "model": asked.get("model"),
        "output": [],
        "usage": None,
        "store": True,
        **_DEFAULTS,
        **told,
    }
    return msgspec.json.encode(document)


def opening(document: bytes) -> bytes:
    """Return the events with which the stream of a call in the background begins."""
    return event("response.created", 0, document) + event("response.queued", 1, document)


def event(name: str, number: int, document: bytes) -> bytes:
    """Return an event that holds a response object."""
    members = {"type": name, "sequence_number": number, "response": msgspec.Raw(document)}
    return mend.framed(name.encode(), msgspec.json.encode(members))


def cancelled(document: bytes) -> bytes:
    """Return a response object as one that was cancelled."""
    return Mend({"status": "cancelled"}).document(document)


def failed(document: bytes, status: int, message: str) -> bytes:
    """Return a response object as one that failed, with the HTTP status that the call would have had."""
    code = "server_error" if status >= _OUR_FAULT else _CODES.get(status, "invalid_prompt")
    return Mend({"status": "failed", "error": {"code": code, "message": message}}).document(document)


def message_of(error: bytes) -> str:
    """Return the words of an error document in OpenAI's form."""
    try:
        found = msgspec.json.decode(error)
    except msgspec.DecodeError:
        return "the call failed"
    return text(mapping(mapping(found).get("error")).get("message")) or "the call failed"


def shown(response: KeptResponse) -> bytes:
    """Return the response object as it is now."""
    if response.status in ENDED:
        return response.document
    return Mend({"status": response.status}).document(response.document)
