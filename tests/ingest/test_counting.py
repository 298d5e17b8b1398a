"""A model call that the application and the gateway both report counts once: in trace, list and overview."""

import itertools
import random
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from pilothouse.domain.holding import Node, Shape
from pilothouse.domain.money import CostStatus
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.reading import OverviewFilter, TraceFilter, TraceSummary
from pilothouse.domain.span import Span, SpanKind
from pilothouse.domain.usage import Usage
from pilothouse.ingest.counting import wrappers
from pilothouse.store.telemetry.client import Telemetry
from tests.ingest.patches import S, Writer, whole
from tests.spans import BASE_NS, make_span, new_project

AGENT, MODEL, STEP, CALL, OTHER = ("a" * 16, "b" * 16, "c" * 16, "d" * 16, "e" * 16)
USAGE = Usage(100, output_tokens=20)


def node(parent: str, *, call: bool = True, metered: bool = True) -> Node:
    return Node(parent, call, metered, False, 0)


@pytest.mark.parametrize(("shape", "expected"), [
    ({}, set()),
    ({"a": node("")}, set()),
    ({"a": node(""), "b": node("a")}, {"a"}),
    ({"a": node(""), "s": node("a", call=False), "b": node("s")}, {"a"}),
    ({"a": node(""), "b": node("a"), "c": node("b")}, {"a", "b"}),
    ({"a": node(""), "b": node("a", metered=False)}, set()),
    ({"a": node("", metered=False), "b": node("a", metered=False)}, {"a"}),
    ({"a": node(""), "b": node("a", metered=False), "c": node("a")}, {"a"}),
    ({"a": node("", call=False), "b": node("a"), "c": node("a")}, set()),
    ({"b": node("gone"), "c": node("b")}, {"b"}),
    ({"a": node("a")}, set()),
    ({"a": node("b"), "b": node("a")}, set()),
    ({"a": node("b"), "b": node("a"), "c": node("b")}, {"b"}),
])  # fmt: skip
def test_a_call_above_another_is_its_wrapper(shape: Shape, expected: set[str]) -> None:
    assert wrappers(shape) == expected


def told(start_s: float, end_s: float, tokens: int = 52, *, ours: bool = False, parent: str = "") -> Node:
    return Node(
        parent, True, True, False, int(start_s * S), by_gateway=ours, ended_at_ns=int(end_s * S), tokens=tokens
    )  # fmt: skip


@pytest.mark.parametrize(("shape", "expected"), [
    ({"a": told(10, 20), "g": told(11, 19, ours=True)}, {"a"}),
    ({"a": told(10, 20), "g": told(9.5, 20.5, ours=True)}, {"a"}),
    ({"a": told(10, 20), "g": told(11, 19, 53, ours=True)}, set()),
    ({"a": told(10, 20), "g": told(22, 30, ours=True)}, set()),
    ({"a": told(10, 20), "g": told(11, 30, ours=True)}, set()),
    ({"a": told(10, 20), "b": told(11, 19)}, set()),
    ({"g": told(10, 20, ours=True), "h": told(11, 19, ours=True)}, set()),
    ({"a": told(10, 20), "g": told(11, 14, ours=True), "h": told(15, 19, ours=True)}, {"a"}),
    ({"a": told(10, 20), "b": told(10, 20), "g": told(11, 19, ours=True)}, {"a"}),
    ({"a": told(10, 20), "b": told(30, 40), "g": told(11, 19, ours=True), "h": told(31, 39, ours=True)}, {"a", "b"}),
    ({"a": told(10, 20), "g": told(11, 19, ours=True, parent="a"), "b": told(10, 20)}, {"a"}),
    ({"a": told(10, 20), "g": told(11, 19, ours=True, parent="g")}, set()),
])  # fmt: skip
def test_a_call_beside_the_gateways_own_is_the_same_when_tokens_and_times_say_so(
    shape: Shape, expected: set[str]
) -> None:
    assert wrappers(shape) == expected
    assert wrappers(dict(reversed(shape.items()))) == expected


STEPS: Shape = {
    "s": node("", call=False), "t": node("", call=False), "u": node("s", metered=False), "v": node("t", metered=False),
}  # fmt: skip
STEP_OF_ALL = {"u", "v"}
"""Calls without figures around others, which count nothing of their own."""


