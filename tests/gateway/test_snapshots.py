"""Keys and routes change under a running gateway; a damaged file changes nothing."""

from pathlib import Path

import msgspec

from pilothouse.domain import snapshot
from tests.gateway.harness import chat, gateway


async def test_revoking_a_key_takes_effect(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        assert (await client.post("/v1/chat/completions", json=chat())).status_code == 200
        running.keys = [msgspec.structs.replace(running.keys[0], revoked_at_ns=1)]
        running.publish()
        assert (await client.post("/v1/chat/completions", json=chat())).status_code == 401


async def test_a_damaged_file_leaves_the_last_good_one_in_force(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        (tmp_path / "snapshot.msgpack").write_bytes(b"junk")
        assert running.snapshots is not None
        running.snapshots.refresh()
        assert (await client.post("/v1/chat/completions", json=chat())).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert "damaged" in ready.json()["parts"]["snapshot"]
        (tmp_path / "snapshot.msgpack").write_bytes(msgspec.msgpack.encode([snapshot.FORMAT + 1, {}]))
        running.snapshots.refresh()
        assert "format" in (await client.get("/readyz")).json()["parts"]["snapshot"]
        running.publish()
        assert (await client.get("/readyz")).status_code == 200


async def test_one_broken_account_leaves_the_others_in_service(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts.append(running.account("broken", "ftp://nowhere"))
        running.publish()
        assert (await client.post("/v1/chat/completions", json=chat())).status_code == 200
        answer = await client.post("/v1/chat/completions", json=chat("broken/fake-chat"))
        assert answer.status_code == 404


async def test_a_disabled_account_is_not_called(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts = [msgspec.structs.replace(running.accounts[0], enabled=False)]
        running.publish()
        answer = await client.post("/v1/chat/completions", json=chat("default"))
        assert answer.status_code == 404
        assert "leads to no enabled provider account" in answer.json()["error"]["message"]


async def test_weights_share_out_the_calls(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        targets = (snapshot.Target("up", "fake-chat", 3), snapshot.Target("up", "fake-embed", 1))
        running.aliases = [snapshot.Alias("a", "split", targets)]
        running.publish()
        for _ in range(100):
            await client.post("/v1/chat/completions", json=chat("split"))
        models = [record.attempts[0].model for record in await running.records(100)]
        assert 50 < models.count("fake-chat") < 95
