"""What a chart asks of the store, as the web UI asks it: over time in steps that fit the range, or once for all."""

from datetime import datetime

import msgspec

from pilothouse.domain.dashboard import Chart
from pilothouse.domain.query import aggregate
from pilothouse.domain.query.aggregate import MAX_ROWS, Aggregate, Group
from pilothouse.domain.query.parser import parse

_STEPS_S = (60, 300, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800)
_FINE_RANGE_S = 3600
"""Below five minutes everything is read from single spans, which is quick for short ranges only."""
_COARSE_S = 300
_MOST_POINTS = 120


class Times(msgspec.Struct, frozen=True):
    """A range of time, start included, end excluded."""

    from_at: datetime
    to_at: datetime


def question(chart: Chart, project_id: str, times: Times) -> Aggregate:
    """Return what a chart asks for; raises `InvalidRequest` for one that the query language has left behind."""
    groups = [aggregate.group(chart.group_by, chart.source)] if chart.group_by else []
    over_time = chart.kind in {"line", "bars"}
    if over_time:
        step_s = step_of(times, chart.top if groups else 1)
        groups.insert(0, Group(f"time:{step_s}s", step_s=step_s))
    return Aggregate(
        project_id=project_id,
        from_at=times.from_at,
        to_at=times.to_at,
        source=chart.source,
        query=parse(chart.q),
        groups=tuple(groups),
        measures=tuple(aggregate.measure(one, chart.source) for one in chart.measures),
        order=chart.measures[0] if groups and not over_time else "",
        limit=MAX_ROWS if over_time else chart.top,
        top=chart.top if over_time and chart.group_by else 0,
    )


def step_of(times: Times, series: int) -> int:
    """Return the seconds between two points, so that all groups fit into one answer."""
    length_s = max(1.0, (times.to_at - times.from_at).total_seconds())
    points = min(_MOST_POINTS, MAX_ROWS // max(1, series) - 2)
    fits = (step for step in _STEPS_S if length_s / step <= points and (step >= _COARSE_S or length_s <= _FINE_RANGE_S))
    return next(fits, _STEPS_S[-1])
