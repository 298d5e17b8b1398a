"""Identifiers and the W3C trace context."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.ids import new_id, new_span_id, new_trace_id, parse_traceparent, render_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_ids_are_uuid7_of_this_moment() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid.UUID(new_id()) for _ in range(500)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == 500
    assert {(found.version, found.variant) for found in made} == {(7, uuid.RFC_4122)}
    stamps = [found.int >> 80 for found in made]
    assert stamps == sorted(stamps)
    assert before <= stamps[0] <= stamps[-1] <= after


def test_trace_and_span_ids_are_hex_of_their_length() -> None:
    assert len(bytes.fromhex(new_trace_id())) == 16
    assert len(bytes.fromhex(new_span_id())) == 8
    assert len({new_trace_id() for _ in range(100)}) == 100


@given(st.binary(min_size=16, max_size=16).filter(any), st.binary(min_size=8, max_size=8).filter(any), st.booleans())
def test_what_is_rendered_is_parsed_back(trace: bytes, span: bytes, sampled: bool) -> None:
    found = parse_traceparent(render_traceparent(trace.hex(), span.hex(), sampled=sampled).encode())
    assert found is not None
    assert (found.trace_id, found.parent_span_id, found.sampled) == (trace.hex(), span.hex(), sampled)


@pytest.mark.parametrize(
    "header",
    [
        "", "junk", f"00-{TRACE}-{SPAN}", f"00-{TRACE.upper()}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE[:-1]}-{SPAN}-01", f"00_{TRACE}-{SPAN}-01",
    ],
)  # fmt: skip
def test_headers_that_are_not_valid_are_ignored(header: str) -> None:
    assert parse_traceparent(header.encode()) is None


@given(st.binary(max_size=80))
def test_no_header_raises(header: bytes) -> None:
    parse_traceparent(header)


def test_a_later_version_may_carry_more() -> None:
    found = parse_traceparent(f"01-{TRACE}-{SPAN}-00-more".encode())
    assert found is not None
    assert (found.trace_id, found.sampled) == (TRACE, False)
