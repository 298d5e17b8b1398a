"""Revisions over a real store: what is kept is priced and mapped anew, once, whatever comes between."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from pilothouse.catalog.charges import Charges
from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import NO_OVERRIDES, Catalog
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.envelope import PATCHES, encode_patches
from pilothouse.domain.fold import encode
from pilothouse.domain.holding import Held, Place
from pilothouse.domain.keeping import Marks, Retention, Subject
from pilothouse.domain.money import CostStatus
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.reading import OverviewFilter
from pilothouse.domain.receipt import Receipt
from pilothouse.domain.revision import Revision, RevisionKind, RevisionState
from pilothouse.domain.span import Span, SpanKind
from pilothouse.domain.usage import Usage
from pilothouse.errors import StoreUnavailable
from pilothouse.ingest import removed, revising
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.options import IngestOptions
from pilothouse.ingest.removed import Gate
from pilothouse.ingest.revising import Reviser, Revising
from pilothouse.ingest.rows import SAID_BY_SOURCE, cost_fields, fold_of_row, row_of_fold, row_of_patch
from pilothouse.ingest.spans import cost_of_call, usage_of
from pilothouse.lifecycle.revisions import NewRevision, RevisionBook, Revisions
from pilothouse.loops import rung
from pilothouse.otlp.mapping import patch_of
from pilothouse.otlp.signals import OtelSpan
from pilothouse.spool import SpoolWriter
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.conditions import moment
from pilothouse.store.telemetry.connection import Connection
from pilothouse.store.telemetry.history import History
from pilothouse.store.telemetry.removal import Places
from pilothouse.store.telemetry.rollup_building import Pace, sweep
from tests.embedded_store import StoreProcess, own_store
from tests.ingest.patches import CATALOG, Inline, S, Sayings, Writer, fold_all, whole
from tests.spans import BASE_NS, make_span, new_project

WIDE_NS = 90 * 86_400 * S
DOUBLE = '[[price]]\nmodel = "gpt-4o*"\nmultiplier = 2\n'
USAGE = Usage(1_000, output_tokens=100)
Hook = Callable[[], Awaitable[None]]


class Cut(History):
    """History that fails where it is told to, and lets something happen between a look and a write."""

    def __init__(self, process: StoreProcess) -> None:
        super().__init__(process.options())
        self.luck: random.Random | None = None
        self.before_write: Hook | None = None
        self.written = 0

    async def rewrite(self, rows: Sequence[Held], token: str) -> None:
        """Write, or fail before or behind it."""
        hook, self.before_write = self.before_write, None
        if hook is not None:
            await hook()
        luck = self.luck.random() if self.luck is not None else 1.0
        if luck < 0.3:
            raise StoreUnavailable("cut before")
        await super().rewrite(rows, token)
        self.written += len(rows)
        if luck < 0.6:
            raise StoreUnavailable("cut behind")


class Desk:
    """A project, ingest for it, and revisions of it."""

    def __init__(self, telemetry: Telemetry, metadata: Metadata, past: Cut) -> None:
        self.project = new_project()
        self.store = telemetry
        self.past = past
        self.writer = Writer(telemetry)
        self.catalog = Catalog()
        self.orders = Revisions(metadata, SystemClock())
        self.book = RevisionBook(metadata)
        self.gate: Gate | None = None
        self.restart()

    def restart(self) -> None:
        """Forget what is in memory, as a crash does."""

        async def nobody(_: str) -> None:
            return None

        parts = Revising(self.past, self.book, self.catalog, nobody, lambda: None, self.gate, SystemClock())
        self.reviser = Reviser(parts, self.writer.merger, Inline())

    async def order(self, kind: RevisionKind = RevisionKind.REPRICE, *, dry_run: bool = False, q: str = "") -> Revision:
        to_ns = BASE_NS + WIDE_NS
        new = NewRevision(project_id=self.project, kind=kind, dry_run=dry_run, q=q, to_ns=to_ns)
        return await self.orders.create(new, actor="test")

    async def carried_out(self, order: Revision) -> Revision:
        """Work until the order is done; each failure is a crash."""
        now = order
        for _ in range(500):
            now = await self.orders.get(self.project, order.id)
            if now.state is RevisionState.DONE:
                return now
            if not await self.reviser.step(busy=False):
                self.restart()
        raise AssertionError(now)

    async def revised(self, kind: RevisionKind = RevisionKind.REPRICE, *, dry_run: bool = False) -> Revision:
        return await self.carried_out(await self.order(kind, dry_run=dry_run))

    async def rows(self, spans: Sequence[Span | SpanPatch]) -> list[Span]:
        """Return the row that counts of each span."""
        keys = {(one.trace_id, one.span_id) for one in spans}
        traces = {(self.project, trace_id) for trace_id, _ in keys}
        shapes = await self.store.shapes(traces, (BASE_NS - WIDE_NS, BASE_NS + WIDE_NS))
        places = [
            Place(self.project, trace_id, span_id, shapes[self.project, trace_id][span_id].started_at_ns)
            for trace_id, span_id in sorted(keys)
        ]
        newest: dict[tuple[str, str], Held] = {}
        for one in await self.store.held(places):
            key = one.span.trace_id, one.span.span_id
            if not one.span.deleted and (key not in newest or one.version > newest[key].version):
                newest[key] = one
        return [newest[key].span for key in sorted(keys)]

    async def cost(self) -> Decimal | None:
        """Return the cost that the overview shows."""
        wanted = OverviewFilter(
            project_id=self.project, from_at=moment(BASE_NS) - timedelta(hours=1),
            to_at=moment(BASE_NS) + timedelta(hours=23),
        )  # fmt: skip
        return (await self.store.overview(wanted)).totals.cost_usd


store_process = own_store()
"""Of this file's own: rollups are built, and rows hidden, for all that is in it."""


