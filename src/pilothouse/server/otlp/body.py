"""Bodies of any size and compression, read within bounds of bytes, of time and of memory."""

import asyncio
import sys
import zlib
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from pilothouse.errors import BodyTooLarge, BodyTooSlow, IngestBusy, InvalidRequest

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

_SLICE_BYTES = 1024**2
"""What is inflated before the event loop gets its turn."""
_GZIP, _ZLIB, _RAW = 31, 15, -15
"""Forms of deflated data, as zlib numbers them."""
_WINDOW: dict[int, int] = {DecompressionParameter.window_log_max: 25}
"""32 MiB of memory at most for what a zstd stream looks back at; its ordinary levels need 8."""
_PLAIN = frozenset({"", "identity"})


class OpenBytes:
    """How many bytes of bodies are held at the moment, and no more than so many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Count `size` more bytes; raises `IngestBusy` when they are too many."""
        if self.held + size > self._limit:
            raise IngestBusy("too much telemetry is being taken in at once; send it again", retry_after_s=1.0)
        self.held += size

    def give_back(self, size: int) -> None:
        """Count `size` bytes less."""
        self.held -= size


class Inflater(Protocol):
    """Decompresses a stream step by step."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the data inflates to, in slices; raises `InvalidRequest` for data of another form."""
        ...

    def finish(self) -> None:
        """Raise `InvalidRequest` when the stream has not come to its end."""
        ...


class Plain:
    """No compression."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the data."""
        yield data

    def finish(self) -> None:
        """Never raises: the server has seen the end of the body."""


class Deflated:
    """gzip with any number of members, or deflate with or without zlib's frame."""

    def __init__(self, form: int) -> None:
        self._form = form
        self._inflate = zlib.decompressobj(form)
        self._started = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the data inflates to."""
        piece = b""
        # a full slice may leave more to come, though all of the data has gone in
        while data or len(piece) == _SLICE_BYTES:
            if self._inflate.eof:
                if self._form != _GZIP or not data.strip(b"\0"):
                    return
                self._inflate = zlib.decompressobj(self._form)
            piece = self._step(data)
            yield piece
            data = self._inflate.unconsumed_tail or self._inflate.unused_data

    def _step(self, data: bytes) -> bytes:
        try:
            found = self._inflate.decompress(data, _SLICE_BYTES)
        except zlib.error as error:
            if self._form != _ZLIB or self._started:
                raise InvalidRequest(f"the body is not compressed as it says: {error}") from error
            # "deflate" means a zlib frame, and many send the bare data
            self._form = _RAW
            self._inflate = zlib.decompressobj(_RAW)
            return self._step(data)
        self._started = self._started or bool(found)
        return found

    def finish(self) -> None:
        """Raise `InvalidRequest` when the stream has not come to its end."""
        if not self._inflate.eof:
            raise InvalidRequest("the compressed body is cut off")


class Zstandard:
    """zstd with any number of frames."""

    def __init__(self) -> None:
        self._inflate = ZstdDecompressor(options=_WINDOW)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the data inflates to."""
        while data or not (self._inflate.eof or self._inflate.needs_input):
            if self._inflate.eof:
                self._inflate = ZstdDecompressor(options=_WINDOW)
            try:
                yield self._inflate.decompress(data, _SLICE_BYTES)
            except ZstdError as error:
                raise InvalidRequest(f"the body is not compressed as it says: {error}") from error
            data = self._inflate.unused_data if self._inflate.eof else b""

    def finish(self) -> None:
        """Raise `InvalidRequest` when the stream has not come to its end."""
        if not self._inflate.eof:
            raise InvalidRequest("the compressed body is cut off")


def inflater(encoding: str) -> Inflater:
    """Return what undoes a `Content-Encoding`; raises `InvalidRequest` for one that nobody here knows."""
    match encoding.strip().lower():
        case name if name in _PLAIN:
            return Plain()
        case "gzip" | "x-gzip":
            return Deflated(_GZIP)
        case "deflate":
            return Deflated(_ZLIB)
        case "zstd":
            return Zstandard()
        case other:
            raise InvalidRequest(f"Content-Encoding {other[:40]!r} is not known here; use gzip, deflate, zstd or none")


class BodyReader:
    """Reads bodies within the bounds that it is made with."""

    def __init__(self, max_bytes: int, timeout_s: float, open_bytes: OpenBytes) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self.open_bytes = open_bytes

    @contextmanager
    def holding(self) -> Generator["Holding"]:
        """Hold the bytes of one body until the block ends."""
        holding = Holding(self.open_bytes)
        try:
            yield holding
        finally:
            holding.give_back()

    async def read(self, chunks: AsyncIterator[bytes], headers: Mapping[str, str], holding: "Holding") -> bytes:
        """Return the body, decompressed.

        Raises `BodyTooLarge`, `BodyTooSlow`, `IngestBusy`, or `InvalidRequest` when it is not
        compressed as its header says.
        """
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > self._max_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._read(chunks, inflater(headers.get("content-encoding", "")), holding)
        except TimeoutError as error:
            raise BodyTooSlow(f"the body did not come within {self._timeout_s:g} s") from error

    async def _read(self, chunks: AsyncIterator[bytes], inflate: Inflater, holding: "Holding") -> bytes:
        found = bytearray()
        came = 0
        async for chunk in chunks:
            came += len(chunk)
            if came > self._max_bytes:
                raise self._too_large()
            for piece in inflate.feed(chunk):
                holding.take(len(piece))
                found += piece
                if len(found) > self._max_bytes:
                    raise self._too_large()
                if len(piece) >= _SLICE_BYTES:
                    await asyncio.sleep(0)
        if came:
            inflate.finish()
        return bytes(found)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body is larger than {self._max_bytes} bytes, as sent or decompressed; send smaller batches"
        )


class Holding:
    """The bytes of one body, counted among all."""

    def __init__(self, open_bytes: OpenBytes) -> None:
        self._open = open_bytes
        self._held = 0

    def take(self, size: int) -> None:
        """Count `size` more; raises `IngestBusy`."""
        self._open.take(size)
        self._held += size

    def give_back(self) -> None:
        """Count all of it as gone."""
        self._open.give_back(self._held)
        self._held = 0
