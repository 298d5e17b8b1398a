"""The clock of one attempt, and the entry that it leaves in the call."""

import msgspec

from pilothouse.domain.call import Attempt
from pilothouse.errors import PilothouseError, UpstreamError
from pilothouse.gateway.call import Call, Routing
from pilothouse.transport.base import Request, Response

_REQUEST_IDS = (b"x-request-id", b"request-id", b"x-amzn-requestid", b"apim-request-id", b"x-ms-request-id")
"""Headers by which providers name a call, the most telling first."""
_REQUEST_ID_NAMES = frozenset(_REQUEST_IDS)


class AttemptClock(msgspec.Struct):
    """The clock of one attempt; `end` adds it to the call once."""

    _call: Call
    _routing: Routing
    _started_ns: int = 0
    _received_ns: int = 0
    _first_byte_ns: int | None = None
    _status: int = 0
    _upstream_request_id: str = ""
    _ended: bool = False
    ready_ns: int = 0
    request: Request | None = None
    """What was sent."""

    @property
    def number(self) -> int:
        """Which attempt of the call this is, from 1."""
        return len(self._call.attempts) + (0 if self._ended else 1)

    def sent(self, request: Request) -> None:
        """Note what is sent, and the moment at which the upstream begins to be waited for."""
        self.request = request
        self._started_ns = self._call.elapsed_ns()

    def received(self) -> None:
        """Note that the rest of a whole answer is here; from now on it is the gateway that is waited for."""
        self._received_ns = self._call.elapsed_ns()

    def ready(self) -> None:
        """Note that the first event can go out, and so what the gateway itself has cost."""
        exchange = self._call.exchange
        self.ready_ns = self._call.elapsed_ns()
        exchange.overhead_ns = self._started_ns + self.ready_ns - self._received_ns - exchange.fetch_ns

    def answered(self, response: Response) -> None:
        """Note the head of the answer."""
        self._first_byte_ns = self._received_ns = self._call.elapsed_ns()
        self._status = response.status
        headers = dict(response.headers)
        if not _REQUEST_ID_NAMES.isdisjoint(headers):
            name = next(filter(headers.get, _REQUEST_IDS), None)
            self._upstream_request_id = headers[name].decode("latin-1")[:128] if name is not None else ""

    def first_content(self, now_ns: int) -> None:
        """Note the first byte of a streamed answer's content."""
        self._first_byte_ns = self._received_ns = now_ns

    def end(self, error: PilothouseError | None, at_ns: int | None = None) -> None:
        """Add the attempt to the call, once; it ends now, or at the moment given."""
        if self._ended:
            return
        self._ended = True
        target, now_ns = self._routing.target, self._call.elapsed_ns() if at_ns is None else at_ns
        self._call.attempts.append(
            Attempt(
                target.account,
                self._routing.deployment.account.provider,
                target.model,
                now_ns if self.request is None else self._started_ns,
                self._first_byte_ns,
                now_ns,
                self._status or (error.upstream_status if isinstance(error, UpstreamError) else 0),
                error.code if error else "",
                error.detail if error else "",
                self._upstream_request_id,
            )
        )
