"""Exports written to a folder and to a bucket: whole, once a window, resumed where they stopped."""

import hashlib
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.clock import FakeClock
from pilothouse.domain.exporting import (
    Every,
    ExportChunk,
    ExportFormat,
    ExportWhat,
    FolderTarget,
    RowPlace,
    RunState,
    S3Target,
    Schedule,
    Selection,
)
from pilothouse.domain.secret import SecretBox
from pilothouse.errors import Conflict, InvalidRequest, NotFound, StoreUnavailable
from pilothouse.lifecycle.export_loop import ExportLoop, ExportParts
from pilothouse.lifecycle.exports import Exports, NewExport
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.lifecycle.targets import S3Keys
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.transport.base import Transport
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.pool import PooledTransport
from tests.lifecycle.bucket import FakeBucket
from tests.spans import make_span, new_project

HOUR_NS = 3600 * 10**9
BOX = SecretBox(bytes(32))


class Rows:
    """Numbered rows of one second each, three in a chunk; fails when told to."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.broken = False

    async def chunk(self, wanted: Selection, fmt: ExportFormat, after: RowPlace | None) -> ExportChunk | None:
        if self.broken:
            raise StoreUnavailable("away")
        start = max(wanted.from_ns, -1 if after is None else after.at_ns + 1)
        numbers = [n for n in range(self.count) if start <= n * 10**9 < wanted.to_ns][:3]
        if not numbers:
            return None
        body = "".join(f'{{"n":{n}}}\n' for n in numbers).encode()
        return ExportChunk(body, len(numbers), RowPlace(numbers[-1] * 10**9, "t", str(numbers[-1])))


class Setup:
    def __init__(self, metadata: Metadata, rows: Any, transport: Transport, folder: Path) -> None:
        self.clock = FakeClock()
        self.folder = folder
        self.exports = Exports(metadata, BOX, self.clock, folder, LifecycleOptions())
        self.parts = ExportParts(metadata, rows, transport, BOX, self.clock, folder)

    def loop(self) -> ExportLoop:
        return ExportLoop(self.parts, LifecycleOptions())

    async def settle(self) -> None:
        loop = self.loop()
        while await loop.tick() == 0.0:
            pass


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = PooledTransport(TransportOptions())
    yield made
    await made.close()


def numbers(folder: Path) -> list[int]:
    return [json.loads(line)["n"] for file in sorted(folder.glob("part-*")) for line in file.read_text().splitlines()]


def order(project: str = "p", **changes: Any) -> NewExport:
    plain = NewExport(project_id=project, name="mine", what=ExportWhat.SPANS)
    return msgspec.structs.replace(plain, **changes)


async def test_one_run_writes_files_and_a_manifest_that_agrees(
    metadata: Metadata, transport: Transport, tmp_path: Path
) -> None:
    setup = Setup(metadata, Rows(10), transport, tmp_path)
    export = await setup.exports.create(order(to_ns=8 * 10**9), actor="test")
    await setup.settle()
    (folder,) = (tmp_path / "exports" / "mine").iterdir()
    assert numbers(folder) == list(range(8))
    said = json.loads((folder / "manifest.json").read_text())
    assert said["rows"] == 8
    for file in said["files"]:
        body = (folder / file["name"]).read_bytes()
        assert file["size_bytes"] == len(body)
        assert file["sha256"] == hashlib.sha256(body).hexdigest()
    _, (run,) = await setup.exports.get("p", export.id)
    assert (run.state, run.rows) == (RunState.DONE, 8)
    with pytest.raises(Conflict):
        await setup.exports.stop("p", export.id, actor="test")


async def test_a_stop_and_a_crash_cost_no_row_and_write_none_twice(
    metadata: Metadata, transport: Transport, tmp_path: Path
) -> None:
    setup = Setup(metadata, Rows(20), transport, tmp_path)
    export = await setup.exports.create(order(to_ns=20 * 10**9), actor="test")
    await setup.loop().tick()
    await setup.exports.stop("p", export.id, actor="test")
    assert await setup.loop().tick() > 0
    _, (run,) = await setup.exports.get("p", export.id)
    assert (run.state, run.rows) == (RunState.STOPPED, 3)
    await setup.exports.resume("p", export.id, actor="test")
    await setup.settle()
    (folder,) = (tmp_path / "exports" / "mine").iterdir()
    assert numbers(folder) == list(range(20))


async def test_a_store_that_is_away_is_tried_again_later(
    metadata: Metadata, transport: Transport, tmp_path: Path
) -> None:
    rows = Rows(4)
    setup = Setup(metadata, rows, transport, tmp_path)
    export = await setup.exports.create(order(to_ns=4 * 10**9), actor="test")
    rows.broken = True
    await setup.settle()
    _, (run,) = await setup.exports.get("p", export.id)
    assert (run.tries, run.detail) == (1, "away")
    rows.broken = False
    await setup.settle()
    assert (await setup.exports.get("p", export.id))[1][0].rows == 0
    setup.clock.advance(60.0)
    await setup.settle()
    assert (await setup.exports.get("p", export.id))[1][0].state is RunState.DONE


async def test_a_schedule_writes_each_window_once_and_waits_for_late_rows(
    metadata: Metadata, transport: Transport, tmp_path: Path
) -> None:
    setup = Setup(metadata, Rows(0), transport, tmp_path)
    schedule = Schedule(every=Every.HOUR, late_minutes=10)
    export = await setup.exports.create(order(schedule=schedule), actor="test")
    begun_ns = export.through_ns
    await setup.settle()
    assert (await setup.exports.get("p", export.id))[1] == []
    setup.clock.advance(3 * 3600.0)
    await setup.settle()
    await setup.settle()
    _, runs = await setup.exports.get("p", export.id)
    windows = sorted((run.from_ns, run.to_ns) for run in runs)
    assert windows[0][0] == begun_ns
    assert len(windows) in {2, 3}
    assert all(left[1] == right[0] for left, right in pairwise(windows))
    assert windows[-1][1] + 10 * 60 * 10**9 <= setup.clock.now_ns()


async def test_a_bucket_gets_signed_files(
    metadata: Metadata, transport: Transport, archive: Archive, telemetry: Telemetry, tmp_path: Path
) -> None:
    project = new_project()
    await telemetry.insert([make_span(project) for _ in range(4)], project)
    async with FakeBucket("key", "0penSesame", "eu-central-1") as bucket:
        setup = Setup(metadata, archive, transport, tmp_path)
        target = S3Target(endpoint=bucket.url, bucket="traces", region="eu-central-1", prefix="a b/c")
        keys = S3Keys(access_key="key", secret_key="0penSesame")
        await setup.exports.create(
            order(project, target=target, keys=keys, format=ExportFormat.PARQUET, to_ns=2**62), actor="test"
        )
        await setup.settle()
        names = sorted(name.rsplit("/", 1)[1] for name in bucket.objects)
        assert names == ["manifest.json", "part-000001.parquet"]
        assert all(name.startswith("/traces/a b/c/mine/") for name in bucket.objects)
        assert all(b"0penSesame" not in text.encode() for text in await stored_texts(metadata))


async def stored_texts(metadata: Metadata) -> list[str]:
    found = await metadata.read(lambda tx: tx.exports.active())
    return [msgspec.json.encode(one).decode() for one in found]


@pytest.mark.parametrize("path", ["../out", "/etc", "a/../../b", "x\0y"])
async def test_a_folder_outside_is_refused(metadata: Metadata, transport: Transport, tmp_path: Path, path: str) -> None:
    setup = Setup(metadata, Rows(0), transport, tmp_path)
    with pytest.raises((InvalidRequest, ValueError)):
        await setup.exports.create(order(target=FolderTarget(path=path)), actor="test")


@pytest.mark.parametrize("endpoint", ["http://169.254.169.254", "http://metadata.google.internal", "ftp://x", ""])
async def test_an_endpoint_that_leads_to_credentials_is_refused(
    metadata: Metadata, transport: Transport, tmp_path: Path, endpoint: str
) -> None:
    setup = Setup(metadata, Rows(0), transport, tmp_path)
    keys = S3Keys(access_key="a", secret_key="b")
    with pytest.raises(InvalidRequest) as caught:
        await setup.exports.create(order(target=S3Target(endpoint=endpoint, bucket="abc"), keys=keys), actor="test")
    assert caught.value.param == "target/endpoint"


async def test_names_are_unique_and_foreign_exports_unknown(
    metadata: Metadata, transport: Transport, tmp_path: Path
) -> None:
    setup = Setup(metadata, Rows(0), transport, tmp_path)
    export = await setup.exports.create(order(), actor="test")
    with pytest.raises(Conflict):
        await setup.exports.create(order(), actor="test")
    with pytest.raises(NotFound):
        await setup.exports.get("other", export.id)
    await setup.exports.delete("p", export.id, actor="test")
    assert await setup.exports.list_all("p") == []


@given(
    every=st.sampled_from(list(Every)), hour=st.integers(0, 23), weekday=st.integers(0, 6),
    now_ns=st.integers(10**18, 2 * 10**18),
)  # fmt: skip
def test_windows_follow_one_another(every: Every, hour: int, weekday: int, now_ns: int) -> None:
    schedule = Schedule(every=every, hour=hour, weekday=weekday)
    end_ns = schedule.last_end(now_ns)
    step_ns = {Every.HOUR: HOUR_NS, Every.DAY: 24 * HOUR_NS, Every.WEEK: 168 * HOUR_NS}[every]
    assert end_ns <= now_ns < end_ns + step_ns
    assert schedule.last_end(end_ns) == end_ns
    assert schedule.following(end_ns) == end_ns + step_ns
    if every is not Every.HOUR:
        assert end_ns // HOUR_NS % 24 == hour
    if every is Every.WEEK:
        assert (end_ns // (24 * HOUR_NS) + 3) % 7 == weekday
