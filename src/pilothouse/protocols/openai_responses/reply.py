"""What the record needs of a Responses answer that came whole, and such an answer as a stream."""

from typing import Any

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import openai_error
from pilothouse.protocols.base import ErrorBody, Reply
from pilothouse.protocols.loose import mapping, text
from pilothouse.protocols.openai_responses import usage
from pilothouse.protocols.openai_responses.wire import decode, encode

_MAX_SHOWN = 65_536


def read_response(body: bytes) -> dict[str, Any]:
    """Return the response object; raises `UpstreamProtocol` when the bytes are none."""
    document = mapping(decode(body))
    if not document:
        raise UpstreamProtocol("the provider's answer is not JSON", upstream_status=200, body=body[:_MAX_SHOWN])
    if not isinstance(document.get("output"), list):
        raise UpstreamProtocol("the provider's answer has no output", upstream_status=200, body=body[:_MAX_SHOWN])
    return document


def read_reply(body: bytes) -> Reply:
    """Return what the record needs of an answer.

    The error object of a failed response, or one in place of a response, is in `Reply.error`. Raises `UpstreamProtocol`
    for anything that is neither.
    """
    document = mapping(decode(body))
    found = response_error(document, body) if document else None
    if found is not None:
        return Reply(model=text(document.get("model")), usage=usage.read(document), error=found)
    response = read_response(body)
    return Reply(text(response.get("model")), usage.read(response), finish_word(response))


def response_error(response: dict[str, Any], raw: bytes) -> ErrorBody | None:
    """Return the error that a response object carries; None when it has not failed."""
    if response.get("error"):
        # Of an event the words are kept where those look that read a whole answer's.
        return openai_error.find_error(response, encode({"error": response["error"]}))
    if response.get("status") == "failed":
        return ErrorBody(message="the response failed without saying why", type="server_error", raw=raw)
    return None if "output" in response else openai_error.find_error(response, raw)


def finish_word(response: dict[str, Any]) -> str:
    """Return why the answer ended, in the provider's word: the reason of an incomplete one, else its status."""
    return text(mapping(response.get("incomplete_details")).get("reason")) or text(response.get("status"))


def event_of(document: dict[str, Any]) -> bytes:
    """Return an event with its name, as the API writes it."""
    return b"event: " + str(document["type"]).encode() + b"\ndata: " + encode(document) + b"\n\n"
