"""Runs of LangSmith's SDKs as patches: ids, times, kinds, conversations, tokens, and any order of what is said."""

import itertools
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.compat.langsmith import conversation, feedback, ids, usage
from pilothouse.compat.langsmith.multipart import arrived, parts_of
from pilothouse.compat.langsmith.runs import PATCH, POST, Operation, patch_of
from pilothouse.domain.fold import fold_of, merged
from pilothouse.domain.fold import patch_of as whole_of
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest

RUN, ROOT = UUID("0199aaaa-0000-7000-8000-000000000002"), UUID("0199aaaa-0000-7000-8000-000000000001")
ORDER = f"20261128T152453000001Z{ROOT}.20261128T152453000002Z{RUN}"
START_NS = 1795879493_000002_000
NOW_NS = START_NS + 60 * 10**9


def said(verb: str = POST, later_ns: int = 0, **body: Any) -> SpanPatch:
    return patch_of(Operation(verb=verb, run_id=RUN, body=body), "p", NOW_NS + later_ns)


def human(text: str) -> dict[str, Any]:
    return {"lc": 1, "type": "constructor", "id": ["langchain", "HumanMessage"], "kwargs": {"content": text}}


def answer(text: str, **more: Any) -> dict[str, Any]:
    return {"lc": 1, "type": "constructor", "id": ["langchain", "AIMessage"], "kwargs": {"content": text, **more}}


def test_a_run_is_a_span_of_its_roots_trace() -> None:
    patch = said(trace_id=str(ROOT), dotted_order=ORDER, parent_run_id=str(ROOT), name="n", run_type="tool")
    assert (patch.trace_id, patch.span_id) == (ROOT.hex, ids.span_id(RUN))
    assert (patch.parent_span_id, patch.native_id) == (ids.span_id(ROOT), str(RUN))
    assert (patch.kind, patch.started_at_ns, patch.operation) == (SpanKind.TOOL, START_NS, "execute_tool")


def test_a_dotted_order_alone_tells_trace_parent_and_start() -> None:
    patch = said(PATCH, dotted_order=ORDER, outputs={"a": 1})
    assert (patch.trace_id, patch.parent_span_id, patch.started_at_ns) == (ROOT.hex, ids.span_id(ROOT), START_NS)


@pytest.mark.parametrize(
    "order",
    ["", "x", 7, None, f"20261328T152453000001Z{RUN}", f"2026T152453Z{RUN}", "20261128T152453000001Zno", "....", "Z"],
)
def test_what_is_no_dotted_order_tells_nothing(order: Any) -> None:
    assert ids.path_of(order) == []


def test_dotted_orders_of_older_clients_are_read() -> None:
    old = f"2026-11-28T15:24:53.000001Z{ROOT}.2026-11-28T15:24:53.000002Z{RUN}"
    assert ids.path_of(old) == ids.path_of(ORDER)
    assert ".".join(ids.step_of(step.started_at_ns, UUID(step.run_id)) for step in ids.path_of(ORDER)) == ORDER


def test_runs_that_start_together_are_told_apart() -> None:
    # UUIDs of version 7 share their first half within a millisecond
    assert len({ids.span_id(UUID(int=RUN.int + step)) for step in range(1_000)}) == 1_000


OPERATIONS = [
    said(
        POST, name="n", run_type="llm", dotted_order=ORDER, start_time="2026-11-28T15:24:53.000002Z", outputs={},
        inputs={"q": 1}, tags=["a"], extra={"metadata": {"k": "old", "user_id": "u"}}, session_name="s",
    ),
    said(
        PATCH, 1, dotted_order=ORDER, end_time="2026-11-28T15:24:54Z", outputs={"r": 1}, error=None, name=None,
        tags=["b"], extra={"metadata": {"k": "new"}}, inputs={},
    ),
    said(PATCH, 2, dotted_order=ORDER, outputs={"r": 2}, end_time="2026-11-28T15:24:55Z"),
]  # fmt: skip


@given(st.permutations(range(3)), st.integers(0, 2))
def test_posts_and_patches_come_in_any_order_and_more_than_once(order: list[int], again: int) -> None:
    fold = fold_of(OPERATIONS[order[0]])
    for index in (*order[1:], again):
        fold = merged(fold, fold_of(OPERATIONS[index]))
    whole = whole_of(fold)
    assert (whole.name, whole.kind, whole.input, whole.output) == ("n", SpanKind.LLM, '{"q":1}', '{"r":2}')
    assert (whole.started_at_ns, whole.ended_at_ns) == (START_NS, 1795879495 * 10**9)
    assert (whole.metadata, whole.user_id, whole.tags) == ({"k": "new", "user_id": "u"}, "u", ("a", "b"))
    assert (whole.status, whole.attributes["langsmith.session_name"]) == (SpanStatus.OK, "s")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        ("ValueError('boom')\n\nTraceback", "ValueError", SpanStatus.ERROR),
        ("openai.RateLimitError('429')", "RateLimitError", SpanStatus.ERROR),
        ("something broke", None, SpanStatus.ERROR),
        ("CancelledError()", "CancelledError", SpanStatus.CANCELLED),
        ("Cancelled", None, SpanStatus.CANCELLED),
    ],
)
def test_an_error_tells_its_kind(error: str, code: str | None, status: SpanStatus) -> None:
    patch = said(PATCH, error=error, end_time="2026-11-28T15:24:54Z")
    assert (patch.error_code, patch.error_detail, patch.status) == (code, error, status)


