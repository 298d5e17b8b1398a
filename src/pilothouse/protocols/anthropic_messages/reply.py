"""Messages answers that come whole, as far as the record needs them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose
from pilothouse.protocols.answer_body import SHOWN_BYTES, decode
from pilothouse.protocols.anthropic_messages import errors, events, usage
from pilothouse.protocols.anthropic_messages.usage import RawUsage, buckets
from pilothouse.protocols.base import Reply

_DELTAS = {"text": ("text", "text_delta"), "thinking": ("thinking", "thinking_delta")}


class _Block(msgspec.Struct):
    """A block, of which nothing is read."""


class _Body(msgspec.Struct):
    content: list[_Block]
    model: Any = None
    usage: RawUsage | None = None
    stop_reason: Any = None


_DECODER = msgspec.json.Decoder(_Body)


def read_reply(body: bytes) -> Reply:
    """Return what the record needs of a Messages answer; an error object in its place is in `Reply.error`.

    Raises `UpstreamProtocol` for anything that is neither.
    """
    try:
        found = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _lenient(body)
    metered = buckets(found.usage) if found.usage is not None else None
    return Reply(loose.text(found.model), metered, loose.text(found.stop_reason))


def _lenient(body: bytes) -> Reply:
    """The way for odd bodies: an error object, or fields of types that nobody should send."""
    fields = decode(body)
    if not isinstance(fields.get("content"), list):
        found = errors.read_error(body)
        if found is not None:
            return Reply(error=found)
        raise UpstreamProtocol("the provider's answer has no content", upstream_status=200, body=body[:SHOWN_BYTES])
    return Reply(
        loose.text(fields.get("model")), usage.read(fields.get("usage")), loose.text(fields.get("stop_reason"))
    )


def read_count(body: bytes) -> Reply:
    """Return what an answer of the token count tells, which is nothing to record; raises as `read_reply`."""
    fields = decode(body)
    if "input_tokens" in fields:
        return Reply()
    found = errors.read_error(body)
    if found is not None:
        return Reply(error=found)
    raise UpstreamProtocol("the provider's answer has no count", upstream_status=200, body=body[:SHOWN_BYTES])


def to_stream(body: bytes) -> bytes:
    """Return a whole answer as the events of a stream, for a server that does not stream though it was asked to.

    Raises as `read_reply`.
    """
    found = read_reply(body)
    fields = decode(body)
    if found.error is not None:
        return events.encode({"type": "error", **fields})
    blocks = [loose.mapping(block) for block in loose.listing(fields["content"])]
    opening: dict[str, Any] = {**fields, "content": [], "stop_reason": None, "stop_sequence": None}
    ending = {key: fields.get(key) for key in ("stop_reason", "stop_sequence")}
    out = [events.encode({"type": "message_start", "message": opening})]
    for index, block in enumerate(blocks):
        out += [events.encode({**event, "index": index}) for event in _block(block)]
    out.append(events.encode({"type": "message_delta", "delta": ending, "usage": fields.get("usage") or {}}))
    out.append(events.encode({"type": "message_stop"}))
    return b"".join(out)


def _block(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = loose.text(block.get("type"))
    start = dict(block)
    deltas: list[dict[str, Any]] = []
    if kind in _DELTAS:
        key, delta = _DELTAS[kind]
        start[key] = ""
        deltas.append({"type": delta, key: block.get(key)})
        for citation in loose.listing(block.get("citations")):
            start["citations"] = []
            deltas.append({"type": "citations_delta", "citation": citation})
        if block.get("signature"):
            start["signature"] = ""
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif isinstance(block.get("input"), dict):
        start["input"] = {}
        deltas.append({"type": "input_json_delta", "partial_json": loose.ENCODER.encode(block["input"]).decode()})
    yield {"type": "content_block_start", "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "delta": delta}
    yield {"type": "content_block_stop"}
