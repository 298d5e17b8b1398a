"""The few fields of a Messages request that the gateway reads."""

from typing import Any

import msgspec

from pilothouse.protocols import json_body, loose
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


_DECODER = msgspec.json.Decoder(MessagesHead)


def read_head(body: bytes, _ask: Ask = NO_ASK) -> MessagesHead:
    """Return the head of a Messages request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    return json_body.read(body, _DECODER)


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body with the model replaced and every other value's bytes as they were."""
    del ask_usage
    return json_body.rewrite(body, model=model, ask_usage=False)
