"""A full spool: the operator chose whether calls go on unrecorded, counted, or are refused."""

from pathlib import Path

from pilothouse import instruments
from pilothouse.spool import SpoolOptions
from tests.gateway.harness import chat, gateway

FULL = 1


async def test_calls_go_on_and_the_loss_is_counted_and_shown(tmp_path: Path) -> None:
    async with gateway(tmp_path, spooling=SpoolOptions(max_bytes=FULL)) as running, running.client() as client:
        before = instruments.SPOOL_DROPPED.values.get(("call",), 0)
        answer = await client.post("/v1/chat/completions", json=chat())
        assert answer.status_code == 200
        assert instruments.SPOOL_DROPPED.values[("call",)] == before + 1
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded"), "it serves, so it stays in rotation"
        assert "full" in ready.json()["parts"]["spool"]


async def test_calls_are_refused_where_none_may_go_unrecorded(tmp_path: Path) -> None:
    options = SpoolOptions(max_bytes=FULL, on_full="refuse")
    async with gateway(tmp_path, spooling=options) as running, running.client() as client:
        answer = await client.post("/v1/chat/completions", json=chat())
        assert answer.status_code == 429
        assert answer.headers["x-pilothouse-error"] == "spool_full"
        assert int(answer.headers["retry-after"]) > 0
        assert running.fake.hits == 0
        assert (await client.get("/readyz")).status_code == 503
