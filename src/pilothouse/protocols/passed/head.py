"""What the gateway reads of a request that it only passes through."""

from typing import Any

import msgspec
from msgspec import UNSET

from pilothouse.protocols import json_body, loose
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.heads import BodyHead
from pilothouse.protocols.passed import form

_MULTIPART = b"multipart/"


class PassedHead(BodyHead, frozen=True):
    """The fields that these requests share."""

    stream: Any = None
    user: Any = None

    @property
    def streamed(self) -> bool:
        """Whether the answer is passed on as it comes."""
        return self.stream is True

    @property
    def user_id(self) -> str:
        """The caller's own name for its end user; empty when not given."""
        return loose.text(self.user)


class BinaryHead(PassedHead, frozen=True):
    """A request whose answer is bytes, which are always passed on as they come."""

    @property
    def streamed(self) -> bool:
        """Always."""
        return True


_DECODER = msgspec.json.Decoder(PassedHead)
_BINARY_DECODER = msgspec.json.Decoder(BinaryHead)


def read_head(body: bytes, ask: Ask = NO_ASK) -> PassedHead:
    """Return the head of a JSON or multipart request; raises `InvalidJson` or `InvalidRequest`."""
    if ask.content_type.lower().startswith(_MULTIPART):
        found = {field.name: field.value for field in form.fields(body, form.boundary(ask.content_type))}
        model = found.get("model")
        return PassedHead(
            UNSET if model is None else model.decode("utf-8", "replace"),
            found.get("stream", b"").lower() == b"true",
            found.get("user", b"").decode("utf-8", "replace"),
        )
    return json_body.read(body, _DECODER)


def read_binary_head(body: bytes, _ask: Ask = NO_ASK) -> BinaryHead:
    """Return the head of a JSON request whose answer is bytes; raises `InvalidJson` or `InvalidRequest`."""
    return json_body.read(body, _BINARY_DECODER)


def rewrite(body: bytes, *, model: str | None, ask_usage: bool, content_type: bytes = b"") -> bytes:
    """Return the body with the model's name replaced and every other value as it was."""
    if content_type.lower().startswith(_MULTIPART):
        return body if model is None else form.replace(body, form.boundary(content_type), "model", model.encode())
    return json_body.rewrite(body, model=model, ask_usage=ask_usage)


def needs_canonical(body: bytes) -> bool:
    """Return whether the body could name the model more than once; of a form the fields are all replaced anyway."""
    return not body.lstrip().startswith(b"--") and json_body.needs_canonical(body)
