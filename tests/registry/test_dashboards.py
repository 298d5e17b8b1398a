"""Dashboards: who may change what, and what a chart may be."""

import msgspec
import pytest

from pilothouse.domain.clock import FakeClock
from pilothouse.domain.dashboard import Chart
from pilothouse.errors import Conflict, EditConflict, InvalidRequest, NotFound
from pilothouse.registry.dashboards import DashboardDraft, Dashboards
from pilothouse.registry.ready_dashboards import READY
from pilothouse.store.metadata.database import Metadata

CHARTS = (Chart(title="Requests"), Chart(title="Slow", kind="table", group_by="model", measures=("p95(latency_ms)",)))


@pytest.fixture
def dashboards(metadata: Metadata, clock: FakeClock) -> Dashboards:
    return Dashboards(metadata, clock)


async def _create(dashboards: Dashboards, project: str, *charts: Chart, name: str = "Ours") -> str:
    draft = DashboardDraft(name=name, charts=charts)
    return (await dashboards.create(project, draft, actor="person:1")).id


async def test_a_dashboard_is_made_changed_and_deleted(dashboards: Dashboards, project: str) -> None:
    ident = await _create(dashboards, project, *CHARTS)
    made = await dashboards.get(project, ident)
    assert (made.charts, made.version, made.changed_by) == (CHARTS, 1, "person:1")
    draft = DashboardDraft(name="Theirs", description="new", charts=CHARTS[::-1])
    changed = await dashboards.replace(project, ident, draft, 1, actor="person:2")
    assert (changed.name, changed.charts, changed.version) == ("Theirs", CHARTS[::-1], 2)
    assert await dashboards.get(project, ident) == changed
    with pytest.raises(EditConflict):
        await dashboards.replace(project, ident, draft, 1, actor="person:1")
    await dashboards.delete(project, ident, actor="person:1")
    with pytest.raises(NotFound):
        await dashboards.get(project, ident)


async def test_names_are_taken_once(dashboards: Dashboards, project: str) -> None:
    await _create(dashboards, project)
    with pytest.raises(Conflict):
        await _create(dashboards, project)


async def test_ready_made_ones_come_first_and_stay_as_they_are(dashboards: Dashboards, project: str) -> None:
    ident = await _create(dashboards, project, name="A")
    assert [one.id for one in await dashboards.all(project)] == ["latency", "cost", "quality", ident]
    with pytest.raises(InvalidRequest, match="copy it"):
        await dashboards.delete(project, "cost", actor="person:1")


async def test_another_project_does_not_see_it(dashboards: Dashboards, project: str) -> None:
    ident = await _create(dashboards, project)
    with pytest.raises(NotFound):
        await dashboards.get("other", ident)


async def test_ready_made_ones_could_be_made_by_people(dashboards: Dashboards, project: str) -> None:
    for ready in READY.values():
        await _create(dashboards, project, *ready.charts, name=f"copy of {ready.name}")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"title": " "}, "charts[0].title"),
        ({"measures": ()}, "charts[0].measures"),
        ({"measures": ("count", "count")}, "charts[0].measures"),
        ({"measures": ("p50(model)",)}, "measure"),
        ({"group_by": "latency_ms"}, "group_by"),
        ({"group_by": "time"}, "charts[0].group_by"),
        ({"group_by": "model", "measures": ("count", "error_rate")}, "charts[0].measures"),
        ({"kind": "number", "group_by": "model"}, "charts[0].kind"),
        ({"q": "model:("}, "charts[0].q"),
        ({"top": 0}, "charts[0].top"),
        ({"width": 5}, "charts[0].width"),
    ],
)
async def test_a_chart_that_cannot_be_drawn_is_refused(
    dashboards: Dashboards, project: str, change: dict[str, object], param: str
) -> None:
    chart = msgspec.structs.replace(Chart(title="Requests"), **change)
    with pytest.raises(InvalidRequest) as refused:
        await _create(dashboards, project, chart)
    assert refused.value.param == param