@pytest.fixture
async def desk(telemetry: Telemetry, store_process: StoreProcess, tmp_path: Path) -> AsyncIterator[Desk]:
    metadata = Metadata(MetadataOptions(url=f"sqlite:///{tmp_path / 'pilothouse.db'}"))
    await metadata.connect()
    await metadata.migrate()
    past = Cut(store_process)
    yield Desk(telemetry, metadata, past)
    await past.close()
    await metadata.close()


def call(project: str, **changes: object) -> SpanPatch:
    """Return a model call as an application reports it."""
    said: dict[str, object] = {
        "kind": SpanKind.LLM, "provider": "openai", "model_served": "gpt-4o-mini", "usage": USAGE, **changes,
    }  # fmt: skip
    span_id = make_span(project).span_id
    trace_id = str(said.pop("trace_id", make_span(project).trace_id))
    return whole(project, trace_id, str(said.pop("span_id", span_id)), **said)


def gateway_call(project: str, **changes: object) -> Span:
    """Return a call of the gateway's, priced as ingest would."""
    cost = CATALOG.price("openai", "gpt-4o-mini", USAGE, moment(BASE_NS))
    said = {
        "provider": "openai", "model_served": "gpt-4o-mini", "usage": USAGE, "account": "main", "request_id": "r",
        "cost_usd": cost.amount_usd, "cost_status": cost.status, "price_version": cost.price_version, **changes,
    }  # fmt: skip
    return make_span(project, **said)


