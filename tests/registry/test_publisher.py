"""The snapshot file and the first start."""

import asyncio
import stat
from pathlib import Path

from pilothouse.domain import snapshot
from pilothouse.domain.access import Permission, Project
from pilothouse.domain.clock import FakeClock
from pilothouse.domain.secret import SecretBox
from pilothouse.registry.bootstrap import bootstrap
from pilothouse.registry.changes import NewAccount, NewKey
from pilothouse.registry.people import People
from pilothouse.registry.publisher import Publisher
from pilothouse.registry.registry import Registry
from pilothouse.store.metadata.database import Metadata


async def seen(path: Path, version: int) -> snapshot.Snapshot:
    async with asyncio.timeout(5):
        while True:
            if await asyncio.to_thread(path.exists):
                found = snapshot.decode(await asyncio.to_thread(path.read_bytes))
                if found.version == version:
                    return found
            await asyncio.sleep(0.005)


async def test_every_change_reaches_the_file(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.msgpack"
    publisher = Publisher(registry, path)
    await publisher.start()
    await seen(path, 0)
    project = await registry.create_project("default", actor="start")
    began = asyncio.get_running_loop().time()
    key, _ = await registry.create_key(NewKey(project_id=project.id, name="k"), actor="start")
    found = await seen(path, await registry.version())
    assert asyncio.get_running_loop().time() - began < 0.9  # woken, not found by polling
    assert (found.projects, found.keys) == ((project,), (key,))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    publisher.wake()
    assert await seen(path, await registry.version()) is not None
    assert publisher.ping() is None
    await publisher.stop()
    names = await asyncio.to_thread(lambda: [file.name for file in tmp_path.iterdir()])
    assert [name for name in names if "snapshot" in name] == [path.name]


async def test_a_change_by_another_process_is_found(registry: Registry, metadata: Metadata, tmp_path: Path) -> None:
    publisher = Publisher(registry, tmp_path / "snapshot.msgpack")
    assert await publisher.tick() <= 1
    other = Registry(metadata, SecretBox(b"k" * 32), FakeClock())
    await other.create_project("default", actor="start")
    await publisher.tick()
    assert publisher.published == 1


async def test_the_first_start_makes_project_key_and_link(registry: Registry, people: People) -> None:
    first = await bootstrap(registry, people)
    assert first.project.name == "default"
    assert first.key_secret is not None
    assert first.sign_in_secret is not None
    assert first.key_secret not in repr(first)
    key = await registry.authenticate_key(first.key_secret)
    assert key.permissions == (Permission.INFERENCE, Permission.INGEST, Permission.READ)

    second = await bootstrap(registry, people)
    assert (second.project, second.key_secret) == (first.project, None)
    assert second.sign_in_secret not in {None, first.sign_in_secret}

    await people.redeem_link(second.sign_in_secret or "", "ada@example.com", "Ada", "correct horse battery")
    await registry.revoke_key(first.project.id, key.id, actor="person:1")
    third = await bootstrap(registry, people)
    assert (third.key_secret, third.sign_in_secret) == (None, None)


async def test_a_lost_secret_key_is_told_by_account(registry: Registry, people: People, metadata: Metadata) -> None:
    await registry.create_account(NewAccount(name="openai", provider="openai", secret="sk"), actor="start")
    await registry.create_account(NewAccount(name="vllm", provider="vllm"), actor="start")
    assert (await bootstrap(registry, people)).unreadable_accounts == ()
    other = Registry(metadata, SecretBox(b"z" * 32), FakeClock())
    assert (await bootstrap(other, people)).unreadable_accounts == ("openai",)


async def test_the_snapshot_is_one_consistent_state(registry: Registry) -> None:
    project: Project = await registry.create_project("default", actor="start")

    async def change(number: int) -> None:
        await registry.create_key(NewKey(project_id=project.id, name=f"k{number}"), actor="start")

    async def look() -> None:
        found = await registry.snapshot()
        assert len(found.keys) == found.version - 1

    await asyncio.gather(*(work(number) for number in range(10) for work in (change, lambda _: look())))
