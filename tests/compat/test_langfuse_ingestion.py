"""Events of Langfuse's ingestion API as patches and scores."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.compat.langfuse import ids, ingestion
from pilothouse.domain import fold
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.score import ScoreType
from pilothouse.domain.span import Level, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage

KEY = VirtualKey("k1", "p1", "app", "", "ph_…", (), (), 0)
NOW_NS = 1_800_000_000_000_000_000
TRACE = "order-17/abc"
HEX = ids.trace_id(TRACE)
ROOT = ids.root_span_id(HEX)
SPAN = "5050d2de-b0ca-4ce3-a37b-ac24b4bdbfd8"
GENERATION = "3a9a4cc5-d765-4da8-8b25-642ab6165286"


def at(micro: int) -> str:
    return f"2026-11-28T15:24:53.{micro:06d}Z"


def ns(micro: int) -> int:
    return 1_795_879_493_000_000_000 + micro * 1000


def event(kind: str, micro: int, **body: Any) -> dict[str, Any]:
    return {"id": f"e-{kind}-{micro}", "type": kind, "timestamp": at(micro), "body": body}


def taken(*events: Any) -> ingestion.Taken:
    return ingestion.read(list(events), KEY, NOW_NS)


def spans(*events: Any) -> dict[str, SpanPatch]:
    """Return all that a batch says, folded, by span."""
    found: dict[str, fold.Fold] = {}
    for patch in taken(*events).patches:
        one = fold.fold_of(patch)
        found[patch.span_id] = fold.merged(found[patch.span_id], one) if patch.span_id in found else one
    return {span_id: fold.patch_of(one) for span_id, one in found.items()}


BATCH = (
    event(
        "trace-create", 1, id=TRACE, timestamp=at(0), name="checkout", userId="ada", sessionId="s-1", release="r1",
        version="7", tags=["a", "b", "a"], metadata={"plan": "pro", "n": 3, "deep": {"x": 1}}, input={"q": "hi"},
        public=True, environment="prod",
    ),
    event("span-create", 2, id=SPAN, traceId=TRACE, name="fetch", startTime=at(2), input={"k": 1}, metadata=["m"]),
    event(
        "generation-create", 3, id=GENERATION, traceId=TRACE, parentObservationId=SPAN, name="answer", startTime=at(3),
        completionStartTime=at(5), model="gpt-4o-mini", modelParameters={"temperature": "0.5"},
        input=[{"role": "user", "content": "Hello"}], promptName="greet", promptVersion=4,
        usage={"input": 10, "output": 5, "total": 15, "unit": "TOKENS", "totalCost": 0.5},
    ),
    event(
        "generation-update", 9, id=GENERATION, traceId=TRACE, endTime=at(9), output={"content": "Hi!"},
        usageDetails={"input": 7, "cache_read_input_tokens": 3, "output": 4, "output_reasoning_tokens": 1, "total": 15},
        costDetails={"input": 0.001, "output": 0.002},
    ),
    event("event-create", 10, id="ev", traceId=TRACE, name="clicked", startTime=at(10), level="WARNING", input=1),
    event("span-update", 11, id=SPAN, traceId=TRACE, level="ERROR", statusMessage="broke", output={"v": 2}),
    event("span-update", 12, id=SPAN, traceId=TRACE, endTime=at(12)),
    event("trace-create", 13, id=TRACE, output="done"),
)  # fmt: skip


def test_a_trace_becomes_its_root_span() -> None:
    root = spans(*BATCH)[ROOT]
    assert (root.trace_id, root.parent_span_id, root.native_id) == (HEX, "", TRACE)
    assert (root.name, root.trace_name, root.user_id, root.session_id) == ("checkout", "checkout", "ada", "s-1")
    assert (root.release, root.version, root.environment) == ("r1", "7", "prod")
    assert root.tags == ("a", "b")
    assert root.metadata == {"plan": "pro", "n": "3", "deep": '{"x":1}'}
    assert (root.input, root.output) == ('{"q":"hi"}', "done")
    assert root.attributes == {"langfuse.trace.public": "true"}
    assert (root.project_id, root.source) == ("p1", "langfuse")


def test_a_trace_lasts_until_its_last_observation_ends() -> None:
    root = spans(*BATCH)[ROOT]
    assert (root.started_at_ns, root.ended_at_ns) == (ns(0), ns(12))


def test_ends_of_a_trace_that_come_in_another_order_and_batch_give_the_same() -> None:
    late, early = BATCH[6], BATCH[3]
    one, other = taken(late).patches, taken(early).patches
    for patches in ((*one, *other), (*other, *one)):
        whole = None
        for patch in patches:
            if patch.span_id == ROOT:
                whole = fold.fold_of(patch) if whole is None else fold.merged(whole, fold.fold_of(patch))
        assert whole is not None
        assert fold.patch_of(whole).ended_at_ns == ns(12)


def test_observations_hang_below_the_root_or_their_parent() -> None:
    found = spans(*BATCH)
    span, generation = found[ids.span_id(SPAN)], found[ids.span_id(GENERATION)]
    assert span.parent_span_id == ROOT
    assert generation.parent_span_id == span.span_id
    assert generation.native_id == GENERATION
    assert {span.trace_id, generation.trace_id} == {HEX}


def test_a_generation_with_all_its_fields() -> None:
    one = spans(*BATCH)[ids.span_id(GENERATION)]
    assert (one.kind, one.name, one.model_requested, one.provider) == (
        SpanKind.LLM, "answer", "gpt-4o-mini", "openai",
    )  # fmt: skip
    assert (one.started_at_ns, one.first_token_at_ns, one.ended_at_ns) == (ns(3), ns(5), ns(9))
    assert one.usage == Usage(input_tokens=7, cache_read_tokens=3, output_tokens=4, reasoning_tokens=1)
    assert one.cost_usd == Decimal("0.003")
    assert (one.prompt_name, one.prompt_version) == ("greet", "4")
    assert one.attributes["langfuse.observation.modelParameters"] == '{"temperature":"0.5"}'
    assert one.attributes["langfuse.observation.type"] == "GENERATION"
    assert one.input == '[{"role":"user","content":"Hello"}]'


def test_levels_and_what_an_error_says() -> None:
    found = spans(*BATCH)
    span, point = found[ids.span_id(SPAN)], found[ids.span_id("ev")]
    assert (span.level, span.status, span.error_detail) == (Level.ERROR, SpanStatus.ERROR, "broke")
    assert span.metadata == {"metadata": '["m"]'}
    assert (point.level, point.status, point.started_at_ns, point.ended_at_ns) == (
        Level.WARNING, None, ns(10), ns(10),
    )  # fmt: skip


def test_of_two_updates_in_one_millisecond_the_later_in_the_batch_holds() -> None:
    updates = [event("span-update", 0, id="s", traceId="t", output=text) for text in ("z", "a")]
    assert spans(*updates)[ids.span_id("s")].output == "a"


def test_each_event_is_taken_or_refused_by_itself() -> None:
    told = taken(
        event("span-create", 1, id="s", traceId="t", name="ok"),
        {"id": "no-body", "type": "span-create", "timestamp": at(1)},
        event("unheard-of", 2, id="x"),
        event("score-create", 3, traceId="t", name="no value"),
        event("sdk-log", 4, log="hm"),
        "no object",
    ).answer
    assert [one.id for one in told.successes] == ["e-span-create-1", "e-sdk-log-4"]
    assert {one.status for one in told.successes} == {201}
    assert [(one.id, one.status) for one in told.errors] == [
        ("no-body", 400), ("e-unheard-of-2", 400), ("e-score-create-3", 400), ("", 400),
    ]  # fmt: skip
    assert "unheard-of" in told.errors[1].message


def test_scores_of_traces_observations_and_sessions() -> None:
    found = taken(
        event("score-create", 1, id="a", traceId=TRACE, name="quality", value=0.9, comment="good", metadata={"by": 1}),
        event("score-create", 2, traceId=HEX, observationId=SPAN, name="kind", value="great", dataType="CATEGORICAL"),
        event("score-create", 3, id="c", sessionId="s-1", name="ok", value=1.0, dataType="BOOLEAN"),
    ).scores
    assert [(one.id, one.type, one.number, one.text) for one in found] == [
        ("a", ScoreType.NUMERIC, 0.9, ""),
        ("e-score-create-2", ScoreType.CATEGORICAL, None, "great"),
        ("c", ScoreType.BOOLEAN, 1.0, ""),
    ]
    assert found[0].trace_id == found[1].trace_id == HEX
    assert (found[1].span_id, found[2].session_id, found[2].trace_id) == (ids.span_id(SPAN), "s-1", "")
    assert (found[0].metadata, found[0].at_ns, found[0].project_id) == ({"by": "1"}, ns(1), "p1")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"usage": {"input": 10, "output": 5, "total": 15}}, Usage(input_tokens=10, output_tokens=5)),
        ({"usage": {"promptTokens": 10, "completionTokens": 5}}, Usage(input_tokens=10, output_tokens=5)),
        (
            {"usageDetails": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                              "prompt_tokens_details": {"cached_tokens": 4}}},
            Usage(input_tokens=6, cache_read_tokens=4, output_tokens=5),
        ),
        ({"usage": {"total": 15}}, Usage(input_tokens=15, inconsistent=True)),
        ({"usage": {"input": 2, "output": 3, "unit": "CHARACTERS"}}, Usage(characters=5)),
        ({"usage": {"total": 1500, "unit": "MILLISECONDS"}}, Usage(audio_s=1.5)),
        ({"usage": {}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_usage_in_every_form(body: dict[str, Any], expected: Usage | None) -> None:
    patches = taken(event("generation-create", 1, id="g", traceId="t", **body)).patches
    assert patches[0].usage == expected


def test_costs_in_both_forms() -> None:
    costs = [
        taken(event("generation-create", 1, id="g", traceId="t", **body)).patches[0].cost_usd
        for body in (
            {"costDetails": {"input": 0.1, "output": 0.2}},
            {"costDetails": {"input": 0.1, "total": 0.4}},
            {"usage": {"input": 1, "inputCost": 0.1, "outputCost": 0.2}},
            {"usage": {"input": 1}},
        )
    ]
    assert costs == [Decimal("0.3"), Decimal("0.4"), Decimal("0.3"), None]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "id", "traceId", "parentObservationId", "name", "startTime", "endTime", "timestamp", "completionStartTime", "usage",
    "usageDetails", "costDetails", "model", "modelParameters", "metadata", "tags", "level", "value", "dataType", "type",
    "promptVersion", "userId", "input",
)  # fmt: skip
TYPES = ("trace-create", "span-create", "generation-update", "event-create", "observation-create", "score-create", "?")


@given(st.lists(st.fixed_dictionaries({
    "id": JSON, "type": st.sampled_from(TYPES) | JSON, "timestamp": JSON,
    "body": st.dictionaries(st.sampled_from(FIELDS), JSON) | JSON,
}) | JSON, max_size=5))  # fmt: skip
def test_nothing_that_is_sent_stops_a_batch(batch: list[Any]) -> None:
    told = taken(*batch)
    assert len(told.answer.successes) + len(told.answer.errors) == len(batch)
    for patch in told.patches:
        assert len(patch.trace_id) == 32
        assert len(patch.span_id) == 16


@given(st.text())
def test_ids_are_the_same_each_time_and_of_the_right_form(text: str) -> None:
    assert ids.trace_id(text) == ids.trace_id(text)
    assert bytes.fromhex(ids.trace_id(text))
    assert len(ids.trace_id(text)) == 32
    assert bytes.fromhex(ids.span_id(text))
    assert len(ids.span_id(text)) == 16


def test_ids_that_have_the_form_stay() -> None:
    assert ids.trace_id("0af7651916cd43dd8448eb211c80319c") == "0af7651916cd43dd8448eb211c80319c"
    assert ids.trace_id("0AF76519-16CD-43DD-8448-EB211C80319C") == "0af7651916cd43dd8448eb211c80319c"
    assert ids.span_id("b7ad6b7169203331") == "b7ad6b7169203331"
    assert ids.trace_id("0" * 32) != "0" * 32
