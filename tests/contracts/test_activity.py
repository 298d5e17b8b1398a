"""Sessions and users out of a real store, counted once more by hand."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from pilothouse.domain.activity import ActivityFilter, ActivityOrder, SessionSummary
from pilothouse.domain.money import CostStatus
from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry import nearby
from pilothouse.store.telemetry.client import Telemetry
from tests.embedded_store import StoreProcess
from tests.spans import BASE_NS, Traffic, make_span, new_project

BASE = datetime.fromtimestamp(BASE_NS / 1e9, UTC)
HOUR_NS = 3600 * 10**9
DAY = timedelta(days=1)


@pytest.fixture
async def store(store_process: StoreProcess) -> AsyncIterator[Telemetry]:
    client = Telemetry(store_process.options())
    await client.migrate()
    yield client
    await client.close()


@pytest.fixture
def project() -> str:
    return new_project()


def whole(project: str, **changes: object) -> ActivityFilter:
    wide = ActivityFilter(project_id=project, from_at=BASE - 30 * DAY, to_at=BASE + 30 * DAY, limit=200)
    return msgspec.structs.replace(wide, **changes)


async def keep(store: Telemetry, *spans: Span) -> None:
    await store.insert(spans, uuid.uuid4().hex)


def turn(project: str, hour: float, session: str, **changes: object) -> Span:
    """Return a call of a session, some hours after the start."""
    plain = make_span(
        project, session_id=session, started_at_ns=BASE_NS + int(hour * HOUR_NS), model_served="gpt-5",
        input=f'{{"messages":[{{"role":"user","content":"question {hour}"}}]}}', output=f"answer {hour}",
        usage=Usage(input_tokens=10, output_tokens=5), cost_usd=Decimal("0.25"), cost_status=CostStatus.PRICED,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


async def every_session(store: Telemetry, wanted: ActivityFilter) -> list[SessionSummary]:
    found: list[SessionSummary] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await store.sessions(msgspec.structs.replace(wanted, cursor=cursor))
        assert len(page.items) <= wanted.limit
        found += page.items
        cursor = page.next_cursor
    return found


async def test_a_session_counts_whole_traces_once(store: Telemetry, project: str) -> None:
    root = make_span(
        project, kind=SpanKind.CHAIN, session_id="s", user_id="ann", started_at_ns=BASE_NS,
        input="where is my parcel?", output="on its way",
    )  # fmt: skip
    wrapper = turn(project, 0.1, "", trace_id=root.trace_id, parent_span_id=root.span_id, wrapper=True)
    call = turn(project, 0.2, "", trace_id=root.trace_id, parent_span_id=wrapper.span_id)
    unpriced = turn(
        project, 2, "s", user_id="bob", status=SpanStatus.ERROR, cost_usd=None, cost_status=CostStatus.UNPRICED,
        model_served="llama",
    )  # fmt: skip
    await keep(store, root, wrapper, call, unpriced, turn(project, 1, ""))
    (found,) = (await store.sessions(whole(project))).items
    assert (found.session_id, found.users, found.models) == ("s", ("ann", "bob"), ("gpt-5", "llama"))
    assert (found.first_at, found.last_at) == (BASE, BASE + timedelta(hours=2))
    assert (found.trace_count, found.call_count, found.error_count, found.unpriced_count) == (2, 2, 1, 1)
    assert (found.usage.input_tokens, found.usage.output_tokens, found.cost_usd) == (20, 10, Decimal("0.25"))
    assert (found.input_preview, found.output_preview) == ("question 2", "answer 2")
    detail = await store.session(project, "s", 50, "")
    assert detail is not None
    assert detail.session == found
    assert [trace.trace_id for trace in detail.traces] == [root.trace_id, unpriced.trace_id]
    assert [trace.input_preview for trace in detail.traces] == ["where is my parcel?", "question 2"]
    assert detail.next_cursor is None


async def test_a_trace_belongs_to_the_session_and_user_it_names_first(store: Telemetry, project: str) -> None:
    first = turn(project, 0, "a", user_id="ann")
    later = turn(project, 0.5, "b", user_id="bob", trace_id=first.trace_id, parent_span_id=first.span_id)
    await keep(store, first, later)
    (only,) = (await store.sessions(whole(project))).items
    assert (only.session_id, only.trace_count, only.call_count, only.cost_usd) == ("a", 1, 2, Decimal("0.5"))
    (user,) = (await store.users(whole(project))).items
    assert (user.user_id, user.session_count, user.cost_usd) == ("ann", 1, Decimal("0.5"))
    assert await store.session(project, "b", 50, "") is None
    assert await store.user(whole(project, user_id="bob")) is None


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ["last", "cost", "traces"])
async def test_pages_give_every_session_once_in_order(
    store: Telemetry, project: str, sort: ActivityOrder, descending: bool
) -> None:
    traffic = Traffic(project, 7, 20 * 86_400)
    spans = [traffic.call(session_id=f"s{number % 23}", user_id=f"u{number % 5}") for number in range(160)]
    await keep(store, *spans)
    found = await every_session(store, whole(project, sort=sort, descending=descending, limit=7))
    assert len(found) == len({one.session_id for one in found}) == 23
    for one in found:
        own = [span for span in spans if span.session_id == one.session_id]
        priced = [span.cost_usd or Decimal(0) for span in own if span.cost_status is CostStatus.PRICED]
        assert (one.trace_count, one.call_count) == (len(own), len(own))
        assert one.cost_usd == (sum(priced, Decimal(0)) if priced else None)
        assert one.error_count == sum(span.status is SpanStatus.ERROR for span in own)
        assert one.usage.total == sum(span.usage.total for span in own if span.usage)
        assert set(one.users) == {span.user_id for span in own}
        assert one.last_at == BASE + timedelta(microseconds=max(span.started_at_ns - BASE_NS for span in own) // 1000)
    keys = [_key(one, sort, missing=float("-inf" if descending else "inf")) for one in found]
    assert keys == sorted(keys, reverse=descending)


async def test_text_and_user_narrow_the_lists(store: Telemetry, project: str) -> None:
    await keep(
        store,
        turn(project, 0, "Order-1", user_id="ann@example.com"),
        turn(project, 1, "order-2", user_id="bob"),
        turn(project, 2, "chat/ä'%", user_id="bob"),
    )
    for changes, sessions in (
        ({"text": "ORDER"}, {"Order-1", "order-2"}),
        ({"text": "example"}, {"Order-1"}),
        ({"text": "ä'%"}, {"chat/ä'%"}),
        ({"user_id": "bob"}, {"order-2", "chat/ä'%"}),
        ({"user_id": "bob", "text": "order"}, {"order-2"}),
        ({"user_id": "bo"}, set[str]()),
        ({"to_at": BASE + timedelta(hours=1)}, {"Order-1"}),
        ({"text": "\ud800"}, set[str]()),
    ):
        for sort in ("last", "cost", "traces"):
            page = await store.sessions(whole(project, sort=sort, **changes))
            assert {one.session_id for one in page.items} == sessions, (changes, sort)
    users = await store.users(whole(project, text="BO"))
    assert [one.user_id for one in users.items] == ["bob"]
    detail = await store.session(project, "chat/ä'%", 50, "")
    assert detail is not None
    assert detail.session.users == ("bob",)


async def test_a_long_session_is_read_page_by_page(store: Telemetry, project: str) -> None:
    spans = [turn(project, hour * 30, "long") for hour in range(7)]
    await keep(store, *reversed(spans), turn(project, 1, "other"))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        detail = await store.session(project, "long", 3, cursor)
        assert detail is not None
        assert detail.session.trace_count == 7
        assert len(detail.traces) <= 3
        seen += [trace.trace_id for trace in detail.traces]
        cursor = detail.next_cursor
    assert seen == [span.trace_id for span in spans]


async def test_a_session_of_very_many_traces_is_counted_as_well(store: Telemetry, project: str) -> None:
    count = nearby.MAX_TRACES + 10
    await keep(store, turn(project, 5, "small"), *(turn(project, 5 + i / count, "large") for i in range(count)))
    found = {one.session_id: one for one in (await store.sessions(whole(project))).items}
    assert {name: one.trace_count for name, one in found.items()} == {"small": 1, "large": count}
    detail = await store.session(project, "large", 10, "")
    assert detail is not None
    assert (detail.session.trace_count, len(detail.traces)) == (count, 10)


async def test_a_user_over_time_has_every_step(store: Telemetry, project: str) -> None:
    await keep(
        store,
        turn(project, 0.5, "a", user_id="ann"),
        turn(project, 0.51, "a", user_id="ann", status=SpanStatus.ERROR),
        turn(project, 20, "b", user_id="ann"),
        turn(project, 3, "c", user_id="bob"),
    )
    detail = await store.user(whole(project, from_at=BASE, to_at=BASE + DAY, user_id="ann"))
    assert detail is not None
    assert (detail.user.session_count, detail.user.trace_count, detail.user.error_count) == (2, 3, 1)
    assert detail.step_s == 900
    assert len(detail.series) in (96, 97)
    active = [(point.trace_count, point.error_count, point.cost_usd) for point in detail.series if point.trace_count]
    assert active == [(2, 1, Decimal("0.5")), (1, 0, Decimal("0.25"))]
    assert sum(point.trace_count for point in detail.series) == 3


async def test_only_the_last_row_of_a_span_counts(store: Telemetry, project: str) -> None:
    span = turn(project, 0, "old")
    await keep(store, span)
    await keep(store, msgspec.structs.replace(span, session_id="new", cost_usd=Decimal(1)))
    gone = turn(project, 1, "gone")
    await keep(store, gone)
    await keep(store, msgspec.structs.replace(gone, deleted=True))
    (found,) = (await store.sessions(whole(project))).items
    assert (found.session_id, found.cost_usd) == ("new", Decimal(1))
    assert await store.session(project, "old", 50, "") is None
    assert await store.session(project, "gone", 50, "") is None
    assert (await store.sessions(whole(new_project()))).items == []


@pytest.mark.parametrize("cursor", ["zz", "00", "5b5d"])
async def test_a_cursor_of_somewhere_else_is_the_callers_fault(store: Telemetry, project: str, cursor: str) -> None:
    await keep(store, *(turn(project, hour, f"s{hour}", user_id="u") for hour in range(3)))
    other = (await store.sessions(whole(project, limit=1))).next_cursor
    assert other is not None
    for bad in (cursor, other):
        with pytest.raises(InvalidRequest):
            await store.users(whole(project, cursor=bad))
        with pytest.raises(InvalidRequest):
            await store.sessions(whole(project, cursor=bad, sort="cost"))
        with pytest.raises(InvalidRequest):
            await store.session(project, "s1", 50, bad)


def _key(one: SessionSummary, sort: ActivityOrder, missing: float) -> float:
    if sort == "last":
        return one.last_at.timestamp()
    return one.trace_count if sort == "traces" else missing if one.cost_usd is None else float(one.cost_usd)
