"""The few fields of a Responses request that the gateway reads, and what is changed of it on its way."""

from typing import Any, cast

import msgspec

from pilothouse.protocols import json_body, loose, marks
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.heads import StreamingHead
from pilothouse.protocols.openai_responses import wire


class ResponsesHead(StreamingHead, frozen=True):
    """What the gateway reads of a Responses request; every other field is the provider's business."""

    user: Any = None
    safety_identifier: Any = None
    metadata: Any = None
    previous_response_id: str | None = None
    store: bool | None = None
    background: bool | None = None

    @property
    def user_id(self) -> str:
        """The caller's own name for its end user; empty when not given."""
        return loose.scalar(self.user) or loose.scalar(self.safety_identifier)

    @property
    def labels(self) -> dict[str, str]:
        """The caller's own metadata, scalars as text; anything else in it is left out."""
        return loose.scalars(self.metadata)


_DECODER = msgspec.json.Decoder(ResponsesHead)
_MARK = b'"' + marks.PREFIX.encode()


def read_head(body: bytes, _ask: Ask = NO_ASK) -> ResponsesHead:
    """Return the head of a request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    return json_body.read(body, _DECODER)


def rewrite(body: bytes, *, model: str | None, ask_usage: bool) -> bytes:
    """Return the body with exactly one `model` and every other value as it was.

    Thoughts that carry another vendor's mark are left out, and ids of calls lose it, for a provider of this dialect
    refuses them. `ask_usage` changes nothing: usage always comes.
    """
    del ask_usage
    out = marks.without_ids(json_body.rewrite(body, model=model, ask_usage=False))
    return _without_foreign_thoughts(out) if _MARK in out else out


def needs_canonical(body: bytes) -> bool:
    """Return whether the body could spell `model` twice, or holds the mark of another vendor."""
    return json_body.needs_canonical(body) or _MARK in body or marks.in_ids(body)


def _without_foreign_thoughts(body: bytes) -> bytes:
    members = json_body.read_object(body)
    items = wire.decode(bytes(members["input"])) if "input" in members else None
    if not isinstance(items, list):
        return body
    kept = [item for item in cast("list[Any]", items) if not _is_foreign(item)]
    members["input"] = msgspec.Raw(wire.encode(kept))
    return wire.encode(members)


def _is_foreign(item: Any) -> bool:
    return marks.is_packed(loose.text(loose.mapping(item).get("encrypted_content")))
