"""Spans for tests."""

import random
import uuid
from decimal import Decimal
from typing import Any

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.span import AttemptDetail, Span, SpanEvent, SpanKind, SpanLink, SpanStatus
from pilothouse.domain.usage import Usage

BASE_NS = 1_790_000_000_000_000_000


def new_project() -> str:
    """Return an id that no other test uses."""
    return f"project-{uuid.uuid4()}"


def make_span(project_id: str, **changes: Any) -> Span:
    """Return a plain successful call, with changes."""
    plain = Span(
        project_id=project_id,
        trace_id=uuid.uuid4().hex,
        span_id=uuid.uuid4().hex[:16],
        name="chat",
        kind=SpanKind.LLM,
        source="gateway",
        started_at_ns=BASE_NS,
        duration_ns=1_000_000_000,
        status=SpanStatus.OK,
    )
    return msgspec.structs.replace(plain, **changes)


def full_span(project_id: str) -> Span:
    """Return a span with every field set to something of its own."""
    return Span(
        project_id=project_id,
        trace_id=uuid.uuid4().hex,
        span_id=uuid.uuid4().hex[:16],
        parent_span_id="00f067aa0ba902b7",
        name="chat gpt-5",
        kind=SpanKind.LLM,
        source="gateway",
        started_at_ns=BASE_NS + 123_456_789,
        duration_ns=2_345_678_901,
        first_token_ns=345_678_901,
        last_token_ns=2_300_000_000,
        overhead_ns=412_345,
        status=SpanStatus.ERROR,
        outcome="cut",
        http_status=502,
        error_code="upstream_cut",
        error_detail="the provider's connection ended\nearly",
        operation="chat",
        dialect="openai_chat",
        streamed=True,
        model_requested="fast",
        model_served="gpt-5-2026-01-01",
        account="openai-main",
        provider="openai",
        alias="fast",
        finish_reason="length",
        input='{"messages":[{"role":"user","content":"Wie spät ist es? 🕰️"}]}',
        output='{"choices":[{"message":{"content":"Zwölf."}}]}',
        input_size_bytes=70,
        output_size_bytes=48,
        usage=Usage(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, True),
        cost_usd=Decimal("0.000000012345"),
        cost_status=CostStatus.PRICED,
        cost_detail="by the operator's price",
        price_version="genai-prices 1",
        key_id="key-1",
        user_id="user-1",
        session_id="session-1",
        environment="production",
        request_id="req-1",
        tags=("a", "b'c", "a"),
        metadata={"team": "search", "": "empty name", "quote'": 'double"'},
        attributes={"gen_ai.system": "openai"},
        attempts=(
            AttemptDetail("openai-main", "openai", "gpt-5", 0.5, None, 100.25, 500, "upstream_fault", "boom", "req_1"),
            AttemptDetail("openai-main", "openai", "gpt-5", 101.0, 345.6, 2345.6, 200),
        ),
        request_headers={"user-agent": "test/1"},
        response_headers={"x-request-id": "req_2", "content-type": "text/event-stream"},
        running=True,
        abandoned=True,
        wrapper=True,
        level="warning",
        release="2026.11",
        version="v7",
        prompt_name="greeting",
        prompt_version="12",
        trace_name="nightly",
        native_id="run-1",
        links=(SpanLink("c" * 32, "d" * 16, {"why": "fan-in"}),),
        events=(SpanEvent(BASE_NS + 5, "exception", {"exception.type": "Odd"}), SpanEvent(BASE_NS + 6, "bare")),
        resource={"service.name": "shop"},
        stated_at_ns=BASE_NS + 7,
        fold=b"\x00\xff\x80",
    )


class Traffic:
    """Random calls and traces over a stretch of time, the same for the same seed."""

    def __init__(self, project_id: str, seed: int, length_s: int) -> None:
        self._project_id = project_id
        self._random = random.Random(seed)
        self._length_ns = length_s * 10**9

    def call(self, **changes: Any) -> Span:
        """Return one call of a random model, outcome and usage."""
        rnd = self._random
        status = rnd.choices(list(SpanStatus), weights=[8, 2, 1])[0]
        usage = Usage(*(rnd.randint(0, 500) for _ in range(10))) if status is SpanStatus.OK else None
        cost = (
            rnd.choice([CostStatus.PRICED, CostStatus.UNPRICED, CostStatus.INCONSISTENT])
            if usage
            else CostStatus.UNMETERED
        )
        duration_ns = rnd.randint(10**6, 10**10)
        plain = make_span(
            self._project_id,
            trace_id=f"{rnd.getrandbits(128):032x}",
            span_id=f"{rnd.getrandbits(64):016x}",
            started_at_ns=BASE_NS + rnd.randrange(self._length_ns),
            duration_ns=duration_ns,
            first_token_ns=rnd.choice([None, duration_ns // 3]),
            last_token_ns=duration_ns,
            streamed=rnd.random() < 0.5,
            status=status,
            error_code="upstream_fault" if status is SpanStatus.ERROR else "",
            http_status=502 if status is SpanStatus.ERROR else 200,
            model_requested=rnd.choice(["fast", "smart"]),
            model_served=rnd.choice(["", "gpt-5", "gpt-5-mini", "claude"]),
            provider=rnd.choice(["openai", "anthropic"]),
            key_id=rnd.choice(["key-1", "key-2", "key-3"]),
            user_id=rnd.choice(["", "ann", "bob"]),
            session_id=rnd.choice(["", "s1"]),
            usage=usage,
            cost_status=cost,
            cost_usd=Decimal(rnd.randint(1, 10**9)) / 10**12 if cost is CostStatus.PRICED else None,
        )
        return msgspec.structs.replace(plain, **changes)

    def trace(self, spans: int) -> list[Span]:
        """Return the spans of one trace, spread over up to two hours, root first."""
        root = self.call(kind=SpanKind.CHAIN)
        found = [root]
        for _ in range(spans - 1):
            at_ns = root.started_at_ns + self._random.randrange(7200 * 10**9)
            kind = self._random.choice([SpanKind.LLM, SpanKind.TOOL])
            parent = self._random.choice(found).span_id
            found.append(self.call(trace_id=root.trace_id, kind=kind, parent_span_id=parent, started_at_ns=at_ns))
        return found
