"""`/v1/files`: what callers send, list, read and delete."""

from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.files import File, FilePage
from pilothouse.domain.ids import IdSource
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.gateway.files.documents import file_document, page_document, page_limit
from pilothouse.gateway.files.ports import FileStore
from pilothouse.gateway.files.upload import Keeping, Upload
from pilothouse.gateway.resources import Answer, Asked, Resource

_MOST_LISTED = 10_000


class FileResources:
    """The handlers of files; a file is seen by every key of the project that it was sent with."""

    def __init__(self, store: FileStore, clock: Clock, keeping: Keeping) -> None:
        self._store = store
        self._clock = clock
        self._keeping = keeping
        self._ids = IdSource(clock.now_ns)

    def rows(self) -> Sequence[Resource]:
        """Return the paths served."""
        return (
            Resource("POST", "/v1/files", self.create),
            Resource("GET", "/v1/files", self.list),
            Resource("GET", "/v1/files/{id}", self.get),
            Resource("DELETE", "/v1/files/{id}", self.delete),
            Resource("GET", "/v1/files/{id}/content", self.content),
        )

    async def create(self, asked: Asked) -> Answer:
        """Keep a file."""
        now_ns = self._clock.now_ns()
        file_id = f"file-{self._ids.uuid7().replace('-', '')}"
        file = File(file_id, asked.key.project_id, asked.key.id, "", "", 0, now_ns)
        upload = Upload(self._store, self._clock, self._keeping, file)
        return _answer(await upload.take(asked.headers.get(b"content-type", b""), asked.pieces))

    async def list(self, asked: Asked) -> Answer:
        """List the files of the key's project."""
        limit = page_limit(asked.query, _MOST_LISTED, _MOST_LISTED)
        order = asked.query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise InvalidRequest("'order' is 'asc' or 'desc'", param="order")
        page = FilePage(
            self._clock.now_ns(), limit + 1, asked.query.get("after", ""), order == "desc",
            asked.query.get("purpose", ""),
        )  # fmt: skip
        files = await self._store.page(asked.key.project_id, page)
        return Answer(page_document([file_document(file) for file in files], limit))

    async def get(self, asked: Asked) -> Answer:
        """Tell of one file."""
        return _answer(await self._found(asked))

    async def delete(self, asked: Asked) -> Answer:
        """Delete one file."""
        file = await self._found(asked)
        await self._store.hide(file.id)
        return Answer(msgspec.json.encode({"id": file.id, "object": "file", "deleted": True}))

    async def content(self, asked: Asked) -> Answer:
        """Send what a file holds, piece by piece."""
        file = await self._found(asked)
        first = await self._store.chunk(file.id, 0) or b""
        headers = [(b"content-disposition", f"attachment; filename*=utf-8''{quote(file.name)}".encode())]
        if file.pieces <= 1:
            return Answer(first, b"application/octet-stream", headers=headers)
        # With the length told beforehand a client sees that an answer was broken off.
        headers.append((b"content-length", b"%d" % file.size_bytes))
        return Answer(first, b"application/octet-stream", headers=headers, rest=self._rest(file))

    async def _rest(self, file: File) -> AsyncIterator[bytes]:
        for n in range(1, file.pieces):
            piece = await self._store.chunk(file.id, n)
            if piece is None:
                raise NotFound(f"the file {file.id} was deleted while it was read")
            yield piece

    async def _found(self, asked: Asked) -> File:
        file_id = asked.args[0]
        file = await self._store.get(asked.key.project_id, file_id)
        if file is None or not file.alive(self._clock.now_ns()):
            raise NotFound(f"no such file: {file_id}", param="id")
        return file


def _answer(file: File) -> Answer:
    return Answer(msgspec.json.encode(file_document(file)))
