"""The folding of what vocabularies say into one patch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.instruments import VOCABULARY_FAILURES
from pilothouse.otlp import log_mapping
from pilothouse.otlp.base import Said
from pilothouse.otlp.fake import FakeVocabulary
from pilothouse.otlp.mapping import NOTES, folded, mapped, namespaces
from pilothouse.otlp.signals import Decoded, OtelEvent, OtelLink, OtelLog, OtelScope, OtelSpan, Reason, Rejected
from tests.otlp.test_vocabularies import START, a_span, read


def of_fakes(*said: Said, **fields: Any) -> SpanPatch:
    span = a_span({"fake.x": 1}, **fields)
    patch = folded(span, [FakeVocabulary(f"fake_{place}", said=one) for place, one in enumerate(said)])
    assert isinstance(patch, SpanPatch)
    return patch


def test_the_first_that_says_a_thing_is_believed() -> None:
    patch = of_fakes(
        Said(name="a", tags=("x",), metadata={"k": "1"}),
        Said(name="b", user_id="u", tags=("y", "x"), metadata={"k": "2", "l": "3"}),
    )
    assert (patch.source, patch.name, patch.user_id) == ("fake_0", "a", "u")
    assert (patch.tags, patch.metadata) == (("x", "y"), {"k": "1", "l": "3"})


def test_the_finest_usage_counts_unless_it_is_counted_elsewhere() -> None:
    plain, fine = Usage(input_tokens=10, output_tokens=1), Usage(input_tokens=4, cache_read_tokens=6, output_tokens=1)
    assert of_fakes(Said(usage=plain), Said(usage=fine)).usage == fine
    assert of_fakes(Said(usage=plain), Said(usage_elsewhere=True)).usage is None
    assert of_fakes(Said(usage=Usage())).usage is None


def test_one_refusal_is_enough() -> None:
    span = a_span({"fake.x": 1})
    refused = folded(span, [FakeVocabulary(said=Said(name="x")), FakeVocabulary(said=Said(reject=Reason.PENDING))])
    assert refused is Reason.PENDING


class Broken(FakeVocabulary, frozen=True):
    """A plug-in with a fault."""

    def read(self, span: OtelSpan) -> Said:
        raise ZeroDivisionError(span.name)


def test_a_broken_vocabulary_costs_no_span(caplog: pytest.LogCaptureFixture) -> None:
    patch = folded(a_span({"fake.x": 1}), [Broken("broken"), FakeVocabulary("other", said=Said(user_id="u"))])
    assert isinstance(patch, SpanPatch)
    assert (patch.source, patch.user_id, patch.attributes) == ("other", "u", {"fake.x": "1"})
    assert "broken" in caplog.text
    assert any("broken" in line for line in VOCABULARY_FAILURES.lines())


def test_a_span_is_carried_over_whole() -> None:
    span = a_span(
        {"n": 1, "t": "x", "l": [1, {"a": None}], "b": b"\1", "f": True, "x": float("nan")},
        events=(OtelEvent(START, "e", {"k": 2}),), links=(OtelLink("3" * 32, "4" * 16, {"k": 3}),),
        resource={"service.name": "app"}, scope=OtelScope("lib", "1", {"s": 1}), parent_span_id="5" * 16,
        notes=("had no name",), name="",
    )  # fmt: skip
    patch = mapped(Decoded((span,))).items[0]
    assert patch.attributes == {
        "n": "1", "t": "x", "l": '[1,{"a":null}]', "b": "AQ==", "f": "true", "x": "NaN", NOTES: '["had no name"]',
    }  # fmt: skip
    assert patch.resource == {"service.name": "app", "scope.name": "lib", "scope.version": "1", "scope.s": "1"}
    assert (patch.events[0].attributes, patch.links[0].attributes) == ({"k": "2"}, {"k": "3"})
    assert (patch.name, patch.whole, patch.at_ns, patch.parent_span_id) == ("lib", True, START + 10**9, "5" * 16)


def test_a_running_span_is_not_whole() -> None:
    patch = read({}, ended_at_ns=0)
    assert (patch.whole, patch.at_ns, patch.ended_at_ns, patch.status) == (False, START, None, None)


def test_a_handled_exception_is_no_error() -> None:
    event = OtelEvent(START, "exception", {"exception.type": "E", "exception.message": "m"})
    assert (read({}, events=(event,)).status, read({}, events=(event,)).error_code) == (SpanStatus.OK, None)
    failed = read({}, events=(event,), status_code=2)
    assert (failed.status, failed.error_code, failed.error_detail) == (SpanStatus.ERROR, "E", "m")
    assert read({"error.type": "asyncio.CancelledError"}).status is SpanStatus.CANCELLED


def test_a_model_makes_a_call_and_tells_its_provider() -> None:
    patch = read({"llm.model_name": "gpt-4o"})
    assert (patch.kind, patch.provider) == (SpanKind.LLM, "openai")
    assert read({"llm.model_name": "m", "server.address": "api.groq.com"}).provider == "groq"
    assert read({"server.address": "api.groq.com"}).provider is None


def test_a_first_token_before_the_start_is_no_first_token() -> None:
    assert of_fakes(Said(first_token_at_ns=START - 1)).first_token_at_ns is None
    assert of_fakes(Said(first_token_at_ns=START)).first_token_at_ns == START


def test_rejects_keep_their_places() -> None:
    pending = {"logfire.span_type": "pending_span"}
    decoded = Decoded((a_span({}), a_span(pending), a_span(pending)), (Rejected(1, Reason.SPAN_ID),))
    assert [item.index for item in mapped(decoded).rejected] == [1, 2, 3]


@pytest.mark.parametrize(
    ("key", "word"), [("gen_ai.usage.x", "gen_ai"), ("genkit:name", "genkit"), ("input", "input"), ("a:b.c", "a")]
)
def test_the_first_word_of_an_attribute(key: str, word: str) -> None:
    assert namespaces((key,)) == {word}


@given(st.lists(st.sampled_from(["system", "user", "assistant", "tool"]), max_size=5), st.randoms())
def test_messages_in_log_records_are_read_in_their_order(roles: list[str], random: Any) -> None:
    logs = [
        OtelLog(trace_id="1" * 32, span_id="2" * 16, at_ns=START + place, name=f"gen_ai.{role}.message",
                body={"content": str(place)})
        for place, role in enumerate(roles)
    ]  # fmt: skip
    random.shuffle(logs)
    patches = log_mapping.mapped([*logs, OtelLog(at_ns=START, name="gen_ai.user.message")])
    assert len(patches) == min(1, len(roles))
    for patch in patches:
        assert len(patch.events) == len(roles)
        assert (
            patch.input
            == '{"messages":['
            + ",".join(f'{{"role":"{role}","content":"{place}"}}' for place, role in enumerate(roles))
            + "]}"
        )
        assert not patch.whole


def test_an_ordinary_log_record_is_an_event_of_its_span() -> None:
    log = OtelLog(trace_id="1" * 32, span_id="2" * 16, at_ns=START, body={"x": 1}, severity=13, attributes={"k": 1})
    (patch,) = log_mapping.mapped([log])
    assert (patch.input, patch.events[0].name) == (None, "log")
    assert patch.events[0].attributes == {"k": "1", "log.body": '{"x":1}', "log.severity": "13"}


def test_a_span_speaks_several_vocabularies() -> None:
    patch = read({"langfuse.environment": "live", "openinference.span.kind": "TOOL", "gen_ai.tool.name": "f"})
    assert (patch.source, patch.environment, patch.kind) == ("langfuse", "live", SpanKind.TOOL)
