"""Anthropic's Message Batches: the lines in one request, the results in one file.

The service knows no names of batches, so a mark made from the name stands before the lines' keys, as far as they leave
room for it.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from urllib.parse import quote

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.providers.base import BatchJob, BatchLimits, BatchResult, BatchState, Send
from pilothouse.providers.batches.exchange import Exchange, check, decode
from pilothouse.providers.keys import Key

_DIALECTS = ("anthropic_messages",)
_LIMITS = BatchLimits(lines=100_000, size_bytes=64_000_000)
"""Anthropic takes 256 MB; less, because a job stands in memory twice while it is handed over."""
_MAX_KEY_CHARS = 64
_PEEKED = 20
"""How many of the newest batches are looked into for the mark of a job."""
_STATUSES = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "api_error": 500,
    "timeout_error": 504, "overloaded_error": 529,
}  # fmt: skip


class _Counts(msgspec.Struct):
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class _Batch(msgspec.Struct):
    id: str
    processing_status: str = ""
    request_counts: _Counts = msgspec.field(default_factory=_Counts)
    archived_at: str | None = None


class _Page(msgspec.Struct):
    data: list[_Batch]


class _Problem(msgspec.Struct):
    type: str = ""


class _Error(msgspec.Struct):
    type: str = ""
    error: _Problem | None = None


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Row(msgspec.Struct):
    custom_id: str
    result: _Result


_BATCH = msgspec.json.Decoder(_Batch)
_PAGE = msgspec.json.Decoder(_Page)
_ROW = msgspec.json.Decoder(_Row)
_ERROR = msgspec.json.Decoder(_Error | None)


class AnthropicBatches:
    """The batch service of Anthropic."""

    batch_dialects = _DIALECTS
    batch_limits = _LIMITS

    def __init__(self, exchange: Exchange, prefix: str) -> None:
        self._exchange = exchange
        self._path = f"{prefix}/messages/batches"

    async def submit(self, job: BatchJob, send: Send) -> str:
        """Hand the job over."""
        check(job, _DIALECTS)
        mark = _mark(job.name)
        if any(len(mark) + len(line.key) > _MAX_KEY_CHARS for line in job.lines):
            mark = ""
        body = b"".join(_requests(job, mark))

        async def hand_over(key: Key) -> str:
            made = await self._exchange.post(send, key, self._path, body)
            return f"{decode(_BATCH, made).id}:{mark}"

        return await self._exchange.submit(hand_over)

    async def find(self, name: str, send: Send) -> str | None:
        """Return the id of the job submitted under the name, when it has ended; None also when it has not.

        The service tells of a batch that runs nothing by which it could be known again. Of those that have ended the
        newest 20 of each key are known by their results. Keys of more than 53 characters leave no room for the mark.
        """
        mark = _mark(name)

        async def search(key: Key) -> AsyncGenerator[list[str]]:
            page = decode(_PAGE, await self._exchange.get(send, key, f"{self._path}?limit={_PEEKED}"))
            ended = [item.id for item in page.data if item.processing_status == "ended" and not item.archived_at]
            yield [f"{own}:{mark}" for own in ended if await self._has(own, mark, send, key)]

        return await self._exchange.seek(search)

    async def look(self, upstream_id: str, send: Send) -> BatchState:
        """Return how far the job is; the service counts only once it has ended."""
        _, found = await self._batch(upstream_id, send)
        counts = found.request_counts
        if found.processing_status != "ended":
            return BatchState("running")
        if found.archived_at:
            return BatchState("failed", detail="the provider no longer keeps the results")
        status = "cancelled" if counts.canceled else "expired" if counts.expired else "ended"
        return BatchState(status, counts.succeeded, counts.errored)

    async def results(self, upstream_id: str, send: Send) -> AsyncIterator[BatchResult]:
        """Yield what became of each line; the service tells of all."""
        key, found = await self._batch(upstream_id, send)
        if found.processing_status != "ended":
            raise UpstreamProtocol(f"the batch has not ended, it is {found.processing_status}")
        mark = upstream_id.rpartition(":")[2]
        seen: set[str] = set()
        async with aclosing(self._exchange.lines(send, key, f"{self._target(found.id)}/results")) as lines:
            async for line in lines:
                row = decode(_ROW, line)
                if row.custom_id not in seen:
                    seen.add(row.custom_id)
                    yield _result(row.custom_id.removeprefix(mark), row.result)

    async def cancel(self, upstream_id: str, send: Send) -> None:
        """Ask for the job's end; lines that are under way may still be run."""

        async def over() -> bool:
            _, found = await self._batch(upstream_id, send)
            return found.processing_status != "in_progress"

        await self._exchange.cancel(send, upstream_id, self._target, over)

    async def _has(self, own: str, mark: str, send: Send, key: Key) -> bool:
        async with aclosing(self._exchange.lines(send, key, f"{self._target(own)}/results")) as lines:
            async for line in lines:
                return decode(_ROW, line).custom_id.startswith(mark)
        return False

    async def _batch(self, upstream_id: str, send: Send) -> tuple[Key, _Batch]:
        return await self._exchange.job(send, upstream_id, self._target, _BATCH)

    def _target(self, own: str) -> str:
        return f"{self._path}/{quote(own.partition(':')[0], safe='')}"


def _mark(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:10] + "_"


def _requests(job: BatchJob, mark: str) -> Iterable[bytes]:
    """Yield the body, those of the lines uncopied."""
    opening = b'{"requests":['
    for line in job.lines:
        yield b'%b{"custom_id":"%b%b","params":' % (opening, mark.encode(), line.key.encode())
        yield line.body
        opening = b"},"
    yield b"}]}"


def _result(key: str, result: _Result) -> BatchResult:
    if result.type == "succeeded":
        return BatchResult(key, 200, bytes(result.message))
    if result.type != "errored":
        return BatchResult(key, 0, msgspec.json.encode({"type": result.type}))
    told = decode(_ERROR, bytes(result.error)) or _Error()
    kind = told.error.type if told.error is not None else told.type
    return BatchResult(key, _STATUSES.get(kind, 500), bytes(result.error))
