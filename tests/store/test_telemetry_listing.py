"""The list of traces shows what the last rows of spans say, though it is found by all rows."""

import uuid

import msgspec

from pilothouse.domain.query.parser import parse
from pilothouse.domain.reading import TraceFilter
from pilothouse.domain.span import Span, SpanStatus
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.conditions import moment
from tests.spans import BASE_NS, make_span, new_project

FIVE_NS = 300 * 10**9
START_NS = BASE_NS // FIVE_NS * FIVE_NS + FIVE_NS
FROM_NS = START_NS + 100 * 10**9


async def _shown(telemetry: Telemetry, project: str, **asked: object) -> list[str]:
    wanted = TraceFilter(project_id=project, from_at=moment(FROM_NS), to_at=moment(FROM_NS + 2 * FIVE_NS))
    page = await telemetry.traces(msgspec.structs.replace(wanted, **asked))
    assert page.next_cursor is None
    return [trace.trace_id for trace in page.items]


async def _replaced(telemetry: Telemetry, before: Span, **changes: object) -> None:
    for row in (before, msgspec.structs.replace(before, **changes)):
        await telemetry.insert([row], uuid.uuid4().hex)


async def test_a_trace_that_moved_out_of_the_range_is_not_listed(telemetry: Telemetry) -> None:
    project = new_project()
    moved = make_span(project, started_at_ns=FROM_NS + 10**9)
    await _replaced(telemetry, moved, started_at_ns=START_NS)
    stays = make_span(project, started_at_ns=FROM_NS + 2 * 10**9)
    await telemetry.insert([stays], uuid.uuid4().hex)
    assert await _shown(telemetry, project) == [stays.trace_id]
    assert await _shown(telemetry, project, from_at=moment(START_NS)) == [stays.trace_id, moved.trace_id]


async def test_a_trace_that_began_before_the_range_is_listed_for_what_is_in_it(telemetry: Telemetry) -> None:
    project = new_project()
    root = make_span(project, started_at_ns=START_NS)
    child = make_span(project, trace_id=root.trace_id, parent_span_id=root.span_id, started_at_ns=FROM_NS + 10**9)
    await telemetry.insert([root, child], uuid.uuid4().hex)
    assert await _shown(telemetry, project) == [root.trace_id]
    assert await _shown(telemetry, project, from_at=moment(FROM_NS + 2 * 10**9)) == []


async def test_what_only_a_replaced_row_fulfils_is_not_found(telemetry: Telemetry) -> None:
    project = new_project()
    mended = make_span(project, started_at_ns=FROM_NS + 10**9, status=SpanStatus.ERROR)
    await _replaced(telemetry, mended, status=SpanStatus.OK)
    assert await _shown(telemetry, project, query=parse("status:error")) == []
    assert await _shown(telemetry, project, statuses=(SpanStatus.ERROR,)) == []
    assert await _shown(telemetry, project, query=parse("status:ok")) == [mended.trace_id]
    assert await _shown(telemetry, project, query=parse("-status:error")) == [mended.trace_id]


async def test_a_trace_whose_only_span_is_gone_is_not_listed(telemetry: Telemetry) -> None:
    project = new_project()
    await _replaced(telemetry, make_span(project, started_at_ns=FROM_NS + 10**9), deleted=True)
    assert await _shown(telemetry, project) == []
    assert await _shown(telemetry, project, query=parse("kind:llm")) == []


async def test_a_trace_is_found_by_its_id_wherever_its_spans_are(telemetry: Telemetry) -> None:
    project = new_project()
    first = make_span(project, started_at_ns=START_NS)
    later = make_span(project, trace_id=first.trace_id, started_at_ns=START_NS + 40 * 86400 * 10**9)
    await telemetry.insert([first, later], uuid.uuid4().hex)
    far = moment(START_NS + 90 * 86400 * 10**9)
    for around in (None, far):
        trace = await telemetry.trace(project, first.trace_id, around)
        assert trace is not None
        assert [span.span_id for span in trace.spans] == [first.span_id, later.span_id]
        tree = await telemetry.tree(project, first.trace_id, around)
        assert tree is not None
        assert tree.summary is not None
        assert tree.summary.span_count == 2
    assert await telemetry.trace(project, uuid.uuid4().hex) is None


async def test_long_traces_do_not_make_every_page_look_through_all_before(telemetry: Telemetry) -> None:
    project, count = new_project(), 30
    short = [make_span(project, started_at_ns=FROM_NS + (number + 1) * 10**9) for number in range(count)]
    roots = [make_span(project, started_at_ns=FROM_NS + number) for number in range(3)]
    newest = [
        make_span(project, trace_id=root.trace_id, parent_span_id=root.span_id, started_at_ns=FROM_NS + 200 * 10**9)
        for root in roots
    ]
    await telemetry.insert([*short, *roots, *newest], uuid.uuid4().hex)
    wanted = TraceFilter(
        project_id=project, from_at=moment(FROM_NS), to_at=moment(FROM_NS + 2 * FIVE_NS), limit=5
    )  # fmt: skip
    found: list[str] = []
    places: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await telemetry.traces(msgspec.structs.replace(wanted, cursor=cursor))
        found += [trace.trace_id for trace in page.items]
        cursor = page.next_cursor
        if cursor:
            places.append(msgspec.json.decode(bytes.fromhex(cursor))[4])
    assert found == [span.trace_id for span in [*reversed(short), *reversed(roots)]]
    assert places == sorted(set(places), reverse=True), "each page looks on from where the one before ended"
    assert places[0] < FROM_NS + 100 * 10**9
