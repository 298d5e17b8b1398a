"""Google's batches of Gemini calls: lines in a file, results in a file, or in the job itself when they are few.

Lines could stand in the request as well, but the answers to those come without their keys.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from urllib.parse import quote, urlsplit

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.providers.base import BatchJob, BatchLimits, BatchResult, BatchState, JobStatus, Send
from pilothouse.providers.batches.exchange import Exchange, check, decode, on_one_line
from pilothouse.providers.google.paths import model_path
from pilothouse.providers.google.vectors import Gathered, spread
from pilothouse.providers.keys import Key

_VERBS: Mapping[str, str] = {"gemini": "batchGenerateContent", "gemini_embeddings": "asyncBatchEmbedContent"}
_LIMITS = BatchLimits(lines=50_000, size_bytes=64_000_000)
"""Google takes files of 2 GB; less, because a job stands in memory twice while it is handed over."""
_JSONL = b"application/jsonl"
_ENDS: Mapping[str, JobStatus] = {
    "SUCCEEDED": "ended",
    "FAILED": "failed",
    "EXPIRED": "expired",
    "CANCELLED": "cancelled",
}
_STATUSES = {
    1: 0, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503,
    15: 500, 16: 401,
}  # fmt: skip
"""HTTP statuses of Google's codes; a line that was cancelled was not run."""
_SHOWN_CHARS = 300


class _Named(msgspec.Struct):
    name: str


class _Uploaded(msgspec.Struct):
    file: _Named


