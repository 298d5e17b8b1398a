"""Rows of datasets, their versions, tags and items."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, or_, select, update

from pilothouse.domain.dataset import Attachment, Dataset, DatasetItem, DatasetVersion, ItemStatus
from pilothouse.store.metadata.access import to_json
from pilothouse.store.metadata.registry_tables import dataset_items as _items
from pilothouse.store.metadata.registry_tables import dataset_tags as _tags
from pilothouse.store.metadata.registry_tables import dataset_versions as _versions
from pilothouse.store.metadata.registry_tables import datasets as _datasets

_DOCUMENTS = ("metadata", "input_schema", "expected_output_schema", "details")
_ITEM_DOCUMENTS = ("input", "expected_output", "metadata")
_AT_ONCE = 500
_Splits = msgspec.json.Decoder(tuple[str, ...])
_Attachments = msgspec.json.Decoder(tuple[Attachment, ...])


class DatasetFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which datasets to list, by name; all that is given must hold."""

    project_id: str
    part: str = ""
    """Of the name, in any case of its letters."""
    ids: tuple[str, ...] = ()
    limit: int = 50
    offset: int = 0


class ItemFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items of a dataset to list; all that is given must hold."""

    dataset_id: str
    version: int
    ids: tuple[str, ...] = ()
    status: ItemStatus | None = None
    splits: tuple[str, ...] = ()
    """One of them."""
    source_trace_id: str = ""
    source_span_id: str = ""
    newest_first: bool = False
    limit: int = 50
    offset: int = 0


class Datasets:
    """The datasets, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, wanted: DatasetFilter) -> tuple[list[Dataset], int]:
        """Return a page by name, and how many there are on all pages."""
        kept = [_datasets.c.project_id == wanted.project_id]
        if wanted.part:
            kept.append(func.lower(_datasets.c.name).contains(wanted.part.lower(), autoescape=True))
        if wanted.ids:
            kept.append(_datasets.c.id.in_(wanted.ids))
        total = self._connection.execute(select(func.count()).select_from(_datasets).where(*kept)).scalar_one()
        found = select(_datasets).where(*kept).order_by(_datasets.c.name).limit(wanted.limit).offset(wanted.offset)
        return [_dataset(row) for row in self._connection.execute(found).mappings()], total

    def get(self, project_id: str, dataset_id: str) -> Dataset | None:
        """Return one dataset."""
        return self._one(_datasets.c.project_id == project_id, _datasets.c.id == dataset_id)

    def by_name(self, project_id: str, name: str) -> Dataset | None:
        """Return the dataset of a name."""
        return self._one(_datasets.c.project_id == project_id, _datasets.c.name == name)

    def insert(self, dataset: Dataset) -> None:
        """Add a dataset; raises `Conflict` when the name or the id is taken."""
        self._connection.execute(insert(_datasets).values(_dataset_values(dataset)))

    def replace(self, dataset: Dataset) -> None:
        """Write every field of a dataset that exists."""
        self._connection.execute(update(_datasets).where(_datasets.c.id == dataset.id).values(_dataset_values(dataset)))

    def delete(self, dataset_id: str) -> None:
        """Remove a dataset with all its versions and items."""
        self._connection.execute(delete(_datasets).where(_datasets.c.id == dataset_id))

    def insert_version(self, version: DatasetVersion) -> None:
        """Add a version."""
        self._connection.execute(insert(_versions).values(msgspec.structs.asdict(version)))

    def versions(self, dataset_id: str, limit: int, offset: int = 0) -> tuple[list[DatasetVersion], int]:
        """Return versions, the newest first, and how many there are."""
        of_dataset = _versions.c.dataset_id == dataset_id
        total = self._connection.execute(select(func.count()).select_from(_versions).where(of_dataset)).scalar_one()
        found = select(_versions).where(of_dataset).order_by(_versions.c.number.desc()).limit(limit).offset(offset)
        return [DatasetVersion(**row) for row in self._connection.execute(found).mappings()], total

    def version(self, dataset_id: str, number: int) -> DatasetVersion | None:
        """Return one version."""
        found = select(_versions).where(_versions.c.dataset_id == dataset_id, _versions.c.number == number)
        row = self._connection.execute(found).mappings().one_or_none()
        return DatasetVersion(**row) if row else None

    def version_at(self, dataset_id: str, at_ns: int) -> DatasetVersion | None:
        """Return the version that was the newest at a time; None before the first."""
        found = select(_versions).where(_versions.c.dataset_id == dataset_id, _versions.c.at_ns <= at_ns)
        row = self._connection.execute(found.order_by(_versions.c.number.desc()).limit(1)).mappings().one_or_none()
        return DatasetVersion(**row) if row else None

    def tags(self, dataset_id: str) -> dict[str, int]:
        """Return the tags of versions, each with the number of its version."""
        found = select(_tags).where(_tags.c.dataset_id == dataset_id).order_by(_tags.c.tag)
        return {row.tag: row.number for row in self._connection.execute(found)}

    def move_tag(self, dataset_id: str, tag: str, number: int | None) -> None:
        """Put a tag on a version, and take it from the one that had it; None takes it away."""
        self._connection.execute(delete(_tags).where(_tags.c.dataset_id == dataset_id, _tags.c.tag == tag))
        if number is not None:
            self._connection.execute(insert(_tags).values(dataset_id=dataset_id, tag=tag, number=number))

    def items(self, wanted: ItemFilter) -> tuple[list[DatasetItem], int]:
        """Return a page of items as they are in a version, in the order they were made, and how many there are."""
        kept = _kept(wanted)
        total = self._connection.execute(select(func.count()).select_from(_items).where(*kept)).scalar_one()
        order = (_items.c.created_at_ns, _items.c.id)
        if wanted.newest_first:
            order = (_items.c.created_at_ns.desc(), _items.c.id)
        found = select(_items).where(*kept).order_by(*order).limit(wanted.limit).offset(wanted.offset)
        return [_item(row) for row in self._connection.execute(found).mappings()], total

    def splits(self, dataset_id: str, version: int) -> list[str]:
        """Return the names of the splits of a version, by name."""
        held = ItemFilter(dataset_id=dataset_id, version=version)
        found = select(_items.c.splits).where(*_kept(held)).distinct()
        return sorted({name for text in self._connection.execute(found).scalars() for name in _Splits.decode(text)})

    def current(self, project_id: str, item_ids: Sequence[str]) -> dict[str, DatasetItem]:
        """Return items of a project as they are now, by id."""
        held: dict[str, DatasetItem] = {}
        for start in range(0, len(item_ids), _AT_ONCE):
            part = item_ids[start : start + _AT_ONCE]
            found = select(_items).where(
                _items.c.project_id == project_id, _items.c.id.in_(part), _items.c.to_version.is_(None)
            )
            for row in self._connection.execute(found).mappings():
                held[row["id"]] = _item(row)
        return held

    def put_item(self, project_id: str, item: DatasetItem, version: int) -> None:
        """Give an item its form from a version on."""
        self.end_item(item.dataset_id, item.id, version)
        values = {
            **msgspec.structs.asdict(item), "project_id": project_id, "from_version": version, "to_version": None,
            "status": item.status.value, "splits": to_json(item.splits), "attachments": to_json(item.attachments),
        }  # fmt: skip
        self._connection.execute(insert(_items).values({**values, **_texts(values, _ITEM_DOCUMENTS)}))

    def end_item(self, dataset_id: str, item_id: str, version: int) -> None:
        """Let an item be there no more from a version on."""
        held = _items.c.dataset_id == dataset_id, _items.c.id == item_id, _items.c.to_version.is_(None)
        self._connection.execute(update(_items).where(*held).values(to_version=version))

    def forms(self, project_id: str, item_ids: Sequence[str]) -> list[DatasetItem]:
        """Return every form that some thousand items ever had."""
        found = select(_items).where(_items.c.project_id == project_id, _items.c.id.in_(item_ids))
        return [_item(row) for row in self._connection.execute(found).mappings()]

    def erase_item(self, dataset_id: str, item_id: str) -> None:
        """Remove an item from every version."""
        self._connection.execute(delete(_items).where(_items.c.dataset_id == dataset_id, _items.c.id == item_id))

    def _one(self, *kept: ColumnElement[bool]) -> Dataset | None:
        row = self._connection.execute(select(_datasets).where(*kept)).mappings().one_or_none()
        return _dataset(row) if row else None


