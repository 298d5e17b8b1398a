"""The few fields of a Messages request that the gateway reads."""

from typing import Any

import msgspec

from pilothouse.protocols import json_body, loose, marks, raw_json
from pilothouse.protocols.anthropic_messages import wire
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.heads import StreamingHead


class MessagesHead(StreamingHead, frozen=True):
    """What the gateway reads of a Messages request; every other field is the provider's business."""

    metadata: Any = None

    @property
    def user_id(self) -> str:
        """The caller's own name for its end user; empty when not given."""
        return loose.text(loose.mapping(self.metadata).get("user_id"))

    @property
    def labels(self) -> dict[str, str]:
        """What else stands in the metadata as text."""
        pairs = loose.mapping(self.metadata).items()
        return {key: found for key, found in pairs if isinstance(found, str) and key != "user_id"}


_NO_INDEX = loose.ENCODER.encode(wire.NO_INDEX)
_DECODER = msgspec.json.Decoder(MessagesHead)


def read_head(body: bytes, _ask: Ask = NO_ASK) -> MessagesHead:
    """Return the head of a Messages request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    return json_body.read(body, _DECODER)


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body with the model replaced and every other value's bytes as they were.

    Ids of calls that carry another vendor's mark lose it, for a provider of this dialect refuses ids of that length.
    Citations that another vendor's model made are left out, for a provider refuses those as well.
    """
    del ask_usage
    out = marks.without_ids(json_body.rewrite(body, model=model, ask_usage=False))
    return _without_foreign_citations(out) if _NO_INDEX in out else out


def needs_canonical(body: bytes) -> bool:
    """Return whether the body could spell `model` twice, or holds the mark of another vendor."""
    return json_body.needs_canonical(body) or marks.in_ids(body) or _NO_INDEX in body


def _without_foreign_citations(body: bytes) -> bytes:
    members = json_body.read_object(body)
    turns = raw_json.items(members.get("messages"), "messages")
    cited = [_cited_by_own(turn) if _NO_INDEX in bytes(turn) else turn for turn in turns]
    return loose.ENCODER.encode({**members, "messages": cited})


def _cited_by_own(raw: msgspec.Raw) -> dict[str, Any]:
    turn = loose.mapping(raw_json.value(raw))
    for block in loose.objects(turn.get("content")):
        if "citations" in block:
            listed = loose.objects(block["citations"])
            block["citations"] = [one for one in listed if one.get("encrypted_index") != wire.NO_INDEX]
    return turn
