"""Metrics of applications, as they send them over OpenTelemetry: which there are, and figures of one over time."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from pilothouse.domain.metrics import MetricExemplars, MetricFigures, MetricFilter, MetricKind, MetricList, MetricName
from pilothouse.domain.reading import Facet
from pilothouse.errors import InvalidRequest
from pilothouse.server.callers import ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import RangeDep, one_of, whole

_MAX_WHERE = 10
_MAX_GROUPS = 50

Name = Annotated[str, QueryParameter(name="name", description="Name of the metric.")]
Kinds = Annotated[str, QueryParameter(name="kind", schema_extra={"enum": list(MetricKind)})]
Unit = Annotated[
    str, QueryParameter(name="unit", description="As it was sent; the same name in another unit is another metric.")
]
GroupBy = Annotated[str, QueryParameter(name="group_by", description="`attributes.…` or `resource.…`.")]
Where = Annotated[
    list[str] | None,
    QueryParameter(name="where", description="`attributes.…=value` or `resource.…=value`; all given must hold."),
]
Top = Annotated[str, QueryParameter(name="top", schema_extra={"type": "integer", "minimum": 1, "maximum": _MAX_GROUPS})]
Attribute = Annotated[str, QueryParameter(name="attribute", description="`attributes.…` or `resource.…`.")]


async def metric(name: Name = "", kind: Kinds = "", unit: Unit = "") -> MetricName:
    """Read which metric is meant; raises `InvalidRequest` when none can be."""
    if not name:
        raise InvalidRequest("`name` must be the name of a metric.", param="name")
    return MetricName(name, one_of(MetricKind, kind, "kind"), unit)


MetricDep = NamedDependency[SkipValidation[MetricName]]


async def points_wanted(project: ProjectDep, during: RangeDep, of: MetricDep, where: Where = None) -> MetricFilter:
    """Read which points count; raises `InvalidRequest`."""
    if len(where or ()) > _MAX_WHERE:
        raise InvalidRequest(f"`where` may be given {_MAX_WHERE} times at most.", param="where")
    return MetricFilter(
        project_id=project, from_at=during.from_at, to_at=during.to_at, metric=of,
        where=tuple(_condition(one) for one in where or ()),
    )  # fmt: skip


PointsDep = NamedDependency[SkipValidation[MetricFilter]]


class MetricValues(msgspec.Struct, frozen=True):
    """Values of an attribute, the most frequent first, with the number of points that have each."""

    items: list[Facet]


@get("/metrics", operation_id="listMetrics", summary="The metrics that applications sent")
async def listed(parts: Parts, project: ProjectDep, during: RangeDep) -> MetricList:
    """Return the metrics of which points came in a time range, by name, 1,000 at most."""
    return await parts.telemetry.metrics(project, (during.from_at, during.to_at))


@get(
    "/metrics/figures",
    operation_id="metricFigures",
    summary="Figures of a metric over time",
    dependencies={"of": Provide(metric), "wanted": Provide(points_wanted)},
)
async def figures(parts: Parts, wanted: PointsDep, group_by: GroupBy = "", top: Top = "10") -> MetricFigures:
    """Return rates, levels or quantiles in steps that suit the time range, for one group or the `top` largest."""
    groups = whole(top, "top", 1, _MAX_GROUPS)
    return await parts.telemetry.metric_figures(msgspec.structs.replace(wanted, group_by=group_by, top=groups))


@get(
    "/metrics/exemplars",
    operation_id="listMetricExemplars",
    summary="Measurements behind a metric, and their spans",
    dependencies={"of": Provide(metric), "wanted": Provide(points_wanted)},
)
async def exemplars(parts: Parts, wanted: PointsDep, group_by: GroupBy = "") -> MetricExemplars:
    """Return up to four exemplars of each step of the figures, from the greatest to the least, by time."""
    return await parts.telemetry.metric_exemplars(msgspec.structs.replace(wanted, group_by=group_by))


@get(
    "/metrics/values",
    operation_id="listMetricValues",
    summary="The values of an attribute of a metric",
    dependencies={"of": Provide(metric), "wanted": Provide(points_wanted)},
)
async def values(parts: Parts, wanted: PointsDep, attribute: Attribute = "") -> MetricValues:
    """Return the 200 most frequent values that an attribute has in a time range."""
    return MetricValues(await parts.telemetry.metric_values(msgspec.structs.replace(wanted, group_by=attribute)))


HANDLERS = (listed, figures, exemplars, values)


def _condition(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise InvalidRequest(f"`where` must be a name, `=` and a value, not {text[:40]!r}.", param="where")
    return name, value
