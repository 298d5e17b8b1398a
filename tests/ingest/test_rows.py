"""Rows out of patches: what stands in for what was never said, what is odd and noted, and what a cost is."""

import uuid
from decimal import Decimal

import msgspec
import pytest

from pilothouse.catalog.charges import Charges
from pilothouse.domain.fold import Fold, fold_of
from pilothouse.domain.money import CostStatus
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.span import Level, Span, SpanEvent, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.ingest import rows
from pilothouse.ingest.rows import SAID_BY_SOURCE, SAID_END, SAID_START, fold_of_row, row_of_fold, row_of_patch
from pilothouse.store.telemetry.client import Telemetry
from tests.ingest.patches import CATALOG, S, Sayings, Writer, whole
from tests.spans import BASE_NS, full_span, new_project

NOW_NS = BASE_NS + 3600 * S


def bare(**changes: object) -> SpanPatch:
    return SpanPatch(trace_id="a" * 32, span_id="b" * 16, source="x", at_ns=BASE_NS, **changes)  # type: ignore[arg-type]


def row(**changes: object) -> Span:
    return row_of_patch(bare(**changes), Charges(CATALOG), NOW_NS)


def test_every_single_valued_field_of_a_patch_has_its_bit() -> None:
    apart = {"trace_id", "span_id", "project_id", "at_ns", "whole", "tags", "links", "events", *rows._MAPS}
    assert set(SpanPatch.__struct_fields__) - apart == set(rows._FIELDS)
    assert len(set(rows._FIELDS)) == len(rows._FIELDS)


@pytest.mark.parametrize("seed", range(20))
def test_the_short_way_gives_what_the_fold_gives(seed: int) -> None:
    for patch in Sayings("p", seed).of_trace(spans=10, patches=10):
        short = row_of_patch(patch, Charges(CATALOG), NOW_NS)
        assert short == row_of_fold(fold_of(patch), CATALOG, NOW_NS)
        assert _bytes(fold_of_row(short)) == _bytes(fold_of(patch))


def _bytes(fold: Fold) -> bytes:
    return msgspec.msgpack.encode(fold, order="sorted")


def test_nothing_is_stored_twice() -> None:
    made = row(input="x" * 10_000, output="y" * 10_000, attributes={"k": "z" * 10_000}, whole=True)
    assert len(made.fold) < 100


def test_a_damaged_fold_leaves_the_columns() -> None:
    made = msgspec.structs.replace(row(name="step", output="out"), fold=b"\xc1")
    fold = fold_of_row(made)
    assert (fold.said["name"][1], fold.said["output"][1]) == ("step", "out")


def test_without_start_and_end_it_runs_from_the_first_to_the_last_word() -> None:
    made = row(events=(SpanEvent(BASE_NS + 5 * S, "e"), SpanEvent(BASE_NS - 2 * S, "e")))
    assert (made.started_at_ns, made.duration_ns, made.running) == (BASE_NS - 2 * S, 7 * S, True)
    assert (made.name, made.kind, made.status) == ("other", SpanKind.OTHER, SpanStatus.OK)


def test_whole_means_that_it_has_ended() -> None:
    assert not row(whole=True).running
    assert not row(ended_at_ns=BASE_NS).running


@pytest.mark.parametrize("said_ns", [0, 1, 900_000_000 * S, NOW_NS + 86_401 * S, 2**63 - 1])
def test_a_start_that_cannot_be_is_noted_and_another_stands_in(said_ns: int) -> None:
    made = row(started_at_ns=said_ns, ended_at_ns=BASE_NS + S)
    assert made.started_at_ns == BASE_NS
    assert made.attributes[SAID_START] == str(said_ns)
    assert fold_of_row(made).said["started_at_ns"] == (BASE_NS, said_ns)
    assert SAID_START not in fold_of_row(made).attributes


def test_when_no_time_can_be_it_is_now() -> None:
    patch = msgspec.structs.replace(bare(started_at_ns=5), at_ns=7)
    assert row_of_patch(patch, Charges(CATALOG), NOW_NS).started_at_ns == NOW_NS


