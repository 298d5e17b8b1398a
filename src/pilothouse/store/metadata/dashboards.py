"""Rows of dashboards."""

from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from pilothouse.domain.dashboard import Chart, Dashboard
from pilothouse.store.metadata.dashboard_tables import dashboards as _dashboards

_charts = msgspec.json.Decoder(tuple[Chart, ...])


class Dashboards:
    """The dashboards, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self, project_id: str) -> list[Dashboard]:
        """Return a project's dashboards by name."""
        wanted = select(_dashboards).where(_dashboards.c.project_id == project_id).order_by(_dashboards.c.name)
        return [_dashboard(row) for row in self._connection.execute(wanted).mappings()]

    def get(self, project_id: str, dashboard_id: str) -> Dashboard | None:
        """Return one dashboard."""
        wanted = select(_dashboards).where(
            _dashboards.c.project_id == project_id, _dashboards.c.id == dashboard_id
        )  # fmt: skip
        row = self._connection.execute(wanted).mappings().one_or_none()
        return _dashboard(row) if row else None

    def insert(self, dashboard: Dashboard) -> None:
        """Add a dashboard; raises `Conflict` when its name is taken."""
        self._connection.execute(insert(_dashboards).values(_values(dashboard)))

    def replace(self, dashboard: Dashboard) -> None:
        """Write every field of a dashboard that exists; raises `Conflict` when its new name is taken."""
        changed = update(_dashboards).where(_dashboards.c.id == dashboard.id).values(_values(dashboard))
        self._connection.execute(changed)

    def delete(self, dashboard_id: str) -> None:
        """Remove a dashboard."""
        self._connection.execute(delete(_dashboards).where(_dashboards.c.id == dashboard_id))


def _values(dashboard: Dashboard) -> dict[str, object]:
    return {**msgspec.structs.asdict(dashboard), "charts": msgspec.json.encode(dashboard.charts).decode()}


def _dashboard(row: RowMapping) -> Dashboard:
    values: dict[str, Any] = {**row, "charts": _charts.decode(row["charts"])}
    return Dashboard(**values)
