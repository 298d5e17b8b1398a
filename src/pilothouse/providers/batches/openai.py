"""OpenAI's batches: lines in a file, results in files."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.providers.base import BatchJob, BatchLimits, BatchResult, BatchState, JobStatus, Send
from pilothouse.providers.batches.exchange import Exchange, check, decode, on_one_line
from pilothouse.providers.keys import Key

_URLS: Mapping[str, str] = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "openai_embeddings": "/v1/embeddings",
    "openai_completions": "/v1/completions",
    "openai_moderations": "/v1/moderations",
}
_LIMITS = BatchLimits(lines=50_000, size_bytes=64_000_000)
"""OpenAI takes 200 MB; less, because a job stands in memory twice while it is handed over."""
_NAME = "pilothouse_job"
"""Under which a job's name stands in its metadata."""
_UNRUN = frozenset({"batch_expired", "batch_cancelled"})
_ENDS: Mapping[str, JobStatus] = {
    "completed": "ended", "failed": "failed", "expired": "expired", "cancelled": "cancelled"
}  # fmt: skip
_SHOWN_CHARS = 300


class _File(msgspec.Struct):
    id: str


class _Counts(msgspec.Struct):
    completed: int = 0
    failed: int = 0


class _Wrong(msgspec.Struct):
    message: str | None = None
    line: int | None = None


class _Errors(msgspec.Struct):
    data: list[_Wrong] | None = None


class _Batch(msgspec.Struct):
    id: str
    status: str = ""
    errors: _Errors | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: _Counts | None = None
    metadata: dict[str, Any] | None = None


class _Page(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False


class _Answer(msgspec.Struct):
    status_code: int
    body: msgspec.Raw


class _Problem(msgspec.Struct):
    code: str | None = None


class _Row(msgspec.Struct):
    custom_id: str
    response: _Answer | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


_FILE = msgspec.json.Decoder(_File)
_BATCH = msgspec.json.Decoder(_Batch)
_PAGE = msgspec.json.Decoder(_Page)
_ROW = msgspec.json.Decoder(_Row)
_PROBLEM = msgspec.json.Decoder(_Problem | None)


class OpenAIBatches:
    """The batch service of OpenAI."""

    batch_dialects = tuple(_URLS)
    batch_limits = _LIMITS

    def __init__(self, exchange: Exchange, prefix: str) -> None:
        self._exchange = exchange
        self._prefix = prefix

    async def submit(self, job: BatchJob, send: Send) -> str:
        """Upload the lines and hand the job over; a file whose job was not taken is left to expire."""
        check(job, _URLS)
        boundary = b"pilothouse-" + secrets.token_hex(16).encode()
        body = b"".join(_form(job, boundary))

        async def hand_over(key: Key) -> str:
            kind = b"multipart/form-data; boundary=" + boundary
            kept = await self._exchange.post(send, key, f"{self._prefix}/files", body, content_type=kind)
            asked = {
                "input_file_id": decode(_FILE, kept).id,
                "endpoint": _URLS[job.dialect],
                "completion_window": "24h",
                "metadata": {_NAME: job.name},
            }
            made = await self._exchange.post(send, key, f"{self._prefix}/batches", msgspec.json.encode(asked))
            return decode(_BATCH, made).id

        return await self._exchange.submit(hand_over)

    async def find(self, name: str, send: Send) -> str | None:
        """Return the id of the job submitted under the name, by its metadata, among the newest 2,000 of each key."""

        async def search(key: Key) -> AsyncGenerator[list[str]]:
            after = ""
            while True:
                page = decode(_PAGE, await self._exchange.get(send, key, f"{self._prefix}/batches?limit=100{after}"))
                yield [item.id for item in page.data if item.metadata and item.metadata.get(_NAME) == name]
                if not (page.has_more and page.data):
                    return
                after = f"&after={quote(page.data[-1].id, safe='')}"

        return await self._exchange.seek(search)

    async def look(self, upstream_id: str, send: Send) -> BatchState:
        """Return how far the job is."""
        _, found = await self._batch(upstream_id, send)
        counts = found.request_counts or _Counts()
        status = _ENDS.get(found.status, "running")
        detail = _detail(found) if status == "failed" else ""
        return BatchState(status, counts.completed, counts.failed, detail)

    async def results(self, upstream_id: str, send: Send) -> AsyncIterator[BatchResult]:
        """Yield what became of each line: first those that went well, then the others."""
        key, found = await self._batch(upstream_id, send)
        if found.status not in _ENDS:
            raise UpstreamProtocol(f"the batch has not ended, it is {found.status}")
        seen: set[str] = set()
        for file_id in filter(None, (found.output_file_id, found.error_file_id)):
            target = f"{self._prefix}/files/{quote(file_id, safe='')}/content"
            async with aclosing(self._exchange.lines(send, key, target)) as lines:
                async for line in lines:
                    row = decode(_ROW, line)
                    if row.custom_id not in seen:
                        seen.add(row.custom_id)
                        yield _result(row)

    async def cancel(self, upstream_id: str, send: Send) -> None:
        """Ask for the job's end, which may take ten minutes."""

        async def over() -> bool:
            _, found = await self._batch(upstream_id, send)
            return found.status in _ENDS or found.status == "cancelling"

        await self._exchange.cancel(send, upstream_id, self._target, over)

    async def _batch(self, upstream_id: str, send: Send) -> tuple[Key, _Batch]:
        return await self._exchange.job(send, upstream_id, self._target, _BATCH)

    def _target(self, own: str) -> str:
        return f"{self._prefix}/batches/{quote(own, safe='')}"


def _form(job: BatchJob, boundary: bytes) -> Iterable[bytes]:
    """Yield the form with the lines' file, the bodies uncopied."""
    part = b"--%b\r\ncontent-disposition: form-data; name=" % boundary
    yield b'%b"purpose"\r\n\r\nbatch\r\n' % part
    yield b'%b"file"; filename="%b.jsonl"\r\ncontent-type: application/jsonl\r\n\r\n' % (part, job.name.encode())
    url = _URLS[job.dialect].encode()
    for line in job.lines:
        yield b'{"custom_id":"%b","method":"POST","url":"%b","body":' % (line.key.encode(), url)
        yield on_one_line(line.body)
        yield b"}\n"
    yield b"\r\n--%b--\r\n" % boundary


def _result(row: _Row) -> BatchResult:
    if row.response is not None:
        return BatchResult(row.custom_id, row.response.status_code, bytes(row.response.body))
    problem = decode(_PROBLEM, bytes(row.error)) or _Problem()
    # A line without an answer was not run, or the service gave it up.
    status = 0 if problem.code in _UNRUN else 504 if problem.code == "request_timeout" else 500
    return BatchResult(row.custom_id, status, b'{"error":%b}' % bytes(row.error))


def _detail(found: _Batch) -> str:
    wrong = (found.errors.data if found.errors is not None else None) or []
    told = [f"line {item.line}: {item.message}" if item.line else str(item.message) for item in wrong]
    return "; ".join(told)[:_SHOWN_CHARS] or "the provider does not say why"
