"""Datasets: items that are tried; each change of them makes a version."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, UnsetType

from pilothouse.domain.dataset import Dataset, DatasetItem, DatasetVersion, ItemStatus
from pilothouse.registry.datasets import DatasetChange, ItemPut, NewDataset
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.offsets import cursor_after, offset_of
from pilothouse.server.parts import Parts
from pilothouse.server.queries import PageDep
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at
from pilothouse.store.metadata.datasets import DatasetFilter, ItemFilter

_NEWEST = -1


class DatasetView(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset as a whole."""

    id: str
    name: str
    description: str
    metadata: Any
    input_schema: Any
    expected_output_schema: Any
    version: int
    """The newest; 0 is the empty one."""
    item_count: int
    created_at: datetime
    updated_at: datetime


class DatasetPage(msgspec.Struct, frozen=True):
    """A page of datasets, by name."""

    items: list[DatasetView]
    next_cursor: str | None
    total: int


class DatasetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new dataset."""

    name: str
    description: str = ""
    metadata: Any = None
    input_schema: Any = None
    """JSON schema that the input of every item must fit."""
    expected_output_schema: Any = None


class DatasetChangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be new of a dataset; what is left out stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    metadata: Any = UNSET
    input_schema: Any = UNSET
    expected_output_schema: Any = UNSET


class AttachmentView(msgspec.Struct, frozen=True):
    """A file of an item."""

    name: str
    media_id: str
    content_type: str


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One item in one version."""

    id: str
    dataset_id: str
    input: Any
    expected_output: Any
    metadata: Any
    source_trace_id: str
    source_span_id: str
    status: ItemStatus
    splits: list[str]
    attachments: list[AttachmentView]
    created_at: datetime
    changed_at: datetime


class ItemPage(msgspec.Struct, frozen=True):
    """A page of items, in the order they were made."""

    items: list[ItemView]
    next_cursor: str | None
    total: int


class ItemBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An item that is to be there: a new one, or one with that id; what is left out stays."""

    id: str = ""
    input: Any = UNSET
    expected_output: Any = UNSET
    metadata: Any = UNSET
    source_trace_id: str | UnsetType = UNSET
    source_span_id: str | UnsetType = UNSET
    status: ItemStatus | UnsetType = UNSET
    splits: list[str] | UnsetType = UNSET


class ItemsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Items of one change."""

    items: list[ItemBody]


class ItemsPut(msgspec.Struct, frozen=True):
    """What became of a change of items."""

    version: int
    items: list[ItemView]


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a dataset."""

    number: int
    at: datetime
    author: str
    added: int
    changed: int
    removed: int
    tags: list[str]


class DatasetVersionPage(msgspec.Struct, frozen=True):
    """A page of versions, the newest first."""

    items: list[VersionView]
    next_cursor: str | None
    total: int


class TagBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a tag goes."""

    version: int


DatasetName = Annotated[str, PathParameter(description="The dataset's id, or its name when that holds no slash.")]
Part = Annotated[str, QueryParameter(description="Part of the name.")]
Version = Annotated[str, PathParameter(description="The version's number, a tag, or `latest`.")]
Split = Annotated[str, QueryParameter(description="A split that they are in.")]


@get("/datasets", operation_id="listDatasets", summary="List datasets")
async def list_all(parts: Parts, project: ProjectDep, page: PageDep, q: Part = "") -> DatasetPage:
    """Return the project's datasets by name."""
    wanted = DatasetFilter(project_id=project, part=q, limit=page.limit, offset=offset_of(page))
    found, total = await parts.library.datasets.page(wanted)
    return DatasetPage([dataset_view(one) for one in found], cursor_after(page, len(found), total), total)


@post("/datasets", operation_id="createDataset", summary="Make a dataset")
async def create(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    data: JSONBody[DatasetBody],
    once: OnceDep,
    request: Request[Any, Any, Any],
) -> DatasetView:
    """Make an empty dataset."""
    wanted = NewDataset(project_id=project, **msgspec.structs.asdict(data))

    async def make() -> DatasetView:
        return dataset_view(await parts.library.datasets.create(wanted, actor=caller.actor))

    return await once(request, DatasetView, make)


@get("/datasets/{dataset:str}", operation_id="getDataset", summary="Show a dataset")
async def show(parts: Parts, project: ProjectDep, dataset: DatasetName) -> DatasetView:
    """Return one dataset."""
    return dataset_view(await parts.library.datasets.get(project, dataset))


@patch("/datasets/{dataset:str}", operation_id="changeDataset", summary="Change a dataset")
async def change(
    parts: Parts, caller: CallerDep, project: ProjectDep, dataset: DatasetName, data: JSONBody[DatasetChangeBody]
) -> DatasetView:
    """Change a dataset's name, description, metadata or schemas; its items stay as they are."""
    wanted = DatasetChange(**{name: getattr(data, name) for name in data.__struct_fields__})
    return dataset_view(await parts.library.datasets.change(project, dataset, wanted, actor=caller.actor))


