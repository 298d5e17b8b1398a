"""The overview: figures of the calls of a project over time, by model, and against the time before.

One query for everything: groups by period, step and model with mergeable quantile states, merged once more for each
coarser grouping. They come from rollups where these hold.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from pilothouse.domain.reading import CallStats, ModelStats, Overview, OverviewFilter, OverviewPoint, Quantiles
from pilothouse.store.telemetry.conditions import moment, nanoseconds, of_calls
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.figures import INPUT_BUCKETS, OUTPUT_BUCKETS
from pilothouse.store.telemetry.rollup_cover import Range
from pilothouse.store.telemetry.rollup_tables import MERGE, OF_ROWS, OF_SPANS, STATES
from pilothouse.store.telemetry.rollups import Wanted, figures, from_spans, statement

STEPS_S = (5, 15, 60, 120, 300, 900, 3600, 7200, 21600, 86400)
"""Neighbours are at most a factor of 4 apart, so that a range gets 30 to 120 points wherever that is possible."""
MAX_POINTS = 120
MAX_MODELS = 20


class _Row(msgspec.Struct):
    previous: int
    step: int
    model: str
    all_steps: int
    all_models: int
    requests: int
    errors: int
    cancelled: int
    input_sum: int
    cache_read_sum: int
    output_sum: int
    cost_sum: Decimal
    unpriced: int
    latency: list[float | None]
    ttft: list[float | None]
    rate: list[float | None]


_KEYS = {
    "previous": "started_at < fromUnixTimestamp64Nano({middle_ns:Int64})",
    "step": "if(started_at < fromUnixTimestamp64Nano({middle_ns:Int64}), 0,"
    " intDiv(toUnixTimestamp64Nano(started_at), {step_ns:Int64}))",
    "model": "model",
}
_SUMS = {
    **{name: name for name in ("requests", "errors", "cancelled", "cost_sum", "unpriced")},
    "input_sum": " + ".join(f"{bucket}_sum" for bucket in INPUT_BUCKETS),
    "output_sum": " + ".join(f"{bucket}_sum" for bucket in OUTPUT_BUCKETS),
    "cache_read_sum": "cache_read_tokens_sum",
}
"""What is added up, and of which figures. To plan a column takes the engine as long as to read many rows of it."""
_FIGURES = tuple(name for name in OF_SPANS if name != "priced")
_GROUPED = " ".join((
    "SELECT", ", ".join(_KEYS), ",", ", ".join(f"sum({made}) AS {name}" for name, made in _SUMS.items()), ",",
    ", ".join(f"{OF_ROWS[name]} AS {name}" for name in STATES), "FROM (%FIGURES%) GROUP BY", ", ".join(_KEYS),
))  # fmt: skip
_SQL = "\n".join((
    "SELECT previous, step, model, GROUPING(step) AS all_steps, GROUPING(model) AS all_models,",
    ", ".join(f"sum({name}) AS {name}" for name in _SUMS), ",",
    ", ".join(f"{MERGE}({name}) AS {name}" for name in STATES),
    f"FROM ({_GROUPED})",
    "GROUP BY GROUPING SETS ((previous), (previous, step), (previous, model), (previous, step, model))",
    "HAVING NOT (previous AND (all_steps = 0 OR all_models = 0))",
))  # fmt: skip


async def fetch(connection: Connection, wanted: OverviewFilter, *, rolled: bool = True) -> Overview:
    """Return the overview of a time range that excludes its end; not `rolled`, it is read from the spans alone."""
    from_ns, to_ns = nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)
    length_ns = max(to_ns - from_ns, 1)
    step_s = choose_step(length_ns / 1e9)
    during = Range(
        project_id=wanted.project_id, from_ns=from_ns - length_ns, to_ns=to_ns, cuts_ns=(from_ns,),
        whole_before_ns=from_ns,
    )  # fmt: skip
    asked = Wanted(
        keys=_KEYS, step_s=step_s, filter=of_calls(wanted).plus(middle_ns=from_ns, step_ns=step_s * 10**9),
        columns=frozenset({"model", "is_call", "wrapper", "model_requested", "model_served"}), figures=_FIGURES,
    )  # fmt: skip
    found = await figures(connection, during, [asked]) if rolled else None
    if found is not None and found.found[0] is not None:
        sql, parameters = statement(found, _SQL.replace("%FIGURES%", found.found[0])), found.parameters
    else:
        source, parameters = from_spans(during, asked)
        sql = _SQL.replace("%FIGURES%", source)
    rows = await connection.select(Query("overview", sql, parameters), _Row)
    steps = range(from_ns // (step_s * 10**9), (max(to_ns, from_ns + 1) - 1) // (step_s * 10**9) + 1)
    return _assemble(wanted, step_s, steps, rows)


def choose_step(length_s: float) -> int:
    """Return the finest step in seconds that gives no more than `MAX_POINTS` points."""
    return next((step_s for step_s in STEPS_S if length_s / step_s <= MAX_POINTS), STEPS_S[-1])


def _assemble(wanted: OverviewFilter, step_s: int, steps: range, rows: list[_Row]) -> Overview:
    now = [row for row in rows if not row.previous]
    totals = _first(row for row in now if row.all_steps and row.all_models)
    previous = _first(row for row in rows if row.previous and row.all_steps and row.all_models)
    by_step = {row.step: row for row in now if row.all_models and not row.all_steps}
    models = sorted(
        (row for row in now if row.all_steps and not row.all_models), key=lambda row: (-row.requests, row.model)
    )
    cells = {(row.model, row.step): row for row in now if not row.all_models and not row.all_steps}
    return Overview(
        from_at=_utc(wanted.from_at),
        to_at=_utc(wanted.to_at),
        step_s=step_s,
        totals=_stats(totals),
        previous=_stats(previous),
        series=[OverviewPoint(at=moment(step * step_s * 10**9), stats=_stats(by_step.get(step))) for step in steps],
        models=[_model(row, [cells.get((row.model, step)) for step in steps]) for row in models[:MAX_MODELS]],
    )


def _model(row: _Row, cells: list[_Row | None]) -> ModelStats:
    return ModelStats(
        model=row.model,
        stats=_stats(row),
        requests_series=[cell.requests if cell else 0 for cell in cells],
        cost_usd_series=[cell.cost_sum if cell else Decimal(0) for cell in cells],
        tokens_series=[cell.input_sum + cell.output_sum if cell else 0 for cell in cells],
    )


def _stats(row: _Row | None) -> CallStats:
    return CallStats(
        requests=row.requests if row else 0,
        errors=row.errors if row else 0,
        cancelled=row.cancelled if row else 0,
        latency_ms=Quantiles(*row.latency) if row else Quantiles(None, None, None),
        ttft_ms=Quantiles(*row.ttft) if row else Quantiles(None, None, None),
        tokens_per_s=row.rate[0] if row else None,
        input_tokens=row.input_sum if row else 0,
        cache_read_tokens=row.cache_read_sum if row else 0,
        output_tokens=row.output_sum if row else 0,
        cost_usd=row.cost_sum if row else Decimal(0),
        unpriced=row.unpriced if row else 0,
    )


def _first(rows: Iterable[_Row]) -> _Row | None:
    return next(iter(rows), None)


def _utc(at: datetime) -> datetime:
    return moment(nanoseconds(at))
