"""Patches become one row per span in a real store, in any order and grouping, repeated, and after any crash."""

import asyncio
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from pilothouse.domain.envelope import PATCHES, encode_patches
from pilothouse.domain.holding import Held, Place
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.receipt import Receipt, ReceiptOutcome
from pilothouse.domain.span import Span
from pilothouse.errors import StoreUnavailable
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.options import IngestOptions
from pilothouse.ingest.reading import Arrived
from pilothouse.ingest.rows import fold_of_row, row_of_fold
from pilothouse.spool import SpoolWriter
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.connection import Connection
from tests.embedded_store import StoreProcess
from tests.ingest.patches import CATALOG, Inline, S, Sayings, Writer, fold_all, whole
from tests.spans import BASE_NS, new_project

WIDE_NS = 90 * 86_400 * S


@pytest.fixture
def project() -> str:
    return new_project()


def by_span(patches: Sequence[SpanPatch]) -> dict[str, list[SpanPatch]]:
    found: dict[str, list[SpanPatch]] = {}
    for patch in patches:
        found.setdefault(patch.span_id, []).append(patch)
    return found


async def live_rows(store: Telemetry, project: str, trace_id: str, span_ids: Sequence[str]) -> dict[str, list[Span]]:
    """Return the rows that count, found without the engine's own replacing."""
    shape = (await store.shapes([(project, trace_id)], (BASE_NS - WIDE_NS, BASE_NS + WIDE_NS)))[project, trace_id]
    places = [
        Place(project, trace_id, span_id, start_ns)
        for span_id in span_ids
        if span_id in shape
        for start_ns in (shape[span_id].started_at_ns, *shape[span_id].other_starts_ns)
    ]
    newest: dict[tuple[str, int], Held] = {}
    for one in await store.held(places) if places else ():
        key = one.span.span_id, one.span.started_at_ns // (300 * S)
        if key not in newest or one.version > newest[key].version:
            newest[key] = one
    found: dict[str, list[Span]] = {}
    for (span_id, _), one in newest.items():
        if not one.span.deleted:
            found.setdefault(span_id, []).append(one.span)
    return found


async def check(store: Telemetry, patches: Sequence[SpanPatch]) -> None:
    """Assert that every span has one row and that it shows the fold of all its patches."""
    project, trace_id = patches[0].project_id, patches[0].trace_id
    said = by_span(patches)
    rows = await live_rows(store, project, trace_id, list(said))
    assert {span_id: len(found) for span_id, found in rows.items()} == dict.fromkeys(said, 1)
    trace = await store.trace(project, trace_id)
    assert trace is not None
    assert sorted(span.span_id for span in trace.spans) == sorted(said)
    for span_id, parts in said.items():
        [row] = rows[span_id]
        fold = fold_all(parts)
        assert msgspec.msgpack.encode(fold_of_row(row), order="sorted") == msgspec.msgpack.encode(fold, order="sorted")
        expected = row_of_fold(fold, CATALOG, BASE_NS + WIDE_NS)
        # What the store's columns cannot hold is in the fold, which is compared above.
        loose = {"wrapper", "usage", "cost_usd", "fold"}
        for name in set(Span.__struct_fields__) - loose:
            assert getattr(row, name) == getattr(expected, name), name


