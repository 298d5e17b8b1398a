"""What every telemetry store must do with single spans: conditions, pages, values of an attribute."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pilothouse.domain.reading import SpanFilter
from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry.client import Telemetry
from tests.embedded_store import StoreProcess
from tests.spans import BASE_NS, make_span, new_project

BASE = datetime.fromtimestamp(BASE_NS / 1e9, UTC)
DAY_NS = 86_400 * 10**9


@pytest.fixture
async def store(store_process: StoreProcess) -> AsyncIterator[Telemetry]:
    client = Telemetry(store_process.options())
    await client.migrate()
    yield client
    await client.close()


def spans_of(project: str) -> list[Span]:
    """Return ten spans of five traces: a root and a failed tool each, a day between one trace and the next."""
    found: list[Span] = []
    for number in range(5):
        trace, start_ns = f"{number:032x}", BASE_NS - number * DAY_NS
        about: dict[str, Any] = {"project_id": project, "trace_id": trace, "source": "langsmith"}
        shop = "odd" if number % 2 else "even"
        found.append(
            make_span(
                **about, span_id=f"a{number:015x}", parent_span_id="", name="root", kind=SpanKind.CHAIN,
                tags=("a", "b"), started_at_ns=start_ns, status=SpanStatus.OK, attributes={"shop": shop},
            )
        )  # fmt: skip
        found.append(
            make_span(
                **about, span_id=f"b{number:015x}", parent_span_id=f"a{number:015x}", name="tool", kind=SpanKind.TOOL,
                started_at_ns=start_ns + 1_000, status=SpanStatus.ERROR,
            )
        )  # fmt: skip
    return found


async def test_conditions_all_hold(store: Telemetry) -> None:
    project = new_project()
    await store.insert(spans_of(project), project)
    await store.insert([make_span(project_id=new_project())], "other")

    async def found(**changes: Any) -> list[str]:
        page = await store.spans(SpanFilter(project_id=project, limit=200, **changes))
        assert len(page.items) == len(page.trace_ids)
        return [span.span_id for span in page.items]

    roots, tools = [f"a{number:015x}" for number in range(5)], [f"b{number:015x}" for number in range(5)]
    assert len(await found()) == 10
    assert await found(parent_span_id="") == await found(names=("root",)) == await found(tags=("a",)) == roots
    assert await found(below_root=True) == await found(kinds=(SpanKind.TOOL,)) == tools
    assert await found(statuses=(SpanStatus.ERROR,), trace_ids=(f"{2:032x}",)) == [tools[2]]
    assert await found(parent_span_id=roots[3]) == [tools[3]]
    assert await found(span_ids=(roots[1], tools[4])) == [roots[1], tools[4]]
    assert await found(attributes={"shop": ("odd",)}) == [roots[1], roots[3]]
    assert await found(attributes={"shop": ("odd", "x")}, from_at=BASE - timedelta(days=2)) == [roots[1]]
    assert await found(to_at=BASE - timedelta(days=3, hours=12)) == [tools[4], roots[4]]
    assert await found(source="otel") == await found(tags=("a", "c")) == []


async def test_pages_hold_each_span_once(store: Telemetry) -> None:
    project = new_project()
    spans = spans_of(project)
    await store.insert(spans, project)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await store.spans(SpanFilter(project_id=project, limit=3, cursor=cursor))
        seen += [span.span_id for span in page.items]
        cursor = page.next_cursor
    newest = sorted(spans, key=lambda span: span.started_at_ns, reverse=True)
    assert seen == [span.span_id for span in newest]


async def test_a_span_is_whole_and_of_itself(store: Telemetry) -> None:
    project = new_project()
    span = make_span(project_id=project, duration_ns=5_000_000, first_token_ns=2_000_000)
    await store.insert([span], project)
    page = await store.spans(SpanFilter(project_id=project))
    (found,), (trace_id,) = page.items, page.trace_ids
    assert (trace_id, found.span_id, found.start_ms) == (span.trace_id, span.span_id, 0)
    assert (found.input, found.usage, found.ttft_ms, found.duration_ms) == (span.input, span.usage, 2, 5)


async def test_values_of_an_attribute_are_counted(store: Telemetry) -> None:
    project = new_project()
    await store.insert(spans_of(project), project)
    found = await store.attribute_values(SpanFilter(project_id=project), "shop")
    assert [(one.value, one.count) for one in found] == [("even", 3), ("odd", 2)]
    assert (found[0].last_at, found[0].first_at) == (BASE, BASE - timedelta(days=4))
    assert await store.attribute_values(SpanFilter(project_id=project), "other") == []


@pytest.mark.parametrize("cursor", ["x", "00", "7b7d", "5b312c2261225d"])
async def test_a_foreign_cursor_is_refused(store: Telemetry, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await store.spans(SpanFilter(project_id=new_project(), cursor=cursor))