def test_langchains_messages_become_a_conversation_and_stay_as_they_came() -> None:
    call = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
    invocation = {"model": "gpt-4o", "temperature": 0.1, "tools": [{"type": "function", "function": {"name": "add"}}]}
    inputs = {"messages": [[human("hi"), answer("", tool_calls=[call])]]}
    outputs = {"generations": [[{"text": "3", "message": answer("3", response_metadata={"finish_reason": "stop"})}]]}
    patch = said(run_type="llm", inputs=inputs, outputs=outputs, extra={"invocation_params": invocation})
    asked = json.loads(patch.input or "")
    assert [message["role"] for message in asked["messages"]] == ["user", "assistant"]
    assert asked["messages"][1]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a":1}'}
    assert (asked["temperature"], asked["tools"], "model" in asked) == (0.1, invocation["tools"], False)
    assert json.loads(patch.output or "") == [{"role": "assistant", "content": "3"}]
    assert (patch.finish_reason, patch.model_requested) == ("stop", "gpt-4o")
    assert json.loads(patch.attributes["langsmith.inputs"]) == inputs
    assert json.loads(patch.attributes["langsmith.outputs"]) == outputs


@pytest.mark.parametrize(
    ("messages", "roles"),
    [
        ([["user", "hi"]], ["user"]),
        ([["human", "hi"], ["ai", "ho"]], ["user", "assistant"]),
        ([{"type": "human", "content": "hi"}, {"type": "tool", "content": "3", "tool_call_id": "c"}], ["user", "tool"]),
        ([{"role": "user", "content": "hi"}], None),
        ([["x", "hi"]], None),
        ("hi", None),
    ],
)
def test_messages_come_in_several_forms(messages: Any, roles: list[str] | None) -> None:
    found = conversation.question({"messages": messages}, {})
    assert (found and [one["role"] for one in json.loads(found)["messages"]]) == roles


USAGE = {"input_tokens": 100, "output_tokens": 30, "total_tokens": 130}


@pytest.mark.parametrize(
    ("outputs", "metadata"),
    [
        ({"usage_metadata": USAGE}, {}),
        ({}, {"usage_metadata": USAGE}),
        ({"generations": [[{"text": "", "message": answer("", usage_metadata=USAGE)}]]}, {}),
        ({"generations": [], "llm_output": {"token_usage": {"prompt_tokens": 100, "completion_tokens": 30}}}, {}),
        ({"usage": {"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130}}, {}),
    ],
)
def test_tokens_are_found_wherever_they_stand(outputs: dict[str, Any], metadata: dict[str, Any]) -> None:
    assert usage.of(outputs, metadata)[0] == Usage(input_tokens=100, output_tokens=30)


def test_tokens_are_disjoint_and_know_their_tier() -> None:
    told = {
        **USAGE, "input_token_details": {"flex": 60, "flex_cache_read": 40},
        "output_token_details": {"flex": 20, "flex_reasoning": 10}, "input_cost": 0.1, "output_cost": 0.2,
    }  # fmt: skip
    found, cost = usage.of({"usage_metadata": told}, {})
    assert found == Usage(input_tokens=60, cache_read_tokens=40, output_tokens=20, reasoning_tokens=10, tier="flex")
    assert cost == Decimal("0.3")


def test_the_finer_of_two_counts_holds_and_several_prompts_add_up() -> None:
    details = {"cached_tokens": 40}
    raw = {"prompt_tokens": 100, "completion_tokens": 30, "prompt_tokens_details": details}
    found, _ = usage.of({"usage_metadata": USAGE, "usage": raw}, {})
    assert found == Usage(input_tokens=60, cache_read_tokens=40, output_tokens=30)
    two = [[{"message": answer("", usage_metadata=USAGE)}], [{"message": answer("", usage_metadata=USAGE)}]]
    assert usage.of({"generations": two}, {})[0] == Usage(input_tokens=200, output_tokens=60)


def test_only_calls_count_tokens() -> None:
    assert said(run_type="chain", outputs={"usage_metadata": USAGE}).usage is None
    assert said(PATCH, outputs={"usage_metadata": USAGE}).usage is not None


def test_the_first_token_is_an_event() -> None:
    events = [
        {"name": "start", "time": "2026-11-28T15:24:53Z"},
        {"name": "new_token", "time": "2026-11-28T15:24:53.5+00:00", "kwargs": {"token": "a"}},
        {"name": "new_token", "time": "2026-11-28T15:24:54Z"},
        {"name": "timeless"},
    ]
    patch = said(events=events)
    assert (patch.first_token_at_ns, patch.streamed, len(patch.events)) == (1795879493_500_000_000, True, 3)


def test_javascript_says_the_end_in_milliseconds() -> None:
    assert said(dotted_order=ORDER, end_time=1795879494_250).ended_at_ns == 1795879494_250_000_000
    assert said(dotted_order=ORDER, end_time=1795879493_000).ended_at_ns == START_NS
    assert said(dotted_order=ORDER, end_time=True).ended_at_ns is None
    assert said(dotted_order=ORDER, end_time=1e300).ended_at_ns is None


def test_metadata_tells_session_user_and_prompt() -> None:
    metadata = {"thread_id": "t", "user_id": "u", "ls_provider": "openai", "lc_hub_repo": "r", "x": {"y": 1}}
    patch = said(extra={"metadata": metadata})
    assert (patch.session_id, patch.user_id, patch.prompt_name) == ("t", "u", "r")
    assert patch.metadata == {"thread_id": "t", "user_id": "u", "x": '{"y":1}'}
    assert json.loads(patch.attributes["langsmith.extra"])["metadata"] == metadata


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
                        ["messages", "generations", "message", "kwargs", "lc", "id", "type", "usage_metadata", "extra",
                         "metadata", "invocation_params", "events", "time", "name", "tags", "llm_output", "text"]),
                        inner, max_size=4), max_leaves=12))  # fmt: skip
