"""Dashboards: those that come with Pilothouse, and those that a project makes and changes."""

from collections.abc import Sequence

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.dashboard import Chart, Dashboard
from pilothouse.domain.ids import new_id
from pilothouse.domain.query import aggregate
from pilothouse.domain.query.parser import parse
from pilothouse.errors import EditConflict, InvalidQuery, InvalidRequest, NotFound
from pilothouse.registry import naming
from pilothouse.registry.ready_dashboards import READY
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction

MAX_CHARTS = 40
_MAX_MEASURES = aggregate.MAX_MEASURES
_MAX_TITLE_CHARS = 120
_MAX_QUERY_CHARS = 4_000
_MAX_TOP = 50
_COLUMNS = 4


class DashboardDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What people choose of a dashboard."""

    name: str
    description: str = ""
    charts: Sequence[Chart] = ()


class Dashboards:
    """The dashboards of all projects.

    Methods raise `InvalidRequest` or `InvalidQuery` with the place, `NotFound`, `Conflict` for a name that is taken,
    and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)

    async def all(self, project_id: str) -> list[Dashboard]:
        """Return the ready-made dashboards, then the project's own by name."""
        return [*READY.values(), *await self._metadata.read(lambda tx: tx.dashboards.all(project_id))]

    async def get(self, project_id: str, dashboard_id: str) -> Dashboard:
        """Return one dashboard."""
        if dashboard_id in READY:
            return READY[dashboard_id]
        return await self._metadata.read(lambda tx: _found(tx, project_id, dashboard_id))

    async def create(self, project_id: str, draft: DashboardDraft, *, actor: str) -> Dashboard:
        """Make a dashboard."""
        now_ns = self._clock.now_ns()
        made = Dashboard(
            id=new_id(), project_id=project_id, name=naming.name(draft.name), charts=_checked(draft.charts), version=1,
            description=naming.description(draft.description), changed_by=actor, created_at_ns=now_ns,
            updated_at_ns=now_ns,
        )  # fmt: skip

        def work(tx: Transaction) -> Outcome[Dashboard]:
            tx.dashboards.insert(made)
            return Outcome(made)

        return await self._writer.change(work, _change(actor, "dashboard.create", made.id, made.name))

    async def replace(
        self, project_id: str, dashboard_id: str, draft: DashboardDraft, version: int, *, actor: str
    ) -> Dashboard:
        """Write a dashboard whole; raises `EditConflict` unless `version` is the one that it has."""
        name, text, charts = naming.name(draft.name), naming.description(draft.description), _checked(draft.charts)
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> Outcome[Dashboard]:
            before = _found(tx, project_id, dashboard_id)
            if before.version != version:
                raise EditConflict("somebody else has changed the dashboard meanwhile; load it again")
            after = msgspec.structs.replace(
                before, name=name, description=text, charts=charts, version=version + 1, changed_by=actor,
                updated_at_ns=now_ns,
            )  # fmt: skip
            tx.dashboards.replace(after)
            return Outcome(after)

        return await self._writer.change(work, _change(actor, "dashboard.replace", dashboard_id, name))

    async def delete(self, project_id: str, dashboard_id: str, *, actor: str) -> None:
        """Remove a dashboard, and end the links to it."""
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> Outcome[None]:
            tx.dashboards.delete(_found(tx, project_id, dashboard_id).id)
            tx.shares.end_of_dashboard(project_id, dashboard_id, now_ns)
            return Outcome(None)

        await self._writer.change(work, _change(actor, "dashboard.delete", dashboard_id, ""))


def _change(actor: str, action: str, subject: str, name: str) -> Change:
    return Change(actor, action, subject, {"name": name} if name else {}, for_gateway=False)


def _found(tx: Transaction, project_id: str, dashboard_id: str) -> Dashboard:
    if dashboard_id in READY:
        raise InvalidRequest("a dashboard that comes with Pilothouse stays as it is; copy it", param="dashboard")
    found = tx.dashboards.get(project_id, dashboard_id)
    if found is None:
        raise NotFound("there is no such dashboard in this project")
    return found


def _checked(charts: Sequence[Chart]) -> tuple[Chart, ...]:
    if len(charts) > MAX_CHARTS:
        raise InvalidRequest(f"a dashboard has at most {MAX_CHARTS} charts", param="charts")
    for number, chart in enumerate(charts):
        _check(chart, f"charts[{number}]")
    return tuple(charts)


def _check(chart: Chart, at: str) -> None:
    if not 1 <= len(chart.title.strip()) <= _MAX_TITLE_CHARS:
        raise InvalidRequest(f"a title has 1 to {_MAX_TITLE_CHARS} characters", param=f"{at}.title")
    if not 1 <= len(chart.measures) <= _MAX_MEASURES or len(set(chart.measures)) < len(chart.measures):
        raise InvalidRequest(f"measures are 1 to {_MAX_MEASURES}, each another one", param=f"{at}.measures")
    _check_shape(chart, at)
    if len(chart.q) > _MAX_QUERY_CHARS:
        raise InvalidRequest(f"a query has at most {_MAX_QUERY_CHARS} characters", param=f"{at}.q")
    try:
        parse(chart.q)
    except InvalidQuery as error:
        error.param = f"{at}.q"
        raise
    if not 1 <= chart.top <= _MAX_TOP:
        raise InvalidRequest(f"top is 1 to {_MAX_TOP}", param=f"{at}.top")
    if not 1 <= chart.width <= _COLUMNS:
        raise InvalidRequest(f"width is 1 to {_COLUMNS} columns", param=f"{at}.width")


def _check_shape(chart: Chart, at: str) -> None:
    """Raise for what cannot be asked for or not be drawn so."""
    for measure in chart.measures:
        aggregate.measure(measure, chart.source)
    if chart.group_by:
        group = aggregate.group(chart.group_by, chart.source)
        if group.column is None:
            raise InvalidRequest("a chart over time needs no group for it", param=f"{at}.group_by")
        if chart.kind != "table" and len(chart.measures) > 1:
            raise InvalidRequest("by a group, only a table shows several measures", param=f"{at}.measures")
    if chart.kind == "number" and (chart.group_by or len(chart.measures) > 1):
        raise InvalidRequest("a number is one measure without a group", param=f"{at}.kind")