@delete("/datasets/{dataset:str}", operation_id="deleteDataset", summary="Delete a dataset", status_code=204)
async def remove(parts: Parts, caller: CallerDep, project: ProjectDep, dataset: DatasetName) -> None:
    """Delete a dataset with its items, versions and experiments; traces stay."""
    await parts.library.datasets.delete(project, dataset, actor=caller.actor)


@get("/datasets/{dataset:str}/versions", operation_id="listDatasetVersions", summary="List versions of a dataset")
async def versions(parts: Parts, project: ProjectDep, page: PageDep, dataset: DatasetName) -> DatasetVersionPage:
    """Return the versions of a dataset, the newest first."""
    found, total = await parts.library.datasets.versions(project, dataset, page.limit, offset_of(page))
    tags = await parts.library.datasets.tags(project, dataset)
    return DatasetVersionPage([_version(one, tags) for one in found], cursor_after(page, len(found), total), total)


@get("/datasets/{dataset:str}/versions/{version:str}/items", operation_id="listDatasetItems", summary="List items")
async def items(
    parts: Parts,
    project: ProjectDep,
    page: PageDep,
    dataset: DatasetName,
    version: Version,
    split: Split = "",
) -> ItemPage:
    """Return the items of a version, in the order they were made."""
    number = version.isascii() and version.isdecimal()
    which = int(version[:9]) if number else await parts.library.datasets.version_at(project, dataset, version)
    wanted = ItemFilter(
        dataset_id=dataset, version=which,
        splits=(split,) if split else (), limit=page.limit, offset=offset_of(page),
    )  # fmt: skip
    found, total = await parts.library.datasets.items(project, wanted)
    return ItemPage([item_view(one) for one in found], cursor_after(page, len(found), total), total)


@post("/datasets/{dataset:str}/items", operation_id="putDatasetItems", summary="Make or change items", status_code=200)
async def put_items(
    parts: Parts, caller: CallerDep, project: ProjectDep, dataset: DatasetName, data: JSONBody[ItemsBody]
) -> ItemsPut:
    """Make items and change others, all in one new version or none."""
    wanted = [ItemPut(**{name: getattr(one, name) for name in one.__struct_fields__}) for one in data.items]
    done = await parts.library.datasets.put_items(project, dataset, wanted, actor=caller.actor)
    return ItemsPut(done.version.number, [item_view(one) for one in done.items])


@delete("/dataset-items/{item:str}", operation_id="deleteDatasetItem", summary="Remove an item", status_code=204)
async def remove_item(parts: Parts, caller: CallerDep, project: ProjectDep, item: FromPath[str]) -> None:
    """Remove an item in a new version; those before keep it."""
    await parts.library.datasets.remove_items(project, [item], actor=caller.actor)


@put("/datasets/{dataset:str}/tags/{tag:str}", operation_id="putDatasetTag", summary="Move a tag")
async def put_tag(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    dataset: DatasetName,
    tag: FromPath[str],
    data: JSONBody[TagBody],
) -> DatasetView:
    """Put a tag on a version, and take it from the one that had it."""
    await parts.library.datasets.put_tag(project, dataset, tag, data.version, actor=caller.actor)
    return dataset_view(await parts.library.datasets.get(project, dataset))


HANDLERS = (
    list_all, create, show, change, remove, versions, items, put_items, remove_item, put_tag,
)  # fmt: skip


def dataset_view(dataset: Dataset) -> DatasetView:
    """Return a dataset as the API shows it."""
    return DatasetView(
        id=dataset.id,
        name=dataset.name,
        description=dataset.description,
        metadata=dataset.metadata,
        input_schema=dataset.input_schema,
        expected_output_schema=dataset.expected_output_schema,
        version=dataset.version,
        item_count=dataset.item_count,
        created_at=at(dataset.created_at_ns),
        updated_at=at(dataset.updated_at_ns),
    )


def item_view(item: DatasetItem) -> ItemView:
    """Return an item as the API shows it."""
    return ItemView(
        id=item.id,
        dataset_id=item.dataset_id,
        input=item.input,
        expected_output=item.expected_output,
        metadata=item.metadata,
        source_trace_id=item.source_trace_id,
        source_span_id=item.source_span_id,
        status=item.status,
        splits=list(item.splits),
        attachments=[AttachmentView(one.name, one.media_id, one.content_type) for one in item.attachments],
        created_at=at(item.created_at_ns),
        changed_at=at(item.changed_at_ns),
    )


def _version(version: DatasetVersion, tags: dict[str, int]) -> VersionView:
    return VersionView(
        number=version.number,
        at=at(version.at_ns),
        author=version.author,
        added=version.added,
        changed=version.changed,
        removed=version.removed,
        tags=[tag for tag, number in tags.items() if number == version.number],
    )