@pytest.mark.parametrize(("shape", "expected"), [
    ({"a": told(10, 10.1, parent="u"), "g": told(12, 40, ours=True, parent="s")}, {"a"}),
    ({"a": told(10, 10.1, parent="s"), "g": told(12, 40, ours=True, parent="s")}, {"a"}),
    ({"a": told(10, 10.1, parent="u"), "g": told(12, 40, ours=True, parent="t")}, set()),
    ({"a": told(10, 10.1, 51, parent="u"), "g": told(12, 40, ours=True, parent="s")}, set()),
    ({"a": told(13.1, 13.2, parent="u"), "g": told(12, 40, ours=True, parent="s")}, set()),
    ({"a": told(10, 10.1, parent="u"), "g": told(71, 80, ours=True, parent="s")}, set()),
    ({"a": told(10, 10.1), "g": told(12, 40, ours=True)}, set()),
    ({"a": told(10, 10.1, parent="u"), "b": told(41, 41.1, parent="u"), "g": told(12, 40, ours=True, parent="s"),
      "h": told(43, 60, ours=True, parent="s")}, {"a", "b"}),
    ({"a": told(10, 10.1, parent="u"), "b": told(10, 10.1, parent="v"), "g": told(12, 40, ours=True, parent="t")},
     {"b"}),
])  # fmt: skip
def test_a_call_that_began_after_its_span_had_ended_is_the_same_in_the_same_step(
    shape: Shape, expected: set[str]
) -> None:
    assert wrappers({**STEPS, **shape}) - STEP_OF_ALL == expected


def test_calls_below_a_long_way_of_steps_are_looked_at_once() -> None:
    looks = 0

    class Counted(dict[str, Node]):
        def __getitem__(self, key: str) -> Node:
            nonlocal looks
            looks += 1
            return super().__getitem__(key)

    shape = Counted({f"s{n}": node(f"s{n - 1}" if n else "", call=False) for n in range(500)})
    shape |= {f"g{n}": told(10, 20, n + 1, ours=True, parent="s499") for n in range(500)}
    shape |= {f"a{n}": told(10, 20, n + 1) for n in range(500)}
    assert wrappers(shape) == {f"a{n}" for n in range(500)}
    assert looks < 20 * len(shape)


@pytest.mark.parametrize("seed", range(60))
def test_the_order_of_spans_does_not_matter_and_circles_end(seed: int) -> None:
    rnd = random.Random(seed)
    ids = [str(number) for number in range(12)]
    shape = {
        name: node(rnd.choice([*ids, "gone", ""]), call=rnd.random() < 0.6, metered=rnd.random() < 0.6) for name in ids
    }
    expected = _by_definition(shape)
    for _ in range(5):
        rnd.shuffle(ids)
        assert wrappers({name: shape[name] for name in ids}) == expected


def _by_definition(shape: Shape) -> set[str]:
    found: set[str] = set()
    for name, one in shape.items():
        if one.is_call:
            found |= {
                above
                for above in _above(shape, name)
                if shape[above].is_call and (one.metered or not shape[above].metered)
            }
    return found


def _above(shape: Shape, name: str) -> list[str]:
    found: list[str] = []
    while not _is_above_itself(shape, name) and (name := shape[name].parent_span_id) in shape:
        found.append(name)
    return found


def _is_above_itself(shape: Shape, name: str) -> bool:
    current = name
    for _ in shape:
        current = shape[current].parent_span_id if current in shape else ""
        if current == name:
            return True
    return False


def spans_of(project: str, trace: str) -> list[SpanPatch | Span]:
    """Return an agent, its model span, a step in between, the gateway's own call, and a call of something else."""
    model = whole(
        project, trace, MODEL, parent_span_id=AGENT, kind=SpanKind.LLM, usage=USAGE, cost_usd=Decimal(7),
        provider="openai", model_requested="gpt-4o",
    )  # fmt: skip
    call = make_span(
        project, trace_id=trace, span_id=CALL, parent_span_id=STEP, started_at_ns=BASE_NS + 2 * S, usage=USAGE,
        cost_usd=Decimal("0.25"), cost_status=CostStatus.PRICED, model_served="gpt-4o",
    )  # fmt: skip
    return [
        whole(project, trace, AGENT, kind=SpanKind.AGENT, started_at_ns=BASE_NS),
        model,
        whole(project, trace, STEP, parent_span_id=MODEL, kind=SpanKind.CHAIN),
        call,
        msgspec.structs.replace(model, span_id=OTHER, cost_usd=Decimal("0.5"), usage=Usage(1)),
    ]