class _Problem(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Row(msgspec.Struct):
    key: str = ""
    metadata: dict[str, msgspec.Raw] = {}
    response: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Rows(msgspec.Struct, rename="camel"):
    inlined_responses: list[_Row] = []


class _Output(msgspec.Struct, rename="camel"):
    responses_file: str = ""
    inlined_responses: _Rows | None = None


class _Stats(msgspec.Struct, rename="camel"):
    successful_request_count: int = 0
    failed_request_count: int = 0


class _About(msgspec.Struct, rename="camel"):
    display_name: str = ""
    state: str = ""
    batch_stats: _Stats = msgspec.field(default_factory=_Stats)
    output: _Output | None = None


class _Operation(msgspec.Struct):
    name: str
    done: bool = False
    metadata: _About = msgspec.field(default_factory=_About)
    error: _Problem | None = None
    response: _Output | None = None


class _Page(msgspec.Struct, rename="camel"):
    operations: list[_Operation] = []
    next_page_token: str = ""


_UPLOADED = msgspec.json.Decoder(_Uploaded)
# Google's numbers of 64 bits come as text.
_OPERATION = msgspec.json.Decoder(_Operation, strict=False)
_PAGE = msgspec.json.Decoder(_Page, strict=False)
_ROW = msgspec.json.Decoder(_Row)
_PROBLEM = msgspec.json.Decoder(_Problem)
_TEXT = msgspec.json.Decoder(str)


class GeminiBatches:
    """The batch service of the Gemini API."""

    batch_dialects = tuple(_VERBS)
    batch_limits = _LIMITS

    def __init__(self, exchange: Exchange, prefix: str) -> None:
        self._exchange = exchange
        self._prefix = prefix
        root, _, version = prefix.rpartition("/")
        self._upload = f"{root}/upload/{version}/files"

    async def submit(self, job: BatchJob, send: Send) -> str:
        """Upload the lines and hand the job over; Google deletes the file by itself after two days."""
        check(job, _VERBS)
        body = b"".join(_lines(job))
        target = f"{self._prefix}/{model_path(job.model)}:{_VERBS[job.dialect]}"

        async def hand_over(key: Key) -> str:
            file = await self._uploaded(send, key, job.name, body)
            asked = {"batch": {"displayName": job.name, "inputConfig": {"fileName": file}}}
            made = decode(_OPERATION, await self._exchange.post(send, key, target, msgspec.json.encode(asked)))
            return made.name

        return await self._exchange.submit(hand_over)

    async def find(self, name: str, send: Send) -> str | None:
        """Return the id of the job submitted under the name, among the newest 2,000 of each key."""

        async def search(key: Key) -> AsyncGenerator[list[str]]:
            token = ""
            while True:
                target = f"{self._prefix}/batches?pageSize=100{token}"
                page = decode(_PAGE, await self._exchange.get(send, key, target))
                yield [item.name for item in page.operations if item.metadata.display_name == name]
                if not page.next_page_token:
                    return
                token = f"&pageToken={quote(page.next_page_token, safe='')}"

        return await self._exchange.seek(search)

    async def look(self, upstream_id: str, send: Send) -> BatchState:
        """Return how far the job is; of vectors each one counts."""
        _, found = await self._operation(upstream_id, send)
        stats = found.metadata.batch_stats
        status = _status(found)
        detail = ""
        if status == "failed":
            detail = found.error.message[:_SHOWN_CHARS] if found.error is not None else "the provider does not say why"
        return BatchState(status, stats.successful_request_count, stats.failed_request_count, detail)

    async def results(self, upstream_id: str, send: Send) -> AsyncIterator[BatchResult]:
        """Yield what became of each line; of jobs that expired or were cancelled there may be nothing."""
        key, found = await self._operation(upstream_id, send)
        if _status(found) == "running":
            raise UpstreamProtocol("the batch has not ended")
        output = found.response or found.metadata.output or _Output()
        gathered = Gathered()
        for row in output.inlined_responses.inlined_responses if output.inlined_responses is not None else ():
            if (result := gathered.add(_result(row))) is not None:
                yield result
        if output.responses_file:
            target = f"{self._prefix}/{quote(output.responses_file)}:download?alt=media"
            async with aclosing(self._exchange.lines(send, key, target)) as lines:
                async for line in lines:
                    if (result := gathered.add(_result(decode(_ROW, line)))) is not None:
                        yield result

    async def cancel(self, upstream_id: str, send: Send) -> None:
        """Ask for the job's end; results of lines that have run may be lost with it."""

        async def ask(key: Key, own: str) -> bytes:
            return await self._exchange.post(send, key, f"{self._target(own)}:cancel", b"{}")

        await self._exchange.with_key(upstream_id, ask)

    async def _uploaded(self, send: Send, key: Key, name: str, body: bytes) -> str:
        asked = msgspec.json.encode({"file": {"displayName": name}})
        begun = await self._exchange.begin(
            send,
            key,
            self._upload,
            asked,
            (
                (b"x-goog-upload-protocol", b"resumable"),
                (b"x-goog-upload-command", b"start"),
                (b"x-goog-upload-header-content-length", b"%d" % len(body)),
                (b"x-goog-upload-header-content-type", _JSONL),
            ),
        )
        # The key goes to the account's own address, wherever the rest of the URL leads.
        url = urlsplit(begun.get(b"x-goog-upload-url", b"").decode("latin-1"))
        if not url.path.startswith("/"):
            raise UpstreamProtocol("the provider does not say where to upload the lines of the batch")
        target = f"{url.path}?{url.query}" if url.query else url.path
        command = ((b"x-goog-upload-command", b"upload, finalize"), (b"x-goog-upload-offset", b"0"))
        kept = await self._exchange.post(send, key, target, body, content_type=_JSONL, more=command)
        return decode(_UPLOADED, kept).file.name

    async def _operation(self, upstream_id: str, send: Send) -> tuple[Key, _Operation]:
        return await self._exchange.job(send, upstream_id, self._target, _OPERATION)

    def _target(self, own: str) -> str:
        return f"{self._prefix}/{quote(own)}"


def _lines(job: BatchJob) -> Iterable[bytes]:
    """Yield the lines' file, the bodies uncopied."""
    for line in job.lines:
        for key, request in spread(line.key, line.body):
            yield b'{"key":"%b","request":' % key.encode()
            yield on_one_line(request)
            yield b"}\n"


def _status(found: _Operation) -> JobStatus:
    status = _ENDS.get(found.metadata.state.rpartition("STATE_")[2])
    if status is None and found.done:
        return "failed" if found.error is not None else "ended"
    return status or "running"


def _result(row: _Row) -> BatchResult:
    key = row.key or decode(_TEXT, bytes(row.metadata.get("key", b'""')))
    if not key:
        raise UpstreamProtocol("the provider does not say which line of the batch an answer is for")
    if bytes(row.response) != b"null":
        return BatchResult(key, 200, bytes(row.response))
    code = decode(_PROBLEM, bytes(row.error)).code if bytes(row.error) != b"null" else 13
    status = code if code >= 100 else _STATUSES.get(code, 500)
    return BatchResult(key, status, b'{"error":%b}' % bytes(row.error))
