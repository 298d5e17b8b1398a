"""Deferred: calls that nobody waits for at a socket, such as the lines of a batch; they pass the same pipeline."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import msgspec

from pilothouse.domain.call import Outcome
from pilothouse.domain.ids import IdSource
from pilothouse.errors import ClientDisconnected, EndpointUnknown, InternalError, PilothouseError
from pilothouse.gateway import caller_headers
from pilothouse.gateway.call import Arrival, Call, Ending, Headers, Reply
from pilothouse.gateway.pipeline import Parts, fold, stages
from pilothouse.protocols import table
from pilothouse.protocols.base import Dialect

_ANSWERED = Ending(Outcome.ANSWERED)
_GIVEN_UP = Ending(Outcome.CANCELLED, ClientDisconnected("the call was given up before its answer's end"))


class Work(msgspec.Struct, frozen=True):
    """One call to make in a caller's name."""

    path: str
    """Of the dialect, such as `/v1/responses`."""
    body: bytes
    key_id: str
    """The virtual key in whose name, with whose scope and on whose account; it must still be valid."""
    id: str = ""
    """Of the call; empty has one made."""
    trace_id: str = ""
    parent_span_id: str = ""
    headers: dict[bytes, bytes] = {}
    """Of the caller, as far as they matter; never its key."""
    batch_id: str = ""
    """The batch that the call is a line of."""


class Done(msgspec.Struct, frozen=True):
    """How a deferred call ended."""

    call_id: str
    status: int
    headers: Headers
    body: bytes
    """A whole answer in the caller's dialect, an error document included; of a stream every event."""
    ending: Ending


class Started:
    """A deferred call whose answer has begun."""

    def __init__(self, arrival: Arrival, reply: Reply, limit_bytes: int) -> None:
        self.arrival = arrival
        self.reply = reply
        self.ending = _GIVEN_UP
        """How it ended; until it has, that it was given up."""
        self._limit_bytes = limit_bytes

    async def events(self) -> AsyncGenerator[bytes]:
        """Yield the answer as it comes; closing it early cancels the call. The call is recorded, whatever happens.

        A stream that breaks off ends with the error in the caller's grammar.
        """
        reply = self.reply
        try:
            yield reply.first
            if reply.rest is not None:
                async with aclosing(self._rest()) as rest:
                    async for event in rest:
                        reply.note_sent(event, self._limit_bytes)
                        yield event
            if self.ending is _GIVEN_UP:
                self.ending = _ANSWERED
        except Exception:  # border: whatever breaks, the call is recorded
            self.ending = Ending(Outcome.CUT, InternalError("the gateway failed amid an answer; its log says why"))
            raise
        finally:
            reply.end(self.ending)

    async def _rest(self) -> AsyncGenerator[bytes]:
        reply = self.reply
        async with aclosing(cast("AsyncGenerator[bytes]", reply.rest)) as rest:
            try:
                async for event in rest:
                    yield event
            except PilothouseError as error:
                self.ending = Ending(Outcome.CUT, error)
                yield (reply.fail or self.arrival.dialect.render_stream_error)(error, self.arrival.id)


class Deferred:
    """Makes calls in the name of a virtual key."""

    def __init__(self, parts: Parts) -> None:
        self._handle = fold(stages(parts))
        self._clock = parts.clock
        self._record_body_bytes = parts.options.record_body_bytes
        self._spool = parts.spool
        self._ids = IdSource(parts.clock.now_ns)
        self._dialects: dict[str, Dialect] = {item.path: item for item in map(table.dialect, table.names())}

    async def recorded(self) -> bool:
        """Wait until the records of all calls that have ended are on disk; False when the disk is too slow.

        Whoever writes down that a call need not be made again asks first: its record must be as safe as its answer.
        """
        return await self._spool.caught_up()

    async def start(self, work: Work) -> Started:
        """Return the answer's beginning; an error of the call is such an answer too.

        Raises `EndpointUnknown` when no dialect has the path.
        """
        dialect = self._dialects.get(work.path)
        if dialect is None:
            raise EndpointUnknown(f"the gateway has no path {work.path}")
        now_ns = self._clock.now_ns()
        call_id, trace_id, span_id = self._ids.of_call(now_ns)
        arrival = Arrival(
            work.id or call_id, work.trace_id or trace_id, span_id, work.parent_span_id, now_ns,
            self._clock.monotonic_ns(), dialect, work.headers, caller_headers.read(work.headers),
            path=work.path, key_id=work.key_id, batch_id=work.batch_id,
        )  # fmt: skip

        reply = await self._handle(Call(arrival, lambda: work.body, self._clock.monotonic_ns))
        return Started(arrival, reply, self._record_body_bytes)

    async def run(self, work: Work) -> Done:
        """Return the whole answer; cancelling this cancels the call. Raises `EndpointUnknown`."""
        started = await self.start(work)
        async with aclosing(started.events()) as events:
            pieces = [piece async for piece in events]
        reply = started.reply
        return Done(started.arrival.id, reply.status, reply.headers, b"".join(pieces), started.ending)
