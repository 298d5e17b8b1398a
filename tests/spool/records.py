"""Records for the tests of spool and ingest."""

import time
from collections.abc import Callable

from pilothouse.domain.call import CallRecord, Outcome


def call(number: int, body: bytes = b"x" * 100) -> CallRecord:
    """Return a record that carries its number in `id`."""
    return CallRecord(
        id=f"{number:012d}",
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        parent_span_id="",
        project_id="",
        key_id="",
        started_at_ns=time.time_ns(),
        duration_ns=5,
        overhead_ns=1,
        first_token_ns=None,
        last_token_ns=None,
        outcome=Outcome.ANSWERED,
        status=200,
        request_body=body,
        request_size_bytes=len(body),
    )


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Block until the condition holds; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)
