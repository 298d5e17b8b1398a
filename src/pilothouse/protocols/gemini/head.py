"""The few things of a Gemini request that the gateway reads: the path says most of it."""

from typing import Any

import msgspec

from pilothouse.protocols import json_body, loose
from pilothouse.protocols.base import NO_ASK, Ask


class GeminiHead(msgspec.Struct, frozen=True):
    """What the gateway reads of a request."""

    model_name: str = ""
    streamed: bool = False
    labels: dict[str, str] = {}

    @property
    def wants_usage(self) -> bool:
        """Never: usage always comes with the answer."""
        return False

    @property
    def user_id(self) -> str:
        """Gemini has no word for an end user."""
        return ""


class _Body(msgspec.Struct):
    labels: Any = None


_DECODER = msgspec.json.Decoder(_Body)


def read_head(body: bytes, ask: Ask = NO_ASK) -> GeminiHead:
    """Return the head of a request; raises `InvalidJson`, or `InvalidRequest` naming the field."""
    labels = loose.mapping(json_body.read(body, _DECODER).labels)
    told = {key: found for key, found in labels.items() if isinstance(found, str)}
    return GeminiHead(ask.model, ask.streamed is True, told)


def rewrite(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body as it is: the path names the model, and usage need not be asked for; raises `InvalidJson`."""
    del model, ask_usage
    json_body.read(body, _DECODER)
    return body


def needs_canonical(body: bytes) -> bool:
    """Never: no model is named in the body."""
    del body
    return False
