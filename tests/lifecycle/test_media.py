"""Media go with the traces that they stand in, unless something else holds them."""

from pilothouse.domain.access import Project
from pilothouse.domain.keeping import DAY_NS, Retention, Subject
from pilothouse.domain.media import MediaLink
from pilothouse.errors import NotFound
from pilothouse.lifecycle.retention import RetentionLoop, Retentions
from pilothouse.registry.datasets import Datasets, ItemPut, NewDataset
from pilothouse.registry.media import MediaLibrary
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.client import Telemetry
from tests.lifecycle.test_removals import OPTIONS, Setup
from tests.spans import make_span, new_project


def link(project: str, trace_id: str) -> MediaLink:
    return MediaLink(project_id=project, trace_id=trace_id, field="input", media_id="")


async def linked(metadata: Metadata, project: str, trace_id: str) -> list[str]:
    return [one.media_id for one in await metadata.read(lambda tx: tx.media.links(project, trace_id))]


async def there(library: MediaLibrary, project: str, *ids: str) -> list[bool]:
    found: list[bool] = []
    for one in ids:
        try:
            found.append(b"".join([piece async for piece in library.content(await library.get(project, one))]) != b"")
        except NotFound:
            found.append(False)
    return found


async def test_media_of_a_deleted_user_go_but_for_those_that_others_hold(
    metadata: Metadata, archive: Archive, telemetry: Telemetry
) -> None:
    setup, project = Setup(metadata, archive), new_project()
    mine, other = make_span(project, user_id="ada"), make_span(project, user_id="bo")
    await telemetry.insert([mine, other], project)
    await metadata.write(lambda tx: tx.projects.insert(Project(project, project, 0)))
    library = MediaLibrary(metadata, setup.clock)
    alone = await library.keep(project, b"alone", "image/png", link(project, mine.trace_id))
    shared = await library.keep(project, b"shared", "image/png", link(project, mine.trace_id))
    await library.keep(project, b"shared", "image/png", link(project, other.trace_id))
    in_item = await library.keep(project, b"in an item", "image/png", link(project, mine.trace_id))
    datasets = Datasets(metadata, setup.clock)
    dataset = await datasets.create(NewDataset(project_id=project, name="golden"), actor="test")
    token = f"@@@langfuseMedia:type=image/png|id={in_item.id}|source=bytes@@@"
    await datasets.put_items(project, dataset.id, [ItemPut(input={"picture": token})], actor="test")

    asked = await setup.deletions.request(project, Subject.USER, "ada", actor="test")
    done = await setup.carry_out(project, asked, 14)

    assert (done.removed["media"], done.left) == (1, 0)
    assert await there(library, project, alone.id, shared.id, in_item.id) == [False, True, True]
    assert await linked(metadata, project, mine.trace_id) == []
    assert await linked(metadata, project, other.trace_id) == [shared.id]
    again = await library.keep(project, b"alone", "image/png", link(project, other.trace_id))
    assert await there(library, project, again.id) == [True]


async def test_media_are_kept_as_long_as_bodies(metadata: Metadata, archive: Archive) -> None:
    setup, project = Setup(metadata, archive), new_project()
    await metadata.write(lambda tx: tx.projects.insert(Project(project, project, 0)))
    library = MediaLibrary(metadata, setup.clock)
    old = await library.keep(project, b"old", "image/png", link(project, "a" * 32))
    used_again = await library.keep(project, b"used again", "image/png", link(project, "a" * 32))
    setup.clock.advance(3 * DAY_NS / 1e9)
    await library.keep(project, b"used again", "image/png", link(project, "b" * 32))
    retentions = Retentions(metadata, archive, setup.clock)
    assert (await retentions.preview(project, Retention(bodies_days=2)))["media"] == 2
    assert (await retentions.preview(project, Retention(scores_days=1)))["media"] == 0
    await retentions.put(project, Retention(traces_days=30, bodies_days=2), actor="test")
    setup.clock.advance(OPTIONS.grace_s)
    await RetentionLoop(metadata, archive, setup.clock, OPTIONS).tick()
    assert await there(library, project, old.id, used_again.id) == [False, True]
    assert (await retentions.get(project)).removed["media"] == 1
