"""A file on its way in: a multipart form that is kept piece by piece while it comes, however large it is."""

from collections.abc import AsyncIterator

import msgspec
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from pilothouse.domain.clock import Clock
from pilothouse.domain.files import BATCH_INPUT, CHUNK_BYTES, PURPOSES, File
from pilothouse.errors import BodyTooLarge, InvalidRequest, PilothouseError
from pilothouse.gateway.files.ports import FileStore
from pilothouse.protocols.passed.form import boundary

_MAX_PARTS = 16
_MAX_FIELD_BYTES = 4096
_MAX_NAME = 255
_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS
_SHORTEST_S = 3600
_LONGEST_S = 2_592_000


class Keeping(msgspec.Struct, frozen=True):
    """How files are kept."""

    max_bytes: int
    keep_days: float
    """Of files of a batch that say nothing else; 0 keeps them until they are deleted."""


class Upload:
    """Takes one form apart; the file's content goes to the store, fields are small and stay in memory."""

    def __init__(self, store: FileStore, clock: Clock, keeping: Keeping, file: File) -> None:
        """`file` is what is known of it beforehand: its id, and whose it is."""
        self._store = store
        self._clock = clock
        self._keeping = keeping
        self._file = file
        self._fields: dict[str, str] = {}
        self._segment = ""
        self._is_file = False
        self._begun = False
        self._size = 0
        self._pieces = 0
        self._held = bytearray()

    async def take(self, content_type: bytes, pieces: AsyncIterator[bytes]) -> File:
        """Return the file once all of it is kept.

        Raises `InvalidRequest` or `BodyTooLarge` for the form, `ClientDisconnected`, and what the store raises; what
        has been kept by then is forgotten.
        """
        try:
            await self._read(boundary(content_type), pieces)
            if not self._begun:
                raise InvalidRequest("the form holds no file; send it as the part 'file'", param="file")
            file = self._described()
            await self._flush(everything=True)
            await self._store.complete(file)
        except BaseException:
            await self._forget()
            raise
        return file

    async def _read(self, mark: bytes, pieces: AsyncIterator[bytes]) -> None:
        parser = PushMultipartParser(mark, max_segment_count=_MAX_PARTS)
        try:
            async for piece in pieces:
                if not piece:
                    continue
                for event in parser.parse(piece):
                    await self._note(event)
            parser.close()
        except MultipartError as error:
            raise InvalidRequest(f"the body is not a multipart form: {error}") from error

    async def _note(self, event: "MultipartSegment | bytes | bytearray | None") -> None:
        if isinstance(event, MultipartSegment):
            await self._enter(event)
        elif event is None:
            self._segment = ""
        elif self._is_file:
            await self._add(event)
        else:
            text = self._fields[self._segment] + event.decode("utf-8", "replace")
            if len(text) > _MAX_FIELD_BYTES:
                raise InvalidRequest(f"the field {self._segment!r} is too long", param=self._segment)
            self._fields[self._segment] = text

    async def _enter(self, segment: MultipartSegment) -> None:
        name = segment.name or ""
        self._segment, self._is_file = name, name == "file"
        if not self._is_file:
            self._fields[name] = ""
            return
        if self._begun:
            raise InvalidRequest("the form holds more than one file; send them one by one", param="file")
        title = (segment.filename or "").replace("\\", "/").rpartition("/")[2][-_MAX_NAME:]
        self._file = msgspec.structs.replace(self._file, name=title or "file")
        await self._store.begin(self._file)
        self._begun = True

    async def _add(self, data: bytes | bytearray) -> None:
        self._size += len(data)
        if self._size > self._keeping.max_bytes:
            raise BodyTooLarge(
                f"the file is larger than {self._keeping.max_bytes} bytes; raise gateway.max_file_bytes to allow it"
            )
        self._held += data
        await self._flush()

    async def _flush(self, *, everything: bool = False) -> None:
        while len(self._held) >= CHUNK_BYTES or (everything and self._held):
            data = bytes(self._held[:CHUNK_BYTES])
            await self._store.append(self._file.id, self._pieces, data, self._clock.now_ns())
            del self._held[:CHUNK_BYTES]
            self._pieces += 1

    def _described(self) -> File:
        purpose = self._fields.get("purpose", "")
        if purpose not in PURPOSES:
            raise InvalidRequest(f"'purpose' is one of {', '.join(PURPOSES)}", param="purpose")
        expires_at_ns = self._expiry(purpose)
        return msgspec.structs.replace(
            self._file, purpose=purpose, size_bytes=self._size, expires_at_ns=expires_at_ns
        )  # fmt: skip

    def _expiry(self, purpose: str) -> int | None:
        created_at_ns = self._file.created_at_ns
        wanted = self._fields.get("expires_after[seconds]", "")
        if wanted:
            if self._fields.get("expires_after[anchor]", "created_at") != "created_at":
                raise InvalidRequest("'expires_after[anchor]' is 'created_at'", param="expires_after[anchor]")
            return created_at_ns + lifetime_s(wanted, "expires_after[seconds]") * _SECOND_NS
        if purpose != BATCH_INPUT or not self._keeping.keep_days:
            return None
        return created_at_ns + int(self._keeping.keep_days * _DAY_NS)

    async def _forget(self) -> None:
        if not self._begun:
            return
        try:
            await self._store.hide(self._file.id)
        except PilothouseError:
            # The sweep finds uploads that stopped.
            return


def lifetime_s(wanted: object, param: str) -> int:
    """Return the seconds after which a caller wants a file to go; raises `InvalidRequest`."""
    text = str(wanted)
    if not text.isascii() or not text.isdigit() or not _SHORTEST_S <= int(text[:9]) <= _LONGEST_S:
        raise InvalidRequest(f"'{param}' is a number of seconds from {_SHORTEST_S} to {_LONGEST_S}", param=param)
    return int(text)
