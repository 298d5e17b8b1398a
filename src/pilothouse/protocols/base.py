"""The port of a dialect: what the gateway and ingest need to do with its bytes.

Every verb is pure, never blocks and keeps no state; only the scan of a stream is an object, one for each stream.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from pilothouse.domain.call import Operation
from pilothouse.domain.chat import ChatReply, ChatRequest, Event
from pilothouse.domain.embeddings import EmbeddingsReply, EmbeddingsRequest
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.domain.rate_limits import RateLimit
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError

EVENT_STREAM = b"text/event-stream; charset=utf-8"
JSON = b"application/json"

Fail: TypeAlias = Callable[[PilothouseError, str], bytes]
"""Renders an error, given the id of the request."""


class Ask(msgspec.Struct, frozen=True):
    """What a request says outside its body: dialects differ in what they put into the path."""

    model: str = ""
    """From the path, decoded; empty when the body names the model."""
    streamed: bool | None = None
    """From the path; None when the body says it."""
    variant: str = ""
    """A dialect's own word for a form of the answer, such as `array` (Gemini without `alt=sse`)."""
    content_type: bytes = b""
    """Of the request; only dialects that take multipart forms look at it."""


NO_ASK = Ask()


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


class Memo(msgspec.Struct, frozen=True):
    """What a written request has to be remembered for when its answer is read."""

    tool_names: dict[str, str] = {}
    """Names that the target could not take: what was sent, to what the caller said."""
    format_tool: str = ""
    """The forced tool whose arguments are the answer, when a schema had to be asked for that way."""
    wrapped: bool = False
    """Whether the schema was put into an object, because the target takes no other: the answer stands under `value`."""
    schema: dict[str, Any] | None = None
    """The caller's own, when the target is not held to all of it: the answer is checked against it."""


NO_MEMO = Memo()


class Written(msgspec.Struct, frozen=True):
    """A request in a target's dialect."""

    body: bytes
    losses: tuple[Loss, ...] = ()
    memo: Memo = NO_MEMO


class Echo(msgspec.Struct, frozen=True):
    """What an answer to the caller repeats of the call."""

    request: ChatRequest
    id: str = ""
    """The call's own id, from which dialects with ids of their own form make one when the provider gave none."""
    created_s: int = 0
    variant: str = ""
    """The form of the answer; see `Ask`."""
    elapsed_ms: Callable[[], int] | None = None
    """Since the call came; None where nobody knows."""


class StreamReader(Protocol):
    """Turns an upstream's stream into events, however its bytes are cut."""

    error: ErrorBody | None
    """An error object inside the stream; no event follows it."""

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """Take bytes as they came and return the events that they complete."""
        ...

    def end(self) -> Sequence[Event]:
        """Take the clean end of the body; the last event is `Ended` only when the stream came to its proper end."""
        ...


class StreamWriter(Protocol):
    """Turns events into the caller's stream."""

    def write(self, event: Event) -> bytes:
        """Return what an event gives to send, which may be nothing."""
        ...

    def fail(self, error: PilothouseError, request_id: str) -> bytes:
        """Return the error as the stream's last bytes, in the caller's grammar; no proper end may follow it."""
        ...


class ChatCodec(msgspec.Struct, frozen=True):
    """A chat dialect's ways into the domain and out of it, as plain functions that keep nothing."""

    read_request: Callable[[bytes, Ask], ChatRequest]
    """Raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    write_request: Callable[[ChatRequest, ModelFacts], Written]
    """Never raises for what the target cannot do: that is a `Loss`."""
    read_reply: Callable[[bytes, Memo], ChatReply]
    """Raises `UpstreamProtocol`; an error object has been found by the dialect's own `read_reply` before."""
    write_reply: Callable[[ChatReply, Echo], bytes]
    reader: Callable[[Memo], StreamReader]
    writer: Callable[[Echo], StreamWriter]
    says_broken: bool = True
    """Whether there is a word for the end of an answer that broke its own format; else such an answer is an error."""


