"""Batches: listed page by page, shown with jobs and files, downloaded, cancelled once, and never another project's."""

from pathlib import Path

import msgspec
import pytest

from pilothouse.domain.access import Permission
from pilothouse.domain.batch import Batch, BatchCounts, BatchFault, BatchStatus
from pilothouse.domain.files import CHUNK_BYTES, File
from pilothouse.registry.batches import Batches
from pilothouse.store.metadata.database import Transaction
from tests.server.harness import Running, running

HOUR_NS = 3_600_000_000_000


def batch(run: Running, n: int, **changes: object) -> Batch:
    now_ns, name = run.clock.now_ns(), f"batch_{n:032x}"
    made = Batch(
        name, run.project.id, "key-1", "/v1/chat/completions", f"file-{n}", "24h", now_ns, now_ns + HOUR_NS,
        metadata={"run": "nightly"},
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


async def keep(run: Running, *batches: Batch) -> None:
    await run.metadata.write(lambda tx: [tx.batches.insert(one) for one in batches])


async def keep_file(run: Running, file_id: str, content: bytes, expires_at_ns: int | None = None) -> None:
    now_ns = run.clock.now_ns()
    file = File(file_id, run.project.id, "key-1", "a.jsonl", "batch", len(content), now_ns, expires_at_ns)

    def work(tx: Transaction) -> None:
        files = tx.files
        files.insert(file)
        for n in range(0, len(content), CHUNK_BYTES):
            files.append(file_id, n // CHUNK_BYTES, content[n : n + CHUNK_BYTES], now_ns)
        files.complete(file)

    await run.metadata.write(work)


async def test_pages_go_from_the_newest_to_the_oldest(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await keep(run, *(batch(run, n) for n in range(5)), batch(run, 9, status=BatchStatus.COMPLETED))
        client = run.client(await run.key(Permission.READ))
        first = (await client.get("/api/v1/batches?limit=4")).json()
        rest = (await client.get("/api/v1/batches", params={"cursor": first["next_cursor"]})).json()
    assert [item["id"][-1] for item in first["items"]] == ["9", "4", "3", "2"]
    assert [item["id"][-1] for item in rest["items"]] == ["1", "0"]
    assert (first["unfinished"], rest["next_cursor"]) == (5, None)


async def test_one_is_shown_with_its_files_and_faults(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        content = b'{"custom_id":"a"}\n' * 100_000
        await keep_file(run, "file-1", content)
        await keep_file(run, "file-gone", b"x", expires_at_ns=run.clock.now_ns() - 1)
        await keep(
            run,
            batch(run, 1, counts=BatchCounts(4, 2, 1), error_file_id="file-gone",
                  errors=(BatchFault("invalid_json", "not JSON", 3),)),
        )  # fmt: skip
        client = run.client(await run.key(Permission.READ))
        shown = (await client.get(f"/api/v1/batches/{batch(run, 1).id}")).json()
        loaded = await client.get(f"/api/v1/batches/{batch(run, 1).id}/files/input")
        gone = await client.get(f"/api/v1/batches/{batch(run, 1).id}/files/errors")
        wrong = await client.get(f"/api/v1/batches/{batch(run, 1).id}/files/other")
    assert shown["batch"]["counts"] == {"total": 4, "completed": 2, "failed": 1}
    assert shown["errors"] == [{"code": "invalid_json", "message": "not JSON", "line": 3, "param": None}]
    assert (shown["input_file"]["size_bytes"], shown["error_file"], shown["queued_lines"]) == (len(content), None, 4)
    assert loaded.content == content
    assert "attachment" in loaded.headers["content-disposition"]
    assert (gone.status_code, wrong.status_code) == (404, 400)


async def test_a_batch_is_cancelled_once_and_the_audit_knows(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await keep(run, batch(run, 1))
        client = run.client(await run.key(Permission.READ, Permission.WRITE))
        path = f"/api/v1/batches/{batch(run, 1).id}/cancel"
        assert (await client.post(path)).json()["status"] == "cancelling"
        again = await client.post(path)
        audit = await run.metadata.read(lambda tx: tx.audit.newest(1))
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert (audit[0].action, audit[0].subject) == ("batch.cancel", batch(run, 1).id)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_projects_batch_is_unknown(tmp_path: Path, method: str) -> None:
    async with running(tmp_path) as run:
        other = await run.parts.registry.create_project("other", actor="test")
        await keep(run, batch(run, 1, project_id=other.id))
        client = run.client(await run.key(Permission.READ, Permission.WRITE))
        suffix = "/cancel" if method == "POST" else ""
        answer = await client.request(method, f"/api/v1/batches/{batch(run, 1).id}{suffix}")
        assert answer.status_code == 404
        assert (await client.get("/api/v1/batches")).json()["items"] == []
        assert isinstance(run.parts.batches, Batches)
