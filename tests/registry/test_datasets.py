"""Datasets and experiments: every change makes a version, and each version can be read as it was."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from pilothouse.domain.clock import FakeClock
from pilothouse.domain.comment import CommentOn, CommentPlace
from pilothouse.domain.dataset import Attachment, ItemStatus
from pilothouse.domain.experiment import derived_id
from pilothouse.domain.media import MEDIA_PIECE_BYTES, MediaLink
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.registry.comments import Author, Comments
from pilothouse.registry.datasets import DatasetChange, Datasets, ItemPut, NewDataset
from pilothouse.registry.experiments import ExperimentChange, Experiments, ItemLink, NewExperiment
from pilothouse.registry.media import MediaLibrary
from pilothouse.store.metadata.comments import CommentFilter
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.datasets import DatasetFilter, ItemFilter
from pilothouse.store.metadata.experiments import ExperimentFilter
from pilothouse.store.metadata.media import Unlinked

NEWEST = -1


@pytest.fixture
def datasets(metadata: Metadata, clock: FakeClock) -> Datasets:
    return Datasets(metadata, clock)


@pytest.fixture
def experiments(metadata: Metadata, clock: FakeClock) -> Experiments:
    return Experiments(metadata, clock)


async def test_each_version_stays_as_it_was(datasets: Datasets, project: str, clock: FakeClock) -> None:
    made = await datasets.create(NewDataset(project_id=project, name="qa", metadata={"a": 1}), actor="test")
    put = [ItemPut(id="one", input={"q": 1}, splits=["test"]), ItemPut(id="two", input="x", expected_output=[1])]
    first = await datasets.put_items(project, "qa", put, actor="test")
    assert (first.version.number, first.version.added, first.dataset.item_count) == (1, 2, 2)
    clock.advance(1)
    second = await datasets.put_items(
        project, made.id, [ItemPut(id="one", expected_output="y"), ItemPut(id="three")], actor="test"
    )
    assert (second.version.added, second.version.changed, second.version.at_ns > first.version.at_ns) == (1, 1, True)
    assert second.items[0].input == {"q": 1}
    await datasets.remove_items(project, ["two"], actor="test")
    for version, ids in ((1, ["one", "two"]), (2, ["one", "two", "three"]), (NEWEST, ["one", "three"])):
        items, total = await datasets.items(project, ItemFilter(dataset_id="qa", version=version))
        assert (sorted(one.id for one in items), total) == (sorted(ids), len(ids))
    old, _ = await datasets.items(project, ItemFilter(dataset_id="qa", version=1, ids=("one",)))
    assert old[0].expected_output is None
    assert await datasets.version_at(project, "qa", first.version.at_ns) == 1
    assert await datasets.version_at(project, "qa", first.version.at_ns - 1) == 0
    await datasets.put_tag(project, "qa", "prod", 1, actor="test")
    assert (await datasets.version_at(project, "qa", "prod"), await datasets.version_at(project, "qa", "latest")) == (
        1,
        3,
    )
    assert await datasets.splits(project, "qa") == ["test"]
    split, _ = await datasets.items(project, ItemFilter(dataset_id="qa", version=NEWEST, splits=("test",)))
    assert [one.id for one in split] == ["one"]
    versions, total = await datasets.versions(project, "qa", 10)
    assert ([(one.number, one.removed) for one in versions], total) == ([(3, 1), (2, 0), (1, 0)], 3)


async def test_an_item_is_erased_from_every_version_with_its_files_and_comments(
    datasets: Datasets, project: str, metadata: Metadata, clock: FakeClock
) -> None:
    library, comments = MediaLibrary(metadata, clock), Comments(metadata, clock)
    own = await library.keep(project, b"own", "text/plain")
    both = await library.keep(project, b"both", "text/plain")
    traced = await library.keep(
        project,
        b"traced",
        "text/plain",
        MediaLink(project_id=project, trace_id="t", span_id="", field="f", media_id=""),
    )
    files = tuple(Attachment(one.id, one.id, "text/plain") for one in (own, both, traced))
    made = await datasets.create(
        NewDataset(project_id=project, name="qa"),
        [ItemPut(id="one", input=1, attachments=files), ItemPut(id="two", input=2, attachments=files[1:2])],
        actor="test",
    )
    assert (made.version, made.item_count) == (1, 2)
    await datasets.put_items(project, "qa", [ItemPut(id="one", input=3, attachments=())], actor="test")
    for item in ("one", "two"):
        place = CommentPlace(CommentOn.DATASET_ITEM, made.id, item)
        await comments.add(project, place, "hm", Author("key:1", "a"))
    await datasets.erase_items(project, ["one"], actor="test")
    for version in range(4):
        items, _ = await datasets.items(project, ItemFilter(dataset_id="qa", version=version))
        assert [one.id for one in items] == ["two"][: min(version, 1)]
    versions, _ = await datasets.versions(project, "qa", 1)
    assert (versions[0].number, versions[0].removed) == (3, 1)
    assert (await datasets.get(project, "qa")).item_count == 1
    assert [await library.known(project, one.id) for one in (own, both, traced)] == [False, True, True]
    left, _ = await comments.page(CommentFilter(project_id=project))
    assert [one.part_id for one in left] == ["two"]
    await datasets.remove_items(project, ["two"], actor="test")
    await datasets.erase_items(project, ["two"], actor="test")
    assert (await datasets.versions(project, "qa", 1))[1] == 4
    for wrong in (["two"], ["none"]):
        with pytest.raises(NotFound):
            await datasets.erase_items(project, wrong, actor="test")
    for many in ([], ["x"] * 1_001):
        with pytest.raises(InvalidRequest):
            await datasets.erase_items(project, many, actor="test")


async def test_items_are_their_datasets_own(datasets: Datasets, project: str) -> None:
    for name in ("a", "b"):
        await datasets.create(NewDataset(project_id=project, name=name), actor="test")
    await datasets.put_items(project, "a", [ItemPut(id="one", status=ItemStatus.ARCHIVED)], actor="test")
    with pytest.raises(Conflict):
        await datasets.put_items(project, "b", [ItemPut(id="one")], actor="test")
    with pytest.raises(NotFound):
        await datasets.put_items(project, "a", [ItemPut(id="none")], actor="test", must_exist=True)
    assert (await datasets.get(project, "a")).version == 1
    assert (await datasets.item(project, "one")).status is ItemStatus.ARCHIVED
    with pytest.raises(Conflict):
        await datasets.change(project, "a", DatasetChange(name="b"), actor="test")
    renamed = await datasets.change(project, "a", DatasetChange(name="c", description="d"), actor="test")
    assert (renamed.name, renamed.description, renamed.item_count) == ("c", "d", 1)
    with pytest.raises(Conflict):
        await datasets.create(NewDataset(project_id=project, name="c"), actor="test")
    same = await datasets.create(NewDataset(project_id=project, name="c", description="e"), actor="test", upsert=True)
    assert (same.id, same.item_count) == (renamed.id, 1)
    await datasets.delete(project, "c", actor="test")
    assert [one.name for one in (await datasets.page(DatasetFilter(project_id=project)))[0]] == ["b"]
    with pytest.raises(NotFound):
        await datasets.item(project, "one")


async def test_items_must_fit_the_schemas(datasets: Datasets, project: str) -> None:
    schema = {"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}
    await datasets.create(NewDataset(project_id=project, name="s", input_schema=schema), actor="test")
    with pytest.raises(InvalidRequest) as caught:
        await datasets.put_items(project, "s", [ItemPut(input={"q": "a"}), ItemPut(input={"q": 1})], actor="test")
    assert caught.value.param == "/items/1/input/q"
    assert (await datasets.get(project, "s")).item_count == 0
    await datasets.put_items(project, "s", [ItemPut(input={"q": "a"})], actor="test")
    with pytest.raises(InvalidRequest):
        await datasets.create(NewDataset(project_id=project, name="t", input_schema={"type": "nonsense"}), actor="test")


async def test_experiments_link_items_to_traces(datasets: Datasets, experiments: Experiments, project: str) -> None:
    dataset = await datasets.create(NewDataset(project_id=project, name="qa"), actor="test")
    new = NewExperiment(project_id=project, name="run 1", dataset="qa", metadata={"m": 1})
    made = await experiments.create(new, actor="test")
    assert made.id == derived_id(project, dataset.id, "run 1")
    with pytest.raises(Conflict):
        await experiments.create(new, actor="test")
    assert (await experiments.create(new, actor="test", upsert=True)).id == made.id
    link = ItemLink(item_id="one", trace_id="t1", span_id="s")
    await experiments.link(project, made.id, [link, ItemLink(item_id="one", trace_id="t2")])
    await experiments.link(project, made.id, [link])
    items, total = await experiments.items(project, made.id, 10)
    assert ({(one.trace_id, one.span_id) for one in items}, total) == ({("t1", "s"), ("t2", "")}, 2)
    await experiments.link(
        project, made.id, [ItemLink(item_id="two", trace_id="t3"), ItemLink(item_id="x", trace_id="t4")]
    )
    of_some = await experiments.of_items(project, made.id, ["one", "two", "none"])
    assert {(one.item_id, one.trace_id) for one in of_some} == {("one", "t1"), ("one", "t2"), ("two", "t3")}
    changed = await experiments.change(project, made.id, ExperimentChange(ended_at_ns=5), actor="test")
    assert (changed.ended_at_ns, changed.item_count) == (5, 4)
    found, _ = await experiments.page(ExperimentFilter(project_id=project, dataset_id=dataset.id))
    assert [one.name for one in found] == ["run 1"]
    await datasets.delete(project, "qa", actor="test")
    with pytest.raises(NotFound):
        await experiments.get(project, made.id)


def test_the_id_of_an_experiment_is_the_one_that_sdks_make() -> None:
    said = '["langfuse-experiment-v1","p","d","Lauf \\"ä\\" 1"]'
    assert derived_id("p", "d", 'Lauf "ä" 1') == hashlib.sha256(said.encode()).hexdigest()[:16]


async def _in_pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 70_000):
        yield data[start : start + 70_000]


async def test_media_are_kept_once_and_only_when_they_are_what_was_said(
    metadata: Metadata, clock: FakeClock, project: str
) -> None:
    library = MediaLibrary(metadata, clock)
    data = bytes(range(256)) * 5000
    assert len(data) > MEDIA_PIECE_BYTES
    digest = hashlib.sha256(data).digest()
    link = MediaLink(project_id=project, trace_id="t", field="input", media_id="")
    media = await library.announce(project, digest, "image/png", len(data), link)
    with pytest.raises(NotFound):
        await library.get(project, media.id)
    for wrong in (data[:-1], data + b"x", b"x" + data[1:]):
        with pytest.raises(InvalidRequest):
            await library.write(project, media.id, _in_pieces(wrong))
    await library.write(project, media.id, _in_pieces(data))
    found = await library.get(project, media.id)
    assert b"".join([piece async for piece in library.content(found)]) == data
    assert (await library.announce(project, digest, "image/png", len(data))).complete
    assert [one.media_id for one, _ in await library.of_trace(project, "t")] == [media.id]
    assert (await library.keep(project, b"", "text/plain")).complete


async def test_media_without_a_place_are_removed_with_their_bodies(
    metadata: Metadata, clock: FakeClock, project: str
) -> None:
    library = MediaLibrary(metadata, clock)
    places = [MediaLink(project_id=project, trace_id=trace, field="input", media_id="") for trace in ("t", "u")]
    alone = await library.keep(project, b"alone", "image/png", places[0])
    for place in places:
        await library.keep(project, b"both", "image/png", place)
    assert await metadata.write(lambda tx: tx.media.unlink(project, ["t", "none"])) == Unlinked(1, more=False)
    with pytest.raises(NotFound):
        await library.get(project, alone.id)
    assert await metadata.read(lambda tx: tx.media.piece(project, alone.id, 0)) is None
    assert await metadata.read(lambda tx: tx.media.links(project, "t")) == []
    at_ns = clock.now_ns()
    assert await metadata.read(lambda tx: (tx.media.older(project, at_ns), tx.media.older(project, at_ns + 1))) == (
        0,
        1,
    )
    assert await metadata.write(lambda tx: tx.media.unlink_older(project, at_ns + 1)) == Unlinked(1, more=False)
    assert await metadata.read(lambda tx: tx.media.links(project, "u")) == []
