"""Removal of traces as Langfuse's SDKs ask for it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pilothouse.compat.langfuse import ids
from pilothouse.domain.access import Permission
from pilothouse.domain.keeping import Subject
from pilothouse.server.parts import lifecycle_of
from pilothouse.store.telemetry.archive import Archive
from tests.compat.test_langfuse_http import sdk
from tests.compat.test_langfuse_library import told
from tests.compat.test_langfuse_sdks import ENVIRONMENTS
from tests.embedded_store import StoreProcess
from tests.server.harness import Running, running

HEXADECIMAL = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
async def run(tmp_path: Path, store_process: StoreProcess) -> AsyncIterator[Running]:
    """A running server that removes."""
    archive = Archive(store_process.options())
    async with running(tmp_path, archive=archive) as found:
        yield found
    await archive.close()


async def requested(run: Running) -> list[str]:
    """Return the digests of what is to go, the oldest request first."""
    page = await lifecycle_of(run.parts).deletions.page(run.project.id, 100)
    assert {one.subject for one in page} <= {Subject.TRACE}
    return [one.digest for one in reversed(page)]


def digests(run: Running, *natives: str) -> list[str]:
    deletions = lifecycle_of(run.parts).deletions
    return [deletions.digest(run.project.id, Subject.TRACE, ids.trace_id(native)) for native in natives]


async def test_a_trace_is_requested_to_go_by_any_form_of_its_id(run: Running) -> None:
    client = await sdk(run, Permission.ADMIN)
    for native in (HEXADECIMAL, "order 7/a"):
        answer = await client.delete(f"/api/public/traces/{native}")
        assert (answer.status_code, answer.json()) == (200, {"message": "Trace deleted successfully"})
    assert await requested(run) == digests(run, HEXADECIMAL, "order 7/a")
    [latest, *_] = await lifecycle_of(run.parts).deletions.page(run.project.id, 1)
    assert latest.requested_by.startswith("key:")


async def test_several_go_at_once_and_the_same_again_is_the_same(run: Running) -> None:
    client = await sdk(run, Permission.ADMIN)
    for _ in range(2):
        answer = await client.request("DELETE", "/api/public/traces", json={"traceIds": ["a", "b", "c"]})
        assert (answer.status_code, answer.json()) == (200, {"message": "Traces deleted successfully"})
    assert await requested(run) == digests(run, "a", "b", "c")


@pytest.mark.parametrize("permission", [each for each in Permission if each is not Permission.ADMIN])
async def test_only_administrators_keys_may(run: Running, permission: Permission) -> None:
    client = await sdk(run, permission)
    for path, body in ((f"/api/public/traces/{HEXADECIMAL}", None), ("/api/public/traces", {"traceIds": ["a"]})):
        answer = await client.request("DELETE", path, json=body)
        assert answer.status_code == 403, answer.text
        assert "admin" in answer.json()["message"]
    assert await requested(run) == []


@pytest.mark.parametrize(
    "body", [{}, {"traceIds": []}, {"traceIds": "a"}, {"traceIds": [7]}, {"traceIds": ["a", ""]}, [],
             {"traceIds": ["x"] * 201}]
)  # fmt: skip
async def test_a_list_that_is_none_is_told_and_removes_nothing(run: Running, body: Any) -> None:
    client = await sdk(run, Permission.ADMIN)
    answer = await client.request("DELETE", "/api/public/traces", json=body)
    assert answer.status_code == 400
    assert "traceIds" in answer.json()["message"]
    assert await requested(run) == []


async def test_where_nothing_is_removed_it_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as bare:
        answer = await (await sdk(bare, Permission.ADMIN)).delete(f"/api/public/traces/{HEXADECIMAL}")
    assert answer.status_code == 404
    assert "removed" in answer.json()["message"]


@pytest.mark.parametrize("generation", sorted(ENVIRONMENTS))
async def test_every_generation_of_the_sdk_removes(run: Running, generation: str, tmp_path: Path) -> None:
    answers = await told(run, generation, tmp_path, "removal", Permission.ADMIN)
    assert answers == ["Trace deleted successfully", "Traces deleted successfully"]
    assert await requested(run) == digests(run, "a", "b", "c")
