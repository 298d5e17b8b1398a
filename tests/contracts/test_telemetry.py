"""What every telemetry store must do: the embedded process, and a ClickHouse server when one is configured.

Set `PILOTHOUSE_TEST_CLICKHOUSE_URL` (and `…_USER`, `…_PASSWORD`) to run it against a server as well.
"""

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from pilothouse.domain.money import CostStatus
from pilothouse.domain.reading import CallStats, OverviewFilter, SortField, SpanDetail, TraceFilter, TraceSummary
from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.errors import InvalidRequest, QueryRefused, StoreUnavailable
from pilothouse.store.telemetry import schema
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.options import StoreOptions
from tests.embedded_store import StoreProcess
from tests.spans import BASE_NS, Traffic, full_span, make_span, new_project

SERVER_URL = os.environ.get("PILOTHOUSE_TEST_CLICKHOUSE_URL", "")
BASE = datetime.fromtimestamp(BASE_NS / 1e9, UTC)
Reach = Callable[..., StoreOptions]


@pytest.fixture(params=["embedded", "server"] if SERVER_URL else ["embedded"])
def reach(request: pytest.FixtureRequest) -> Reach:
    """Make client options of the store under test."""
    if request.param == "embedded":
        store: StoreProcess = request.getfixturevalue("store_process")
        return store.options
    user = os.environ.get("PILOTHOUSE_TEST_CLICKHOUSE_USER", "default")
    secret = os.environ.get("PILOTHOUSE_TEST_CLICKHOUSE_PASSWORD", "")
    return lambda **changes: StoreOptions(
        **{"url": SERVER_URL, "username": user, "secret": secret, "database": "pilothouse_test", **changes}
    )


@pytest.fixture
async def store(reach: Reach) -> AsyncIterator[Telemetry]:
    client = Telemetry(reach())
    await client.migrate()
    yield client
    await client.close()


@pytest.fixture
def project() -> str:
    return new_project()


def all_of(project: str, **changes: object) -> TraceFilter:
    wide = TraceFilter(
        project_id=project, from_at=BASE - timedelta(days=30), to_at=BASE + timedelta(days=30), limit=200
    )
    return msgspec.structs.replace(wide, **changes)


async def every_page(store: Telemetry, wanted: TraceFilter) -> list[TraceSummary]:
    found: list[TraceSummary] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await store.traces(msgspec.structs.replace(wanted, cursor=cursor))
        assert len(page.items) <= wanted.limit
        found += page.items
        cursor = page.next_cursor
    return found


async def test_every_field_of_a_span_comes_back(store: Telemetry, project: str) -> None:
    span = full_span(project)
    await store.insert([span], uuid.uuid4().hex)
    trace = await store.trace(project, span.trace_id, None)
    assert trace is not None
    (detail,) = trace.spans
    computed = {"started_at", "start_ms", "duration_ms", "ttft_ms", "tokens_per_s", "overhead_ms", "before_parent_ms"}
    same = set(SpanDetail.__struct_fields__) - computed
    assert {name: getattr(detail, name) for name in same} == {name: getattr(span, name) for name in same}
    assert set(Span.__struct_fields__) - same == {
        "project_id", "trace_id", "started_at_ns", "duration_ns", "first_token_ns", "last_token_ns", "overhead_ns",
        "stated_at_ns", "fold", "deleted",
    }  # fmt: skip
    assert detail.started_at == BASE + timedelta(microseconds=123_456)
    assert (detail.start_ms, detail.duration_ms, detail.ttft_ms) == (0, 2345.678901, 345.678901)
    assert detail.overhead_ms == 0.412345
    assert detail.tokens_per_s == pytest.approx(33 / (2.3 - 0.345678901))


async def test_absent_values_come_back_as_absent(store: Telemetry, project: str) -> None:
    span = make_span(project)
    await store.insert([span], uuid.uuid4().hex)
    trace = await store.trace(project, span.trace_id, BASE)
    assert trace is not None
    detail = trace.spans[0]
    assert (detail.usage, detail.cost_usd, detail.ttft_ms, detail.overhead_ms, detail.tokens_per_s) == (None,) * 5
    assert (detail.tags, detail.metadata, detail.attempts) == ((), {}, ())
    assert (trace.summary.cost_usd, trace.summary.ttft_ms, trace.summary.tokens_per_s) == (None, None, None)


