"""Paging of short lists and times, for any input."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.errors import InvalidRequest
from pilothouse.server.queries import MAX_LIMIT, Paging, cut, moment, whole
from pilothouse.server.views import at, to_ns

ids = st.lists(st.text(min_size=1), unique=True, max_size=50)
MOMENTS = [datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (1971, 2200)]
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(ids, st.integers(1, MAX_LIMIT))
def test_pages_put_together_are_the_list(items: list[str], limit: int) -> None:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = cut(items, Paging(limit, cursor), str)
        assert 0 < len(page) <= limit or not items
        found += page
    assert found == items


@given(ids, st.text())
def test_a_cursor_is_the_lists_own_or_refused(items: list[str], cursor: str) -> None:
    try:
        page, _ = cut(items, Paging(10, cursor), str)
    except InvalidRequest as error:
        page, refused = [], error.param
    else:
        refused = "cursor"
    assert (set(page) <= set(items), refused) == (True, "cursor")


@given(st.datetimes(MOMENTS[0], MOMENTS[1], timezones=zones))
def test_times_keep_their_moment(value: datetime) -> None:
    assert moment(value.isoformat(), "from") == value
    assert at(to_ns(value)) == value.astimezone(UTC)


@given(st.text())
def test_any_other_text_is_refused_with_its_name(text: str) -> None:
    try:
        found = moment(text, "to").tzinfo is not None
    except InvalidRequest as error:
        found = error.param == "to"
    assert found


def test_a_date_alone_is_no_time() -> None:
    with pytest.raises(InvalidRequest):
        moment("2026-01-01", "from")


@given(st.integers(0, 10**7), st.sampled_from(["", "0", "000000"]))
def test_a_whole_number_is_within_its_bounds_however_it_is_written(number: int, zeros: str) -> None:
    if 1 <= number <= 50:
        assert whole(f"{zeros}{number}", "top", 1, 50) == number
        return
    with pytest.raises(InvalidRequest) as refused:
        whole(f"{zeros}{number}", "top", 1, 50)
    assert refused.value.param == "top"


@pytest.mark.parametrize("text", ["", "-1", "1.5", "²", "x", "9" * 5_000])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        whole(text, "top", 0, 10**9)
