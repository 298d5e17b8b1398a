"""Rows of experiments and of what they did with items."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select, update

from pilothouse.domain.experiment import Experiment, ExperimentItem
from pilothouse.store.metadata.access import to_json
from pilothouse.store.metadata.registry_tables import experiment_items as _items
from pilothouse.store.metadata.registry_tables import experiments as _experiments


class ExperimentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which experiments to list, the newest first; all that is given must hold."""

    project_id: str
    dataset_id: str = ""
    name: str = ""
    part: str = ""
    """Of the name, in any case of its letters."""
    ids: tuple[str, ...] = ()
    limit: int = 50
    offset: int = 0


class Experiments:
    """The experiments, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, wanted: ExperimentFilter) -> tuple[list[Experiment], int]:
        """Return a page, and how many there are on all pages."""
        kept = [_experiments.c.project_id == wanted.project_id]
        if wanted.dataset_id:
            kept.append(_experiments.c.dataset_id == wanted.dataset_id)
        if wanted.name:
            kept.append(_experiments.c.name == wanted.name)
        if wanted.part:
            kept.append(func.lower(_experiments.c.name).contains(wanted.part.lower(), autoescape=True))
        if wanted.ids:
            kept.append(_experiments.c.id.in_(wanted.ids))
        total = self._connection.execute(select(func.count()).select_from(_experiments).where(*kept)).scalar_one()
        order = (_experiments.c.created_at_ns.desc(), _experiments.c.id)
        found = select(_experiments).where(*kept).order_by(*order).limit(wanted.limit).offset(wanted.offset)
        return [_experiment(row) for row in self._connection.execute(found).mappings()], total

    def get(self, project_id: str, experiment_id: str) -> Experiment | None:
        """Return one experiment."""
        return self._one(_experiments.c.project_id == project_id, _experiments.c.id == experiment_id)

    def known(self, experiment_id: str) -> bool:
        """Return whether an experiment of any project has this id."""
        found = select(_experiments.c.id).where(_experiments.c.id == experiment_id)
        return self._connection.execute(found).first() is not None

    def by_name(self, project_id: str, dataset_id: str, name: str) -> Experiment | None:
        """Return the experiment of a name over a dataset."""
        of_dataset = _experiments.c.project_id == project_id, _experiments.c.dataset_id == dataset_id
        return self._one(*of_dataset, _experiments.c.name == name)

    def insert(self, experiment: Experiment) -> None:
        """Add an experiment; raises `Conflict` when its name or id is taken."""
        self._connection.execute(insert(_experiments).values(_values(experiment)))

    def replace(self, experiment: Experiment) -> None:
        """Write every field of an experiment that exists."""
        changed = update(_experiments).where(_experiments.c.id == experiment.id).values(_values(experiment))
        self._connection.execute(changed)

    def delete(self, experiment_id: str) -> None:
        """Remove an experiment; its traces stay."""
        self._connection.execute(delete(_experiments).where(_experiments.c.id == experiment_id))

    def delete_of(self, dataset_id: str) -> None:
        """Remove all experiments over a dataset."""
        self._connection.execute(delete(_experiments).where(_experiments.c.dataset_id == dataset_id))

    def link(self, item: ExperimentItem) -> bool:
        """Add what came of an item, or say its span anew; return whether it was not there."""
        held = (
            _items.c.experiment_id == item.experiment_id, _items.c.item_id == item.item_id,
            _items.c.trace_id == item.trace_id,
        )  # fmt: skip
        if self._connection.execute(update(_items).where(*held).values(span_id=item.span_id)).rowcount:
            return False
        self._connection.execute(insert(_items).values(msgspec.structs.asdict(item)))
        self._connection.execute(
            update(_experiments)
            .where(_experiments.c.id == item.experiment_id)
            .values(item_count=_experiments.c.item_count + 1, updated_at_ns=item.created_at_ns)
        )
        return True

    def items(self, experiment_id: str, limit: int, offset: int = 0) -> tuple[list[ExperimentItem], int]:
        """Return what came of items, in the order in which it came, and how many there are."""
        of_experiment = _items.c.experiment_id == experiment_id
        total = self._connection.execute(select(func.count()).select_from(_items).where(of_experiment)).scalar_one()
        order = (_items.c.created_at_ns, _items.c.id)
        found = select(_items).where(of_experiment).order_by(*order).limit(limit).offset(offset)
        return [ExperimentItem(**row) for row in self._connection.execute(found).mappings()], total

    def of_items(self, experiment_id: str, item_ids: Sequence[str]) -> list[ExperimentItem]:
        """Return what came of some items, in the order in which it came."""
        kept = (_items.c.experiment_id == experiment_id, _items.c.item_id.in_(item_ids))
        found = select(_items).where(*kept).order_by(_items.c.created_at_ns, _items.c.id)
        return [ExperimentItem(**row) for row in self._connection.execute(found).mappings()]

    def _one(self, *kept: ColumnElement[bool]) -> Experiment | None:
        row = self._connection.execute(select(_experiments).where(*kept)).mappings().one_or_none()
        return _experiment(row) if row else None


def _values(experiment: Experiment) -> dict[str, Any]:
    values = msgspec.structs.asdict(experiment)
    return {**values, "metadata": to_json(experiment.metadata), "details": to_json(experiment.details)}


def _experiment(row: RowMapping) -> Experiment:
    documents = {name: msgspec.json.decode(row[name]) for name in ("metadata", "details")}
    return Experiment(**{**row, **documents})
