"""What the heads of requests share: of those that name the model in the body, and of those whose path names it."""

import msgspec
from msgspec import UNSET, UnsetType

from pilothouse.protocols import json_body


class BodyHead(msgspec.Struct, frozen=True):
    """A request whose body names the model; every field that is not read is the provider's business."""

    model: str | UnsetType = UNSET

    @property
    def model_name(self) -> str:
        """The requested model; empty when the request names none."""
        return self.model if self.model is not UNSET else ""

    @property
    def streamed(self) -> bool:
        """Whether the caller wants the answer as it comes."""
        return False

    @property
    def wants_usage(self) -> bool:
        """Whether the caller itself asked for usage in the stream; most dialects always send it."""
        return False

    @property
    def user_id(self) -> str:
        """The caller's own name for its end user; empty when not given."""
        return ""

    @property
    def labels(self) -> dict[str, str]:
        """The caller's own metadata."""
        return {}


class StreamingHead(BodyHead, frozen=True):
    """A request whose body says whether the answer is streamed."""

    stream: bool | None = None

    @property
    def streamed(self) -> bool:
        """Whether the caller wants server-sent events."""
        return self.stream is True


class PathHead(msgspec.Struct, frozen=True):
    """A request whose path names the model and says whether the answer is streamed; usage always comes with it."""

    model_name: str = ""
    streamed: bool = False
    labels: dict[str, str] = {}

    @property
    def wants_usage(self) -> bool:
        """Never."""
        return False

    @property
    def user_id(self) -> str:
        """Such dialects have no word for an end user."""
        return ""


class _AnyObject(msgspec.Struct):
    pass


_ANY_OBJECT = msgspec.json.Decoder(_AnyObject)


def rewrite_named_in_path(body: bytes, *, model: str | None, ask_usage: bool = False) -> bytes:
    """Return the body as it is: the path names the model, and usage need not be asked for; raises `InvalidJson`."""
    del model, ask_usage
    json_body.read(body, _ANY_OBJECT)
    return body


def never_canonical(body: bytes) -> bool:
    """Return False: no model is named in the body."""
    del body
    return False
