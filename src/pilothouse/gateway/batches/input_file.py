"""The input file of a batch: all of its lines in turn, or single ones by their place."""

from collections import OrderedDict
from collections.abc import AsyncIterator

import msgspec

from pilothouse.domain.batch import BatchEntry
from pilothouse.domain.files import CHUNK_BYTES
from pilothouse.errors import BodyTooLarge, NotFound
from pilothouse.gateway.files.ports import FileStore

_REMEMBERED = 8
"""Pieces of a file that are kept in memory."""


class Line(msgspec.Struct, frozen=True):
    """One line that is not blank."""

    place: int
    """Where it begins in the file, in bytes."""
    content: bytes
    number: int
    """Of the file, from 1."""


class InputFile:
    """Reads a stored file; every method raises what the store raises."""

    def __init__(self, files: FileStore, file_id: str) -> None:
        self._files = files
        self._id = file_id
        self._pieces: OrderedDict[int, bytes] = OrderedDict()

    async def lines(self, limit_bytes: int) -> AsyncIterator[Line]:
        """Yield every line that is not blank; raises `BodyTooLarge` when one is over the limit."""
        held, place, piece, number = bytearray(), 0, 0, 0
        while (data := await self._files.chunk(self._id, piece)) is not None:
            piece += 1
            seen, start = len(held), 0
            held += data
            while (end := held.find(b"\n", seen)) >= 0:
                number += 1
                if not held[start:end].isspace() and end > start:
                    yield Line(place + start, bytes(held[start:end]), number)
                seen = start = end + 1
            del held[:start]
            place += start
            if len(held) > limit_bytes:
                raise BodyTooLarge(f"line {number + 1} of the file is larger than {limit_bytes} bytes")
        if held and not held.isspace():
            yield Line(place, bytes(held), number + 1)

    async def read(self, entry: BatchEntry) -> bytes:
        """Return one line; raises `NotFound` when the file is not there any more."""
        first, start = divmod(entry.place, CHUNK_BYTES)
        last = (entry.place + entry.size_bytes - 1) // CHUNK_BYTES
        found = b"".join([await self._piece(n) for n in range(first, last + 1)])
        return found[start : start + entry.size_bytes]

    async def _piece(self, n: int) -> bytes:
        known = self._pieces.get(n)
        if known is not None:
            self._pieces.move_to_end(n)
            return known
        data = await self._files.chunk(self._id, n)
        if data is None:
            raise NotFound(f"the input file {self._id} is not there any more")
        self._pieces[n] = data
        if len(self._pieces) > _REMEMBERED:
            self._pieces.popitem(last=False)
        return data