async def test_every_cost_follows_the_new_prices_and_a_dry_run_says_so_before(desk: Desk) -> None:
    mine, gateways = call(desk.project), gateway_call(desk.project)
    told = call(desk.project, cost_usd=Decimal(7))
    unpriced = call(desk.project, model_served="support-bot")
    await desk.writer.bring([mine, gateways, told, unpriced])
    before = await desk.cost()
    desk.catalog.overrides = parse(DOUBLE + '[[price]]\nmodel = "support-bot"\nlike = "openai/gpt-4o-mini"\n')
    dry = await desk.revised(dry_run=True)
    assert (desk.past.written, await desk.cost()) == (0, before)
    done = await desk.revised()
    assert done.tally == dry.tally
    assert (done.total, done.tally.seen, done.tally.changed, done.tally.left) == (4, 4, 3, 1)
    rows = {(row.trace_id, row.span_id): row for row in await desk.rows([mine, gateways, told, unpriced])}
    price = rows[mine.trace_id, mine.span_id].cost_usd
    listed = CATALOG.price("openai", "gpt-4o-mini", USAGE, moment(BASE_NS)).amount_usd
    assert listed is not None
    assert price == rows[gateways.trace_id, gateways.span_id].cost_usd == 2 * listed
    assert rows[unpriced.trace_id, unpriced.span_id].cost_usd == listed
    assert rows[told.trace_id, told.span_id].cost_usd == 7
    assert rows[told.trace_id, told.span_id].price_version == SAID_BY_SOURCE
    assert desk.catalog.overrides.version in rows[mine.trace_id, mine.span_id].price_version
    assert desk.catalog.overrides.version in done.prices
    assert await desk.cost() == 7 + 5 * listed
    models = done.tally.models
    assert (models["support-bot"].became_priced, models["support-bot"].cost_before_usd) == (1, 0)
    assert models["gpt-4o-mini"].cost_after_usd - models["gpt-4o-mini"].cost_before_usd == 2 * listed


async def test_the_account_of_a_call_still_sets_its_price(desk: Desk) -> None:
    ours, theirs = gateway_call(desk.project, account="azure-eu"), gateway_call(desk.project)
    await desk.writer.bring([ours, theirs])
    free = "input_usd = 0\noutput_usd = 0\n"
    desk.catalog.overrides = parse(f'[[price]]\naccount = "azure-eu"\nmodel = "*"\nrequest_usd = 3\n{free}')
    assert (await desk.revised()).tally.changed == 1
    costs = {row.span_id: row.cost_usd for row in await desk.rows([ours, theirs])}
    assert (costs[ours.span_id], costs[theirs.span_id]) == (3, theirs.cost_usd)


async def test_a_service_tier_and_other_units_are_remembered(desk: Desk) -> None:
    usage = msgspec.structs.replace(USAGE, tier="flex", images=3)
    attributes = {"pilothouse.usage.tier": "flex", "pilothouse.usage.images": "3"}
    span = gateway_call(desk.project, usage=usage, attributes=attributes)
    await desk.writer.bring([span])
    desk.catalog.overrides = parse('[[price]]\nmodel = "*"\ninput_usd = 0\noutput_usd = 0\nimage_usd = 2\n')
    await desk.revised()
    late = SpanPatch(
        project_id=desk.project, trace_id=span.trace_id, span_id=span.span_id, source="otel", at_ns=BASE_NS, tags=("x",)
    )
    [row] = await desk.rows([span])
    assert row.cost_usd == 6
    await desk.writer.bring([late])
    [row] = await desk.rows([span])
    assert (row.cost_usd, row.tags, row.attributes) == (6, ("x",), attributes)


@pytest.mark.parametrize("seed", range(4))
async def test_unchanged_prices_write_nothing_and_twice_is_once(desk: Desk, seed: int) -> None:
    patches = Sayings(desk.project, seed).of_trace(spans=12, patches=30)
    for start in range(0, len(patches), 7):
        await desk.writer.bring(patches[start : start + 7])
    assert (await desk.revised()).tally.changed == 0
    desk.catalog.overrides = parse(DOUBLE)
    first = await desk.revised()
    written, rows = desk.past.written, await desk.rows(patches)
    assert written == first.tally.changed
    again = await desk.revised()
    assert (again.tally.changed, desk.past.written, await desk.rows(patches)) == (0, written, rows)
    desk.catalog.overrides = NO_OVERRIDES
    await desk.revised()
    back = await desk.revised()
    assert back.tally.changed == 0


