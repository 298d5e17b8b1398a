"""Projects of LangSmith's SDKs are deleted with their runs, by the deletions that everybody requests."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pilothouse.compat.langsmith import ids
from pilothouse.domain.access import Permission
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.keeping import Deletion, DeletionState, Marks, Subject
from pilothouse.domain.secret import SecretBox
from pilothouse.lifecycle.deletions import DeletionLoop, DeletionParts
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.server.parts import lifecycle_of
from pilothouse.store.telemetry.archive import Archive
from tests.compat.pipeline import Pipeline, pipeline
from tests.compat.test_langsmith_library import told
from tests.compat.test_langsmith_reads import made
from tests.compat.test_langsmith_sdks import ENVIRONMENTS
from tests.embedded_store import StoreProcess
from tests.server.harness import Client, Running

EVERY = (Permission.INGEST, Permission.READ, Permission.WRITE, Permission.ADMIN)
SCRIPTS = EVERY[:-1]
_MOST_STEPS = 20


@pytest.fixture
async def line(tmp_path: Path, store_process: StoreProcess) -> AsyncIterator[Pipeline]:
    """A running server over a real store, which removes when it is told to."""
    archive = Archive(store_process.options())
    async with pipeline(tmp_path, store_process, archive) as found:
        yield found
    await archive.close()


async def sdk(run: Running, *permissions: Permission) -> Client:
    return run.client(headers={"x-api-key": await run.key(*permissions)})


async def requested(run: Running) -> Sequence[Deletion]:
    return await lifecycle_of(run.parts).deletions.page(run.project.id, 10)


async def carry_out(line: Pipeline, archive: Archive) -> Deletion:
    """Take the one deletion as far as until nothing can be read."""
    parts = DeletionParts(
        line.run.metadata, archive, SecretBox(bytes(32)), Marks(bytes(32)), SystemClock(), lambda: 0.0
    )
    loop = DeletionLoop(parts, LifecycleOptions(settle_s=0.0))
    for _ in range(_MOST_STEPS):
        await loop.tick()
        (found,) = await requested(line.run)
        if found.state is DeletionState.ERASING:
            return found
    raise AssertionError(found)


async def filled(line: Pipeline) -> str:
    """Send three runs, two of them of the project whose id is returned."""
    client = await sdk(line.run, *SCRIPTS)
    runs: list[dict[str, Any]] = [
        made(1, session_name="shop"), made(2, session_name="shop", run_type="llm"), made(3, session_name="bar"),
    ]  # fmt: skip
    assert (await client.post("/runs/batch", json={"post": runs})).status_code == 202
    await line.drain()
    return str(ids.session_id(line.run.project.id, "shop"))


async def names(client: Client) -> list[str]:
    return sorted(one["name"] for one in (await client.post("/runs/query", json={})).json()["runs"])


async def test_a_project_goes_with_its_runs(line: Pipeline, store_process: StoreProcess) -> None:
    shop = await filled(line)
    client = await sdk(line.run, *EVERY)
    for _ in range(2):
        answer = await client.delete(f"/sessions/{shop}")
        (receipt,) = await requested(line.run)
        assert (answer.status_code, answer.json()["deletion_id"]) == (202, receipt.id)
    assert receipt.digest == lifecycle_of(line.run.parts).deletions.digest(line.run.project.id, Subject.PROJECT, shop)
    archive = Archive(store_process.options())
    try:
        done = await carry_out(line, archive)
    finally:
        await archive.close()
    assert (done.subject, done.traces, done.removed["spans"]) == (Subject.PROJECT, 2, 2)
    assert await names(client) == ["n3"]
    assert (await client.get(f"/sessions/{shop}")).status_code == 404
    platform = line.run.client(headers={"authorization": f"Bearer {await line.run.key(Permission.READ)}"})
    shown = (await platform.get(f"/api/v1/deletions/{receipt.id}")).json()
    assert (shown["subject"], shown["traces"]) == ("project", 2)


async def test_runs_are_deleted_by_keys_of_administrators_alone(line: Pipeline) -> None:
    shop = await filled(line)
    client = await sdk(line.run, *SCRIPTS)
    answer = await client.delete(f"/sessions/{shop}")
    assert (answer.status_code, "admin" in answer.json()["detail"]) == (403, True)
    for permission in (Permission.READ, Permission.INGEST):
        assert (await (await sdk(line.run, permission)).delete(f"/sessions/{shop}")).status_code == 403
    assert (await client.delete(f"/sessions/{ids.session_id(line.run.project.id, 'none')}")).status_code == 200
    assert (await client.delete("/sessions/shop")).status_code == 400
    assert await requested(line.run) == []
    assert len(await names(client)) == 3


async def test_an_experiment_goes_and_its_runs_with_it_where_the_key_may(line: Pipeline) -> None:
    dataset = (await (await sdk(line.run, *SCRIPTS)).post("/datasets", json={"name": "qa"})).json()["id"]
    for permissions, status in ((SCRIPTS, 200), (EVERY, 202)):
        client = await sdk(line.run, *permissions)
        new = {"name": "e", "reference_dataset_id": dataset}
        session = (await client.post("/sessions", json=new)).json()["id"]
        assert (await client.delete(f"/sessions/{session}")).status_code == status
        assert (await client.get("/sessions", params={"reference_dataset": dataset})).json() == []
    assert [one.subject for one in await requested(line.run)] == [Subject.PROJECT]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
async def test_every_sdk_deletes_a_project(
    line: Pipeline, environment: str, tmp_path: Path, store_process: StoreProcess
) -> None:
    await filled(line)
    said = await told(line.run, environment, tmp_path, "/api/v1", "projects", permissions=EVERY)
    assert said == {"before": ["n1", "n2"]}
    archive = Archive(store_process.options())
    try:
        await carry_out(line, archive)
    finally:
        await archive.close()
    assert await names(await sdk(line.run, *SCRIPTS)) == ["n3"]
