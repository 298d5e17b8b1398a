"""Metrics read back from the real store."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pilothouse.domain.metrics import (
    MetricExemplars,
    MetricFigures,
    MetricFilter,
    MetricGroup,
    MetricKind,
    MetricName,
)
from pilothouse.domain.telemetry import Exemplar, MetricPoint
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry.client import Telemetry
from tests.spans import BASE_NS, new_project

MINUTE_NS = 60 * 10**9
FIRST_NS = BASE_NS - BASE_NS % (3600 * 10**9)
FIRST = datetime.fromtimestamp(FIRST_NS / 1e9, UTC)
MODEL = "attributes.gen_ai.request.model"


def point(minute: float, **changes: Any) -> MetricPoint:
    plain = MetricPoint(
        project_id="", id=uuid.uuid4().hex, surface="otlp_http", name="calls", kind="sum", unit="{call}",
        description="Calls made", started_at_ns=FIRST_NS - 10 * MINUTE_NS,
        at_ns=FIRST_NS + round(minute * MINUTE_NS), cumulative=True, monotonic=True,
        attributes={"gen_ai.request.model": "small"}, resource={"service.name": "shop"},
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


async def asked(telemetry: Telemetry, points: list[MetricPoint], **changes: Any) -> MetricFigures:
    project = new_project()
    await telemetry.insert_points([msgspec.structs.replace(one, project_id=project) for one in points], project)
    wanted = MetricFilter(
        project_id=project, from_at=FIRST, to_at=FIRST + timedelta(minutes=5),
        metric=MetricName("calls", MetricKind.COUNTER, "{call}"),
    )  # fmt: skip
    return await telemetry.metric_figures(msgspec.structs.replace(wanted, **changes))


def only(found: MetricFigures) -> MetricGroup:
    (group,) = found.groups
    return group


async def test_a_counters_rate_whichever_way_it_counts(telemetry: Telemetry) -> None:
    held = [point(minute + 0.5, value=value) for minute, value in enumerate((100.0, 160.0, 160.0, 30.0, 90.0), -1)]
    found = await asked(telemetry, held)
    assert (found.first_at, found.step_s, found.more) == (FIRST, 60, False)
    assert only(found).values == {"added": [60, 0, 30, 60, None], "rate": [1.0, 0.0, 0.5, 1.0, None]}
    assert only(found).total == 150
    added = [point(minute + 0.5, value=value, cumulative=False) for minute, value in enumerate((60.0, 0.0, 30.0, 60.0))]
    assert only(await asked(telemetry, added)).values == only(found).values


async def test_several_points_of_one_step_and_a_fall_between_them(telemetry: Telemetry) -> None:
    held = [point(minute, value=value) for minute, value in ((-1, 10.0), (0.1, 15.0), (0.2, 4.0), (0.3, 6.0), (1, 7.0))]
    assert only(await asked(telemetry, held)).values["added"][:2] == [5 + 6, 1]


async def test_attributes_in_another_order_are_the_same_series_and_other_senders_are_not(telemetry: Telemetry) -> None:
    one, other = {"a": "1", "b": "2"}, {"b": "2", "a": "1"}
    held = [point(-1, value=5.0, attributes=one), point(1, value=9.0, attributes=other)]
    second = [
        point(-1, value=50.0, resource={"service.name": "b"}),
        point(1, value=51.0, resource={"service.name": "b"}),
    ]
    assert only(await asked(telemetry, held + second)).values["added"][1] == 5


async def test_groups_are_ranked_cut_and_narrowed(telemetry: Telemetry) -> None:
    def added(model: str, value: float) -> MetricPoint:
        return point(1, value=value, cumulative=False, attributes={"gen_ai.request.model": model})

    points = [added("small", 1.0), added("large", 3.0), added("medium", 2.0)]
    found = await asked(telemetry, points, group_by=MODEL, top=2)
    assert [(group.group, group.total) for group in found.groups] == [("large", 3), ("medium", 2)]
    assert found.more
    found = await asked(telemetry, points, group_by="resource.service.name", where=((MODEL, "small"),))
    assert [(group.group, group.total) for group in found.groups] == [("shop", 1)]
    assert (await asked(telemetry, points, where=((MODEL, "none"),))).groups == []
    with pytest.raises(InvalidRequest):
        await asked(telemetry, points, group_by="model")
    with pytest.raises(InvalidRequest):
        await asked(telemetry, points, where=(("model; DROP", "x"),))


async def test_a_histogram_of_points_with_other_buckets(telemetry: Telemetry) -> None:
    name = MetricName("calls", MetricKind.HISTOGRAM, "s")
    explicit = point(
        0.5,
        kind="histogram",
        unit="s",
        cumulative=False,
        count=4,
        sum=8.0,
        max=4.0,
        bounds=(1.0, 2.0),
        counts=(2, 1, 1),
    )
    exponential = point(
        0.6, kind="exponential_histogram", unit="s", cumulative=False, count=4, sum=4.0, max=2.0,
        bounds=(0.5, 1.0, 2.0, float("inf")), counts=(0, 3, 1, 0, 0),
    )  # fmt: skip
    held = [
        point(minute, kind="histogram", unit="s", count=count, sum=count * 1.0, bounds=(1.0, 2.0), counts=(count, 0, 0))
        for minute, count in ((-1, 50), (1, 54), (2, 54))
    ]
    found = only(await asked(telemetry, [explicit, exponential, *held], metric=name))
    assert found.values["count"] == [8, 4, 0, None, None]
    assert found.values["avg"] == [1.5, 1.0, None, None, None]
    assert found.values["rate"][1] == pytest.approx(4 / 60)
    assert found.values["p50"][0] == pytest.approx(0.5 + 0.5 * 2 / 3 * 1, abs=0.34)
    assert found.values["p99"][0] == pytest.approx(4.0)
    assert found.values["p50"][1] == 0.5
    assert found.values["p99"][2] is None


async def test_gauges_sums_and_summaries(telemetry: Telemetry) -> None:
    gauge = MetricName("calls", MetricKind.GAUGE, "{call}")
    points = [point(minute, kind="gauge", value=value) for minute, value in ((0, 1.0), (0.5, 3.0), (2, float("nan")))]
    assert only(await asked(telemetry, points, metric=gauge)).values == {
        "avg": [2, None, None, None, None], "min": [1, None, None, None, None], "max": [3, None, None, None, None],
    }  # fmt: skip
    level = MetricName("calls", MetricKind.SUM, "{call}")
    points = [point(minute, monotonic=False, value=value) for minute, value in ((-2, 4.0), (1, 2.0), (3, 6.0))]
    assert only(await asked(telemetry, points, metric=level)).values == {"value": [4, 2, 2, 6, 6]}
    summary = MetricName("calls", MetricKind.SUMMARY, "{call}")
    points = [point(1, kind="summary", quantiles={"0.5": 2.0, "0.99": 9.0})]
    drawn = only(await asked(telemetry, points, metric=summary)).values
    assert {name: line[1] for name, line in drawn.items()} == {"p50": 2.0, "p95": None, "p99": 9.0}


async def test_what_there_is_and_its_values(telemetry: Telemetry) -> None:
    project = new_project()
    points = [
        point(1, project_id=project, value=1.0), point(2, project_id=project, value=2.0),
        point(1, project_id=project, kind="histogram", unit="s"), point(900, project_id=project, name="later"),
    ]  # fmt: skip
    await telemetry.insert_points(points, project)
    times = FIRST, FIRST + timedelta(minutes=5)
    found = await telemetry.metrics(project, times)
    assert [(one.name, one.kind.value, one.unit, one.point_count) for one in found.items] == [
        ("calls", "counter", "{call}", 2), ("calls", "histogram", "s", 1),
    ]  # fmt: skip
    first = found.items[0]
    assert (first.description, first.last_at) == ("Calls made", FIRST + timedelta(minutes=2))
    assert first.attributes == [MODEL, "resource.service.name"]
    wanted = MetricFilter(
        project_id=project, from_at=times[0], to_at=times[1],
        metric=MetricName("calls", MetricKind.COUNTER, "{call}"), group_by=MODEL,
    )  # fmt: skip
    assert [(one.value, one.count) for one in await telemetry.metric_values(wanted)] == [("small", 2)]
    assert (await telemetry.metrics(new_project(), times)).items == []


def measured(minute: float, value: float, **changes: Any) -> Exemplar:
    at_ns = FIRST_NS + round(minute * MINUTE_NS)
    plain = Exemplar(at_ns=at_ns, value=value, trace_id=f"{at_ns:032x}", span_id=f"{at_ns:016x}")
    return msgspec.structs.replace(plain, **changes)


async def exemplars_of(telemetry: Telemetry, points: list[MetricPoint], **changes: Any) -> MetricExemplars:
    """Store the points twice, as different requests, and return what is shown of their exemplars."""
    project = new_project()
    for again in range(2):
        sent = [msgspec.structs.replace(one, project_id=project, id=f"{one.id}{again}") for one in points]
        await telemetry.insert_points(sent, f"{project}-{again}")
    wanted = MetricFilter(
        project_id=project, from_at=FIRST, to_at=FIRST + timedelta(minutes=5),
        metric=MetricName("calls", MetricKind.HISTOGRAM, "s"),
    )  # fmt: skip
    listed = await telemetry.metrics(project, (wanted.from_at, wanted.to_at))
    found = await telemetry.metric_exemplars(msgspec.structs.replace(wanted, **changes))
    if not changes:
        assert sum(one.exemplar_count for one in listed.items if one.kind is MetricKind.HISTOGRAM) == found.total
    return found


def histogram(minute: float, *exemplars: Exemplar, **changes: Any) -> MetricPoint:
    return point(minute, kind="histogram", unit="s", monotonic=False, exemplars=exemplars, **changes)


async def test_exemplars_are_kept_once_and_lead_to_their_span(telemetry: Telemetry) -> None:
    slow = measured(1.25, 4.5, attributes={"order": "1042"})
    found = await exemplars_of(telemetry, [histogram(2, slow), histogram(3, slow, measured(9, 1.0))])
    assert found.total == 1, "the second is outside the range, the first came with two points"
    (one,) = found.items
    assert (one.value, one.trace_id, one.span_id) == (4.5, slow.trace_id, slow.span_id)
    assert (one.at, one.attributes, one.group) == (FIRST + timedelta(minutes=1.25), {"order": "1042"}, "")


async def test_exemplars_are_of_their_metric_their_group_and_what_it_is_narrowed_to(telemetry: Telemetry) -> None:
    large = {"gen_ai.request.model": "large"}
    points = [
        histogram(1, measured(0.5, 1.0)), histogram(1, measured(0.6, 2.0), attributes=large),
        point(1, kind="gauge", unit="s", exemplars=(measured(0.5, 9.0),)),
        histogram(1, measured(0.5, 8.0), name="others"),
    ]  # fmt: skip
    found = await exemplars_of(telemetry, points, group_by=MODEL)
    assert [(one.group, one.value) for one in found.items] == [("small", 1.0), ("large", 2.0)]
    found = await exemplars_of(telemetry, points, where=((MODEL, "large"),))
    assert [one.value for one in found.items] == [2.0]
    with pytest.raises(InvalidRequest):
        await exemplars_of(telemetry, points, group_by="model")


async def test_of_many_exemplars_the_ends_and_some_between_are_shown(telemetry: Telemetry) -> None:
    many = [measured(0.001 * n, float(n), span_id=f"{n:016x}") for n in range(100)]
    found = await exemplars_of(telemetry, [histogram(1, *many), histogram(3, measured(2.5, 7.0), measured(2.6, 8.0))])
    assert found.total == 102
    assert sorted(one.value for one in found.items) == [0.0, 7.0, 8.0, 33.0, 66.0, 99.0]
    assert [one.at for one in found.items] == sorted(one.at for one in found.items)
