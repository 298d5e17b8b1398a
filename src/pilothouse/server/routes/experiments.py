"""Experiments: runs over datasets, and the traces that came of their items."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from pilothouse.domain.experiment import Experiment, ExperimentItem
from pilothouse.registry.experiments import ItemLink, NewExperiment
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.offsets import cursor_after, offset_of
from pilothouse.server.parts import Parts
from pilothouse.server.queries import PageDep
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at, at_or_none
from pilothouse.store.metadata.experiments import ExperimentFilter


class ExperimentView(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment."""

    id: str
    dataset_id: str
    """Empty for one whose items are in no dataset here."""
    dataset_version: int | None
    """The version that it ran over, when it is known."""
    name: str
    description: str
    metadata: Any
    item_count: int
    created_at: datetime
    ended_at: datetime | None


class ExperimentPage(msgspec.Struct, frozen=True):
    """A page of experiments, the newest first."""

    items: list[ExperimentView]
    next_cursor: str | None
    total: int


class ExperimentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new experiment."""

    name: str
    dataset: str = ""
    """Its dataset's id or name."""
    description: str = ""
    metadata: Any = None
    dataset_version: int | None = None


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an item: a trace, or a span in it."""

    item_id: str
    trace_id: str
    span_id: str
    created_at: datetime


class LinkPage(msgspec.Struct, frozen=True):
    """A page of what came of items, in the order in which it came."""

    items: list[LinkView]
    next_cursor: str | None
    total: int


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came of an item."""

    item_id: str
    trace_id: str
    span_id: str = ""


class LinksBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of items."""

    items: list[LinkBody]


class LinksTaken(msgspec.Struct, frozen=True):
    """What was noted."""

    items: list[LinkView]


Part = Annotated[str, QueryParameter(description="Part of the name.")]
OfDataset = Annotated[str, QueryParameter(description="Id of their dataset.")]


@get("/experiments", operation_id="listExperiments", summary="List experiments")
async def list_all(
    parts: Parts, project: ProjectDep, page: PageDep, q: Part = "", dataset_id: OfDataset = ""
) -> ExperimentPage:
    """Return the project's experiments, the newest first."""
    wanted = ExperimentFilter(
        project_id=project, dataset_id=dataset_id, part=q, limit=page.limit, offset=offset_of(page)
    )
    found, total = await parts.library.experiments.page(wanted)
    return ExperimentPage([experiment_view(one) for one in found], cursor_after(page, len(found), total), total)


@post("/experiments", operation_id="createExperiment", summary="Make an experiment")
async def create(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    data: JSONBody[ExperimentBody],
    once: OnceDep,
    request: Request[Any, Any, Any],
) -> ExperimentView:
    """Make an experiment that has no items yet."""
    wanted = NewExperiment(project_id=project, **msgspec.structs.asdict(data))

    async def make() -> ExperimentView:
        return experiment_view(await parts.library.experiments.create(wanted, actor=caller.actor))

    return await once(request, ExperimentView, make)


@get("/experiments/{experiment:str}", operation_id="getExperiment", summary="Show an experiment")
async def show(parts: Parts, project: ProjectDep, experiment: FromPath[str]) -> ExperimentView:
    """Return one experiment."""
    return experiment_view(await parts.library.experiments.get(project, experiment))


@delete(
    "/experiments/{experiment:str}", operation_id="deleteExperiment", summary="Delete an experiment", status_code=204
)
async def remove(parts: Parts, caller: CallerDep, project: ProjectDep, experiment: FromPath[str]) -> None:
    """Delete an experiment; its traces stay."""
    await parts.library.experiments.delete(project, experiment, actor=caller.actor)


@get("/experiments/{experiment:str}/items", operation_id="listExperimentItems", summary="List an experiment's items")
async def items(parts: Parts, project: ProjectDep, page: PageDep, experiment: FromPath[str]) -> LinkPage:
    """Return what came of the items, in the order in which it came."""
    found, total = await parts.library.experiments.items(project, experiment, page.limit, offset_of(page))
    return LinkPage([_link(one) for one in found], cursor_after(page, len(found), total), total)


@post(
    "/experiments/{experiment:str}/items",
    operation_id="linkExperimentItems",
    summary="Note what came of items",
    status_code=200,
)
async def link(parts: Parts, project: ProjectDep, experiment: FromPath[str], data: JSONBody[LinksBody]) -> LinksTaken:
    """Note which traces came of which items; what is known already stays."""
    wanted = [ItemLink(item_id=one.item_id, trace_id=one.trace_id, span_id=one.span_id) for one in data.items]
    return LinksTaken([_link(one) for one in await parts.library.experiments.link(project, experiment, wanted)])


HANDLERS = (list_all, create, show, remove, items, link)


def experiment_view(experiment: Experiment) -> ExperimentView:
    """Return an experiment as the API shows it."""
    return ExperimentView(
        id=experiment.id,
        dataset_id=experiment.dataset_id,
        dataset_version=experiment.dataset_version,
        name=experiment.name,
        description=experiment.description,
        metadata=experiment.metadata,
        item_count=experiment.item_count,
        created_at=at(experiment.created_at_ns),
        ended_at=at_or_none(experiment.ended_at_ns),
    )


def _link(item: ExperimentItem) -> LinkView:
    return LinkView(
        item_id=item.item_id, trace_id=item.trace_id, span_id=item.span_id, created_at=at(item.created_at_ns)
    )