async def test_the_same_token_is_stored_once(store: Telemetry, project: str) -> None:
    traffic, token = Traffic(project, 1, 3600), uuid.uuid4().hex
    spans = [traffic.call() for _ in range(50)]
    before = (await store.stats()).rows
    for _ in range(3):
        await store.insert(spans, token)
    assert (await store.stats()).rows == before + 50
    assert (await store.overview(_hour(project))).totals.requests == 50


async def test_a_span_sent_again_under_another_token_replaces_itself(store: Telemetry, project: str) -> None:
    span = make_span(project, output="first")
    await store.insert([span], uuid.uuid4().hex)
    await store.insert([msgspec.structs.replace(span, output="second")], uuid.uuid4().hex)
    trace = await store.trace(project, span.trace_id, None)
    assert trace is not None
    assert [detail.output for detail in trace.spans] == ["second"]
    assert (await store.overview(_hour(project))).totals.requests == 1


async def test_projects_do_not_see_each_other(store: Telemetry, project: str) -> None:
    span = make_span(project)
    await store.insert([span], uuid.uuid4().hex)
    assert await store.trace(new_project(), span.trace_id, None) is None
    assert (await store.traces(all_of(new_project()))).items == []
    assert len((await store.traces(all_of(project))).items) == 1


async def test_spans_without_project_are_a_project_of_their_own(store: Telemetry) -> None:
    span = make_span("")
    await store.insert([span], uuid.uuid4().hex)
    assert await store.trace("", span.trace_id, None) is not None


@pytest.mark.parametrize("sort", ["started_at", "duration", "ttft", "tokens", "cost"])
@pytest.mark.parametrize("descending", [True, False])
async def test_pages_give_every_trace_once_in_order(
    store: Telemetry, project: str, sort: SortField, descending: bool
) -> None:
    traffic = Traffic(project, 2, 6 * 3600)
    traces = [traffic.trace(1 + i % 4) for i in range(60)]
    await store.insert([span for trace in traces for span in trace], uuid.uuid4().hex)
    wanted = all_of(project, sort=sort, descending=descending, limit=7)
    found = await every_page(store, wanted)
    assert sorted(one.trace_id for one in found) == sorted(trace[0].trace_id for trace in traces)
    keys = [_key(one, sort) for one in found if _key(one, sort) is not None]
    assert keys == sorted(keys, reverse=descending)
    missing = [_key(one, sort) is None for one in found]
    assert missing == sorted(missing)


async def test_pages_stay_stable_while_spans_come_in(store: Telemetry, project: str) -> None:
    traffic = Traffic(project, 3, 3600)
    first = [traffic.call() for _ in range(40)]
    await store.insert(first, uuid.uuid4().hex)
    page = await store.traces(all_of(project, limit=15))
    late = [traffic.call(started_at_ns=BASE_NS + 7200 * 10**9) for _ in range(20)]
    await store.insert(late, uuid.uuid4().hex)
    again = await every_page(store, all_of(project, limit=15))
    assert sorted(one.trace_id for one in again) == sorted(span.trace_id for span in first + late)
    second = await store.traces(all_of(project, limit=15, cursor=page.next_cursor))
    expected = sorted(first, key=lambda span: (span.started_at_ns, span.trace_id), reverse=True)[15:30]
    assert [one.trace_id for one in second.items] == [span.trace_id for span in expected]


