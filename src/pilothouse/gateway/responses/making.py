"""Making the call of one response in the background, and writing down its events as they come."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

import msgspec

from pilothouse.domain.ids import new_id
from pilothouse.domain.responses import ClaimedResponse, EventGroup, KeptResponse
from pilothouse.errors import DiskFull, InternalError, MetadataUnavailable
from pilothouse.gateway.deferred import Deferred, Started, Work
from pilothouse.gateway.responses import documents, mend
from pilothouse.gateway.responses.keeper import Keeper, Run
from pilothouse.protocols import sse
from pilothouse.protocols.loose import mapping, text

T = TypeVar("T")

_GROUP_S = 0.2
"""How long events wait for others, to be written together."""
_WRITES = 150
_WRITE_AGAIN_S = 2.0
_NOT_SHOWN = frozenset({"response.created", "response.queued"})
"""Events that have been told when the call was taken."""
_OK = 200

_log = logging.getLogger(__name__)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder()


class Making:
    """One call; cancelling `run` cancels it."""

    def __init__(self, keeper: Keeper, deferred: Deferred, claimed: ClaimedResponse, owner: str) -> None:
        self._keeper = keeper
        self._deferred = deferred
        self._claimed = claimed
        self._response = claimed.response
        self._owner = owner
        self._run = Run(claimed.response.id)
        self._number = max(claimed.last_event + 1, documents.OPENING)
        self._pending: list[bytes] = []
        self._some = asyncio.Event()
        self._over = False
        self._document: bytes | None = None
        self._problem = "the stream ended without a response"

    async def run(self) -> KeptResponse:
        """Make the call and return the response as it ended; its events are written."""
        call = self._claimed.call
        call_id = call.call_id or new_id()
        headers = {name.encode("latin-1"): value.encode("latin-1") for name, value in call.headers.items()}
        work = Work(call.path, call.body, self._response.key_id, call_id, call.trace_id, call.parent_span_id, headers)
        if self._claimed.last_event >= documents.OPENING:
            await self._written(self._forget_events)
        self._keeper.runs[call_id] = self._run
        try:
            started = await self._deferred.start(work)
            document = await self._answer(started)
        finally:
            del self._keeper.runs[call_id]
        size_bytes = len(document) + len(self._response.input)
        if size_bytes > self._keeper.options.responses_max_bytes:
            return await self.fail(InternalError.status, f"the answer is too large to be kept: {size_bytes} bytes")
        return self._ended(document)

    async def fail(self, status: int, message: str) -> KeptResponse:
        """Return the response as one that failed, with the HTTP status that the call would have had."""
        document = documents.failed(self._response.document, status, message)
        if self._response.streamed:
            self._pending.append(documents.event("response.failed", self._number, document))
            self._number += 1
            await self._flush()
        return self._ended(document)

    async def end(self, response: KeptResponse) -> None:
        """Write how it ended, unless that has become another's business."""
        await self._written(lambda: self._keeper.store.end(response, self._owner))
        self._keeper.news.tell()

    def _ended(self, document: bytes) -> KeptResponse:
        return msgspec.structs.replace(
            self._response,
            status=mend.read(document).status or "completed",
            document=document,
            account=self._run.account,
            upstream_id=self._run.upstream_id,
        )

    async def _answer(self, started: Started) -> bytes:
        status = started.reply.status
        async with aclosing(started.events()) as events:
            if self._response.streamed and status == _OK:
                await self._stream(events)
                if self._document is not None:
                    return self._document
                status, message = InternalError.status, self._problem
            else:
                body = b"".join([piece async for piece in events])
                if status == _OK:
                    return body
                message = documents.message_of(body)
        return (await self.fail(status, message)).document

    async def _stream(self, events: AsyncIterator[bytes]) -> None:
        flushing = asyncio.create_task(self._flushing())
        try:
            async for chunk in events:
                for frame in sse.frames(chunk):
                    self._take(frame)
                self._some.set()
            self._over = True
            self._some.set()
            await flushing
        finally:
            flushing.cancel()

    def _take(self, frame: bytes) -> None:
        name, data = sse.parse(frame)
        try:
            members = _MEMBERS.decode(data)
        except msgspec.DecodeError:
            return  # a comment, or the end mark of a server that has one
        kind = text(_ANY.decode(members["type"])) if "type" in members else name.decode(errors="replace")
        if kind in _NOT_SHOWN:
            return
        if kind in mend.FINAL and "response" in members:
            self._document = bytes(members["response"])
        elif kind == "error":
            self._problem = text(mapping(_ANY.decode(data)).get("message")) or self._problem
        members["sequence_number"] = msgspec.Raw(str(self._number).encode())
        self._number += 1
        self._pending.append(mend.framed(name or kind.encode(), msgspec.json.encode(members)))

    async def _flushing(self) -> None:
        over = False
        while not over:
            await self._some.wait()
            self._some.clear()
            over = self._over
            if not over:
                await asyncio.sleep(_GROUP_S)
            await self._flush()

    async def _flush(self) -> None:
        if not self._pending:
            return
        events, self._pending = self._pending, []
        group = EventGroup(self._number - len(events), self._number - 1, b"".join(events))
        project_id, response_id = self._response.project_id, self._response.id
        await self._written(lambda: self._keeper.store.add_events(project_id, response_id, group, self._owner))
        self._keeper.news.tell()

    def _forget_events(self) -> Awaitable[None]:
        return self._keeper.store.drop_events(self._response.project_id, self._response.id, documents.OPENING - 1)

    async def _written(self, write: Callable[[], Awaitable[T]]) -> T | None:
        """Write, and wait for a database that is away: the answer is paid for."""
        for _ in range(_WRITES):
            try:
                return await write()
            except (MetadataUnavailable, DiskFull) as error:
                _log.warning("background response %s cannot be written yet: %s", self._response.id, error.detail)
                await asyncio.sleep(_WRITE_AGAIN_S)
        _log.error("a part of background response %s is lost: the database stayed away", self._response.id)
        return None
