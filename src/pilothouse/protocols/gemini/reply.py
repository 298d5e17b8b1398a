"""What the record needs of an answer that came whole."""

from typing import Any

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose
from pilothouse.protocols.base import Reply
from pilothouse.protocols.gemini import errors, usage


class _Candidate(msgspec.Struct, rename="camel"):
    finish_reason: Any = None


class _Body(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    model_version: Any = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Body)


def read_reply(body: bytes) -> Reply:
    """Return what the record needs of an answer, or the error object that came in its place.

    A prompt that was blocked is an answer without candidates. Raises `UpstreamProtocol` for anything else.
    """
    try:
        found = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = errors.read_error(body)
        if problem is not None:
            return Reply(error=problem)
        raise UpstreamProtocol(
            "the provider's answer is not a Gemini object", upstream_status=200, body=body[:65536]
        ) from error
    blocked = block_reason(found.prompt_feedback)
    if found.error or (found.candidates is None and not blocked and found.usage_metadata is None):
        problem = errors.read_error(body)
        if problem is not None:
            return Reply(error=problem)
        raise UpstreamProtocol("the provider's answer has no candidates", upstream_status=200, body=body[:65536])
    words = [candidate.finish_reason for candidate in found.candidates or ()]
    stop = next((word for word in words if isinstance(word, str)), "") or blocked
    return Reply(loose.text(found.model_version), usage.read(found.usage_metadata), stop)


def block_reason(feedback: Any) -> str:
    """Return why a prompt was blocked, from a decoded `promptFeedback`; empty when it was not."""
    return loose.text(loose.mapping(feedback).get("blockReason"))
