"""Experiments: runs over datasets, and the traces that came of their items."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pilothouse.domain.clock import Clock
from pilothouse.domain.experiment import Experiment, ExperimentItem, derived_id
from pilothouse.domain.ids import new_id
from pilothouse.errors import Conflict, NotFound
from pilothouse.registry import naming
from pilothouse.registry.datasets import found_dataset
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.experiments import ExperimentFilter


class NewExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """What makes an experiment."""

    project_id: str
    name: str
    dataset: str = ""
    """Its dataset's id or name; empty for one whose items are in no dataset here."""
    id: str = ""
    """Follows from project, dataset and name when empty."""
    description: str = ""
    metadata: Any = None
    details: dict[str, Any] = {}
    dataset_version: int | None = None
    started_at_ns: int | None = None
    """Now when None."""


class ExperimentChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be new of an experiment; what is unset stays as it is."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    metadata: Any = UNSET
    details: dict[str, Any] | UnsetType = UNSET
    dataset_version: int | UnsetType = UNSET
    ended_at_ns: int | UnsetType = UNSET


class ItemLink(msgspec.Struct, frozen=True, kw_only=True):
    """That a trace came of an item."""

    item_id: str
    trace_id: str
    span_id: str = ""
    at_ns: int | None = None
    """Now when None."""


class SeenRun(msgspec.Struct, frozen=True, kw_only=True):
    """That a trace which came in says of which item of which experiment it is."""

    project_id: str
    experiment_id: str
    name: str
    description: str = ""
    metadata: Any = None
    dataset_id: str = ""
    item_id: str
    trace_id: str
    span_id: str = ""
    at_ns: int