def test_nothing_that_an_sdk_may_send_breaks_a_batch(value: Any) -> None:
    names = (
        "inputs", "outputs", "extra", "events", "tags", "error", "name", "run_type", "start_time", "end_time",
        "trace_id", "parent_run_id", "dotted_order", "session_name", "session_id", "total_cost", "serialized",
    )  # fmt: skip
    for verb in (POST, PATCH):
        patch = said(verb, **dict.fromkeys(names, value))
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(patch), type=SpanPatch).trace_id == patch.trace_id


@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), st.binary(max_size=40), max_size=5))
def test_forms_are_read_as_they_are_written(parts: dict[str, bytes]) -> None:
    body = b"preamble\r\n" if parts else b""
    for name, data in parts.items():
        body += f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n'.encode() + data + b"\r\n"
    found = {part.name: part.body for part in parts_of('multipart/form-data; boundary="b"', body + b"--b--\r\n")}
    assert found == {name: data for name, data in parts.items() if b"\r\n--b" not in data}


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data", "text/x; boundary=b"])
def test_a_form_needs_a_boundary(content_type: str) -> None:
    with pytest.raises(InvalidRequest):
        list(parts_of(content_type, b"--b--"))


def test_parts_of_a_run_meet_in_any_order() -> None:
    pieces = [(f"post.{RUN}", b'{"name":"n"}'), (f"post.{RUN}.inputs", b'{"a":1}'), (f"attachment.{RUN}.f", b"xyz")]
    for order in itertools.permutations(pieces):
        body = b"".join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + data + b"\r\n"
                        for name, data in order)  # fmt: skip
        (operation,) = arrived(parts_of("multipart/form-data; boundary=b", body + b"--b--")).operations
        assert operation.body == {"name": "n", "inputs": {"a": 1}}
        assert operation.attachments["f"].body == b"xyz"


@pytest.mark.parametrize(
    ("body", "kind", "number", "told"),
    [
        ({"score": 0.25}, "numeric", 0.25, ""),
        ({"score": False}, "boolean", 0.0, ""),
        ({"score": 1, "value": "good"}, "numeric", 1.0, "good"),
        ({"value": "good"}, "categorical", None, "good"),
        ({"value": {"a": 1}}, "text", None, '{"a":1}'),
        ({"value": 3}, "numeric", 3.0, ""),
        ({"comment": "only"}, "text", None, ""),
    ],
)
def test_feedback_is_a_score(body: dict[str, Any], kind: str, number: float | None, told: str) -> None:
    found = feedback.of({"id": str(RUN), "key": "k", "run_id": str(RUN), "trace_id": str(ROOT), **body}, NOW_NS)
    assert (found.type, found.number, found.text) == (kind, number, told)
    assert (found.trace_id, found.span_id) == (ROOT.hex, ids.span_id(RUN))


@pytest.mark.parametrize("body", [{"key": ""}, {"id": "no"}, {"run_id": None}, {"score": "x"}, {"score": float("nan")}])
def test_feedback_that_is_of_no_use_is_told(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="feedback"):
        feedback.of({"id": str(RUN), "key": "k", "run_id": str(RUN), **body}, NOW_NS)