async def summaries(store: Telemetry, project: str, trace_id: str) -> list[TraceSummary]:
    base = datetime.fromtimestamp(BASE_NS / 1e9, UTC)
    wanted = TraceFilter(project_id=project, from_at=base - timedelta(hours=1), to_at=base + timedelta(hours=1))
    trace = await store.trace(project, trace_id)
    assert trace is not None
    by_time = (await store.traces(wanted)).items
    by_cost = (await store.traces(msgspec.structs.replace(wanted, sort="cost"))).items
    return [trace.summary, *by_time, *by_cost]


async def assert_counted_once(store: Telemetry, project: str, trace_id: str) -> None:
    found = await summaries(store, project, trace_id)
    assert len(found) == 3
    for summary in found:
        assert (summary.span_count, summary.call_count) == (5, 2)
        assert (summary.usage.total, summary.cost_usd) == (121, Decimal("0.75"))
    base = datetime.fromtimestamp(BASE_NS / 1e9, UTC)
    totals = (
        await store.overview(OverviewFilter(project_id=project, from_at=base, to_at=base + timedelta(hours=1)))
    ).totals
    assert (totals.requests, totals.cost_usd) == (2, Decimal("0.75"))
    assert (totals.input_tokens, totals.output_tokens) == (101, 20)
    trace = await store.trace(project, trace_id)
    assert trace is not None
    assert {span.span_id for span in trace.spans if span.wrapper} == {MODEL}
    [shown] = [span for span in trace.spans if span.wrapper]
    assert shown.usage == USAGE


ORDERS = list(itertools.permutations(range(4)))


@pytest.mark.parametrize("together", [1, 2, 5])
@pytest.mark.parametrize("order", random.Random(1).sample(ORDERS, 5))
async def test_counted_once_in_any_order_of_arrival(
    telemetry: Telemetry, order: tuple[int, ...], together: int
) -> None:
    project, trace = new_project(), uuid.uuid4().hex
    spans = spans_of(project, trace)
    spans = [*(spans[number] for number in order), spans[4]]
    writer = Writer(telemetry)
    for at in range(0, 5, together):
        await writer.bring(spans[at : at + together])
        if order[0] % 2:
            writer.restart(told=[(project, trace)])
    await assert_counted_once(telemetry, project, trace)


async def test_a_call_that_turns_out_to_hang_elsewhere_makes_its_former_parent_count_again(
    telemetry: Telemetry,
) -> None:
    project, trace = new_project(), uuid.uuid4().hex
    writer = Writer(telemetry)
    model = whole(project, trace, MODEL, kind=SpanKind.LLM, usage=USAGE, cost_usd=Decimal(1))
    child = msgspec.structs.replace(model, span_id=CALL, parent_span_id=MODEL, whole=False)
    await writer.bring([model, child])
    assert [one.call_count for one in await summaries(telemetry, project, trace)] == [1] * 3
    await writer.bring([msgspec.structs.replace(child, parent_span_id=AGENT, at_ns=child.at_ns + 1)])
    assert [one.call_count for one in await summaries(telemetry, project, trace)] == [2] * 3


@pytest.mark.parametrize("order", [0, 1])
async def test_a_call_beside_the_gateways_own_is_known_from_the_store_too(telemetry: Telemetry, order: int) -> None:
    project, trace = new_project(), uuid.uuid4().hex
    app = whole(project, trace, MODEL, parent_span_id=AGENT, kind=SpanKind.LLM, usage=USAGE, cost_usd=Decimal(7))
    call = make_span(
        project, trace_id=trace, span_id=CALL, parent_span_id=AGENT, started_at_ns=app.started_at_ns or 0,
        duration_ns=1, usage=USAGE, cost_usd=Decimal("0.25"), cost_status=CostStatus.PRICED,
    )  # fmt: skip
    first, second = [(app, call), (call, app)][order]
    writer = Writer(telemetry)
    await writer.bring([first])
    writer.restart(told=[(project, trace)])
    await writer.bring([second])
    for summary in await summaries(telemetry, project, trace):
        assert (summary.call_count, summary.usage.total, summary.cost_usd) == (1, 120, Decimal("0.25"))