async def test_a_call_that_others_spoke_of_too_has_the_cost_that_ingest_gave_it(desk: Desk) -> None:
    """Whatever was said of the gateway's own call, and before or after it, pricing it anew changes nothing."""
    usage = msgspec.structs.replace(USAGE, tier="flex")
    units = {"pilothouse.usage.tier": "flex"}
    ours = [gateway_call(desk.project, usage=usage, attributes=units, account="main") for _ in range(5)]
    priced = [
        msgspec.structs.replace(one, **cost_fields(cost_of_call(one, usage_of(one), desk.catalog))) for one in ours
    ]
    said: tuple[dict[str, object], ...] = (
        {"tags": ("x",)},
        {"usage": USAGE, "at_ns": BASE_NS + 99 * S},
        {"cost_usd": Decimal(3)},
        {"kind": SpanKind.CHAIN},
        {"model_served": "gpt-4o", "usage": USAGE, "at_ns": BASE_NS + 99 * S},
    )
    patches = [
        call(desk.project, trace_id=one.trace_id, span_id=one.span_id, **{"usage": None, **more})
        for one, more in zip(ours, said, strict=True)
    ]
    await desk.writer.bring(priced[:3])
    await desk.writer.bring(patches)
    await desk.writer.bring(priced[3:])
    before = await desk.rows(ours)
    assert (await desk.revised()).tally.changed == 0
    assert await desk.rows(ours) == before
    desk.catalog.overrides = parse('[[price]]\naccount = "main"\nmodel = "*"\ninput_usd = 1000\noutput_usd = 0\n')
    assert (await desk.revised()).tally.changed == 4
    assert sorted(row.cost_usd or 0 for row in await desk.rows(ours)) == [1, 1, 1, 1, 3]


async def test_patches_that_come_while_history_is_gone_over_are_all_there(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revising, "_MAX_SPANS", 5)
    patches = Sayings(desk.project, 7).of_trace(spans=30, patches=150)
    now_ns = BASE_NS + WIDE_NS
    options = IngestOptions(batch_records=7, linger_s=0.0, abandon_after_s=10**9)
    folder = tmp_path / "spools"
    folder.mkdir()
    merged, all_in = 0, asyncio.Event()

    async def note(receipts: Sequence[Receipt]) -> None:
        nonlocal merged
        merged += sum(one.items for one in receipts)
        if merged >= len(patches):
            all_in.set()

    async def nobody(_: str) -> None:
        return None

    loop = IngestLoop(folder, desk.store, desk.catalog, options, note)
    loop.on_revisions(Revising(desk.past, desk.book, desk.catalog, nobody, lambda: None, None, SystemClock()))
    with SpoolWriter(folder / "a") as spool:
        await loop.start()
        async with asyncio.timeout(60):
            for at, patch in enumerate(patches):
                await spool.append(PATCHES, encode_patches([patch]))
                if at % 30 == 29:
                    desk.catalog.overrides = parse(f'[[price]]\nmodel = "*"\nmultiplier = {at}\n')
                    await desk.order()
            await all_in.wait()
            last = await desk.order()
            while (await desk.orders.get(desk.project, last.id)).state is not RevisionState.DONE:
                await rung(asyncio.Event(), 0.05)
        await loop.stop()
    said: dict[str, list[SpanPatch]] = {}
    for patch in patches:
        said.setdefault(patch.span_id, []).append(patch)
    rows = {row.span_id: row for row in await desk.rows(patches)}
    for span_id, parts in said.items():
        expected = row_of_fold(fold_all(parts), desk.catalog, now_ns)
        row = rows[span_id]
        assert encode(fold_of_row(row)) == encode(fold_all(parts))
        assert (row.cost_status, row.price_version) == (expected.cost_status, expected.price_version)
        assert abs((row.cost_usd or 0) - (expected.cost_usd or 0)) < Decimal("1e-12")


@pytest.mark.parametrize("seed", range(3))
async def test_crashes_cost_nothing_and_count_nothing_twice(
    desk: Desk, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revising, "_MAX_SPANS", 3)
    calls = [call(desk.project, started_at_ns=BASE_NS + number * 400 * S) for number in range(20)]
    await desk.writer.bring(calls)
    desk.catalog.overrides = parse(DOUBLE)
    dry = await desk.revised(dry_run=True)
    desk.past.luck = random.Random(seed)
    done = await desk.revised()
    assert done.tally == dry.tally
    assert done.tally.changed == 20
    assert len({row.cost_usd for row in await desk.rows(calls)}) == 1
    desk.past.luck = None
    assert (await desk.revised()).tally.changed == 0


