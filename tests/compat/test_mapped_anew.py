"""What SDKs sent of kept spans is read anew: an unchanged mapping changes nothing, a better one is seen."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.catalog.prices import Catalog
from pilothouse.compat.langfuse import ids as langfuse_ids
from pilothouse.compat.langsmith.runs import PATCH, POST, Operation, patch_of
from pilothouse.domain.fold import Fold, fold_of, merged
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.redaction import records
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.domain.redaction.policy import Action, DetectorRule, Part, Policy
from pilothouse.domain.rereading import Reading
from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.ingest.remapping import remapped
from pilothouse.ingest.rows import row_of_fold
from pilothouse.wiring.revisions import READINGS
from tests.compat.test_langfuse_ingestion import BATCH, GENERATION, NOW_NS, SPAN, TRACE, at, event, taken
from tests.compat.test_langsmith_runs import NOW_NS as RECEIVED_NS
from tests.compat.test_langsmith_runs import ORDER, RUN, answer, human

CATALOG = Catalog()
FUSE = ("id", TRACE), ("traceId", TRACE)
INVOCATION = {"model": "gpt-4o", "temperature": 0.1, "tools": [{"type": "function", "function": {"name": "add"}}]}
RUNS: list[tuple[str, dict[str, Any]]] = [
    (POST, {
        "name": "chat", "run_type": "llm", "dotted_order": ORDER, "start_time": "2026-11-28T15:24:53.000002Z",
        "inputs": {"messages": [[human("hi")]]}, "tags": ["a"], "session_name": "shop", "serialized": {"lc": 1},
        "extra": {"metadata": {"plan": "pro", "user_id": "ada", "ls_provider": "openai"},
                  "invocation_params": INVOCATION},
    }),
    (PATCH, {
        "dotted_order": ORDER, "end_time": "2026-11-28T15:24:54Z", "total_cost": 0.25, "run_type": "llm",
        "outputs": {"generations": [[{"text": "3", "message": answer("3", response_metadata={"model_name": "m-1"})}]],
                    "llm_output": {"token_usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}}},
        "events": [{"name": "start", "time": "2026-11-28T15:24:53Z"},
                   {"name": "new_token", "time": "2026-11-28T15:24:53.5Z", "kwargs": {"token": "3"}}],
    }),
    (PATCH, {
        "dotted_order": ORDER, "error": "ValueError('x')", "end_time": 1795879495000, "tags": ["b"],
        "extra": {"metadata": {"plan": "free", "more": {"deep": [1]}}, "invocation_params": INVOCATION},
    }),
    (PATCH, {"dotted_order": ORDER, "inputs": {"prompts": ["x"]}, "outputs": {"text": "y"}}),
]  # fmt: skip


def rows(patches: Iterable[SpanPatch]) -> dict[str, Span]:
    """Return the rows of all spans that patches are of, by the span's id."""
    folds: dict[str, Fold] = {}
    for patch in patches:
        one = fold_of(patch)
        folds[patch.span_id] = merged(folds[patch.span_id], one) if patch.span_id in folds else one
    return {span_id: row_of_fold(fold, CATALOG, NOW_NS) for span_id, fold in folds.items()}


def runs(*operations: tuple[str, dict[str, Any]]) -> Span:
    """Return the row of a run that these operations are of."""
    patches = [
        msgspec.structs.replace(
            patch_of(Operation(verb=verb, run_id=RUN, body=body), "p1", RECEIVED_NS + index),
            project_id="p1",
            key_id="k",
        )
        for index, (verb, body) in enumerate(operations)
    ]
    (row,) = rows(patches).values()
    return row


def again(row: Span, readings: tuple[Reading, ...] = READINGS, redactor: Redactor | None = None) -> Span:
    fresh = remapped(row, CATALOG, redactor, NOW_NS, readings)
    assert fresh is not None
    return fresh


def unchanged(row: Span) -> None:
    fresh = again(row)
    for name in Span.__struct_fields__ if fresh is not row else ():
        assert getattr(fresh, name) == getattr(row, name), name
    assert fresh is row


