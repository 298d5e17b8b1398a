"""How long to wait, in every form that providers use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.providers.waits import duration_s, retry_after_s

NOW_NS = 1_767_225_600 * 1_000_000_000
"""2026-01-01T00:00:00Z."""

FORMS: dict[str, tuple[list[tuple[bytes, bytes]], float | None]] = {
    "seconds": ([(b"retry-after", b"7")], 7),
    "part of a second": ([(b"retry-after", b"0.25")], 0.25),
    "any case": ([(b"Retry-After", b" 7 ")], 7),
    "date": ([(b"retry-after", b"Thu, 01 Jan 2026 00:00:30 GMT")], 30),
    "date in the past": ([(b"retry-after", b"Wed, 31 Dec 2025 23:59:00 GMT")], 0),
    "date by the provider's own clock": (
        [(b"date", b"Fri, 02 Jan 2026 00:00:00 GMT"), (b"retry-after", b"Fri, 02 Jan 2026 00:00:12 GMT")],
        12,
    ),
    "milliseconds go first": ([(b"retry-after-ms", b"1500"), (b"retry-after", b"2")], 1.5),
    "broken milliseconds": ([(b"retry-after-ms", b"soon"), (b"retry-after", b"2")], 2),
    "negative": ([(b"retry-after", b"-3")], 0),
    "not a number": ([(b"retry-after", b"nan")], None),
    "endless": ([(b"retry-after", b"inf")], None),
    "words": ([(b"retry-after", b"later")], None),
    "empty": ([(b"retry-after", b"")], None),
    "nothing": ([], None),
    "OpenAI's requests are spent": (
        [
            (b"x-ratelimit-remaining-requests", b"0"),
            (b"x-ratelimit-reset-requests", b"1m2s"),
            (b"x-ratelimit-remaining-tokens", b"900"),
            (b"x-ratelimit-reset-tokens", b"6ms"),
        ],
        62,
    ),
    "both are spent": (
        [
            (b"x-ratelimit-remaining-requests", b"0"),
            (b"x-ratelimit-reset-requests", b"2s"),
            (b"x-ratelimit-remaining-tokens", b"0"),
            (b"x-ratelimit-reset-tokens", b"1h0m3.5s"),
        ],
        3603.5,
    ),
    "none is told to be spent": (
        [(b"x-ratelimit-reset-requests", b"12s"), (b"x-ratelimit-reset-tokens", b"6ms")],
        0.006,
    ),
    "retry-after goes before resets": ([(b"retry-after", b"1"), (b"x-ratelimit-reset-requests", b"1m")], 1),
    "Anthropic": (
        [
            (b"anthropic-ratelimit-tokens-remaining", b"0"),
            (b"anthropic-ratelimit-tokens-reset", b"2026-01-01T00:00:20Z"),
        ],
        20,
    ),
    "a point in time": ([(b"x-ratelimit-reset", b"1767225605")], 5),
    "a point in time in milliseconds": ([(b"x-ratelimit-reset", b"1767225605000")], 5),
    "a time without a zone says nothing": ([(b"x-ratelimit-reset", b"2026-01-01T00:00:20")], None),
    "a broken reset": ([(b"x-ratelimit-reset-requests", b"1x")], None),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_wait(name: str) -> None:
    headers, expected = FORMS[name]
    found = retry_after_s(headers, NOW_NS)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-6))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1m2s", 62),
        ("6ms", 0.006),
        ("1h2m3.5s", 3723.5),
        ("2d", 172800),
        ("12.5", 12.5),
        ("1M2S", 62),
        ("120us", 0.00012),
        ("5m30", None),
        ("s", None),
        ("1.2.3s", None),
        ("", None),
        ("1 m", None),
    ],
)
def test_durations(text: str, expected: float | None) -> None:
    found = duration_s(text)
    assert found == (None if expected is None else pytest.approx(expected))


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_add_up(hours: int, minutes: int, seconds: int, millis: int) -> None:
    found = duration_s(f"{hours}h{minutes}m{seconds}s{millis}ms")
    assert found == pytest.approx(hours * 3600 + minutes * 60 + seconds + millis / 1000)


NAMES = sorted({name for headers, _ in FORMS.values() for name, _ in headers})


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=20) | st.text(max_size=9).map(str.encode))))
def test_no_header_breaks_it(headers: list[tuple[bytes, bytes]]) -> None:
    found = retry_after_s(headers, NOW_NS)
    assert found is None or found >= 0
