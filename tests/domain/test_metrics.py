"""What is added, and where quantiles lie, whichever way an application counts."""

import bisect
import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.domain.metrics import Reading, levels, quantile, tallies

ENDS = (1.0, 2.0, 5.0, 10.0)
VALUES = st.lists(st.floats(0, 20), max_size=6)
STEPS = st.lists(st.tuples(VALUES, st.booleans()), min_size=1, max_size=12)
"""What is measured in each step, and whether the application starts anew before it."""


def buckets(values: list[float], ends: tuple[float, ...] = ENDS) -> tuple[int, ...]:
    places = [bisect.bisect_left(ends, value) for value in values]
    return tuple(places.count(place) for place in range(len(ends)))


def cumulative(steps: list[tuple[list[float], bool]], *, told: bool) -> list[Reading]:
    """Return readings of an application; `told` says whether a new start has its time, or is only seen to be one."""
    held: list[float] = []
    found: list[Reading] = []
    series, restart, started_ns = 1, 0, 1
    for step, (values, anew) in enumerate(steps):
        if anew:
            if told:
                series, started_ns = series + 1, 10 * step + 1
            elif held and len(values) < len(held):
                restart += 1
            else:
                anew = False
        held = [*values] if anew else [*held, *values]
        found.append(
            Reading(
                series=series,
                restart=restart,
                step=step,
                started_ns=started_ns,
                at_ns=10 * step + 9,
                value=float(len(held)),
                count=len(held),
                sum=math.fsum(held),
                ends=ENDS,
                counts=buckets(held),
            )
        )
    return found


@settings(deadline=None)
@given(steps=STEPS, told=st.booleans())
def test_cumulative_points_say_what_was_added_whenever_the_application_starts_anew(
    steps: list[tuple[list[float], bool]], told: bool
) -> None:
    found = tallies(cumulative(steps, told=told), 0)
    for step, (values, _anew) in enumerate(steps):
        tally = found["", step]
        assert (tally.value, tally.count) == (len(values), len(values))
        assert tally.sum == pytest.approx(math.fsum(values), abs=1e-6)
        assert [tally.buckets[end] for end in ENDS] == list(buckets(values))


def test_what_a_series_held_before_it_was_first_seen_counts_nowhere() -> None:
    old = Reading(series=1, step=0, started_ns=50, at_ns=200, value=1_000.0, count=1_000)
    later = Reading(series=1, step=1, started_ns=50, at_ns=300, value=1_003.0, count=1_003)
    found = tallies([old, later], 100)
    assert {place: tally.value for place, tally in found.items()} == {("", 1): 3.0}
    unknown = Reading(series=2, step=0, started_ns=200, at_ns=200, value=7.0)
    assert tallies([unknown], 100) == {}, "a start at its own time is no start that is known"


def test_before_the_range_a_series_is_only_looked_at() -> None:
    first = Reading(series=1, step=-1, started_ns=50, at_ns=60, value=5.0)
    second = Reading(series=1, step=0, started_ns=50, at_ns=200, value=9.0)
    assert {place: tally.value for place, tally in tallies([first, second], 10).items()} == {("", 0): 4.0}


@given(values=st.lists(st.floats(0, 20), min_size=1, max_size=8), more=st.lists(st.floats(0, 20), max_size=8))
def test_buckets_that_become_coarser_lose_nothing(values: list[float], more: list[float]) -> None:
    coarse = (2.0, 10.0)
    fine = Reading(series=1, step=0, started_ns=1, at_ns=5, count=len(values), ends=ENDS, counts=buckets(values))
    both = [*values, *more]
    later = Reading(series=1, step=1, started_ns=1, at_ns=9, count=len(both), ends=coarse, counts=buckets(both, coarse))
    tally = tallies([fine, later], 0)["", 1]
    assert (tally.count, [tally.buckets[end] for end in coarse]) == (len(more), list(buckets(more, coarse)))


@given(values=st.lists(st.floats(0, 20), min_size=1, max_size=40), shares=st.lists(st.floats(0.01, 1), min_size=2))
def test_a_quantile_lies_in_the_bucket_of_the_value_that_it_stands_for(
    values: list[float], shares: list[float]
) -> None:
    held = list(zip(ENDS, buckets(values), strict=True))
    ordered, edges = sorted(values), (0.0, *ENDS)
    found = [quantile(held, len(values), share, max(values)) for share in sorted(shares)]
    assert all(before is not None and after is not None and before <= after for before, after in pairwise(found))
    for share, value in zip(sorted(shares), found, strict=True):
        assert value is not None
        true = ordered[max(0, math.ceil(share * len(values) - 1e-9) - 1)]
        place = bisect.bisect_left(ENDS, true)
        top = ENDS[place] if place < len(ENDS) else max(values)
        assert min(edges[place], max(values)) <= value <= top


def test_quantiles_of_nothing_of_negative_values_and_above_the_last_end() -> None:
    assert quantile([], 0, 0.5) is None
    assert quantile([(-5.0, 2), (0.0, 0)], 2, 0.5) == -5.0
    assert quantile([(1.0, 0), (2.0, 0)], 4, 0.5) == 2.0, "more is not known than that it lies above"
    assert quantile([(1.0, 1)], 2, 0.99, 7.5) == 7.5


def test_sums_that_fall_count_on_for_a_while_and_add_up() -> None:
    def level(series: int, step: int, value: float, group: str = "") -> Reading:
        return Reading(series=series, group=group, step=step, value=value)

    readings = [level(1, -1, 5), level(2, 0, 2), level(1, 1, 4), level(2, 3, 1), level(3, 2, 9, "other")]
    assert levels(readings, 5, 2) == {"": [7.0, 6.0, 6.0, 5.0, 1.0], "other": [None, None, 9.0, 9.0, 9.0]}