def test_two_months_ago_is_taken_as_it_is() -> None:
    made = row(started_at_ns=BASE_NS - 60 * 86_400 * S)
    assert made.started_at_ns == BASE_NS - 60 * 86_400 * S
    assert made.attributes == {}


def test_an_end_before_the_start_is_noted() -> None:
    made = row(started_at_ns=BASE_NS, ended_at_ns=BASE_NS - 1)
    assert (made.duration_ns, made.attributes) == (0, {SAID_END: str(BASE_NS - 1)})


def test_a_level_of_error_fails_a_span_that_says_no_status() -> None:
    assert row(level=Level.ERROR).status is SpanStatus.ERROR
    assert row(level=Level.ERROR, status=SpanStatus.OK).status is SpanStatus.OK


def test_a_said_cost_beats_ours_which_is_kept_beside_it() -> None:
    call = {"kind": SpanKind.LLM, "provider": "openai", "model_served": "gpt-4o", "usage": Usage(1000)}
    ours = row(**call)
    assert (ours.cost_status, ours.cost_usd) == (CostStatus.PRICED, Decimal("0.0025"))
    said = row(**call, cost_usd=Decimal("0.01"))
    assert (said.cost_status, said.cost_usd, said.price_version) == (CostStatus.PRICED, Decimal("0.01"), SAID_BY_SOURCE)
    assert "0.0025 USD" in said.cost_detail


def test_a_model_nobody_knows_is_unpriced_and_what_is_no_call_costs_nothing() -> None:
    used = {"provider": "openai", "model_served": "nobody's", "usage": Usage(1000)}
    assert row(**used, kind=SpanKind.LLM).cost_status is CostStatus.UNPRICED
    made = row(**used, kind=SpanKind.AGENT)
    assert (made.cost_status, made.cost_usd, made.usage) == (CostStatus.UNMETERED, None, Usage(1000))


@pytest.mark.parametrize("call_first", [True, False])
async def test_what_an_application_says_of_a_gateways_call_is_added_to_it(
    telemetry: Telemetry, call_first: bool
) -> None:
    project = new_project()
    call = msgspec.structs.replace(
        full_span(project), source="gateway", running=False, abandoned=False, wrapper=False, fold=b"", stated_at_ns=0,
    )  # fmt: skip
    patch = SpanPatch(
        project_id=project, trace_id=call.trace_id, span_id=call.span_id, source="langfuse",
        at_ns=call.started_at_ns + 60 * S, metadata={"verdict": "good"}, user_id="ann", tags=("rated",),
    )  # fmt: skip
    writer = Writer(telemetry)
    for item in (call, patch) if call_first else (patch, call):
        await writer.bring([item])
        writer.restart(told=[(project, call.trace_id)])
    trace = await telemetry.trace(project, call.trace_id)
    assert trace is not None
    [span] = trace.spans
    assert (span.user_id, span.metadata["verdict"], span.metadata["team"]) == ("ann", "good", "search")
    assert span.tags == ("a", "b'c", "rated")
    kept = (
        "account", "attempts", "outcome", "http_status", "request_headers", "response_headers", "alias", "dialect",
        "cost_usd", "price_version", "input", "output", "name", "model_served", "usage", "request_id", "status",
    )  # fmt: skip
    assert {name: getattr(span, name) for name in kept} == {name: getattr(call, name) for name in kept}
    assert span.duration_ms == call.duration_ns / 1e6


async def test_parents_and_children_may_come_in_any_order_or_never(telemetry: Telemetry) -> None:
    project, trace_id = new_project(), uuid.uuid4().hex
    writer = Writer(telemetry)
    child = whole(project, trace_id, "c" * 16, parent_span_id="b" * 16, name="child", started_at_ns=BASE_NS)
    await writer.bring([child])
    trace = await telemetry.trace(project, trace_id)
    assert trace is not None
    assert (trace.summary.name, trace.spans[0].before_parent_ms) == ("child", 0)
    parent = whole(project, trace_id, "b" * 16, parent_span_id="", name="parent", trace_name="nightly")
    await writer.bring([parent])
    trace = await telemetry.trace(project, trace_id)
    assert trace is not None
    assert trace.summary.name == "nightly"
    assert [(span.name, span.before_parent_ms) for span in trace.spans] == [("parent", 0), ("child", 1000)]