@pytest.mark.parametrize("cursor", ["zz", "00", "5b5d", "00f067"])
async def test_a_cursor_of_somewhere_else_is_the_callers_fault(store: Telemetry, project: str, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await store.traces(all_of(project, cursor=cursor))


FILTERS: dict[str, tuple[dict[str, object], Callable[[Span], bool]]] = {
    "models": (
        {"models": ("gpt-5", "smart")},
        lambda span: span.model_served == "gpt-5" or span.model_requested == "smart",
    ),
    "statuses": ({"statuses": (SpanStatus.ERROR, SpanStatus.CANCELLED)}, lambda span: span.status is not SpanStatus.OK),
    "keys": ({"key_ids": ("key-1", "key-2")}, lambda span: span.key_id in {"key-1", "key-2"}),
    "user": ({"user_id": "ann"}, lambda span: span.user_id == "ann"),
    "session": ({"session_id": "s1"}, lambda span: span.session_id == "s1"),
    "duration": ({"min_duration_ms": 5000.5}, lambda span: span.duration_ns >= 5_000_500_000),
    "all together": (
        {"models": ("fast",), "statuses": (SpanStatus.OK,), "key_ids": ("key-1",), "min_duration_ms": 1000.0},
        lambda span: span.model_requested == "fast" and span.status is SpanStatus.OK and span.key_id == "key-1"
        and span.duration_ns >= 10**9,
    ),
    "range": (
        {"from_at": BASE + timedelta(hours=1), "to_at": BASE + timedelta(hours=2)},
        lambda span: 3600 * 10**9 <= span.started_at_ns - BASE_NS < 7200 * 10**9,
    ),
}  # fmt: skip


@pytest.mark.parametrize("sort", ["started_at", "duration"])
@pytest.mark.parametrize("case", FILTERS)
async def test_filters_show_traces_with_a_span_that_fits_all(
    store: Telemetry, project: str, case: str, sort: SortField
) -> None:
    changes, fits = FILTERS[case]
    traffic = Traffic(project, 4, 4 * 3600)
    traces = [traffic.trace(1 + i % 3) for i in range(50)]
    await store.insert([span for trace in traces for span in trace], uuid.uuid4().hex)
    found = await every_page(store, all_of(project, sort=sort, limit=9, **changes))
    expected = sorted(trace[0].trace_id for trace in traces if any(fits(span) for span in trace))
    assert sorted(one.trace_id for one in found) == expected
    assert 0 < len(expected) < 50


TEXTS = [
    ("Wie SPÄT ist", True),
    ('say "hi"', True),
    ("100%_\\", True),
    ("line\nbreak", True),
    ("🕰️", True),
    ("' OR 1=1 --", True),
    ("{text:String}", True),
    ("nowhere", False),
    ("%", True),
    ("a\x00b", True),
]


@pytest.mark.parametrize(("text", "present"), TEXTS)
async def test_text_is_found_in_json_payloads_as_people_see_it(
    store: Telemetry, project: str, text: str, present: bool
) -> None:
    said = 'wie spät ist es 🕰️ say "hi" 100%_\\ line\nbreak \' or 1=1 -- {text:string} a\x00b'
    payload = msgspec.json.encode({"messages": [{"role": "user", "content": said}]}).decode()
    await store.insert([make_span(project, input=payload), make_span(project, input="else")], uuid.uuid4().hex)
    found = await store.traces(all_of(project, text=text))
    assert len(found.items) == (1 if present else 0)


async def test_text_is_found_in_ids_models_names_and_errors(store: Telemetry, project: str) -> None:
    span = make_span(
        project,
        name="NightJob",
        model_served="Gemini-9",
        error_detail="Boom!",
        error_code="upstream_cut",
        request_id="Req-77",
    )
    await store.insert([span], uuid.uuid4().hex)
    for text in ("nightjob", "gemini", "boom", "upstream_CUT", "req-77", span.trace_id[3:20].upper()):
        assert len((await store.traces(all_of(project, text=text))).items) == 1, text


async def test_a_summary_tells_of_root_first_error_and_calls(store: Telemetry, project: str) -> None:
    root = make_span(project, kind=SpanKind.CHAIN, name="job", duration_ns=10**9, input="  what \n now ", user_id="")
    call = make_span(
        project, trace_id=root.trace_id, parent_span_id=root.span_id, started_at_ns=BASE_NS + 5 * 10**8,
        duration_ns=2 * 10**9, first_token_ns=10**8, streamed=True, model_served="gpt-5", provider="openai",
        user_id="ann", usage=Traffic(project, 1, 1).call(status=SpanStatus.OK).usage, cost_usd=Decimal("0.25"),
        cost_status=CostStatus.PRICED,
    )  # fmt: skip
    bad = make_span(
        project, trace_id=root.trace_id, parent_span_id=root.span_id, started_at_ns=BASE_NS + 6 * 10**8,
        status=SpanStatus.ERROR, error_code="upstream_cut", http_status=502, model_requested="smart",
        cost_status=CostStatus.UNPRICED,
    )  # fmt: skip
    await store.insert([bad, call, root], uuid.uuid4().hex)
    trace = await store.trace(project, root.trace_id, None)
    assert trace is not None
    summary = trace.summary
    assert (summary.name, summary.started_at, summary.duration_ms, summary.ttft_ms) == ("job", BASE, 2500, 100)
    assert (summary.status, summary.error_code, summary.http_status) == (SpanStatus.ERROR, "upstream_cut", 502)
    assert (summary.models, summary.providers, summary.user_id) == (("gpt-5", "smart"), ("openai",), "ann")
    assert (summary.span_count, summary.call_count, summary.streamed) == (3, 2, True)
    assert (summary.usage, summary.cost_usd, summary.unpriced_count) == (call.usage, Decimal("0.25"), 1)
    assert (summary.input_preview, summary.output_preview) == ("what now", "")
    assert (await store.traces(all_of(project))).items == [summary]
    assert [span.span_id for span in trace.spans] == [root.span_id, call.span_id, bad.span_id]
    assert trace.spans[1].start_ms == 500


async def test_spans_come_parents_first_also_with_orphans_and_circles(store: Telemetry, project: str) -> None:
    links = {"c": "b", "b": "a", "a": "", "orphan": "gone", "x": "y", "y": "x"}
    spans = [
        make_span(project, trace_id="t" * 32, span_id=span_id, parent_span_id=parent, started_at_ns=BASE_NS + i)
        for i, (span_id, parent) in enumerate(links.items())
    ]
    await store.insert(spans, uuid.uuid4().hex)
    trace = await store.trace(project, "t" * 32, BASE)
    assert trace is not None
    order = [span.span_id for span in trace.spans]
    assert sorted(order) == sorted(links)
    assert order.index("a") < order.index("b") < order.index("c")


async def test_a_wrong_hint_still_finds_the_trace(store: Telemetry, project: str) -> None:
    span = make_span(project)
    await store.insert([span], uuid.uuid4().hex)
    assert await store.trace(project, span.trace_id, BASE + timedelta(days=300)) is not None


async def test_the_overview_equals_a_count_by_hand(store: Telemetry, project: str) -> None:
    traffic = Traffic(project, 5, 3 * 3600)
    spans = [
        traffic.call(kind=traffic_kind)
        for traffic_kind in (SpanKind.LLM, SpanKind.EMBEDDING, SpanKind.TOOL)
        for _ in range(120)
    ]
    await store.insert(spans, uuid.uuid4().hex)
    from_at, to_at = BASE + timedelta(hours=1, seconds=7), BASE + timedelta(hours=2, minutes=31)
    overview = await store.overview(OverviewFilter(project_id=project, from_at=from_at, to_at=to_at))
    calls = [span for span in spans if span.kind is not SpanKind.TOOL]
    now = [span for span in calls if from_at <= _at(span) < to_at]
    before = [span for span in calls if from_at - (to_at - from_at) <= _at(span) < from_at]
    assert len(now) > 50
    assert len(before) > 50
    _same(overview.totals, now)
    _same(overview.previous, before)
    assert 30 <= len(overview.series) <= 121
    assert {(b.at - a.at).total_seconds() for a, b in zip(overview.series, overview.series[1:], strict=False)} == {
        overview.step_s
    }
    for point in overview.series:
        end = point.at + timedelta(seconds=overview.step_s)
        _same(point.stats, [span for span in now if point.at <= _at(span) < end])
    by_model = {
        name: [span for span in now if (span.model_served or span.model_requested) == name] for name in _models(now)
    }
    assert {model.model for model in overview.models} == set(by_model)
    assert [m.stats.requests for m in overview.models] == sorted((len(v) for v in by_model.values()), reverse=True)
    for model in overview.models:
        mine = by_model[model.model]
        _same(model.stats, mine)
        assert (sum(model.requests_series), sum(model.cost_usd_series)) == (len(mine), model.stats.cost_usd)
        assert sum(model.tokens_series) == sum(span.usage.total for span in mine if span.usage)
        assert len(model.requests_series) == len(overview.series)


async def test_the_overview_of_a_model_counts_only_it(store: Telemetry, project: str) -> None:
    traffic = Traffic(project, 6, 3600)
    spans = [traffic.call() for _ in range(80)]
    await store.insert(spans, uuid.uuid4().hex)
    overview = await store.overview(msgspec.structs.replace(_hour(project), models=("gpt-5",)))
    _same(overview.totals, [span for span in spans if span.model_served == "gpt-5"])


async def test_an_empty_overview_is_all_zero(store: Telemetry, project: str) -> None:
    overview = await store.overview(_hour(project))
    assert (overview.totals.requests, overview.totals.cost_usd, overview.totals.latency_ms.p50) == (0, Decimal(0), None)
    assert len(overview.series) == 61
    assert overview.models == []


async def test_lines_of_native_batches_count_but_took_no_time(store: Telemetry, project: str) -> None:
    spans = [make_span(project, started_at_ns=BASE_NS + n, duration_ns=5_000_000 if n else 0) for n in range(4)]
    await store.insert(spans, uuid.uuid4().hex)
    totals = (await store.overview(_hour(project))).totals
    assert totals.requests == 4
    assert totals.latency_ms.p50 == pytest.approx(5.0, rel=0.01)


async def test_facets_count_spans(store: Telemetry, project: str) -> None:
    spans = [
        make_span(project, model_requested="fast", model_served="gpt-5", key_id="k1", user_id="ann"),
        make_span(project, model_requested="gpt-5", model_served="gpt-5", key_id="k1"),
        make_span(project, model_requested="smart", key_id="k2", status=SpanStatus.ERROR),
    ]
    await store.insert(spans, uuid.uuid4().hex)
    found = await store.facets(project, BASE, BASE + timedelta(seconds=1))
    assert [(f.value, f.count) for f in found.models] == [("gpt-5", 2), ("fast", 1), ("smart", 1)]
    assert [(f.value, f.count) for f in found.statuses] == [("ok", 2), ("error", 1)]
    assert [(f.value, f.count) for f in found.key_ids] == [("k1", 2), ("k2", 1)]
    assert [(f.value, f.count) for f in found.users] == [("ann", 1)]


async def test_newest_goes_by_insertion_not_by_start(store: Telemetry, project: str) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    old = make_span(project, started_at_ns=BASE_NS - 20 * 86_400 * 10**9)
    new = make_span(project)
    for span in (new, old):
        await store.insert([span], uuid.uuid4().hex)
    found = await store.newest(project, began, 10)
    assert [one.trace_id for one in found] == [old.trace_id, new.trace_id]
    assert [one.trace_id for one in await store.newest(project, began, 1)] == [old.trace_id]
    assert await store.newest(project, datetime.now(UTC) + timedelta(minutes=1), 10) == []


async def test_odd_values_never_hold_up_a_batch(store: Telemetry, project: str) -> None:
    odd = make_span(
        project, started_at_ns=-5, duration_ns=2**70, http_status=-1, input="lone \ud800 surrogate",
        cost_usd=Decimal("1e30"), cost_status=CostStatus.PRICED, metadata={"\udfff": "\ud800"},
        usage=msgspec.structs.replace(full_span(project).usage, input_tokens=2**40),
    )  # fmt: skip
    late = make_span(project, started_at_ns=2**80)
    await store.insert([odd, late, make_span(project)], uuid.uuid4().hex)
    trace = await store.trace(project, odd.trace_id, None)
    assert trace is not None
    assert (trace.spans[0].input, trace.spans[0].metadata) == ("lone ? surrogate", {"?": "?"})
    assert (trace.spans[0].http_status, trace.spans[0].cost_usd) == (0, None)
    assert await store.trace(project, late.trace_id, None) is not None


async def test_an_insert_over_many_weeks_is_one_insert(store: Telemetry, project: str) -> None:
    # A server's own limit is 100 partitions.
    spans = [make_span(project, started_at_ns=BASE_NS - week * 7 * 86_400 * 10**9) for week in range(101)]
    await store.insert(spans, uuid.uuid4().hex)
    assert len((await store.traces(all_of(project, from_at=BASE - timedelta(days=2000)))).items) == 101


@pytest.mark.parametrize("limit", [{"query_timeout_s": 0.001}, {"max_query_memory_bytes": 2000}])
async def test_a_query_over_its_limit_is_refused(
    store: Telemetry, reach: Reach, project: str, limit: dict[str, float]
) -> None:
    # The engine counts memory in steps of 4 MB a thread, so the query has to read much more than that.
    spans = [make_span(project, input=f"{number} " + "wide " * 6_000) for number in range(2_000)]
    await store.insert(spans, uuid.uuid4().hex)
    client = Telemetry(reach(**limit))
    with pytest.raises(QueryRefused):
        await client.traces(all_of(project, text="nowhere to be found"))
    await client.close()


async def test_a_wrong_secret_makes_the_store_unavailable(reach: Reach) -> None:
    client = Telemetry(reach(secret="wrong"))
    with pytest.raises(StoreUnavailable):
        await client.connect()
    assert "refuses the user or password" in (await client.ping() or "")
    await client.close()


async def test_the_store_tells_of_itself(store: Telemetry, project: str) -> None:
    await store.insert([make_span(project)], uuid.uuid4().hex)
    stats = await store.stats()
    assert stats.rows > 0
    assert stats.size_bytes > 0
    assert stats.parts > 0
    assert stats.schema_version == schema.LATEST
    assert stats.engine_version
    assert await store.ping() is None


def _hour(project: str) -> OverviewFilter:
    return OverviewFilter(project_id=project, from_at=BASE, to_at=BASE + timedelta(hours=1))


def _at(span: Span) -> datetime:
    return BASE + timedelta(microseconds=(span.started_at_ns - BASE_NS) // 1000)


def _models(spans: Iterable[Span]) -> set[str]:
    return {span.model_served or span.model_requested for span in spans}


def _key(one: TraceSummary, sort: SortField) -> float | None:
    if sort == "started_at":
        return one.started_at.timestamp()
    if sort == "duration":
        return one.duration_ms
    if sort == "ttft":
        return one.ttft_ms
    return one.usage.total if sort == "tokens" else None if one.cost_usd is None else float(one.cost_usd)


def _same(stats: CallStats, spans: list[Span]) -> None:
    usages = [span.usage for span in spans if span.usage]
    priced = [span.cost_usd or Decimal(0) for span in spans if span.cost_status is CostStatus.PRICED]
    assert stats.requests == len(spans)
    assert stats.errors == sum(span.status is SpanStatus.ERROR for span in spans)
    assert stats.cancelled == sum(span.status is SpanStatus.CANCELLED for span in spans)
    assert stats.input_tokens == sum(usage.input_total for usage in usages)
    assert stats.cache_read_tokens == sum(usage.cache_read_tokens for usage in usages)
    assert stats.output_tokens == sum(usage.output_total for usage in usages)
    assert stats.cost_usd == sum(priced, Decimal(0))
    assert stats.unpriced == sum(span.cost_status in {CostStatus.UNPRICED, CostStatus.INCONSISTENT} for span in spans)
    if not spans:
        assert stats.latency_ms.p50 is None
        return
    durations = sorted(span.duration_ns / 1e6 for span in spans)
    assert stats.latency_ms.p50 is not None
    assert durations[0] * 0.99 <= stats.latency_ms.p50 <= durations[-1] * 1.01
    if len(durations) > 50:
        assert stats.latency_ms.p50 == pytest.approx(durations[len(durations) // 2], rel=0.15)
    firsts = [span.first_token_ns for span in spans if span.first_token_ns is not None]
    assert (stats.ttft_ms.p50 is None) == (not firsts)
