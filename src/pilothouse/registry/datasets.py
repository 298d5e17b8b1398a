"""Datasets: every change of items makes a version, and no version ever changes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from pilothouse.domain.clock import Clock
from pilothouse.domain.comment import CommentOn
from pilothouse.domain.dataset import Attachment, Dataset, DatasetItem, DatasetVersion, ItemStatus
from pilothouse.domain.ids import new_id
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.registry import naming
from pilothouse.registry.item_schemas import ItemSchemas
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.datasets import DatasetFilter, ItemFilter

MOST_ITEMS = 10_000
"""Items in one change."""
_MOST_ERASED = 1_000
_MICROSECOND_NS = 1000
LATEST = "latest"
T = TypeVar("T")


class NewDataset(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a dataset."""

    project_id: str
    name: str
    id: str = ""
    """Made when empty."""
    description: str = ""
    metadata: Any = None
    input_schema: Any = None
    expected_output_schema: Any = None
    details: dict[str, Any] = {}


class DatasetChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be new of a dataset as a whole; what is unset stays as it is."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    metadata: Any = UNSET
    input_schema: Any = UNSET
    expected_output_schema: Any = UNSET
    details: dict[str, Any] | UnsetType = UNSET


class ItemPut(msgspec.Struct, frozen=True, kw_only=True):
    """An item that is to be there, new or changed; what is unset stays as it is, or is empty in a new one."""

    id: str = ""
    """Made when empty."""
    input: Any = UNSET
    expected_output: Any = UNSET
    metadata: Any = UNSET
    source_trace_id: str | UnsetType = UNSET
    source_span_id: str | UnsetType = UNSET
    status: ItemStatus | UnsetType = UNSET
    splits: Sequence[str] | UnsetType = UNSET
    attachments: tuple[Attachment, ...] | UnsetType = UNSET
    created_at_ns: int | UnsetType = UNSET


class Changed(msgspec.Struct, frozen=True):
    """What became of a change of items."""

    dataset: Dataset
    version: DatasetVersion
    items: list[DatasetItem]


