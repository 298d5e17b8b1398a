"""A kill between any two steps neither loses a line nor doubles one."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.domain.batch import Batch
from pilothouse.domain.call import CallRecord
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.files import BATCH_INPUT, File
from pilothouse.gateway.batches.checking import endpoints
from pilothouse.gateway.batches.room import Room
from pilothouse.gateway.batches.run import Run
from pilothouse.gateway.batches.works import Works
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.pipeline import Parts
from pilothouse.protocols import table
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_batches import KeptBatches
from pilothouse.store.metadata.kept_files import KeptFiles
from tests.gateway.batching import CHAT, PACE, database, jsonl, line
from tests.gateway.harness import Gateway, gateway

NOW_NS = 1_795_000_000_000_000_000


class Crash(BaseException):
    """The process is killed here."""


class Fuse:
    """Kills at a call of a certain name, before it is done or just after."""

    def __init__(self, name: str = "", at: int = 0, *, after: bool = False) -> None:
        self._name = name
        self._left = at
        self._after = after
        self.blown = ""

    async def step(self, name: str, work: Callable[[], Any]) -> Any:
        if self.blown:
            raise Crash(self.blown)
        self._left -= name == self._name
        mine = name == self._name and self._left == 0
        if mine and not self._after:
            self.blown = f"before {name}"
            raise Crash(self.blown)
        result = await work()
        if mine:
            self.blown = f"after {name}"
            raise Crash(self.blown)
        return result


class Fused:
    """A part of the gateway whose every call is a step."""

    def __init__(self, inner: Any, fuse: Fuse, names: frozenset[str] | None = None) -> None:
        self._inner = inner
        self._fuse = fuse
        self._names = names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not asyncio.iscoroutinefunction(found) or (self._names is not None and name not in self._names):
            return found

        async def step(*args: Any, **fields: Any) -> Any:
            return await self._fuse.step(name, lambda: found(*args, **fields))

        return step


class Stage:
    """A gateway, a database with one batch, and runs that may be killed."""

    def __init__(self, running: Gateway, metadata: Metadata, parts: Parts, deferred: Deferred) -> None:
        self.running = running
        self.metadata = metadata
        self.parts = parts
        self.deferred = deferred

    async def make(self, lines: list[Any]) -> str:
        """Keep the lines as a file and make a batch of them."""
        content = jsonl(lines)
        files, store = KeptFiles(self.metadata), KeptBatches(self.metadata)
        file = File("file-1", "project", "k", "in.jsonl", BATCH_INPUT, len(content), NOW_NS)
        await files.begin(file)
        await files.append(file.id, 0, content, NOW_NS)
        await files.complete(file)
        batch = Batch(
            "batch_" + "0" * 31 + "1", "project", self.running.keys[0].id, CHAT, file.id, "24h", NOW_NS, 2**62
        )
        await store.insert(batch)
        return batch.id

    async def run(self, who: str, fuse: Fuse) -> bool:
        """Run the batch in a new process, so to speak; whether it lived to the end."""
        store = KeptBatches(self.metadata)
        now_ns = self.parts.clock.now_ns()
        # The lease of the killed process has ended by now.
        claimed = await store.claim(who, now_ns + 10**10, now_ns + 2 * 10**10, 1)
        await store.release("nobody")
        spool = Fused(self.parts.spool, fuse, frozenset({"append"}))
        transport = Fused(self.parts.transport, fuse, frozenset({"send"}))
        parts = msgspec.structs.replace(self.parts, spool=spool, transport=transport)
        works = Works(Fused(store, fuse), Fused(KeptFiles(self.metadata), fuse), parts, self.deferred, Room(4), who,
                      30, PACE)  # type: ignore[arg-type]  # fmt: skip
        try:
            for batch in claimed:
                await Run(works, batch, endpoints(map(table.dialect, table.names()))[CHAT]).go()
        except Crash:
            pass
        finally:
            await self.metadata.write(lambda tx: tx.batch_work.release(who))
        return not fuse.blown

    async def results(self, batch_id: str) -> tuple[Batch, list[Any]]:
        """Return the batch and the lines of its files."""
        store, files = KeptBatches(self.metadata), KeptFiles(self.metadata)
        batch = await store.get("project", batch_id)
        assert batch is not None
        lines: list[Any] = []
        for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
            file = await files.get("project", file_id)
            content = await files.chunk(file_id, 0)
            assert file is not None
            assert content is not None
            assert len(content) == file.size_bytes
            lines += [json.loads(item) for item in content.splitlines()]
        return batch, lines

    def records(self) -> list[CallRecord]:
        """Return every record of the spool by now."""
        found: list[CallRecord] = []
        while (batch := self.running.reader.read()) is not None:
            found += [msgspec.msgpack.decode(item.payload, type=CallRecord) for item in batch.items]
            self.running.reader.ack(batch)
        return found


@asynccontextmanager
async def stage(folder: Path, provider: str) -> AsyncGenerator[Stage]:
    held: list[tuple[Parts, Deferred]] = []

    def rows(parts: Parts, deferred: Deferred) -> tuple[()]:
        held.append((parts, deferred))
        return ()

    async with database(folder) as metadata, gateway(folder, SystemClock(), rows=rows) as running:  # type: ignore[arg-type]
        base_url = f"{running.fake.url}/v1beta" if provider == "gemini" else running.fake.base_url
        running.accounts = [running.account("acc", base_url, provider=provider, open_models=True)]
        running.publish()
        yield Stage(running, metadata, *held[0])


def wanted(count: int) -> list[Any]:
    return [line(f"l{number}", "acc/gpt-4o-mini") for number in range(count)]


async def clear(at: Stage) -> None:
    """Make the stage as it was."""

    def empty(tx: Any) -> None:
        for name in ("batch_lines", "batch_jobs", "batches", "file_chunks", "files"):
            tx.files._connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608 - names of our own

    await at.metadata.write(empty)
    at.running.fake.reset()
    at.records()


STEPS = ("current", "chunk", "clear", "add", "begin", "put_job", "of_job", "send", "open_among", "append", "settle",
         "put", "remove", "kept", "finish")  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
async def test_native_lines_are_settled_once_wherever_the_gateway_is_killed(tmp_path: Path, step: str) -> None:
    async with stage(tmp_path, "openai") as at:
        for number, after in itertools.product(range(1, 7), (False, True)):
            batch_id = await at.make(wanted(3))
            at.running.fake.batches.script({"looks": 1, "lines": {"2": "400"}})
            fuse = Fuse(step, number, after=after)
            alive = await at.run("first", fuse)
            where = f"{fuse.blown}, call {number}"
            if not alive:
                assert await at.run("second", Fuse()), where
            batch, lines = await at.results(batch_id)
            assert (batch.status.value, batch.counts.completed, batch.counts.failed) == ("completed", 2, 1), where
            assert sorted(item["custom_id"] for item in lines) == ["l0", "l1", "l2"], where
            # The provider was given the job once, and ran each line once.
            assert len(at.running.fake.batches.jobs) == 1, where
            assert set(at.running.fake.batches.ran.values()) == {1}, where
            # A record may have been written twice, but it is the same one then, and the store keeps one of them.
            records = at.records()
            spans = {(item.project_id, item.trace_id, item.span_id, item.started_at_ns) for item in records}
            assert len(spans) == len({msgspec.json.encode(item) for item in records}) == 3, where
            assert {item["response"]["request_id"] for item in lines} == {item.id for item in records}, where
            if alive:
                break
            await clear(at)
        assert number > 1 or not alive, f"no step is called {step}"


@pytest.mark.parametrize("step", ["add", "begin", "alone", "settle", "put", "finish", "clear"])
async def test_lines_that_run_alone_are_answered_once_wherever_the_gateway_is_killed(tmp_path: Path, step: str) -> None:
    async with stage(tmp_path, "openai_compatible") as at:
        for number, after in itertools.product(range(1, 4), (False, True)):
            batch_id = await at.make(wanted(3))
            fuse = Fuse(step, number, after=after)
            alive = await at.run("first", fuse)
            where = f"{fuse.blown}, call {number}"
            if not alive:
                assert await at.run("second", Fuse()), where
            batch, lines = await at.results(batch_id)
            assert (batch.status.value, batch.counts.completed) == ("completed", 3), where
            assert sorted(item["custom_id"] for item in lines) == ["l0", "l1", "l2"], where
            if alive or step not in ("alone", "settle"):
                # Only what was under way, or could not be kept any more, is asked for again.
                assert at.running.fake.hits == 3, where
            if alive:
                break
            await clear(at)


async def test_the_loser_of_a_lease_changes_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, "openai") as at:
        batch_id = await at.make(wanted(1))
        store = KeptBatches(at.metadata)
        assert [item.id for item in await store.claim("a", 10, 20, 5)] == [batch_id]
        assert await store.claim("b", 15, 25, 5) == []
        assert [item.id for item in await store.claim("b", 21, 30, 5)] == [batch_id]
        await store.renew("a", 2**62)
        with pytest.raises(Exception, match="another gateway"):
            await store.current(batch_id, "a")
        with pytest.raises(Exception, match="another gateway"):
            await store.settle(batch_id, "a", [])
        assert (await store.current(batch_id, "b")).id == batch_id
