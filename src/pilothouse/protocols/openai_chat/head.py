"""The few fields of a chat request that the gateway reads."""

from typing import Any

import msgspec

from pilothouse.protocols import json_body, loose
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.heads import StreamingHead


class StreamOptions(msgspec.Struct, frozen=True):
    """Options of a streamed answer."""

    include_usage: bool | None = None


class ChatHead(StreamingHead, frozen=True):
    """What the gateway reads of a chat request; every other field is the provider's business."""

    stream_options: StreamOptions | None = None
    user: Any = None
    safety_identifier: Any = None
    metadata: Any = None
    n: Any = None

    @property
    def wants_usage(self) -> bool:
        """Whether the caller itself asked for usage in the stream."""
        return self.stream_options is not None and self.stream_options.include_usage is True

    @property
    def user_id(self) -> str:
        """The caller's own name for its end user; empty when not given."""
        if self.user is None and self.safety_identifier is None:
            return ""
        return loose.scalar(self.user) or loose.scalar(self.safety_identifier)

    @property
    def labels(self) -> dict[str, str]:
        """The caller's own metadata, scalars as text; anything else in it is left out."""
        return {} if self.metadata is None else loose.scalars(self.metadata)


_DECODER = msgspec.json.Decoder(ChatHead)


def read_head(body: bytes, _ask: Ask = NO_ASK) -> ChatHead:
    """Return the head of a chat request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    return json_body.read(body, _DECODER)


def head_of(found: dict[str, Any], body: bytes) -> ChatHead:
    """Return the head of a request that has been decoded; raises `InvalidRequest` as `read_head`."""
    try:
        return msgspec.convert(found, ChatHead)
    except msgspec.ValidationError:
        return read_head(body)
