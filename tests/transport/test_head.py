"""Heads as they are written, and what can never be written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.errors import InvalidRequest
from pilothouse.transport.base import Origin, Request
from pilothouse.transport.head import HeadWriter

ORIGIN = Origin("https", "api.example", 443)


def head(**fields: object) -> bytes:
    whole = {"method": b"POST", "target": b"/", "headers": (), "body": b"", **fields}
    return HeadWriter(b"", b"host: api.example\r\n").render(Request(ORIGIN, **whole))


def test_a_head_byte_by_byte() -> None:
    assert head(target=b"/v1", headers=((b"A", b"b c"), (b"d", b"")), body=b"xyz") == (
        b"POST /v1 HTTP/1.1\r\nhost: api.example\r\nA: b c\r\nd: \r\n"
        b"accept-encoding: identity\r\ncontent-length: 3\r\n\r\n"
    )


def test_headers_of_one_call_go_behind_those_of_many() -> None:
    writer = HeadWriter(b"", b"host: api.example\r\n")
    for number in (b"1", b"2"):
        more = ((b"accept-encoding", b"gzip"), (b"x-number", number))
        assert writer.render(Request(ORIGIN, b"GET", b"/v1", ((b"a", b"b"),), more_headers=more)) == (
            b"GET /v1 HTTP/1.1\r\nhost: api.example\r\na: b\r\naccept-encoding: gzip\r\nx-number: "
            + number
            + b"\r\n\r\n"
        )
    with pytest.raises(InvalidRequest) as caught:
        writer.render(Request(ORIGIN, b"GET", b"/v1", ((b"a", b"b"),), more_headers=((b"x", b"\n"),)))
    assert caught.value.param == "x"


def test_the_offending_header_is_named_and_its_value_is_not() -> None:
    with pytest.raises(InvalidRequest) as caught:
        head(headers=((b"ok", b"1"), (b"authorization", b"Bearer sk-secret\r\n")))
    assert caught.value.param == "authorization"
    assert "sk-secret" not in str(caught.value)


parts = st.binary(max_size=12) | st.sampled_from([b"x-a", b"/", b"GET", b"a\r\nb: c", b"\r", b"\n", b"\r\n\r\nGET / "])


@given(method=parts, target=parts, headers=st.lists(st.tuples(parts, parts), max_size=3), body=st.binary(max_size=5))
def test_nothing_given_adds_a_line(
    method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    writer = HeadWriter(b"", b"host: api.example\r\n")
    for split in (0, len(headers), 1, 0):
        many, one = tuple(headers[:split]), tuple(headers[split:])
        request = Request(ORIGIN, method, target, many, body, more_headers=one)
        try:
            written = writer.render(request)
        except InvalidRequest:
            continue
        assert written.endswith(b"\r\n\r\n")
        lines = written[:-4].split(b"\r\n")
        assert lines[0] == method + b" " + target + b" HTTP/1.1"
        assert lines[0].count(b" ") == 2
        own = [line for line in lines[1:] if line.startswith((b"host:", b"content-length:"))]
        assert len(own) == 1 + bool(body or method in (b"POST", b"PUT", b"PATCH"))
        given_lines = [name + b": " + value for name, value in headers]
        assert lines[2 : 2 + len(headers)] == given_lines
        assert not any(byte in line for line in lines for byte in (b"\r", b"\n", b"\0"))