class Datasets:
    """The datasets of all projects.

    Methods raise `InvalidRequest` with the field, `NotFound`, `Conflict`, and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)

    async def page(self, wanted: DatasetFilter) -> tuple[list[Dataset], int]:
        """Return a page of datasets by name, and how many there are on all pages."""
        return await self._metadata.read(lambda tx: tx.datasets.page(wanted))

    async def get(self, project_id: str, dataset: str) -> Dataset:
        """Return one dataset, by its id or name."""
        return await self._metadata.read(lambda tx: found_dataset(tx, project_id, dataset))

    async def create(
        self, new: NewDataset, items: Sequence[ItemPut] = (), *, actor: str, upsert: bool = False
    ) -> Dataset:
        """Make a dataset with its first items, or neither; with `upsert` one of the name is changed to be as this."""
        _bounded(items, at_least=0)
        now_ns = self._clock.now_ns()
        dataset = Dataset(
            id=naming.new_id(new.id) if new.id else new_id(), project_id=new.project_id, name=naming.name(new.name),
            description=naming.description(new.description), metadata=new.metadata, input_schema=new.input_schema,
            expected_output_schema=new.expected_output_schema, details=new.details, created_at_ns=now_ns,
            updated_at_ns=now_ns,
        )  # fmt: skip
        ItemSchemas(dataset).check_themselves()

        def work(tx: Transaction) -> Outcome[Dataset]:
            held = tx.datasets.by_name(new.project_id, dataset.name)
            if held is None:
                tx.datasets.insert(dataset)
                return Outcome(self._put(tx, dataset, items, actor).dataset if items else dataset)
            if not upsert:
                raise Conflict(f"a dataset {dataset.name!r} exists already")
            changed = msgspec.structs.replace(
                dataset, id=held.id, version=held.version, item_count=held.item_count, created_at_ns=held.created_at_ns
            )
            tx.datasets.replace(changed)
            return Outcome(self._put(tx, changed, items, actor).dataset if items else changed)

        detail = {"name": dataset.name, **({"items": len(items)} if items else {})}
        return await self._writer.change(work, Change(actor, "dataset.create", dataset.name, detail, for_gateway=False))

    async def change(self, project_id: str, dataset: str, change: DatasetChange, *, actor: str) -> Dataset:
        """Change a dataset as a whole; its items and versions stay."""
        now_ns = self._clock.now_ns()
        values = {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not UNSET}
        if "name" in values:
            values["name"] = naming.name(values["name"])

        def work(tx: Transaction) -> Outcome[Dataset]:
            held = found_dataset(tx, project_id, dataset)
            taken = tx.datasets.by_name(project_id, values.get("name", held.name))
            if taken is not None and taken.id != held.id:
                raise Conflict(f"a dataset {taken.name!r} exists already")
            changed = msgspec.structs.replace(held, **values, updated_at_ns=now_ns)
            ItemSchemas(changed).check_themselves()
            tx.datasets.replace(changed)
            return Outcome(changed)

        detail = {"changed": sorted(values)}
        return await self._writer.change(work, Change(actor, "dataset.change", dataset, detail, for_gateway=False))

    async def delete(self, project_id: str, dataset: str, *, actor: str) -> None:
        """Delete a dataset with its items, versions and experiments; traces stay."""

        def work(tx: Transaction) -> Outcome[None]:
            held = found_dataset(tx, project_id, dataset)
            tx.experiments.delete_of(held.id)
            tx.datasets.delete(held.id)
            tx.comments.delete_of(project_id, [CommentOn.DATASET_ITEM], [held.id])
            return Outcome(None)

        await self._writer.change(work, Change(actor, "dataset.delete", dataset, for_gateway=False))

    async def versions(
        self, project_id: str, dataset: str, limit: int, offset: int = 0
    ) -> tuple[list[DatasetVersion], int]:
        """Return versions of a dataset, the newest first, and how many there are."""

        def work(tx: Transaction) -> tuple[list[DatasetVersion], int]:
            return tx.datasets.versions(found_dataset(tx, project_id, dataset).id, limit, offset)

        return await self._metadata.read(work)

    async def tags(self, project_id: str, dataset: str) -> dict[str, int]:
        """Return the tags of versions, each with the number of its version."""
        return await self._metadata.read(lambda tx: tx.datasets.tags(found_dataset(tx, project_id, dataset).id))

    async def put_tag(self, project_id: str, dataset: str, tag: str, version: int, *, actor: str) -> None:
        """Put a tag on a version."""
        (wanted,) = naming.words([tag], "tag")
        if wanted == LATEST:
            raise InvalidRequest("`latest` is the newest version always", param="tag")

        def work(tx: Transaction) -> Outcome[None]:
            held = found_dataset(tx, project_id, dataset)
            if tx.datasets.version(held.id, version) is None:
                raise NotFound(f"the dataset {held.name!r} has no version {version}")
            tx.datasets.move_tag(held.id, wanted, version)
            return Outcome(None)

        detail = {"tag": wanted, "version": version}
        await self._writer.change(work, Change(actor, "dataset.tag", dataset, detail, for_gateway=False))

    async def version_at(self, project_id: str, dataset: str, when: int | str) -> int:
        """Return the number of the version at a time in nanoseconds, or of a tag; 0 is before the first.

        Raises `NotFound` for a tag that is not there.
        """

        def work(tx: Transaction) -> int:
            held = found_dataset(tx, project_id, dataset)
            if isinstance(when, int):
                found = tx.datasets.version_at(held.id, when)
                return found.number if found else 0
            if when == LATEST:
                return held.version
            tags = tx.datasets.tags(held.id)
            if when not in tags:
                raise NotFound(f"no version of the dataset {held.name!r} has the tag {when[:80]!r}")
            return tags[when]

        return await self._metadata.read(work)

    async def splits(self, project_id: str, dataset: str, version: int | None = None) -> list[str]:
        """Return the names of the splits of a version, the newest when it is None."""

        def work(tx: Transaction) -> list[str]:
            held = found_dataset(tx, project_id, dataset)
            return tx.datasets.splits(held.id, held.version if version is None else version)

        return await self._metadata.read(work)

    async def items(self, project_id: str, wanted: ItemFilter) -> tuple[list[DatasetItem], int]:
        """Return a page of items of a version, and how many there are; a negative version is the newest."""

        def work(tx: Transaction) -> tuple[list[DatasetItem], int]:
            held = found_dataset(tx, project_id, wanted.dataset_id)
            version = wanted.version if wanted.version >= 0 else held.version
            return tx.datasets.items(msgspec.structs.replace(wanted, dataset_id=held.id, version=version))

        return await self._metadata.read(work)

    async def item(self, project_id: str, item_id: str) -> DatasetItem:
        """Return one item as it is now."""

        def work(tx: Transaction) -> DatasetItem:
            return _found_item(tx.datasets.current(project_id, [item_id]), item_id)

        return await self._metadata.read(work)

    async def current(self, project_id: str, item_ids: Sequence[str]) -> dict[str, DatasetItem]:
        """Return items as they are now, by id; those that are not there are left out."""
        return await self._metadata.read(lambda tx: tx.datasets.current(project_id, item_ids))

    async def put_items(
        self, project_id: str, dataset: str, items: Sequence[ItemPut], *, actor: str, must_exist: bool = False
    ) -> Changed:
        """Make items and change others, all in one version or none; the order of `items` is that of the answer."""
        _bounded(items)

        def work(tx: Transaction) -> Outcome[Changed]:
            held = found_dataset(tx, project_id, dataset)
            return Outcome(self._put(tx, held, items, actor, must_exist=must_exist))

        detail = {"items": len(items)}
        return await self._writer.change(work, Change(actor, "dataset.items", dataset, detail, for_gateway=False))

    async def remove_items(self, project_id: str, item_ids: Sequence[str], *, actor: str) -> None:
        """Remove items, with one version for each dataset that they are in; versions before keep them."""

        def work(tx: Transaction) -> Outcome[None]:
            known = tx.datasets.current(project_id, item_ids)
            for item_id in item_ids:
                _found_item(known, item_id)
            for dataset_id in {item.dataset_id for item in known.values()}:
                held = found_dataset(tx, project_id, dataset_id)
                version = self._next(tx, held, actor)
                gone = [item.id for item in known.values() if item.dataset_id == dataset_id]
                for item_id in gone:
                    tx.datasets.end_item(dataset_id, item_id, version.number)
                self._keep(tx, held, msgspec.structs.replace(version, removed=len(gone)), [])
            return Outcome(None)

        detail = {"items": len(item_ids)}
        subject = item_ids[0] if len(item_ids) == 1 else ""
        await self._writer.change(work, Change(actor, "dataset.remove_items", subject, detail, for_gateway=False))

    async def erase_items(self, project_id: str, item_ids: Sequence[str], *, actor: str) -> None:
        """Remove items from every version, with their comments, and with their files where nothing else holds them.

        Versions stay, and say how many items they added, changed and removed.
        """
        if not 1 <= len(item_ids) <= _MOST_ERASED:
            raise InvalidRequest(f"1 to {_MOST_ERASED} items are erased at once", param="items")

        def work(tx: Transaction) -> Outcome[None]:
            forms = tx.datasets.forms(project_id, item_ids)
            places = {one.id: one.dataset_id for one in forms}
            current = tx.datasets.current(project_id, item_ids)
            for item_id in item_ids:
                _found_item(places, item_id)
            for dataset_id in set(places.values()):
                held = found_dataset(tx, project_id, dataset_id)
                if gone := sum(one.dataset_id == dataset_id for one in current.values()):
                    self._keep(tx, held, msgspec.structs.replace(self._next(tx, held, actor), removed=gone), [])
            for item_id, dataset_id in places.items():
                tx.datasets.erase_item(dataset_id, item_id)
                tx.comments.delete_of(project_id, [CommentOn.DATASET_ITEM], [dataset_id], item_id)
            tx.media.drop_unused(project_id, sorted({file.media_id for one in forms for file in one.attachments}))
            return Outcome(None)

        detail = {"items": len(item_ids)}
        subject = item_ids[0] if len(item_ids) == 1 else ""
        await self._writer.change(work, Change(actor, "dataset.erase_items", subject, detail, for_gateway=False))

    def _put(
        self, tx: Transaction, held: Dataset, items: Sequence[ItemPut], actor: str, *, must_exist: bool = False
    ) -> Changed:
        known = tx.datasets.current(held.project_id, [one.id for one in items if one.id])
        version = self._next(tx, held, actor)
        schemas = ItemSchemas(held)
        found: dict[str, DatasetItem] = {}
        for place, one in enumerate(items):
            before = found.get(one.id) or known.get(one.id)
            if before is None and must_exist:
                raise NotFound(f"there is no item {one.id[:80]!r} in this project")
            if before is not None and before.dataset_id != held.id:
                raise Conflict(f"the item {one.id[:80]!r} is in another dataset")
            item = _item(one, before, version, place)
            schemas.check(item, place)
            found[item.id] = item
        for item in found.values():
            tx.datasets.put_item(held.project_id, item, version.number)
        added = sum(item_id not in known for item_id in found)
        version = msgspec.structs.replace(version, added=added, changed=len(found) - added)
        return self._keep(tx, held, version, list(found.values()))

    def _next(self, tx: Transaction, dataset: Dataset, actor: str) -> DatasetVersion:
        last = tx.datasets.version(dataset.id, dataset.version)
        now_ns = self._clock.now_ns() // _MICROSECOND_NS * _MICROSECOND_NS
        at_ns = max(now_ns, last.at_ns + _MICROSECOND_NS) if last else now_ns
        return DatasetVersion(
            dataset_id=dataset.id, number=dataset.version + 1, at_ns=at_ns, author=actor, added=0, changed=0, removed=0
        )

    def _keep(self, tx: Transaction, dataset: Dataset, version: DatasetVersion, items: list[DatasetItem]) -> Changed:
        count = dataset.item_count + version.added - version.removed
        changed = msgspec.structs.replace(
            dataset, version=version.number, item_count=count, updated_at_ns=version.at_ns
        )
        tx.datasets.insert_version(version)
        tx.datasets.replace(changed)
        return Changed(changed, version, items)


def found_dataset(tx: Transaction, project_id: str, dataset: str) -> Dataset:
    """Return the dataset of an id or a name; raises `NotFound`."""
    found = tx.datasets.get(project_id, dataset) or tx.datasets.by_name(project_id, dataset)
    if found is None:
        raise NotFound(f"there is no dataset {dataset[:80]!r} in this project")
    return found


def _bounded(items: Sequence[ItemPut], at_least: int = 1) -> None:
    if not at_least <= len(items) <= MOST_ITEMS:
        raise InvalidRequest(f"one change has {at_least} to {MOST_ITEMS} items", param="items")


def _found_item(known: Mapping[str, T], item_id: str) -> T:
    if item_id not in known:
        raise NotFound(f"there is no item {item_id[:80]!r} in this project")
    return known[item_id]


def _item(put: ItemPut, before: DatasetItem | None, version: DatasetVersion, place: int) -> DatasetItem:
    values: dict[str, Any] = {name: value for name, value in _said(put) if value is not UNSET}
    if "splits" in values:
        values["splits"] = naming.words(values["splits"], "splits")
    if before is not None:
        values.pop("created_at_ns", None)
        return msgspec.structs.replace(before, **values, changed_at_ns=version.at_ns)
    # items of one change keep their order; nobody is told of nanoseconds
    values.setdefault("created_at_ns", version.at_ns + min(place, _MICROSECOND_NS - 1))
    values["id"] = naming.new_id(put.id) if put.id else new_id()
    return DatasetItem(**values, dataset_id=version.dataset_id, changed_at_ns=version.at_ns)


def _said(put: ItemPut) -> Iterable[tuple[str, Any]]:
    return ((name, getattr(put, name)) for name in put.__struct_fields__ if name != "id")
