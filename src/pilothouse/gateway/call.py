"""One call on its way through the pipeline: what arrived, and one typed field for each stage to write."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import msgspec

from pilothouse.domain.access import VirtualKey
from pilothouse.domain.call import Attempt, Outcome
from pilothouse.domain.facts import Loss
from pilothouse.domain.snapshot import Target
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.gateway.caller_headers import CallerHeaders
from pilothouse.gateway.index import Deployment, Index, Resolution
from pilothouse.protocols.answer_check import AnswerCheck
from pilothouse.protocols.base import NO_ASK, Ask, Dialect, Head

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """What is known before anything is read of the body."""

    id: str
    trace_id: str
    span_id: str
    parent_span_id: str
    started_at_ns: int
    started_ns: int
    """Monotonic."""
    dialect: Dialect
    headers: dict[bytes, bytes]
    """Names in lower case; of a repeated header the last."""
    said: CallerHeaders
    """What they say."""
    ask: Ask = NO_ASK
    path: str = ""
    """As the caller wrote it; empty stands for the dialect's own."""
    query: bytes = b""
    """The query string, which may hold a key and is therefore never recorded."""
    key_id: str = ""
    """Of a deferred call: the virtual key in whose name it is made, since no secret comes with it."""
    batch_id: str = ""
    """Of a deferred call: the batch that it is a line of."""


class Admission(msgspec.Struct, frozen=True, gc=False):
    """Written by admit once all is well: what is asked for, and where the name leads."""

    body: bytes
    head: Head
    resolution: Resolution
    index: Index
    """The one that admitted the call, so that a change under way cannot split it."""


class Routing(msgspec.Struct, frozen=True, gc=False):
    """Written by route: where the call goes."""

    alias: str
    target: Target
    deployment: Deployment


class Exchange(msgspec.Struct):
    """Written by provider while bytes come back; times in nanoseconds from the start of the call."""

    overhead_ns: int = 0
    """Time in the gateway itself until the first event was ready to go out."""
    model_served: str = ""
    finish_reason: str = ""
    usage: Usage | None = None
    usage_asked_for_caller: bool = False
    first_token_ns: int | None = None
    last_token_ns: int | None = None
    upstream_dialect: str = ""
    """Set when the call had to be converted."""
    losses: tuple[Loss, ...] = ()
    """Of the request."""
    unsaid: list[Loss] = []
    """Of the answer, so far."""
    check: AnswerCheck | None = None
    """Of a converted answer against the caller's own schema."""
    withheld: bytes = b""
    """A whole answer that the caller does not get, in its own dialect."""
    fetched: tuple[str, ...] = ()
    """What was fetched for the request, and from where."""
    fetch_ns: int = 0
    """Time spent waiting for it."""
    told_cost_usd: str = ""
    """What the caller was told that the call costs."""
    told_price_version: str = ""


class Call(msgspec.Struct):
    """The context of one call; a stage writes only its own field."""

    arrival: Arrival
    read_body: Callable[[], bytes | Awaitable[bytes]]
    """The body where it is here already, else what waits for it."""
    monotonic_ns: Callable[[], int]
    key: VirtualKey | None = None
    """Written by admit as soon as it is known, like all up to `streamed`: a refused call is recorded with them too."""
    body: bytes = b""
    head: Head | None = None
    model: str = ""
    """As the caller names it, in the body or the path."""
    streamed: bool = False
    admission: Admission | None = None
    """Remember writes it anew for a call that goes on from an earlier one."""
    kept: bool = False
    """Written by remember: whether the gateway itself keeps the answer for the caller."""
    routing: Routing | None = None
    attempts: list[Attempt] = []
    exchange: Exchange = msgspec.field(default_factory=Exchange)

    def elapsed_ns(self) -> int:
        """Return nanoseconds since the call arrived."""
        return self.monotonic_ns() - self.arrival.started_ns


class Ending(msgspec.Struct, frozen=True):
    """How the delivery of a reply ended."""

    outcome: Outcome
    error: PilothouseError | None = None


class Reply:
    """An answer as a sequence of events: the first, pulled inside the attempt, and the rest.

    An unstreamed answer is one event. `rest` raises `PilothouseError` when the upstream breaks off.
    """

    __slots__ = ("about", "fail", "first", "headers", "on_end", "rest", "sent", "sent_bytes", "status")

    def __init__(self, status: int, headers: Headers, first: bytes, rest: AsyncIterator[bytes] | None = None) -> None:
        self.status = status
        self.headers = headers
        self.about: Headers = []
        """More headers, by which the gateway tells of the call; what they say stands in the record's own fields."""
        self.fail: Callable[[PilothouseError, str], bytes] | None = None
        """How a converted stream tells of its failure; None leaves it to the dialect."""
        self.first = first
        self.rest = rest
        self.sent: list[bytes] = [first]
        """What has gone out, up to the recording limit."""
        self.sent_bytes = len(first)
        self.on_end: Callable[[Ending], None] | None = None

    def note_sent(self, event: bytes, limit_bytes: int) -> None:
        """Keep an event for the record while the limit is not reached."""
        if self.sent_bytes < limit_bytes:
            self.sent.append(event)
        self.sent_bytes += len(event)

    def end(self, ending: Ending) -> None:
        """Tell the record stage once that delivery is over."""
        if self.on_end is not None:
            on_end, self.on_end = self.on_end, None
            on_end(ending)


class Next(Protocol):
    """The rest of the pipeline, seen from one stage."""

    def __call__(self, call: Call) -> Awaitable[Reply]: ...


class Stage(Protocol):
    """One step of the pipeline."""

    def __call__(self, call: Call, following: Next) -> Awaitable[Reply]: ...


def admitted(call: Call) -> Admission:
    """Return what admit wrote; a stage further in may rely on it."""
    if call.admission is None:
        raise AssertionError("a stage ran before admit")
    return call.admission
