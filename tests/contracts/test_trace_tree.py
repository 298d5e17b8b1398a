"""A trace in pages of light rows, its single spans, and the search within it, against a real store."""

import random
import uuid

import pytest

from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.tree import TreeSpan
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.conditions import moment
from tests.spans import BASE_NS, full_span, make_span, new_project

pytestmark = pytest.mark.timeout(60)


async def whole(telemetry: Telemetry, project: str, trace_id: str) -> list[TreeSpan]:
    """Return the spans of every page."""
    page = await telemetry.tree(project, trace_id)
    assert page is not None
    spans = list(page.spans)
    while page.next_cursor:
        page = await telemetry.tree_after(project, trace_id, page.next_cursor)
        spans += page.spans
    return spans


async def test_every_span_is_on_exactly_one_page_by_start_time(telemetry: Telemetry) -> None:
    project, trace_id, chance = new_project(), uuid.uuid4().hex, random.Random(3)
    # Many spans share a start, so that pages end in the middle of them.
    spans = [
        make_span(project, trace_id=trace_id, started_at_ns=BASE_NS + chance.randrange(400) * 10**6)
        for _ in range(4_500)
    ]
    await telemetry.insert(spans, uuid.uuid4().hex)
    first = await telemetry.tree(project, trace_id)
    assert first is not None
    assert first.summary is not None
    assert (len(first.spans), first.summary.span_count) == (2_000, 4_500)
    found = await whole(telemetry, project, trace_id)
    expected = sorted(spans, key=lambda span: (span.started_at_ns, span.span_id))
    assert [span.span_id for span in found] == [span.span_id for span in expected]
    began_ns = min(span.started_at_ns for span in spans)
    assert [round(span.start_ms * 1e6) for span in found] == [span.started_at_ns - began_ns for span in expected]


async def test_a_row_tells_what_the_tree_shows(telemetry: Telemetry) -> None:
    project = new_project()
    span = full_span(project)
    await telemetry.insert([span], uuid.uuid4().hex)
    page = await telemetry.tree(project, span.trace_id, moment(span.started_at_ns))
    assert page is not None
    assert page.spans == [
        TreeSpan(
            span_id=span.span_id, parent_span_id=span.parent_span_id, name=span.name, kind=SpanKind.LLM, start_ms=0,
            duration_ms=2_345.678901, ttft_ms=345.678901, status=SpanStatus.ERROR, error_code="upstream_cut",
            level="warning", model="gpt-5-2026-01-01", input_tokens=1 + 2 + 3 + 4 + 5 + 6, output_tokens=7 + 8 + 9 + 10,
            cost_usd=span.cost_usd, cost_status=span.cost_status, running=True, abandoned=True, wrapper=True,
            has_body=True, attempts=span.attempts,
        )
    ]  # fmt: skip
    assert page.next_cursor is None
    assert await telemetry.tree(project, uuid.uuid4().hex) is None
    assert await telemetry.tree(new_project(), span.trace_id) is None


async def test_a_plain_row_is_light(telemetry: Telemetry) -> None:
    project = new_project()
    span = make_span(project, usage=Usage(input_tokens=3), input="", output="")
    await telemetry.insert([span], uuid.uuid4().hex)
    (row,) = await whole(telemetry, project, span.trace_id)
    assert (row.input_tokens, row.output_tokens, row.has_body, row.parent_span_id, row.attempts) == (
        3,
        0,
        False,
        "",
        (),
    )


async def test_one_span_knows_its_place_in_the_trace(telemetry: Telemetry) -> None:
    project = new_project()
    root = make_span(project, started_at_ns=BASE_NS + 50)
    early = make_span(
        project, trace_id=root.trace_id, parent_span_id=root.span_id, started_at_ns=BASE_NS - 2_000_000, input="body"
    )
    await telemetry.insert([root, early], uuid.uuid4().hex)
    for around in (None, moment(BASE_NS), moment(BASE_NS + 10**18)):
        found = await telemetry.span(project, root.trace_id, early.span_id, around)
        assert found is not None
        assert (found.input, found.start_ms, round(found.before_parent_ms, 3)) == ("body", 0, 2)
    later = await telemetry.span(project, root.trace_id, root.span_id)
    assert later is not None
    assert (round(later.start_ms, 3), later.before_parent_ms) == (2, 0)
    assert await telemetry.span(project, uuid.uuid4().hex, early.span_id) is None
    assert await telemetry.span(new_project(), root.trace_id, early.span_id) is None


async def test_a_search_finds_spans_of_this_trace_alone(telemetry: Telemetry) -> None:
    project, trace_id = new_project(), uuid.uuid4().hex
    spans = [
        make_span(project, trace_id=trace_id, started_at_ns=BASE_NS + 3, input='{"text": "Ein Leuchtturm"}'),
        make_span(project, trace_id=trace_id, started_at_ns=BASE_NS + 1, name="leuchtturm.find"),
        make_span(project, trace_id=trace_id, started_at_ns=BASE_NS + 2, output="harbour"),
        make_span(project, output="Leuchtturm"),
    ]
    await telemetry.insert(spans, uuid.uuid4().hex)
    for around in (None, moment(BASE_NS), moment(BASE_NS + 10**18)):
        found = await telemetry.matches(project, trace_id, "LEUCHTTURM", around)
        assert (found.span_ids, found.more) == ([spans[1].span_id, spans[0].span_id], False)
    assert (await telemetry.matches(project, trace_id, "nowhere")).span_ids == []


@pytest.mark.parametrize("cursor", ["zz", "00", "5b5d", "5b312c322c332c342c355d"])
async def test_a_foreign_cursor_is_refused(telemetry: Telemetry, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await telemetry.tree_after(new_project(), uuid.uuid4().hex, cursor)