def saying(**fields: Any) -> tuple[Reading, ...]:
    """Return readings that say something else besides, or nothing of a thing any more."""

    def better(read: Reading) -> Reading:
        return lambda row, fold: [
            msgspec.structs.replace(one, patch=msgspec.structs.replace(one.patch, **fields)) for one in read(row, fold)
        ]

    return tuple(better(one) for one in READINGS)


def test_a_batch_of_langfuses_means_the_same_again() -> None:
    found = rows(taken(*BATCH).patches)
    assert len(found) == 4
    for row in found.values():
        unchanged(row)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "level": st.sampled_from(["DEFAULT", "ERROR", "WARNING", "odd"]),
    "statusMessage": st.sampled_from(["broke", '{"a": 1}', "[]"]),
    "model": st.sampled_from(["gpt-4o-mini", "own", "claude-3-5-haiku"]),
    "usageDetails": st.sampled_from([{"input": 1, "output": 2}, {"input": 7, "total": 9}]),
    "usage": st.sampled_from([{"promptTokens": 3, "completionTokens": 4}, {"unit": "IMAGES", "total": 2}]),
    "costDetails": st.sampled_from([{"total": 0.1}, {"input": 0.1, "output": 1e-7}]),
    "input": st.sampled_from(["text", {"q": [1, 2.5]}, 5, "{ }", '{"a":1}', True]),
    "output": st.sampled_from(["", [], {"r": None}]),
    "metadata": st.sampled_from([{"a": "1", "b": {"c": [1]}}, ["m"], "text", {"b": "[1]"}, 3]),
    "promptName": st.just("greet"),
    "promptVersion": st.sampled_from([3, "4"]),
    "modelParameters": st.sampled_from([{"temperature": 0.5}, {}]),
    "startTime": st.sampled_from([at(2), at(3)]),
    "endTime": st.sampled_from([at(900_000), at(4)]),
    "completionStartTime": st.just(at(5)),
    "parentObservationId": st.sampled_from(["parent", SPAN]),
    "environment": st.just("prod"),
    "version": st.just("7"),
    "name": st.sampled_from(["answer", "other"]),
    "unheardOf": st.sampled_from([{"x": 1}, "y"]),
}
BODIES = st.fixed_dictionaries({}, optional=VALUES)
HEADS = st.sampled_from(["span", "generation", "event", "tool", "observation"])


@given(HEADS, st.lists(st.tuples(st.sampled_from(["create", "update"]), BODIES), min_size=1, max_size=4))
def test_whatever_langfuse_says_of_an_observation_means_the_same_again(
    head: str, said: list[tuple[str, dict[str, Any]]]
) -> None:
    events = [
        event(f"{head}-{verb}", 10 + place, id="o", traceId=TRACE, **body) for place, (verb, body) in enumerate(said)
    ]
    for row in rows(taken(*events).patches).values():
        fresh = remapped(row, CATALOG, None, NOW_NS, READINGS)
        assert fresh is row or (fresh is None and not row.attributes)


@given(st.permutations(range(4)), st.integers(1, 4))
def test_runs_of_langsmith_mean_the_same_again(order: list[int], count: int) -> None:
    unchanged(runs(*(RUNS[place] for place in sorted(order[:count]))))


def test_a_run_in_one_piece_means_the_same_again() -> None:
    body = {**RUNS[0][1], **RUNS[1][1]}
    unchanged(runs((POST, body)))
    unchanged(runs((POST, {"name": "n", "run_type": "chain", "inputs": {}, "parent_run_id": str(UUID(int=7))})))


