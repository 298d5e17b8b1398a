"""The clock of one attempt, and the entry that it leaves in the call."""

from pilothouse.domain.call import Attempt
from pilothouse.errors import PilothouseError, UpstreamError
from pilothouse.gateway.call import Call, Routing
from pilothouse.transport.base import Response


class AttemptClock:
    """The clock of one attempt; `end` adds it to the call once."""

    __slots__ = (
        "_call",
        "_ended",
        "_first_byte_ns",
        "_received_ns",
        "_routing",
        "_started_ns",
        "_status",
        "_upstream_request_id",
    )

    def __init__(self, call: Call, routing: Routing) -> None:
        self._call = call
        self._routing = routing
        self._started_ns = call.elapsed_ns()
        self._received_ns = self._started_ns
        self._first_byte_ns: int | None = None
        self._status = 0
        self._upstream_request_id = ""
        self._ended = False

    @property
    def number(self) -> int:
        """Which attempt of the call this is, from 1."""
        return len(self._call.attempts) + (0 if self._ended else 1)

    def sent(self) -> None:
        """Note the moment at which the upstream begins to be waited for."""
        self._started_ns = self._call.elapsed_ns()

    def received(self) -> None:
        """Note that the bytes of the first event are here; from now on it is the gateway that is waited for."""
        self._received_ns = self._call.elapsed_ns()

    def ready(self) -> None:
        """Note that the first event can go out, and so what the gateway itself has cost."""
        self._call.exchange.overhead_ns = self._started_ns + self._call.elapsed_ns() - self._received_ns

    def answered(self, response: Response) -> None:
        """Note the head of the answer."""
        self._first_byte_ns = self._call.elapsed_ns()
        self._status = response.status
        for name, value in response.headers:
            if name == b"x-request-id":
                self._upstream_request_id = value.decode("latin-1")[:128]

    def first_content(self, now_ns: int) -> None:
        """Note the first byte of a streamed answer's content."""
        self._first_byte_ns = self._received_ns = now_ns

    def end(self, error: PilothouseError | None) -> None:
        """Add the attempt to the call, once."""
        if self._ended:
            return
        self._ended = True
        target = self._routing.target
        self._call.attempts.append(
            Attempt(
                target.account,
                self._routing.deployment.account.provider,
                target.model,
                self._started_ns,
                self._first_byte_ns,
                self._call.elapsed_ns(),
                self._status or (error.upstream_status if isinstance(error, UpstreamError) else 0),
                error.code if error else "",
                error.detail if error else "",
                self._upstream_request_id,
            )
        )
