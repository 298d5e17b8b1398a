"""Media taken out of traces, on SQLite and on PostgreSQL alike."""

from collections.abc import AsyncIterator

import pytest

from pilothouse.domain.access import Project
from pilothouse.domain.clock import FakeClock
from pilothouse.domain.media import MediaLink
from pilothouse.lifecycle import media as unlinking
from pilothouse.registry.datasets import Datasets, ItemPut, NewDataset
from pilothouse.registry.media import MediaLibrary
from pilothouse.store.metadata import media as rows
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions
from tests.lifecycle.test_media import there

PROJECT = "p"
TRACES = [f"{number:032x}" for number in range(3)]


@pytest.fixture
async def metadata(database_url: str) -> AsyncIterator[Metadata]:
    opened = Metadata(MetadataOptions(url=database_url))
    await opened.connect()
    await opened.migrate()
    await opened.write(lambda tx: tx.projects.insert(Project(PROJECT, PROJECT, 0)))
    yield opened
    await opened.close()


async def test_many_go_in_several_pieces_whatever_names_those_that_stay(
    metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_AT_ONCE", 2)
    monkeypatch.setattr(unlinking, "_TRACES", 2)
    clock = FakeClock(0)
    library, datasets = MediaLibrary(metadata, clock), Datasets(metadata, clock)

    async def keep(trace_id: str, data: str) -> str:
        link = MediaLink(project_id=PROJECT, trace_id=trace_id, field="input", media_id="")
        return (await library.keep(PROJECT, data.encode(), "image/png", link)).id

    kept = [await keep(trace, f"{trace} {number}") for trace in TRACES for number in range(3)]
    for trace in TRACES:
        await keep(trace, "in all of them")
    dataset = await datasets.create(NewDataset(project_id=PROJECT, name="golden"), actor="test")
    named = [ItemPut(expected_output=f"see\n{kept[0]}"), ItemPut(metadata={f"-{kept[4]}_{kept[8]}-": "x"})]
    await datasets.put_items(PROJECT, dataset.id, named, actor="test")

    assert await unlinking.unlink(metadata, PROJECT, TRACES) == 7

    stays = await there(library, PROJECT, *kept)
    assert [number for number, is_there in enumerate(stays) if is_there] == [0, 4, 8]
    assert [await metadata.read(lambda tx, one=one: tx.media.links(PROJECT, one)) for one in TRACES] == [[], [], []]
    assert await unlinking.unlink(metadata, PROJECT, TRACES) == 0
