"""The few things of a Converse request that the gateway reads."""

import msgspec

from pilothouse.protocols import json_body
from pilothouse.protocols.base import NO_ASK, Ask


class ConverseHead(msgspec.Struct, frozen=True):
    """What the gateway reads of a Converse request: the path says most of it."""

    model_name: str = ""
    streamed: bool = False
    labels: dict[str, str] = {}

    @property
    def wants_usage(self) -> bool:
        """Never: usage always comes with the answer."""
        return False

    @property
    def user_id(self) -> str:
        """Converse has no word for an end user."""
        return ""


class _Body(msgspec.Struct):
    requestMetadata: dict[str, str] | None = None  # noqa: N815


_DECODER = msgspec.json.Decoder(_Body)


def read_head(body: bytes, ask: Ask = NO_ASK) -> ConverseHead:
    """Return the head of a Converse request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    found = json_body.read(body, _DECODER)
    return ConverseHead(ask.model, ask.streamed is True, found.requestMetadata or {})


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body as it is: the path names the model, and usage need not be asked for; raises `InvalidJson`."""
    del model, ask_usage
    json_body.read(body, _DECODER)
    return body


def needs_canonical(body: bytes) -> bool:
    """Never: no model is named in the body."""
    del body
    return False
