"""What the gateway reads of a request that it only passes through."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pilothouse.protocols import json_body
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.passed import form

_MULTIPART = b"multipart/"


class PassedHead(msgspec.Struct, frozen=True):
    """The fields that these requests share."""

    model: str | UnsetType = UNSET
    stream: Any = None
    user: Any = None
    always_streamed: bool = False

    @property
    def model_name(self) -> str:
        """The requested model; empty when the request names none."""
        return self.model if self.model is not UNSET else ""

    @property
    def streamed(self) -> bool:
        """Whether the answer is passed on as it comes."""
        return self.always_streamed or self.stream is True

    @property
    def wants_usage(self) -> bool:
        """Never asked for."""
        return False

    @property
    def user_id(self) -> str:
        """The caller's own name for its end user; empty when not given."""
        return self.user if isinstance(self.user, str) else ""

    @property
    def labels(self) -> dict[str, str]:
        """These requests have no metadata."""
        return {}


class _Json(msgspec.Struct, frozen=True):
    model: str | UnsetType = UNSET
    stream: Any = None
    user: Any = None


_DECODER = msgspec.json.Decoder(_Json)


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
    head = json_body.read(body, _DECODER)
    return PassedHead(head.model, head.stream, head.user)


def read_binary_head(body: bytes, ask: Ask = NO_ASK) -> PassedHead:
    """Return the head of a request whose answer is bytes, which are passed on as they come."""
    return msgspec.structs.replace(read_head(body, ask), always_streamed=True)


def rewrite(body: bytes, *, model: str | None, ask_usage: bool, content_type: bytes = b"") -> bytes:
    """Return the body with the model's name replaced and every other value as it was."""
    if content_type.lower().startswith(_MULTIPART):
        return body if model is None else form.replace(body, form.boundary(content_type), "model", model.encode())
    return json_body.rewrite(body, model=model, ask_usage=ask_usage)


def needs_canonical(body: bytes) -> bool:
    """Return whether the body could name the model more than once; of a form the fields are all replaced anyway."""
    return not body.lstrip().startswith(b"--") and json_body.needs_canonical(body)