class EmbeddingsCodec(msgspec.Struct, frozen=True):
    """An embeddings dialect's ways into the domain and out of it."""

    read_request: Callable[[bytes, Ask], EmbeddingsRequest]
    write_request: Callable[[EmbeddingsRequest, ModelFacts], Written]
    read_reply: Callable[[bytes], EmbeddingsReply]
    write_reply: Callable[[EmbeddingsReply, EmbeddingsRequest], bytes]


def _no_error_headers(_error: PilothouseError) -> tuple[tuple[bytes, bytes], ...]:
    return ()


def _own_status(_error: PilothouseError, status: int) -> int:
    return status


def _event_stream(_ask: Ask) -> bytes:
    return EVENT_STREAM


def _no_limits(_limits: Sequence[RateLimit], _now_s: float) -> tuple[tuple[bytes, bytes], ...]:
    return ()


def _comment(name: bytes, value: bytes) -> bytes:
    return b": %b: %b\n\n" % (name, value)


class Dialect(msgspec.Struct, frozen=True):
    """One dialect: its verbs as plain functions."""

    name: str
    operation: Operation
    path: str
    """Of the endpoint below the gateway's root, such as `/v1/chat/completions`; where the path names the model, the
    pattern with `{model}`."""
    read_head: Callable[[bytes, Ask], Head]
    """Raises `InvalidJson` or `InvalidRequest`."""
    needs_canonical: Callable[[bytes], bool]
    """Whether the body could hold more than one top-level spelling of `model`."""
    rewrite: Callable[..., bytes]
    """`rewrite(body, *, model, ask_usage)`; raises `InvalidJson`. Returns the body as it is where the path names the
    model."""
    read_reply: Callable[[bytes], Reply]
    """Raises `UpstreamProtocol` when the bytes are not an answer of this dialect."""
    render_error: Fail
    render_stream_error: Fail
    """For a stream that passes through; a converted one fails by its writer."""
    scan: Callable[..., Scan] | None = None
    """`scan(ask, *, hide_usage)`; None when the dialect does not stream."""
    fold: Callable[[bytes], bytes] | None = None
    """A recorded stream as one whole answer; None when the dialect does not stream."""
    codec: ChatCodec | EmbeddingsCodec | None = None
    """None when the dialect is only passed through to accounts that speak it themselves."""
    multipart: bool = False
    """Whether a request may be a multipart form, so that its content type matters."""
    shown: Callable[[bytes, Ask], bytes] | None = None
    """What of a request body is recorded; None records the body itself."""
    binary: bool = False
    """Whether answers are bytes that are not JSON, and are passed on as they come."""
    asks_usage: bool = False
    """Whether usage in a stream comes only when the request asks for it."""
    error_status: Callable[[PilothouseError, int], int] = _own_status
    """The HTTP status by which callers of this dialect know an error; given ours."""
    error_headers: Callable[[PilothouseError], tuple[tuple[bytes, bytes], ...]] = _no_error_headers
    stream_error: Callable[[Ask], Fail] | None = None
    """Where the form of a stream decides how it ends in an error; None: always by `render_stream_error`."""
    stream_type: Callable[[Ask], bytes] = _event_stream
    """The content type of a streamed answer."""
    stream_note: Callable[[bytes, bytes], bytes] = _comment
    """A name and a value as a stream of server-sent events has them beside the answer, so that clients pass over it."""
    limit_headers: Callable[[Sequence[RateLimit], float], tuple[tuple[bytes, bytes], ...]] = _no_limits
    """Rate limits in the words of callers of this dialect, given the Unix time; none where they know none."""
    request_id_header: bytes = b""
    """By which callers find the id of their call, where it is not `x-request-id`."""
    model_field: str = "model"
    """The field of the body that names the model, where the path does not."""
