"""A record as a span: what is shown, what it costs, what is marked."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import Attempt, CallRecord, Operation, Outcome
from pilothouse.domain.money import CostStatus
from pilothouse.domain.span import AttemptDetail, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.ingest.spans import INPUT_CUT, OUTPUT_CUT, OUTPUT_RAW, USAGE_ASKED, record_to_span

CATALOG = Catalog()
RECORD = CallRecord(
    id="019ab000-0000-7000-8000-000000000001",
    trace_id="a" * 32,
    span_id="b" * 16,
    parent_span_id="c" * 16,
    project_id="p1",
    key_id="k1",
    started_at_ns=1_790_000_000_000_000_000,
    duration_ns=900_000_000,
    overhead_ns=400_000,
    first_token_ns=300_000_000,
    last_token_ns=880_000_000,
    outcome=Outcome.ANSWERED,
    status=200,
    path="/v1/chat/completions",
    model_requested="fast",
    model_served="gpt-4o-2024-11-20",
    account="main",
    provider="openai",
    alias="fast",
    usage=Usage(1000, output_tokens=500),
    finish_reason="stop",
    attempts=(
        Attempt("backup", "openai", "gpt-4o-mini", 200_000, None, 5_000_000, 0, "upstream_unreachable", "refused"),
        Attempt("main", "openai", "gpt-4o", 5_500_000, 300_000_000, 899_000_000, 200, upstream_request_id="req_1"),
    ),
    request_headers={"user-agent": "t"},
    response_headers={"content-type": "application/json"},
    request_body=b'{"model":"fast"}',
    response_body=b'{"choices":[]}',
    request_size_bytes=16,
    response_size_bytes=14,
    user_id="u",
    session_id="s",
    environment="test",
    metadata={"team": "a"},
)
STREAM = (
    b'data: {"id":"1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant",'
    b'"content":"Hel"}}]}\n\n'
    b'data: {"id":"1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"lo"},'
    b'"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


def span(**changes):
    return record_to_span(msgspec.structs.replace(RECORD, **changes), CATALOG)


def test_every_field_of_the_record_finds_its_place():
    found = span()
    assert found.name == "chat fast"
    assert (found.kind, found.source, found.status) == (SpanKind.LLM, "gateway", SpanStatus.OK)
    assert found.request_id == RECORD.id
    assert (found.input, found.output) == ('{"model":"fast"}', '{"choices":[]}')
    assert (found.input_size_bytes, found.output_size_bytes) == (16, 14)
    assert (found.outcome, found.http_status) == ("answered", 200)
    assert found.attributes == {"url.path": "/v1/chat/completions"}
    same = set(type(found).__struct_fields__) & set(CallRecord.__struct_fields__) - {"status", "attempts", "operation"}
    assert len(same) > 20
    for name in same:
        assert getattr(found, name) == getattr(RECORD, name), name


def test_attempts_are_in_milliseconds_from_the_start():
    assert span().attempts == (
        AttemptDetail("backup", "openai", "gpt-4o-mini", 0.2, None, 5.0, 0, "upstream_unreachable", "refused"),
        AttemptDetail("main", "openai", "gpt-4o", 5.5, 300.0, 899.0, 200, upstream_request_id="req_1"),
    )


def test_a_stream_is_shown_as_the_answer_it_stands_for():
    found = span(streamed=True, response_body=STREAM, response_size_bytes=len(STREAM))
    answer = msgspec.json.decode(found.output)
    assert answer["choices"][0]["message"]["content"] == "Hello"
    assert OUTPUT_RAW not in found.attributes
    assert found.output_size_bytes == len(STREAM)


def test_a_stream_cut_anywhere_still_shows_what_came():
    for length in range(len(STREAM)):
        found = span(streamed=True, outcome=Outcome.CUT, response_body=STREAM[:length])
        assert found.status is SpanStatus.ERROR
        if length > 150:
            assert "Hel" in found.output


def test_a_stream_of_an_unknown_dialect_is_shown_as_it_came():
    found = span(streamed=True, dialect="spoken", response_body=STREAM)
    assert found.output == STREAM.decode()
    assert found.attributes[OUTPUT_RAW] == "true"


def test_bytes_that_are_not_text_are_replaced():
    found = span(request_body=b"ab\xff\xfe", response_body=b"\x80")
    assert (found.input, found.output) == ("ab��", "�")


def test_cut_bodies_and_hidden_usage_are_marked():
    found = span(request_size_bytes=17, response_size_bytes=15, usage_asked_for_caller=True)
    assert {found.attributes[name] for name in (INPUT_CUT, OUTPUT_CUT, USAGE_ASKED)} == {"true"}
    assert (found.input_size_bytes, found.output_size_bytes) == (17, 15)


@pytest.mark.parametrize(("outcome", "status"), [
    (Outcome.ANSWERED, SpanStatus.OK),
    (Outcome.REFUSED, SpanStatus.ERROR),
    (Outcome.FAILED, SpanStatus.ERROR),
    (Outcome.CANCELLED, SpanStatus.CANCELLED),
    (Outcome.CUT, SpanStatus.ERROR),
])  # fmt: skip
def test_every_outcome_has_a_status(outcome, status):
    assert span(outcome=outcome).status is status


def test_embeddings_are_their_own_kind():
    found = span(operation=Operation.EMBEDDINGS, model_requested="")
    assert (found.kind, found.name) == (SpanKind.EMBEDDING, "embeddings")


@pytest.mark.parametrize(("changes", "amount"), [
    ({}, "0.0075"),
    ({"model_served": "something-new"}, "0.0075"),
    ({"model_served": "", "attempts": (), "model_requested": "gpt-4o-mini"}, "0.00045"),
    ({"provider": "vllm", "model_served": "qwen"}, "0"),
])  # fmt: skip
def test_the_most_telling_name_that_has_a_price_sets_it(changes, amount):
    found = span(**changes)
    assert (found.cost_status, found.cost_usd) == (CostStatus.PRICED, Decimal(amount))
    assert found.price_version


@pytest.mark.parametrize(("changes", "status"), [
    ({"usage": None}, CostStatus.UNMETERED),
    ({"usage": None, "outcome": Outcome.FAILED, "status": 502}, CostStatus.UNMETERED),
    ({"usage": None, "provider": "", "outcome": Outcome.REFUSED, "status": 401}, CostStatus.UNMETERED),
    ({"provider": "openai_compatible"}, CostStatus.UNPRICED),
    ({"usage": Usage(5, 9, inconsistent=True)}, CostStatus.INCONSISTENT),
])  # fmt: skip
def test_without_an_amount_there_is_a_reason(changes, status):
    found = span(**changes)
    assert (found.cost_status, found.cost_usd) == (status, None)
    assert found.cost_detail


def test_a_failed_call_that_was_billed_carries_its_cost():
    found = span(outcome=Outcome.CUT, usage=Usage(1000))
    assert found.cost_usd == Decimal("0.0025")


@settings(max_examples=100, deadline=None)
@given(
    body=st.binary(max_size=300), streamed=st.booleans(), dialect=st.sampled_from(["openai_chat", "openai_embeddings"])
)
def test_no_body_is_too_odd(body, streamed, dialect):
    span(response_body=body, request_body=body, streamed=streamed, dialect=dialect).output.encode()


def test_a_converted_call_says_so_and_what_it_lost() -> None:
    losses = ("seed: the provider has none", "logit_bias: the provider has none")
    record = msgspec.structs.replace(RECORD, upstream_dialect="gemini", losses=losses)
    attributes = record_to_span(record, CATALOG).attributes
    assert attributes["pilothouse.upstream.dialect"] == "gemini"
    assert (attributes["pilothouse.dropped.0"], attributes["pilothouse.dropped.1"]) == losses


def test_what_is_used_besides_tokens_is_shown() -> None:
    record = msgspec.structs.replace(RECORD, usage=Usage(5, images=2, tier="batch"), operation=Operation.IMAGE)
    span = record_to_span(record, CATALOG)
    shown = {name: value for name, value in span.attributes.items() if name.startswith("pilothouse.usage.")}
    assert shown == {"pilothouse.usage.images": "2", "pilothouse.usage.tier": "batch"}
    assert span.kind is SpanKind.LLM


@pytest.mark.parametrize("operation", list(Operation))
def test_every_operation_has_a_kind(operation: Operation) -> None:
    assert record_to_span(msgspec.structs.replace(RECORD, operation=operation), CATALOG).kind in SpanKind
