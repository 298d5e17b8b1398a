"""Dashboards: charts that a project keeps and shares."""

from typing import Literal

import msgspec

from pilothouse.domain.query.aggregate import Source

ChartKind = Literal["line", "bars", "number", "table"]


class Chart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One chart: figures of `source` that `q` finds, as `GET /query` gives them."""

    title: str
    kind: ChartKind = "line"
    """`line` and `bars` over time, `number` and `table` over the whole range."""
    source: Source = "spans"
    measures: tuple[str, ...] = ("count",)
    """As in `GET /query`, such as `p95(latency_ms)`; several only without a group, or in a table."""
    group_by: str = ""
    """A field; empty for none."""
    q: str = ""
    """A query; empty for everything."""
    top: int = 8
    """Groups that are shown, those first that have most of the first measure."""
    width: int = 2
    """Of four columns, 1 to 4."""


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """Charts under a name."""

    id: str
    project_id: str
    """Empty for one that comes with Pilothouse."""
    name: str
    description: str
    charts: tuple[Chart, ...]
    version: int
    """Rises with each change; 0 for one that comes with Pilothouse."""
    changed_by: str
    """As the audit names the caller."""
    created_at_ns: int
    updated_at_ns: int
