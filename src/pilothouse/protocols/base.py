"""The port of a dialect: what the gateway and ingest need to do with its bytes.

Every verb is pure, never blocks and keeps no state; only the scan of a stream is an object, one for each stream.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from pilothouse.domain.call import Operation
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError


class Head(Protocol):
    """What the gateway reads of a request before it knows where to send it."""

    @property
    def model_name(self) -> str:
        """The requested model; empty when the request names none."""
        ...

    @property
    def streamed(self) -> bool:
        """Whether the caller wants server-sent events."""
        ...

    @property
    def wants_usage(self) -> bool:
        """Whether the caller itself asked for usage in the stream."""
        ...

    @property
    def user_id(self) -> str:
        """The caller's own name for its end user; empty when not given."""
        ...

    @property
    def labels(self) -> dict[str, str]:
        """The caller's own metadata, scalars as text."""
        ...


class ErrorBody(msgspec.Struct, frozen=True):
    """An error object as a provider sent it."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: str = ""
    status: int = 0
    """An HTTP status that the object itself names; 0 when it names none."""
    raw: bytes = b""
    """The JSON document the object was found in."""


class Reply(msgspec.Struct, frozen=True):
    """What the record needs of an answer that came whole."""

    model: str = ""
    usage: Usage | None = None
    finish_reason: str = ""
    error: ErrorBody | None = None
    """An error object that came with a success status."""


class Scan(Protocol):
    """The light scan of one stream on its way through; see `openai_chat.StreamScan`."""

    model: str
    usage: Usage | None
    finish_reason: str
    content_seen: bool
    done: bool
    error: ErrorBody | None

    @property
    def complete(self) -> bool:
        """Whether the stream came to its proper end."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes as they came and return those to pass on now: whole events, none from an error on."""
        ...

    def end(self) -> bytes:
        """Take the clean end of the upstream's body and return what is still to be passed on."""
        ...


class Dialect(msgspec.Struct, frozen=True):
    """One dialect: its verbs as plain functions."""

    name: str
    operation: Operation
    path: str
    """Of the endpoint below the gateway's root, such as `/v1/chat/completions`."""
    read_head: Callable[[bytes], Head]
    """Raises `InvalidJson` or `InvalidRequest`."""
    needs_canonical: Callable[[bytes], bool]
    """Whether the body could hold more than one top-level spelling of `model`."""
    rewrite: Callable[..., bytes]
    """`rewrite(body, *, model, ask_usage)`; raises `InvalidJson`."""
    read_reply: Callable[[bytes], Reply]
    """Raises `UpstreamProtocol` when the bytes are not an answer of this dialect."""
    render_error: Callable[[PilothouseError, str], bytes]
    render_stream_error: Callable[[PilothouseError, str], bytes]
    scan: Callable[..., Scan] | None = None
    """`scan(*, hide_usage)`; None when the dialect does not stream."""
    fold: Callable[[bytes], bytes] | None = None
    """A recorded stream as one whole answer; None when the dialect does not stream."""
