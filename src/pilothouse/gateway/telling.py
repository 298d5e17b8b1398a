"""Telling: what a call costs, said to its caller with the answer and kept for the record."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from pilothouse.catalog.charges import Charges
from pilothouse.domain.usage import Usage
from pilothouse.gateway.call import Call, Headers
from pilothouse.gateway.options import GatewayOptions
from pilothouse.protocols.base import Scan

_ASKED = b"x-pilothouse-tell"
_COST = b"cost"
_END_MARK = b"data: [DONE]"
"""Behind it clients of OpenAI's kind read nothing."""


class Telling:
    """Tells callers what their calls cost, by the prices of one catalog.

    Of a whole answer the headers tell it, of a stream of server-sent events a note before its end, and that only
    where the caller asks: what was not asked for changes no byte. Streams of other forms have no place for it.
    """

    def __init__(self, charges: Charges, options: GatewayOptions) -> None:
        self._charges = charges
        self._always = options.tell_cost == "always"
        self._never = options.tell_cost == "never"

    def headers(self, call: Call) -> Headers:
        """Return the headers that a whole answer gets."""
        if not self._always and (self._never or not _is_asked(call)):
            return []
        exchange = call.exchange
        return [self._told(call, exchange.model_served, exchange.usage)]

    def tells_stream(self, call: Call, content_type: bytes) -> bool:
        """Return whether a streamed answer of the type ends with its cost."""
        return not self._never and _is_asked(call) and content_type.startswith(b"text/event-stream")

    async def stream(self, call: Call, scan: Scan, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """Yield the events, and the cost once the stream has come to its proper end; closing it closes them."""
        told = False
        async with aclosing(events):
            async for event in events:
                at = -1 if told else _end_mark(event)
                if at >= 0:
                    told = True
                    yield event[:at] + self._note(call, scan) + event[at:]
                else:
                    yield event
        if not told:
            yield self._note(call, scan)

    def _note(self, call: Call, scan: Scan) -> bytes:
        name, value = self._told(call, scan.model, scan.usage)
        return call.arrival.dialect.stream_note(name, value)

    def _told(self, call: Call, model_served: str, usage: Usage | None) -> tuple[bytes, bytes]:
        routing = call.routing
        if routing is None:
            raise AssertionError("a call was answered without a route")
        names = (model_served, routing.target.model, call.model)
        account = routing.deployment.account
        charge = self._charges.of(account.provider, account.name, names, usage, call.arrival.started_at_ns)
        if not charge.amount_usd:
            return b"x-pilothouse-cost", charge.why.encode()
        call.exchange.told_cost_usd, call.exchange.told_price_version = charge.amount_usd, charge.price_version
        return b"x-pilothouse-cost-usd", charge.amount_usd.encode()


def _is_asked(call: Call) -> bool:
    said = call.arrival.headers.get(_ASKED)
    return said is not None and _COST in [word.strip() for word in said.lower().split(b",")]


def _end_mark(event: bytes) -> int:
    """Return where the mark of the stream's end begins, at the beginning of a line; -1 where there is none."""
    at = event.rfind(_END_MARK)
    return at if at == 0 or event[at - 1 : at] in (b"\n", b"\r") else -1