@pytest.mark.parametrize("kind", ["observation", "trace", "run", "run in pieces"])
def test_a_better_mapping_is_seen_and_twice_is_once(kind: str) -> None:
    fuse = rows(taken(*BATCH).patches)
    row = {
        "observation": fuse[langfuse_ids.span_id(GENERATION)],
        "trace": fuse[langfuse_ids.root_span_id(langfuse_ids.trace_id(TRACE))],
        "run": runs((POST, {**RUNS[0][1], **RUNS[1][1]})),
        "run in pieces": runs(*RUNS[:2]),
    }[kind]
    better = saying(release="r9", kind=SpanKind.AGENT, environment=None)
    fresh = again(row, better)
    assert (fresh.release, fresh.kind, fresh.name) == ("r9", SpanKind.AGENT, row.name)
    assert (fresh.started_at_ns, fresh.duration_ns, fresh.parent_span_id, fresh.native_id) == (
        row.started_at_ns, row.duration_ns, row.parent_span_id, row.native_id,
    )  # fmt: skip
    assert again(fresh, better) is fresh
    assert again(fresh).kind is row.kind


def test_what_a_mapping_says_no_more_of_the_last_event_goes() -> None:
    row = runs((POST, {**RUNS[0][1], **RUNS[1][1]}))
    assert (row.user_id, again(row, saying(user_id=None)).user_id) == ("ada", "")


def test_fields_without_a_place_of_their_own_are_kept_for_better_mappings() -> None:
    said = event("generation-create", 3, id="g", traceId=TRACE, startTime=at(3), unheardOf={"x": [1]}, input="q")
    row = rows(taken(said).patches)[langfuse_ids.span_id("g")]
    assert row.attributes["langfuse.observation.unheardOf"] == '{"x":[1]}'
    assert not any("input" in name.lower() for name in row.attributes)
    run = runs(RUNS[0], (PATCH, {"total_tokens": 6, "prompt_cost": "0.1", "child_runs": [{"inputs": {}}]}))
    assert (run.attributes["langsmith.total_tokens"], run.attributes["langsmith.prompt_cost"]) == ("6", "0.1")
    assert "langsmith.child_runs" not in run.attributes


def hiding(policy: Policy) -> tuple[Redactor, Callable[[SpanPatch], SpanPatch]]:
    redactor = Redactor(policy, bytes(32))
    return redactor, lambda patch: records.patch(patch, redactor)


@pytest.mark.parametrize(
    "policy",
    [Policy(detectors=(DetectorRule("email", Action.MASK),)), Policy(off=(Part.INPUT, Part.OUTPUT, Part.METADATA))],
)
def test_what_was_redacted_stays_so_and_a_policy_of_today_is_applied(policy: Policy) -> None:
    redactor, redact = hiding(policy)
    secret = "ada@example.com"
    body = {**RUNS[0][1], **RUNS[1][1], "inputs": {"messages": [[human(secret)]]}, "remark": f"ask {secret}"}
    patch = msgspec.structs.replace(
        patch_of(Operation(verb=POST, run_id=RUN, body=body), "p1", NOW_NS), project_id="p1"
    )
    plain, hidden = (next(iter(rows([one]).values())) for one in (patch, redact(patch)))
    assert again(hidden, redactor=redactor) is hidden
    assert again(hidden) is hidden
    made = again(plain, redactor=redactor)
    assert made.input == hidden.input
    assert again(made, redactor=redactor) is made
    said = event(
        "span-create", 2, id=SPAN, traceId=TRACE, startTime=at(2), input={"to": secret}, metadata={"to": secret}
    )
    (row,) = (one for one in rows([redact(one) for one in taken(said).patches]).values() if one.attributes)
    assert again(row, redactor=redactor) is row
    assert again(row) is row


def test_what_was_emptied_by_age_is_left() -> None:
    emptied = msgspec.structs.replace(runs(*RUNS), attributes={}, input="", output="")
    assert remapped(emptied, CATALOG, None, NOW_NS, READINGS) is None
    row = rows(taken(*BATCH).patches)[langfuse_ids.span_id(GENERATION)]
    assert remapped(msgspec.structs.replace(row, attributes={}), CATALOG, None, NOW_NS, READINGS) is None
    assert row.status is SpanStatus.OK