async def test_what_ingest_writes_between_a_look_and_a_write_is_not_lost(desk: Desk) -> None:
    span = call(desk.project)
    await desk.writer.bring([span])
    late = SpanPatch(
        project_id=desk.project, trace_id=span.trace_id, span_id=span.span_id, source="langfuse",
        at_ns=BASE_NS + 9 * S, output="late", user_id="ada",
    )  # fmt: skip

    async def meanwhile() -> None:
        await desk.writer.bring([late])

    desk.past.before_write = meanwhile
    desk.catalog.overrides = parse(DOUBLE)
    assert (await desk.revised()).tally.changed == 1
    [row] = await desk.rows([span])
    assert (row.output, row.user_id) == ("late", "ada")
    await desk.revised()
    [row] = await desk.rows([span])
    assert (row.output, desk.catalog.overrides.version in row.price_version) == ("late", True)
    more = msgspec.structs.replace(late, at_ns=BASE_NS + 10 * S, output=None, session_id="s")
    await desk.writer.bring([more])
    [row] = await desk.rows([span])
    assert (row.output, row.user_id, row.session_id) == ("late", "ada", "s")


async def test_what_is_revised_does_not_look_as_if_it_had_just_come(desk: Desk) -> None:
    await desk.writer.bring([call(desk.project)])
    seen = moment(SystemClock().now_ns())
    desk.catalog.overrides = parse(DOUBLE)
    assert (await desk.revised()).tally.changed == 1
    assert await desk.store.newest(desk.project, seen, 10) == []


async def test_figures_of_rollups_follow_also_when_a_crash_comes_behind_the_write(
    desk: Desk, store_process: StoreProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection(store_process.options())

    async def built() -> None:
        await sweep(connection, pace=Pace(settle_s=0, pause_s=0))
        while await sweep(connection, pace=Pace(settle_s=0, pause_s=0)):
            pass

    # written an hour ago: what has just come is read from spans in any case
    hour_ago_us = (SystemClock().now_ns() - 3600 * S) // 1000
    rows = [row_of_patch(call(desk.project, user_id="ada"), Charges(CATALOG), BASE_NS + WIDE_NS) for _ in range(120)]
    await desk.past.rewrite([Held(row, hour_ago_us) for row in rows], desk.project)
    await built()
    cost = await desk.cost()
    assert cost
    desk.catalog.overrides = parse(DOUBLE)
    touch, notes = desk.past.touch, 0

    async def cut(spans: Iterable[Span]) -> None:
        nonlocal notes
        notes += 1
        if notes == 2:
            raise StoreUnavailable("cut behind the write")
        await touch(spans)
        if notes == 1:
            # the worst time for it: what is told now is built of the rows before
            await built()

    monkeypatch.setattr(desk.past, "touch", cut)
    assert (await desk.revised()).tally.changed == 120
    assert await desk.cost() == 2 * cost
    await built()
    assert await desk.cost() == 2 * cost
    await connection.close()


class Removed:
    """What was removed, for the gate."""

    def __init__(self) -> None:
        self.marked: frozenset[bytes] = frozenset()

    async def marks(self, since_ns: int) -> frozenset[bytes]:
        """Return all marks."""
        return self.marked

    async def retentions(self) -> dict[str, Retention]:
        """Return nothing."""
        return {}


async def test_a_trace_that_is_removed_after_it_was_read_does_not_come_back(
    desk: Desk, store_process: StoreProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removed, "_EVERY_S", 0.0)
    going, staying = call(desk.project), call(desk.project)
    await desk.writer.bring([going, staying])
    marks, gone, archive = Marks(bytes(32)), Removed(), Archive(store_process.options())
    desk.gate = Gate(gone, marks, SystemClock().now_ns)
    desk.restart()
    read = desk.past.held

    async def held(places: Sequence[Place]) -> list[Held]:
        found = await read(places)
        gone.marked = frozenset({marks.trace(desk.project, going.trace_id)})
        await archive.hide(Places(desk.project, Subject.TRACE, going.trace_id), [going.trace_id])
        return found

    monkeypatch.setattr(desk.past, "held", held)
    desk.catalog.overrides = parse(DOUBLE)
    await desk.revised()
    assert await desk.store.trace(desk.project, going.trace_id) is None
    [row] = await desk.rows([staying])
    assert desk.catalog.overrides.version in row.price_version
    await archive.close()


async def test_only_what_a_query_finds_is_revised(desk: Desk) -> None:
    found, other = call(desk.project, user_id="ada"), call(desk.project, user_id="bob")
    await desk.writer.bring([found, other])
    desk.catalog.overrides = parse(DOUBLE)
    done = await desk.carried_out(await desk.order(q="user:ada"))
    assert (done.total, done.tally.seen) == (1, 1)
    doubled = {row.span_id: "override" in row.price_version for row in await desk.rows([found, other])}
    assert doubled == {found.span_id: True, other.span_id: False}


async def test_a_stopped_one_rests_lets_the_next_pass_and_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revising, "_MAX_SPANS", 1)
    await desk.writer.bring([call(desk.project) for _ in range(4)])
    desk.catalog.overrides = parse(DOUBLE)
    first = await desk.order()
    assert await desk.reviser.step(busy=False)
    await desk.orders.stop(desk.project, first.id, actor="test")
    assert (await desk.carried_out(await desk.order(dry_run=True))).tally.changed in (2, 3)
    rests = await desk.orders.get(desk.project, first.id)
    assert (rests.state, rests.tally.seen < 4) == (RevisionState.STOPPED, True)
    await desk.orders.resume(desk.project, first.id, actor="test")
    assert (await desk.carried_out(first)).tally.changed == 4