class Experiments:
    """The experiments of all projects.

    Methods raise `InvalidRequest` with the field, `NotFound`, `Conflict`, and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)

    async def page(self, wanted: ExperimentFilter) -> tuple[list[Experiment], int]:
        """Return a page of experiments, the newest first, and how many there are on all pages."""
        return await self._metadata.read(lambda tx: tx.experiments.page(wanted))

    async def get(self, project_id: str, experiment_id: str) -> Experiment:
        """Return one experiment."""
        return await self._metadata.read(lambda tx: _found(tx, project_id, experiment_id))

    async def by_name(self, project_id: str, dataset: str, name: str) -> Experiment:
        """Return the experiment of a name over a dataset."""

        def work(tx: Transaction) -> Experiment:
            dataset_id = found_dataset(tx, project_id, dataset).id
            found = tx.experiments.by_name(project_id, dataset_id, name)
            if found is None:
                raise NotFound(f"the dataset has no experiment {name[:80]!r}")
            return found

        return await self._metadata.read(work)

    async def items(
        self, project_id: str, experiment_id: str, limit: int, offset: int = 0
    ) -> tuple[list[ExperimentItem], int]:
        """Return what came of an experiment's items, in its order, and how many there are."""

        def work(tx: Transaction) -> tuple[list[ExperimentItem], int]:
            return tx.experiments.items(_found(tx, project_id, experiment_id).id, limit, offset)

        return await self._metadata.read(work)

    async def of_items(self, project_id: str, experiment_id: str, item_ids: Sequence[str]) -> list[ExperimentItem]:
        """Return what came of some of an experiment's items, at most those of one page of them."""

        def work(tx: Transaction) -> list[ExperimentItem]:
            return tx.experiments.of_items(_found(tx, project_id, experiment_id).id, item_ids)

        return await self._metadata.read(work)

    async def create(self, new: NewExperiment, *, actor: str, upsert: bool = False) -> Experiment:
        """Make an experiment; with `upsert` one of the name is given back, with what is new of it."""
        name, now_ns = naming.name(new.name), self._clock.now_ns()
        naming.description(new.description)

        def work(tx: Transaction) -> Outcome[Experiment]:
            dataset_id = found_dataset(tx, new.project_id, new.dataset).id if new.dataset else ""
            held = tx.experiments.by_name(new.project_id, dataset_id, name)
            if held is not None:
                if not upsert:
                    raise Conflict(f"an experiment {name!r} exists already")
                changed = msgspec.structs.replace(
                    held, description=new.description or held.description,
                    metadata=held.metadata if new.metadata is None else new.metadata,
                    dataset_version=held.dataset_version if new.dataset_version is None else new.dataset_version,
                )  # fmt: skip
                if changed == held:
                    return Outcome(held, changed=False)
                tx.experiments.replace(msgspec.structs.replace(changed, updated_at_ns=now_ns))
                return Outcome(changed)
            made_id = naming.new_id(new.id) if new.id else derived_id(new.project_id, dataset_id, name)
            experiment = Experiment(
                id=made_id, project_id=new.project_id, dataset_id=dataset_id, name=name, description=new.description,
                metadata=new.metadata, details=new.details, dataset_version=new.dataset_version,
                created_at_ns=new.started_at_ns or now_ns, updated_at_ns=now_ns,
            )  # fmt: skip
            tx.experiments.insert(experiment)
            return Outcome(experiment)

        detail = {"name": name, "dataset": new.dataset}
        return await self._writer.change(work, Change(actor, "experiment.create", name, detail, for_gateway=False))

    async def change(self, project_id: str, experiment_id: str, change: ExperimentChange, *, actor: str) -> Experiment:
        """Change an experiment."""
        now_ns = self._clock.now_ns()
        values = {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not UNSET}
        if "name" in values:
            values["name"] = naming.name(values["name"])

        def work(tx: Transaction) -> Outcome[Experiment]:
            changed = msgspec.structs.replace(_found(tx, project_id, experiment_id), **values, updated_at_ns=now_ns)
            tx.experiments.replace(changed)
            return Outcome(changed)

        detail = {"changed": sorted(values)}
        return await self._writer.change(
            work, Change(actor, "experiment.change", experiment_id, detail, for_gateway=False)
        )

    async def delete(self, project_id: str, experiment_id: str, *, actor: str) -> None:
        """Delete an experiment; its traces stay."""

        def work(tx: Transaction) -> Outcome[None]:
            tx.experiments.delete(_found(tx, project_id, experiment_id).id)
            return Outcome(None)

        await self._writer.change(work, Change(actor, "experiment.delete", experiment_id, for_gateway=False))

    async def link(self, project_id: str, experiment_id: str, links: Sequence[ItemLink]) -> list[ExperimentItem]:
        """Note what came of items; what is known already stays.

        It is not in the audit, since it is a measurement and no change.
        """
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> list[ExperimentItem]:
            experiment = _found(tx, project_id, experiment_id)
            items = [
                ExperimentItem(
                    id=new_id(), experiment_id=experiment.id, item_id=one.item_id, trace_id=one.trace_id,
                    span_id=one.span_id, created_at_ns=one.at_ns or now_ns,
                )
                for one in links
            ]  # fmt: skip
            for item in items:
                tx.experiments.link(item)
            return items

        return await self._metadata.write(work)

    async def see(self, runs: Sequence[SeenRun]) -> None:
        """Note runs that traces tell of, and make the experiments that are not known yet.

        It is not in the audit, since it is a measurement and no change.
        """
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> None:
            for run in runs:
                if tx.experiments.get(run.project_id, run.experiment_id) is None and not _made(tx, run, now_ns):
                    continue
                tx.experiments.link(
                    ExperimentItem(
                        id=new_id(), experiment_id=run.experiment_id, item_id=run.item_id, trace_id=run.trace_id,
                        span_id=run.span_id, created_at_ns=run.at_ns,
                    )
                )  # fmt: skip

        if runs:
            await self._metadata.write(work)


def _made(tx: Transaction, run: SeenRun, now_ns: int) -> bool:
    if tx.projects.get(run.project_id) is None:
        return False
    dataset = tx.datasets.get(run.project_id, run.dataset_id) if run.dataset_id else None
    dataset_id, name = dataset.id if dataset else "", run.name
    if tx.experiments.by_name(run.project_id, dataset_id, name) is not None:
        # runs over local data have names of their own choice and ids by chance
        name = f"{name} ({run.experiment_id})"
    experiment = Experiment(
        id=run.experiment_id, project_id=run.project_id, dataset_id=dataset_id, name=name, description=run.description,
        metadata=run.metadata, created_at_ns=run.at_ns, updated_at_ns=now_ns,
    )  # fmt: skip
    if tx.experiments.known(run.experiment_id):
        return False
    tx.experiments.insert(experiment)
    return True


def _found(tx: Transaction, project_id: str, experiment_id: str) -> Experiment:
    found = tx.experiments.get(project_id, experiment_id)
    if found is None:
        raise NotFound(f"there is no experiment {experiment_id[:80]!r} in this project")
    return found