class Cut(Telemetry):
    """A store whose answer is lost, or that writes a part of an insert only, at random."""

    def __init__(self, store: Telemetry, seed: int) -> None:
        self.__dict__.update(store.__dict__)
        self._random = random.Random(seed)

    async def insert(self, spans: Sequence[Span], token: str, revised: Sequence[Span] | None = None) -> None:
        """Write all, or some weeks of it and then fail."""
        luck = self._random.random()
        if luck < 0.6:
            await super().insert(spans, token)
            return
        if luck < 0.9:
            weeks = {span.started_at_ns // (7 * 86_400 * S) for span in spans}
            kept = self._random.sample(sorted(weeks), self._random.randint(0, len(weeks)))
            await super().insert([span for span in spans if span.started_at_ns // (7 * 86_400 * S) in kept], token)
        raise StoreUnavailable("cut")


@pytest.mark.parametrize("seed", range(6))
async def test_rows_are_the_fold_of_all_patches_in_any_order_and_batches(
    telemetry: Telemetry, project: str, seed: int
) -> None:
    rnd = random.Random(seed)
    patches = Sayings(project, seed).of_trace(spans=8, patches=30)
    key = project, patches[0].trace_id
    writer = Writer(telemetry)
    at = 0
    while at < len(patches):
        size = rnd.randint(1, 9)
        await writer.bring(patches[at : at + size])
        at += size
        if rnd.random() < 0.3:
            writer.restart(told=[key])
        if rnd.random() < 0.2:
            await writer.bring(rnd.sample(patches[:at], min(at, 4)))
    await check(telemetry, patches)


@pytest.mark.parametrize("seed", range(6))
async def test_an_insert_that_is_cut_anywhere_loses_nothing_once_it_is_sent_again(
    telemetry: Telemetry, project: str, seed: int
) -> None:
    rnd = random.Random(seed)
    patches = Sayings(project, 100 + seed).of_trace(spans=6, patches=24)
    key = project, patches[0].trace_id
    writer = Writer(Cut(telemetry, seed))
    batches = [(patches[at : at + 5], uuid.uuid4().hex) for at in range(0, len(patches), 5)]
    waiting = list(batches)
    while waiting:
        # As with several spools, a batch that failed may wait while others go on.
        batch, token = rnd.choice(waiting[:2])
        try:
            await writer.bring(batch, token)
        except StoreUnavailable:
            if rnd.random() < 0.5:
                writer.restart(told=[key])
            continue
        waiting.remove((batch, token))
    await check(telemetry, patches)


async def test_the_engines_own_merging_changes_nothing(
    telemetry: Telemetry, project: str, store_process: StoreProcess
) -> None:
    writer = Writer(telemetry)
    patches = Sayings(project, 7).of_trace(spans=10, patches=60)
    for at in range(0, len(patches), 7):
        await writer.bring(patches[at : at + 7])
    await check(telemetry, patches)
    before = await telemetry.trace(project, patches[0].trace_id)
    connection = Connection(store_process.options())
    await connection.command("OPTIMIZE TABLE pilothouse.spans FINAL")
    await connection.close()
    assert await telemetry.trace(project, patches[0].trace_id) == before
    await check(telemetry, patches)


async def test_the_same_again_writes_nothing(telemetry: Telemetry, project: str) -> None:
    writer = Writer(telemetry)
    patches = Sayings(project, 3).of_trace(spans=5, patches=10)
    assert await writer.bring(patches) == 5
    assert await writer.bring(patches) == 0
    writer.restart(told=[(project, patches[0].trace_id)])
    assert await writer.bring(patches) == 0


class Noting(Telemetry):
    """A store that notes which rows it was told may replace one of a span that had ended."""

    def __init__(self, store: Telemetry) -> None:
        self.__dict__.update(store.__dict__)
        self.revised: list[list[str]] = []

    async def insert(self, spans: Sequence[Span], token: str, revised: Sequence[Span] | None = None) -> None:
        """Write all."""
        assert revised is not None
        self.revised.append([span.output for span in revised])
        await super().insert(spans, token, revised)


@pytest.mark.parametrize("forgets", [False, True])
async def test_only_rows_that_replace_an_ended_one_are_told_as_such(
    telemetry: Telemetry, project: str, *, forgets: bool
) -> None:
    store = Noting(telemetry)
    writer = Writer(store)
    begun = whole(project, uuid.uuid4().hex, "c" * 16, whole=False, ended_at_ns=None, status=None)
    said = [
        begun,
        msgspec.structs.replace(begun, at_ns=BASE_NS + 4 * S, output="half"),
        msgspec.structs.replace(begun, at_ns=BASE_NS + 5 * S, output="all", ended_at_ns=BASE_NS + 5 * S),
        msgspec.structs.replace(begun, at_ns=BASE_NS + 6 * S, output="more"),
    ]
    for patch in said:
        await writer.bring([patch])
        if forgets:
            writer.restart(told=[(project, begun.trace_id)])
    assert store.revised == [[], [], [], ["more"]]


async def test_a_start_that_is_said_later_moves_the_row(telemetry: Telemetry, project: str) -> None:
    trace_id, span_id = uuid.uuid4().hex, "a" * 16
    writer = Writer(telemetry)
    end = SpanPatch(
        project_id=project, trace_id=trace_id, span_id=span_id, source="langsmith", at_ns=BASE_NS,
        ended_at_ns=BASE_NS + 3600 * S, output="out",
    )  # fmt: skip
    await writer.bring([end])
    trace = await telemetry.trace(project, trace_id)
    assert trace is not None
    assert trace.spans[0].started_at.timestamp() * S == BASE_NS
    days = 20 * 86_400 * S
    await writer.bring([msgspec.structs.replace(end, at_ns=BASE_NS + 1, started_at_ns=BASE_NS - days, output=None)])
    trace = await telemetry.trace(project, trace_id)
    assert trace is not None
    [span] = trace.spans
    assert (span.output, span.duration_ms) == ("out", (days + 3600 * S) / 1e6)
    assert trace.summary.span_count == 1


async def test_a_start_that_moves_a_little_is_not_seen_at_the_old_place(telemetry: Telemetry, project: str) -> None:
    """Both rows are in the same five minutes but in parts apart, of which a query's range holds only the first."""
    trace_id = uuid.uuid4().hex
    bucket_ns = BASE_NS - BASE_NS % (300 * S)
    writer = Writer(telemetry)
    patch = whole(project, trace_id, "b" * 16, started_at_ns=bucket_ns + 10 * S, whole=False)
    await writer.bring([patch])
    await writer.bring([msgspec.structs.replace(patch, started_at_ns=bucket_ns + 200 * S, at_ns=patch.at_ns + 1)])
    from_at, middle, to_at = (_at(bucket_ns + seconds * S) for seconds in (0, 100, 299))
    assert (await telemetry.facets(project, from_at, middle)).statuses == []
    assert [one.count for one in (await telemetry.facets(project, middle, to_at)).statuses] == [1]


def _at(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / S, UTC)


async def test_patches_of_the_same_spans_in_two_spools_meet_in_one_row(
    telemetry: Telemetry, project: str, tmp_path: Path
) -> None:
    patches = Sayings(project, 42).of_trace(spans=12, patches=80)
    options = IngestOptions(linger_s=0.01, poll_s=0.005, discover_s=0.02, batch_records=3)
    noted: list[Receipt] = []

    async def note(receipts: Sequence[Receipt]) -> None:
        noted.extend(receipts)

    with SpoolWriter(tmp_path / "a") as first, SpoolWriter(tmp_path / "b") as second:
        for at, patch in enumerate(patches):
            await (first if at % 2 else second).append(PATCHES, encode_patches([patch]))
        await first.append(PATCHES, b"\xc1")
        items = 0
        while items < len(patches):
            # Stopped in the middle of its work again and again, with all memory lost.
            loop = IngestLoop(tmp_path, Cut(telemetry, items), CATALOG, options, note)
            loop.backoff_min_s, loop.backoff_max_s = 0.001, 0.01
            await loop.start()
            before = items
            async with asyncio.timeout(30):
                while items < min(before + 30, len(patches)):
                    await asyncio.sleep(0.01)
                    items = sum(one.items for one in noted if one.outcome is ReceiptOutcome.MERGED)
            await loop.stop()
    await check(telemetry, patches)
    assert [one.reason for one in noted if one.outcome is ReceiptOutcome.SET_ASIDE] == ["undecodable"]


async def test_a_row_is_made_ahead_and_only_of_what_one_patch_is_all_of(telemetry: Telemetry, project: str) -> None:
    writer = Writer(telemetry)
    alone = Arrived([], [whole(project, "1" * 32, "1" * 16)])
    twice = Arrived([], [whole(project, "1" * 32, "2" * 16), whole(project, "1" * 32, "2" * 16, name="later")])
    broken = Arrived([], [whole(project, "1" * 32, "3" * 16, tags=(1, "a"))])
    await writer.merger.prepare([alone, twice, broken], Inline())
    assert alone.row is not None
    assert (twice.row, broken.row) == (None, None)
    key = project, "1" * 32
    spans = {(*key, "1" * 16): alone, (*key, "2" * 16): twice, (*key, "3" * 16): broken}
    done = await writer.merger.merge(spans, Inline())
    assert [piece.rows[0].name for piece in done.pieces] == [alone.row.name, "later"]
    assert done.pieces[0].rows[0] is alone.row
    assert [one for one, _ in done.unfit] == [broken]