def _kept(wanted: ItemFilter) -> list[ColumnElement[bool]]:
    kept = [
        _items.c.dataset_id == wanted.dataset_id,
        _items.c.from_version <= wanted.version,
        or_(_items.c.to_version.is_(None), _items.c.to_version > wanted.version),
    ]
    if wanted.ids:
        kept.append(_items.c.id.in_(wanted.ids))
    if wanted.status is not None:
        kept.append(_items.c.status == wanted.status.value)
    if wanted.splits:
        kept.append(or_(*(_items.c.splits.contains(to_json(name), autoescape=True) for name in wanted.splits)))
    if wanted.source_trace_id:
        kept.append(_items.c.source_trace_id == wanted.source_trace_id)
    if wanted.source_span_id:
        kept.append(_items.c.source_span_id == wanted.source_span_id)
    return kept


def _texts(values: dict[str, Any], names: Sequence[str]) -> dict[str, str]:
    return {name: to_json(values[name]) for name in names}


def _dataset_values(dataset: Dataset) -> dict[str, Any]:
    values = msgspec.structs.asdict(dataset)
    return {**values, **_texts(values, _DOCUMENTS)}


def _dataset(row: RowMapping) -> Dataset:
    return Dataset(**{**row, **{name: msgspec.json.decode(row[name]) for name in _DOCUMENTS}})


def _item(row: RowMapping) -> DatasetItem:
    values: dict[str, Any] = {name: row[name] for name in DatasetItem.__struct_fields__}
    values |= {name: msgspec.json.decode(values[name]) for name in _ITEM_DOCUMENTS}
    values["status"] = ItemStatus(values["status"])
    values["splits"] = _Splits.decode(values["splits"])
    values["attachments"] = _Attachments.decode(values["attachments"])
    return DatasetItem(**values)
