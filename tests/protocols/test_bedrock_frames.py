"""Event-stream frames: what Amazon's own decoder reads, every cut of the bytes, and what is no frame."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols.bedrock_converse import event_stream
from pilothouse.protocols.bedrock_converse.event_stream import Splitter

ALL_TYPES = bytes.fromhex(
    "0000008000000069e0aab6070b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c7461017400016601016202ff017303"
    "fffe016904fffffffd016c05fffffffffffffffc0362696e0600020001027473080000018bcfe56800017509000102030405060708090a0b0c"
    "0d0e0f7b2278223a317d8a96b345"
)
STOP = bytes.fromhex(
    "0000007a00000051ca2c46650b3a6576656e742d7479706507000b6d65737361676553746f700d3a636f6e74656e742d747970650700106170"
    "706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b2273746f70526561736f6e223a22656e645f7475"
    "726e227d5fbf09fc"
)
"""Both were read by botocore 1.44's decoder."""


def test_every_type_of_header_is_read() -> None:
    (raw,) = Splitter().feed(ALL_TYPES)
    frame = event_stream.parse(raw)
    assert frame.payload == b'{"x":1}'
    assert frame.headers == {
        ":event-type": "contentBlockDelta", "t": True, "f": False, "b": -1, "s": -2, "i": -3, "l": -4,
        "bin": b"\x00\x01", "ts": 1700000000000, "u": UUID(bytes=bytes(range(16))),
    }  # fmt: skip


def test_an_event_is_written_as_amazon_writes_it() -> None:
    assert event_stream.event("messageStop", b'{"stopReason":"end_turn"}') == STOP


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 64))
def test_any_cut_gives_the_same_frames(payloads: list[bytes], step: int) -> None:
    frames = [event_stream.event("e", payload) for payload in payloads]
    whole = b"".join(frames)
    splitter = Splitter()
    found = [frame for start in range(0, len(whole), step) for frame in splitter.feed(whole[start : start + step])]
    assert found == frames
    assert not splitter.partial
    assert [event_stream.parse(frame).payload for frame in found] == payloads


@pytest.mark.parametrize("place", range(0, len(STOP), 7))
def test_a_changed_byte_is_noticed(place: int) -> None:
    broken = bytearray(STOP)
    broken[place] ^= 0x40
    with pytest.raises(UpstreamProtocol):
        Splitter().feed(bytes(broken))


def test_a_frame_that_is_too_long_is_refused_by_its_first_bytes() -> None:
    head = event_stream.build({}, b"")
    assert Splitter().feed(head) == [head]
    long = event_stream.build({}, b"x" * (event_stream.MAX_FRAME_BYTES + 1))
    with pytest.raises(UpstreamProtocol, match="claims"):
        Splitter().feed(long[:12])


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_or_waited_for(noise: bytes) -> None:
    splitter = Splitter()
    try:
        assert splitter.feed(noise) == []
    except UpstreamProtocol:
        return
    assert len(noise) < 12


def test_broken_headers_are_refused() -> None:
    for head in (b"\x05ab", b"\x01a\x07\x00\xff", b"\x01a\x2a", b"\x01\xff\x00"):
        prelude = event_stream._PRELUDE.pack(len(head) + 16, len(head))  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(UpstreamProtocol):
            event_stream.parse(prelude + b"\0\0\0\0" + head + b"\0\0\0\0")
