"""Figures over what queries find, made of rollups where these have all that is asked for."""

from collections.abc import Mapping

import msgspec

from pilothouse.domain.query.aggregate import Aggregate, Column, Function, Group
from pilothouse.store.telemetry.clause import Conditions
from pilothouse.store.telemetry.figures import INPUT_BUCKETS, OUTPUT_BUCKETS
from pilothouse.store.telemetry.query import TEXTS
from pilothouse.store.telemetry.rollup_tables import DIMENSIONS, MERGE, MINUTE_S
from pilothouse.store.telemetry.rollups import Wanted, aspect_of, columns_of


class Rolled(msgspec.Struct, frozen=True):
    """What is asked of rollups in place of the spans: rows with the groups `g0`, `g1` …."""

    wanted: Wanted
    measures: list[str]
    """Expressions over its rows, in the order of what is asked for."""


class _Measure(msgspec.Struct, frozen=True):
    sql: str
    figures: tuple[str, ...]


def _sum(buckets: tuple[str, ...]) -> _Measure:
    names = tuple(f"{bucket}_sum" for bucket in buckets)
    return _Measure(f"toFloat64({' + '.join(f'sum({name})' for name in names)})", names)


_SUMS: Mapping[str, _Measure] = {
    "tokens": _sum((*INPUT_BUCKETS, *OUTPUT_BUCKETS)),
    "input_tokens": _sum(INPUT_BUCKETS),
    "output_tokens": _sum(OUTPUT_BUCKETS),
    "cache_read_tokens": _sum(("cache_read_tokens",)),
    "reasoning_tokens": _sum(("reasoning_tokens",)),
    # What has no price is not free.
    "cost_usd": _Measure("if(sum(priced) = 0, NULL, toFloat64(sum(cost_sum)))", ("cost_sum", "priced")),
}
_PLAIN: Mapping[Function, _Measure] = {
    "count": _Measure("sum(requests)", ("requests",)),
    "error_rate": _Measure("sum(errors) / sum(requests)", ("errors", "requests")),
}
_STATES: Mapping[str, str] = {"latency_ms": "latency", "ttft_ms": "ttft", "tokens_per_s": "rate"}
_LEVELS: Mapping[Function, int] = {"p50": 1, "p95": 2, "p99": 3}


def of_rollups(wanted: Aggregate, step_s: int, asked: Conditions) -> Rolled | None:
    """Return what to ask of rollups, None when only the spans can tell."""
    measures = [_measure(one.function, one.column) for one in wanted.measures]
    groups = [_group(one, step_s) for one in wanted.groups]
    looked_at = columns_of(wanted.query)
    if wanted.of_traces or wanted.source != "spans" or step_s % MINUTE_S or looked_at is None:
        return None
    found = [one for one in measures if one is not None]
    keys = [one for one in groups if one is not None]
    columns = looked_at.union(*(one.columns for one in keys))
    if len(found) < len(measures) or len(keys) < len(groups) or aspect_of(columns) is None:
        return None
    figures = tuple(dict.fromkeys(name for one in found for name in one.figures))
    return Rolled(
        Wanted(
            keys={f"g{number}": one.sql for number, one in enumerate(keys)}, step_s=step_s, filter=asked,
            columns=columns, figures=figures,
        ),
        [one.sql for one in found],
    )  # fmt: skip


class _Key(msgspec.Struct, frozen=True):
    sql: str
    columns: frozenset[str] = frozenset()


def _measure(function: Function, column: Column | None) -> _Measure | None:
    if column is None:
        return _PLAIN.get(function)
    if function == "sum":
        return _SUMS.get(column.name)
    if function in _LEVELS and column.name in _STATES:
        state = _STATES[column.name]
        return _Measure(f"arrayElement({MERGE}({state}), {_LEVELS[function]})", (state,))
    return None


def _group(group: Group, step_s: int) -> _Key | None:
    if group.column is None:
        return _Key(f"toInt64(intDiv(toUnixTimestamp(started_at), {step_s})) * {step_s}")
    name = group.column.name
    if name == "model":
        return _Key("toString(model)", frozenset({"model"}))
    if name == "streamed":
        return _Key("if(streamed, 'true', 'false')", frozenset({"streamed"}))
    columns = TEXTS.get(name, ("",))
    return _Key(f"toString({columns[0]})", frozenset({columns[0]})) if columns[0] in DIMENSIONS else None
