"""The few fields of a chat request that the gateway reads."""

from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from pilothouse.protocols import json_body
from pilothouse.protocols.base import NO_ASK, Ask


class StreamOptions(msgspec.Struct, frozen=True):
    """Options of a streamed answer."""

    include_usage: bool | None = None


class ChatHead(msgspec.Struct, frozen=True):
    """What the gateway reads of a chat request; every other field is the provider's business."""

    model: str | UnsetType = UNSET
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: Any = None
    safety_identifier: Any = None
    metadata: Any = None
    n: Any = None

    @property
    def model_name(self) -> str:
        """The requested model; empty when the request names none."""
        return self.model if self.model is not UNSET else ""

    @property
    def streamed(self) -> bool:
        """Whether the caller wants server-sent events."""
        return self.stream is True

    @property
    def wants_usage(self) -> bool:
        """Whether the caller itself asked for usage in the stream."""
        return self.stream_options is not None and self.stream_options.include_usage is True

    @property
    def user_id(self) -> str:
        """The caller's own name for its end user; empty when not given."""
        if self.user is None and self.safety_identifier is None:
            return ""
        return scalar(self.user) or scalar(self.safety_identifier)

    @property
    def labels(self) -> dict[str, str]:
        """The caller's own metadata, scalars as text; anything else in it is left out."""
        if not isinstance(self.metadata, dict):
            return {}
        pairs = cast("dict[str, Any]", self.metadata).items()
        return {key: scalar(value) for key, value in pairs if isinstance(value, str | int | float)}


def scalar(value: Any) -> str:
    """Return a JSON scalar as text; empty for null, lists and objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


_DECODER = msgspec.json.Decoder(ChatHead)


def read_head(body: bytes, _ask: Ask = NO_ASK) -> ChatHead:
    """Return the head of a chat request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    return json_body.read(body, _DECODER)
