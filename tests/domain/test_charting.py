"""What charts ask of the store."""

from datetime import UTC, datetime, timedelta

import pytest

from pilothouse.domain import charting
from pilothouse.domain.charting import Times
from pilothouse.domain.dashboard import Chart
from pilothouse.errors import InvalidRequest

START = datetime(2026, 1, 1, tzinfo=UTC)


def during(hours: float) -> Times:
    return Times(START, START + timedelta(hours=hours))


def test_a_range_has_a_readable_number_of_points() -> None:
    """As in `stepOf` of the web UI, so that both draw the same."""
    steps = [charting.step_of(during(hours), 1) for hours in (0.25, 1, 6, 24, 168, 720)]
    assert steps == [60, 60, 300, 900, 7200, 21_600]
    for hours in (1, 24, 720, 8760):
        assert hours * 3600 / charting.step_of(during(hours), 10) <= 100


def test_charts_over_time_ask_for_the_groups_that_lead() -> None:
    asked = charting.question(Chart(title="t", group_by="model", top=2, q="kind:llm"), "p", during(24))
    assert ([one.text for one in asked.groups], asked.top, asked.limit) == (["time:900s", "model"], 2, 1000)
    assert (asked.project_id, asked.from_at, asked.query is None) == ("p", START, False)
    plain = charting.question(Chart(title="t", measures=("p50(latency_ms)", "count")), "p", during(24))
    assert ([one.text for one in plain.groups], plain.top, len(plain.measures)) == (["time:900s"], 0, 2)


def test_tables_and_numbers_ask_once_for_the_whole_range() -> None:
    table = Chart(title="t", kind="table", group_by="user", measures=("sum(tokens)", "count"))
    asked = charting.question(table, "p", during(24))
    assert ([one.text for one in asked.groups], asked.order, asked.limit) == (["user"], "sum(tokens)", 8)
    assert charting.question(Chart(title="t", kind="number"), "p", during(24)).groups == ()


def test_a_chart_that_the_language_left_behind_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        charting.question(Chart(title="t", measures=("p50(gone)",)), "p", during(1))
    with pytest.raises(InvalidRequest):
        charting.question(Chart(title="t", q="gone:("), "p", during(1))
