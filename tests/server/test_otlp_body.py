"""Bodies in any pieces and compressions are read as one; cut and padded ones are told apart."""

import asyncio
import gzip
import sys
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.errors import BodyTooLarge, IngestBusy, InvalidRequest
from pilothouse.server.otlp.body import BodyReader, OpenBytes

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKED = {"": bytes, "gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}
SIZES = st.sampled_from([0, 1, 17, 1000, 1024**2, 1024**2 + 1, 3 * 1024**2])


async def _pieces(body: bytes, step: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), step):
        yield body[start : start + step]


def read(
    body: bytes, encoding: str, step: int = 65_536, most: int = 2**26, open_bytes: OpenBytes | None = None
) -> bytes:
    reader = BodyReader(most, 20.0, open_bytes or OpenBytes(2**30))

    async def run() -> bytes:
        with reader.holding() as holding:
            return await reader.read(_pieces(body, step), {"content-encoding": encoding}, holding)

    return asyncio.run(run())


@settings(deadline=None, max_examples=60)
@given(SIZES, st.sampled_from(sorted(PACKED)), st.sampled_from([2, 7, 999, 65_536]), st.booleans())
def test_any_pieces_give_the_same(size: int, encoding: str, step: int, dull: bool) -> None:
    body = bytes(size) if dull else bytes(range(256)) * (size // 256)
    packed = PACKED[encoding](body)
    if len(packed) / step > 5_000:
        step = len(packed)
    assert read(packed, encoding, step) == body


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_several_members_follow_one_another(pack) -> None:
    name = "gzip" if pack is gzip.compress else "zstd"
    packed = pack(b"one ") + pack(b"") + pack(b"two")
    assert {read(packed, name, step) for step in (1, 2, 5, 999)} == {b"one two"}
    if name == "gzip":
        assert read(packed + bytes(20), name) == b"one two", "padding after gzip is allowed"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("step", [3, 65_536])
def test_a_cut_body_is_refused(encoding: str, step: int) -> None:
    packed = PACKED[encoding](b"some text that is long enough " * 20)
    for length in range(1, len(packed) - 1, 3):
        with pytest.raises(InvalidRequest):
            read(packed[:length], encoding, step)


def test_a_stream_that_looks_back_too_far_is_refused() -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    packer = zstd.ZstdCompressor(options=options)
    packed = packer.compress(bytes(1_000)) + packer.flush()
    with pytest.raises(InvalidRequest):
        read(packed, "zstd")
    assert read(zstd.compress(bytes(10_000_000), level=19), "zstd") == bytes(10_000_000)


def test_deflate_without_a_frame_is_read_in_pieces_too() -> None:
    body = bytes(range(256)) * 40
    assert read(raw(body), "deflate", 50) == body


@pytest.mark.parametrize("encoding", sorted(PACKED))
def test_the_bound_is_kept_and_the_bytes_are_given_back(encoding: str) -> None:
    open_bytes = OpenBytes(2**30)
    assert len(read(PACKED[encoding](bytes(1_000)), encoding, most=1_000, open_bytes=open_bytes)) == 1_000
    with pytest.raises(BodyTooLarge):
        read(PACKED[encoding](bytes(1_001)), encoding, most=1_000, open_bytes=open_bytes)
    assert open_bytes.held == 0
    with pytest.raises(IngestBusy):
        read(PACKED[encoding](bytes(5_000)), encoding, open_bytes=OpenBytes(4_000))
