"""Alive, ready and system tell the truth about every part."""

import asyncio
from pathlib import Path

from pilothouse.domain.access import Permission
from pilothouse.errors import StoreUnavailable
from tests.server.harness import Running, running


async def test_alive_and_ready(run: Running) -> None:
    assert (await run.client().get("/healthz")).json() == {"alive": True}
    answer = await run.client().get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert {part["name"] for part in answer.json()["parts"]} == {"metadata", "store"}


async def test_not_ready_says_which_part_and_why(run: Running) -> None:
    run.store.down = "the store restarts"
    answer = await run.client().get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    parts = {part["name"]: part for part in answer.json()["parts"]}
    assert parts["store"] == {"name": "store", "ok": False, "detail": "the store restarts"}
    assert parts["metadata"]["ok"]
    assert (await run.client().get("/healthz")).status_code == 200


async def test_metadata_being_gone_is_told_and_errors_have_their_code(run: Running) -> None:
    await run.metadata.close()
    parts = {part["name"]: part for part in (await run.client().get("/readyz")).json()["parts"]}
    assert not parts["metadata"]["ok"]
    answer = await run.client("ph_" + "a" * 46).get("/api/v1/keys")
    assert answer.status_code in (401, 503)
    assert (await run.local().get("/api/v1/projects")).json()["code"] == "metadata_unavailable"


async def test_a_part_that_breaks_or_hangs_does_not_take_the_report_with_it(tmp_path: Path) -> None:
    async def breaks() -> str | None:
        raise RuntimeError("bug")

    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    async with running(tmp_path, health={"breaks": breaks, "hangs": hangs}) as run:
        answer = await run.client().get("/readyz")
        parts = {part["name"]: part["detail"] for part in answer.json()["parts"]}
        assert answer.status_code == 503
        assert "RuntimeError" in parts["breaks"]
        assert "no answer" in parts["hangs"]
        assert parts["store"] == ""


class Ailing:
    """A process beside this one that is not well."""

    async def problem(self) -> str | None:
        return "the store refuses every span"

    async def metrics(self) -> str:
        return "# TYPE pilothouse_ingest_lag_seconds gauge\npilothouse_ingest_lag_seconds 5\n"


async def test_a_neighbour_in_trouble_is_told_and_keeps_nobody_from_being_served(tmp_path: Path) -> None:
    async with running(tmp_path, neighbours={"ingest": Ailing()}) as run:
        answer = await run.client().get("/readyz")
        parts = {part["name"]: part["detail"] for part in answer.json()["parts"]}
        assert (answer.status_code, parts["ingest"]) == (200, "the store refuses every span")
        text = (await run.client(await run.key(Permission.READ)).get("/metrics")).text
        assert 'pilothouse_ingest_lag_seconds{process="ingest"} 5' in text


async def test_system(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    found = (await client.get("/api/v1/system")).json()
    assert found["gateway_url"] == "http://127.0.0.1:4000"
    assert found["ready"] is True
    assert found["store"] == {
        "ok": True, "detail": "", "engine": "26.9", "rows": 7, "size_bytes": 4096, "parts": 2,
    }  # fmt: skip
    assert found["spools"] == []
    assert found["snapshot_version"] >= 1
    run.store.error = StoreUnavailable("restarting")
    assert (await client.get("/api/v1/system")).json()["store"]["detail"] == "restarting"