def otel(span_id: str, parent: str, name: str, **attributes: str) -> OtelSpan:
    return OtelSpan(
        trace_id="a" * 32, span_id=span_id * 16, parent_span_id=parent * 16, name=name, kind=3,
        started_at_ns=BASE_NS, ended_at_ns=BASE_NS + S, resource={"service.name": "app"},
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
    )  # fmt: skip


async def test_a_mapping_that_knows_more_is_run_over_history_and_calls_are_counted_once(desk: Desk) -> None:
    spans = [
        otel("1", "", "outer", gen_ai__operation__name="chat", gen_ai__provider__name="openai",
             gen_ai__request__model="gpt-4o-mini", gen_ai__usage__input_tokens="1000"),
        otel("2", "1", "inner", gen_ai__operation__name="chat", gen_ai__provider__name="openai",
             gen_ai__request__model="gpt-4o-mini", gen_ai__usage__input_tokens="1000"),
    ]  # fmt: skip
    patches: list[SpanPatch] = []
    for span in spans:
        patch = patch_of(span)
        assert patch is not None
        patches.append(msgspec.structs.replace(patch, project_id=desk.project))
    unread = msgspec.structs.replace(patches[1], kind=None, usage=None, model_requested=None, provider=None)
    await desk.writer.bring([patches[0], unread])
    desk.writer.restart(told=[(desk.project, "a" * 32)])
    [outer, inner] = await desk.rows(patches)
    assert (outer.wrapper, inner.kind, inner.cost_status) == (False, SpanKind.OTHER, CostStatus.UNMETERED)
    dry = await desk.revised(RevisionKind.REMAP, dry_run=True)
    assert (dry.tally.seen, dry.tally.changed) == (2, 2)
    done = await desk.revised(RevisionKind.REMAP)
    assert done.tally == dry.tally
    [outer, inner] = await desk.rows(patches)
    assert (outer.wrapper, inner.wrapper, inner.kind) == (True, False, SpanKind.LLM)
    assert inner.cost_usd == outer.cost_usd == await desk.cost()
    model = done.tally.models["gpt-4o-mini"]
    assert (model.calls_before, model.calls_after) == (1, 1)
    assert (await desk.revised(RevisionKind.REMAP)).tally.changed == 0
