"""Cohere's answers that come whole, as far as the record needs them."""

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose, openai_error
from pilothouse.protocols.answer_body import SHOWN_BYTES, decode
from pilothouse.protocols.base import Reply
from pilothouse.protocols.cohere_chat import usage


def read_reply(body: bytes) -> Reply:
    """Return what the record needs of an answer; an error in its place is in `Reply.error`.

    Raises `UpstreamProtocol` for anything that is neither.
    """
    fields = decode(body)
    if not isinstance(fields.get("message"), dict):
        found = openai_error.read_error(body)
        if found is not None:
            return Reply(error=found)
        raise UpstreamProtocol("the provider's answer has no message", upstream_status=200, body=body[:SHOWN_BYTES])
    return Reply("", usage.read(fields.get("usage")), loose.text(fields.get("finish_reason")))
