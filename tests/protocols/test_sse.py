"""Server-sent events on byte level."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import sse


@pytest.mark.parametrize(
    ("buffer", "end"),
    [
        (b"", 0),
        (b"data: a", 0),
        (b"data: a\n", 0),
        (b"data: a\n\n", 9),
        (b"data: a\r\n\r\n", 11),
        (b"data: a\n\ndata: b", 9),
        (b"data: a\r\n\r\ndata: b\r\n", 11),
        (b"data: a\n\ndata: b\r\n\r\n", 20),
        (b"data: a\r\n\ndata", 10),
        ("data: a\u2028\u2028b\u0085\u0085".encode(), 0),
        (b"data: a\r\rdata: b\r\r", 0),
    ],
)
def test_events_end_at_lf_and_crlf_only(buffer: bytes, end: int) -> None:
    assert sse.last_boundary(buffer) == end


PARTS = st.lists(st.sampled_from([b"data: x", b"\n", b"\r", b":", b"\xc3\xa9", b"\n\n", b"\r\n\r\n"]), max_size=30)


@given(PARTS)
def test_frames_lose_no_byte_and_each_but_the_last_is_whole(parts: list[bytes]) -> None:
    buffer = b"".join(parts)
    found = list(sse.frames(buffer))
    assert b"".join(found) == buffer
    whole, rest = found[:-1], found[-1] if found else b""
    assert all(sse.last_boundary(frame) == len(frame) for frame in whole)
    assert sse.last_boundary(rest) in (0, len(rest))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b"data: {}\n\n", (b"", b"{}")),
        (b"data:{}\n\n", (b"", b"{}")),
        (b"data:  [DONE] \n\n", (b"", b"[DONE]")),
        (b"data: {}\r\n\r\n", (b"", b"{}")),
        (b": ping\n\n", (b"", b"")),
        (b": ping\n\ndata: {}\n\n"[8:], (b"", b"{}")),
        (b": ping\ndata: {}\n\n", (b"", b"{}")),
        (b"data: a\ndata: b\n\n", (b"", b"a\nb")),
        (b"event: error\ndata: {}\n\n", (b"error", b"{}")),
        (b"data: {}\nevent:error\n\n", (b"error", b"{}")),
        (b"id: 7\nretry: 10\ndata: {}\n\n", (b"", b"{}")),
        (b"error: {}\n\n", (b"error", b"{}")),
        (b"\xef\xbb\xbfdata: {}\n\n", (b"", b"{}")),
        (b"\ndata: {}\n\n", (b"", b"{}")),
        (b"data\n\n", (b"", b"")),
        (b"nonsense\n\n", (b"", b"")),
    ],
)
def test_the_name_and_data_of_an_event(frame: bytes, expected: tuple[bytes, bytes]) -> None:
    assert sse.parse(frame) == expected


@given(pieces=st.lists(st.sampled_from([b"data: a", b"\n\n", b"\r\n\r\n", b"\n", b"\r\n", b": ping", b"\xc3\xa9"])))
def test_a_splitter_gives_back_every_byte_and_only_whole_events(pieces: list[bytes]) -> None:
    splitter, out = sse.Splitter(1000), b""
    for piece in pieces:
        ready = splitter.feed(piece)
        assert sse.last_boundary(ready) == len(ready)
        out += ready
    rest = splitter.end()
    assert sse.last_boundary(rest) == 0
    assert out + rest == b"".join(pieces)


def test_an_event_without_end_is_given_up() -> None:
    splitter = sse.Splitter(10)
    assert splitter.feed(b"data: 123\n\ndata: 1") == b"data: 123\n\n"
    with pytest.raises(UpstreamProtocol, match="larger than 10 bytes"):
        splitter.feed(b"23456")


def test_a_body_that_is_no_stream_is_held_whole() -> None:
    splitter = sse.Splitter(10)
    splitter.hold(b'{"a":\n\n')
    splitter.hold(b"1}")
    assert splitter.end() == b'{"a":\n\n1}'
    with pytest.raises(UpstreamProtocol):
        splitter.hold(b"x" * 11)
