"""`/v1/batches`: what callers make, look at and cancel."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from pilothouse.domain.batch import Batch
from pilothouse.domain.clock import Clock
from pilothouse.domain.files import BATCH_INPUT, File
from pilothouse.domain.ids import IdSource
from pilothouse.errors import Conflict, InvalidJson, InvalidRequest, NotFound
from pilothouse.gateway.batches.intake import MOST_BYTES
from pilothouse.gateway.batches.ports import BatchDesk
from pilothouse.gateway.files.documents import page_document, page_limit, seconds
from pilothouse.gateway.files.ports import FileStore
from pilothouse.gateway.files.upload import lifetime_s
from pilothouse.gateway.resources import Answer, Asked, Resource
from pilothouse.protocols.base import Dialect

_WINDOW = re.compile(r"([1-9]\d{0,2})([hd])")
_HOURS = {"h": 1, "d": 24}
_LONGEST_H = 14 * 24
_HOUR_NS = 3_600_000_000_000
_MAX_LABELS = 16
_MAX_LABEL = 64
_MAX_LABEL_TEXT = 512
_LISTED = 20
_MOST_LISTED = 100


class _After(msgspec.Struct):
    seconds: int
    anchor: str = "created_at"


class _Wanted(msgspec.Struct):
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None
    output_expires_after: _After | None = None


_WANTED = msgspec.json.Decoder(_Wanted)


class BatchResources:
    """The handlers of batches; a batch is seen by every key of the project that it was made with."""

    def __init__(
        self,
        store: BatchDesk,
        files: FileStore,
        clock: Clock,
        endpoints: Mapping[str, Dialect],
        look: Callable[[], None],
    ) -> None:
        """`look` is called when there may be something for this gateway's runner to do."""
        self._store = store
        self._files = files
        self._clock = clock
        self._endpoints = endpoints
        self._look = look
        self._ids = IdSource(clock.now_ns)

    def rows(self) -> Sequence[Resource]:
        """Return the paths served."""
        return (
            Resource("POST", "/v1/batches", self.create),
            Resource("GET", "/v1/batches", self.list),
            Resource("GET", "/v1/batches/{id}", self.get),
            Resource("POST", "/v1/batches/{id}/cancel", self.cancel),
        )

    async def create(self, asked: Asked) -> Answer:
        """Make a batch; what its file holds is looked at later."""
        wanted = _read(await asked.read())
        if wanted.endpoint not in self._endpoints:
            known = ", ".join(sorted(self._endpoints))
            raise InvalidRequest(f"'endpoint' is one of {known}", param="endpoint")
        hours = _hours(wanted.completion_window)
        keep_s = _keep_s(wanted.output_expires_after)
        labels = _labels(wanted.metadata or {})
        file = await self._input(asked, wanted.input_file_id)
        now_ns = self._clock.now_ns()
        batch = Batch(
            f"batch_{self._ids.uuid7().replace('-', '')}", asked.key.project_id, asked.key.id, wanted.endpoint, file.id,
            wanted.completion_window, now_ns, now_ns + hours * _HOUR_NS, metadata=labels,
            output_expires_after_s=keep_s,
        )  # fmt: skip
        await self._store.insert(batch)
        self._look()
        return _answer(batch)

    async def list(self, asked: Asked) -> Answer:
        """List the batches of the key's project, newest first."""
        limit = page_limit(asked.query, _LISTED, _MOST_LISTED)
        batches = await self._store.page(asked.key.project_id, limit + 1, asked.query.get("after", ""))
        return Answer(page_document([batch_document(batch) for batch in batches], limit))

    async def get(self, asked: Asked) -> Answer:
        """Tell of one batch."""
        return _answer(await self._found(asked))

    async def cancel(self, asked: Asked) -> Answer:
        """Have a batch cancelled; raises `Conflict` for one that is over, or nearly."""
        batch = await self._found(asked)
        if not await self._store.cancel(batch.project_id, batch.id, self._clock.now_ns()):
            batch = await self._found(asked)
            if batch.cancelling_at_ns is None:
                raise Conflict(f"the batch {batch.id} cannot be cancelled: it is {batch.status}")
        self._look()
        return _answer(await self._found(asked))

    async def _input(self, asked: Asked, file_id: str) -> File:
        file = await self._files.get(asked.key.project_id, file_id)
        if file is None or not file.alive(self._clock.now_ns()):
            raise InvalidRequest(f"no such file: {file_id}", param="input_file_id")
        if file.purpose != BATCH_INPUT:
            raise InvalidRequest(
                f"the file's purpose is {file.purpose!r}; send it with the purpose 'batch'", param="input_file_id"
            )
        if file.size_bytes > MOST_BYTES:
            raise InvalidRequest(
                f"the file is larger than the {MOST_BYTES} bytes that a batch may have; make more batches of it",
                param="input_file_id",
            )
        return file

    async def _found(self, asked: Asked) -> Batch:
        batch = await self._store.get(asked.key.project_id, asked.args[0])
        if batch is None:
            raise NotFound(f"no such batch: {asked.args[0]}", param="id")
        return batch


def batch_document(batch: Batch) -> dict[str, Any]:
    """Return a batch object as OpenAI's API writes it."""
    errors = [msgspec.structs.asdict(fault) for fault in batch.errors]
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": batch.input_file_id,
        "completion_window": batch.completion_window,
        "status": batch.status,
        "output_file_id": batch.output_file_id or None,
        "error_file_id": batch.error_file_id or None,
        "created_at": seconds(batch.created_at_ns),
        "in_progress_at": seconds(batch.in_progress_at_ns),
        "expires_at": seconds(batch.expires_at_ns),
        "finalizing_at": seconds(batch.finalizing_at_ns),
        "completed_at": seconds(batch.completed_at_ns),
        "failed_at": seconds(batch.failed_at_ns),
        "expired_at": seconds(batch.expired_at_ns),
        "cancelling_at": seconds(batch.cancelling_at_ns),
        "cancelled_at": seconds(batch.cancelled_at_ns),
        "request_counts": msgspec.structs.asdict(batch.counts),
        "metadata": batch.metadata or None,
    }


def _answer(batch: Batch) -> Answer:
    return Answer(msgspec.json.encode(batch_document(batch)))


def _read(body: bytes) -> _Wanted:
    try:
        return _WANTED.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the batch is not valid: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJson(f"the body is not valid JSON: {error}") from error


def _hours(window: str) -> int:
    found = _WINDOW.fullmatch(window)
    hours = int(found[1]) * _HOURS[found[2]] if found else 0
    if not 1 <= hours <= _LONGEST_H:
        raise InvalidRequest(
            "'completion_window' is a number of hours or days, such as '24h', and at most '14d'",
            param="completion_window",
        )
    return hours


def _keep_s(after: _After | None) -> int | None:
    if after is None:
        return None
    if after.anchor != "created_at":
        raise InvalidRequest("'output_expires_after.anchor' is 'created_at'", param="output_expires_after.anchor")
    return lifetime_s(after.seconds, "output_expires_after.seconds")


def _labels(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > _MAX_LABELS:
        raise InvalidRequest(f"'metadata' has at most {_MAX_LABELS} entries", param="metadata")
    if any(len(name) > _MAX_LABEL or len(text) > _MAX_LABEL_TEXT for name, text in labels.items()):
        raise InvalidRequest(
            f"'metadata' has names of at most {_MAX_LABEL} and values of at most {_MAX_LABEL_TEXT} characters",
            param="metadata",
        )
    return labels
