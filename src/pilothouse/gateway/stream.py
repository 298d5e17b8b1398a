"""A streamed answer on its way through the gateway."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from pilothouse.errors import (
    ClientDisconnected,
    PilothouseError,
    UpstreamCut,
    UpstreamError,
    UpstreamHtml,
    UpstreamProtocol,
    UpstreamTimeout,
)
from pilothouse.gateway.attempt import AttemptClock
from pilothouse.gateway.call import Call
from pilothouse.protocols.base import Scan
from pilothouse.providers.base import Pooled
from pilothouse.transport.base import Response

_PING_BYTES = 80
"""Longer than a ping of Anthropic's, or a sign of life of OpenAI's, with its line of name."""


def _is_progress(event: bytes) -> bool:
    """Comments and pings keep a connection alive and say nothing of the answer."""
    if not event or (event[:1] == b":" and b"data:" not in event):
        return False
    if b'"ping"' not in event and b'"keepalive"' not in event:
        return True
    # A network may bring several at once.
    return len(event) > _PING_BYTES * (event.count(b'"ping"') + event.count(b'"keepalive"'))


def refuse_page(response: Response, error: UpstreamError | None = None) -> None:
    """Raise `UpstreamHtml` where a web page is what came, from the error of an answer that could not be read."""
    kind = next((value for name, value in response.headers if name == b"content-type"), b"")
    if kind.lower().startswith(b"text/html"):
        raise UpstreamHtml("the provider answered with a web page", upstream_status=response.status) from error


class Stream:
    """Passes an upstream's events on and notes in the call's exchange what the record needs of them."""

    def __init__(self, call: Call, attempt: AttemptClock, response: Response, scan: Scan, silence_ns: int) -> None:
        if call.routing is None:
            raise AssertionError("a stream without a route")
        self._call = call
        self._deployment = call.routing.deployment
        self._attempt = attempt
        self._response = response
        self._scan = scan
        self._silence_ns = silence_ns
        self._progress_ns = call.elapsed_ns()
        self._held = b""

    async def events(self) -> AsyncGenerator[bytes]:
        """Yield the bytes to pass on, the first time only once content has come.

        Raises an `UpstreamError` when the stream holds an error, breaks off, or brings nothing but pings for
        the allowed silence. Closing the generator closes the upstream connection.
        """
        try:
            async for event in self._scanned():
                yield event
        except PilothouseError as error:
            self._attempt.end(error)
            self._rest_key(error)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._attempt.end(ClientDisconnected("the client went away"))
            raise
        finally:
            scan, exchange = self._scan, self._call.exchange
            exchange.usage, exchange.finish_reason, exchange.model_served = scan.usage, scan.finish_reason, scan.model
            self._attempt.end(None)
            await self._response.close()

    def _rest_key(self, error: PilothouseError) -> None:
        """Let a key rest that was refused amid an answer, so that the next call takes another."""
        provider, request = self._deployment.provider, self._attempt.request
        late = self._call.exchange.first_token_ns is not None
        if late and request is not None and isinstance(error, UpstreamError) and isinstance(provider, Pooled):
            provider.failed(request, error)

    async def _scanned(self) -> AsyncIterator[bytes]:
        scan = self._scan
        try:
            async for chunk in self._response.chunks():
                event = self._take(chunk)
                if event:
                    yield event
                if scan.error is not None:
                    raise self._failure()
            tail = scan.end()
            if scan.error is not None:
                raise self._failure()
            if not scan.complete:
                raise UpstreamCut("the provider ended the stream before the answer's end")
        except (UpstreamCut, UpstreamProtocol) as error:
            if not scan.content_seen:
                refuse_page(self._response, error)
            raise
        if self._held or tail:
            yield self._held + tail

    def _take(self, chunk: bytes) -> bytes:
        """Return what a chunk gives to pass on; what comes before the first content is held back."""
        scan, exchange = self._scan, self._call.exchange
        event = scan.feed(chunk)
        now_ns = self._call.elapsed_ns()
        if _is_progress(event):
            self._progress_ns = now_ns
        elif now_ns - self._progress_ns > self._silence_ns:
            raise UpstreamTimeout("the provider sends pings but no content")
        if not scan.content_seen:
            self._held += event
            return b""
        if exchange.first_token_ns is None:
            exchange.first_token_ns = now_ns
            self._attempt.first_content(now_ns)
            event = self._held + event
            self._held = b""
        exchange.last_token_ns = now_ns
        return event

    def _failure(self) -> PilothouseError:
        error, response = self._scan.error, self._response
        if error is None:
            raise AssertionError("asked for the error of a stream that has none")
        return self._deployment.provider.failure(error.status or response.status, response.headers, error.raw)
