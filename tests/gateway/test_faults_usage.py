"""Faults of metering that were seen in other gateways: records missing or double, tokens counted twice or never."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import CallRecord, Outcome
from pilothouse.domain.money import CostStatus
from pilothouse.domain.span import Span
from pilothouse.domain.usage import Usage
from pilothouse.ingest.spans import record_to_span
from tests.gateway.pairs import CALLERS, PAIRS, PROVIDERS, Calls, house, request, used

pytestmark = pytest.mark.asyncio(loop_scope="module")

CATALOG = Catalog(
    parse('[[price]]\nmodel = "*"\ninput_usd = 1\ncache_read_usd = 0.1\ncache_write_5m_usd = 1.25\noutput_usd = 10\n')
)
SCRIPT: dict[str, Any] = {
    "text": "One two.", "reasoning": "Hm.", "prompt_tokens": 100, "cached_tokens": 60, "completion_tokens": 40,
    "reasoning_tokens": 15,
}  # fmt: skip
INPUT_FIRST = ("anthropic_messages", "gemini")
"""Dialects whose streams say at once what went in."""
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
pairs = pytest.mark.parametrize(("caller", "provider"), PAIRS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    async with house(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def span(record: CallRecord) -> Span:
    return record_to_span(record, CATALOG)


@pairs
@both
async def test_every_call_has_one_record_with_each_token_in_one_bucket(
    calls: Calls, caller: str, provider: str, *, stream: bool
) -> None:
    writes = 20 if provider in ("anthropic", "bedrock") else 0
    answer, record = await calls(caller, provider, {**SCRIPT, "cache_write_tokens": writes}, stream=stream)
    usage = record.usage
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_5m_tokens) == (40 - writes, 60, writes)
    assert usage.output_total == 40
    assert not usage.inconsistent
    read, written, plain = Decimal("0.1") * 60, Decimal("1.25") * writes, 40 - writes
    assert span(record).cost_usd == (plain + read + written + 40 * 10) / Decimal(1_000_000)
    told = used(caller, answer.content, stream=stream)
    if caller == "openai_chat" and stream:
        assert told is None, "a caller that does not ask for usage sees none"
    else:
        assert told is not None
        assert (told.input_total, told.cache_read_tokens, told.output_total) == (100, 60, 40)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("mode", ["asked", "always", "last_chunk", "every_chunk"])
async def test_usage_is_read_wherever_a_stream_has_it(calls: Calls, caller: str, mode: str) -> None:
    _answer, record = await calls(caller, "openai_compatible", {**SCRIPT, "usage": mode}, stream=True)
    assert record.usage == Usage(40, 60, output_tokens=25, reasoning_tokens=15)


@pairs
@both
async def test_an_answer_without_figures_is_unmetered_and_not_free(
    calls: Calls, caller: str, provider: str, *, stream: bool
) -> None:
    _answer, record = await calls(caller, provider, {"usage": "missing"}, stream=stream)
    if provider != "gemini":
        assert record.usage is None
    found = span(record)
    assert (found.cost_status, found.cost_usd) == (CostStatus.UNMETERED, None)
    assert found.cost_detail


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("script", ["429", "500", "529", "close"])
@both
async def test_what_was_refused_costs_nothing(
    calls: Calls, caller: str, provider: str, script: str, *, stream: bool
) -> None:
    _answer, record = await calls(caller, provider, script, stream=stream)
    assert (record.outcome, record.usage) == (Outcome.FAILED, None)
    assert span(record).cost_usd is None


@pairs
async def test_a_stream_that_breaks_off_costs_what_is_known(calls: Calls, caller: str, provider: str) -> None:
    script = {**SCRIPT, "reasoning": "", "chunks": 10, "cut_after": 3, "gap_s": 0.001}
    _answer, record = await calls(caller, provider, script, stream=True)
    assert record.outcome is Outcome.CUT
    found = span(record)
    if (record.upstream_dialect or record.dialect) in INPUT_FIRST:
        assert record.usage is not None
        assert record.usage.input_total == 100
        assert found.cost_usd is not None
        assert found.cost_usd >= Decimal("0.000046")
    else:
        assert (record.usage, found.cost_status) == (None, CostStatus.UNMETERED)


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_stream_that_its_caller_leaves_costs_what_is_known(calls: Calls, caller: str) -> None:
    calls.running.fake.script({**SCRIPT, "text": None, "chunks": 1000, "gap_s": 0.01})
    async with calls.client.stream("POST", **request(caller, "anthropic/m", stream=True)) as answer:
        async for _ in answer.aiter_raw():
            break
    record = await calls.record()
    assert record.outcome is Outcome.CANCELLED
    assert record.usage is not None
    assert (record.usage.input_tokens, record.usage.cache_read_tokens) == (40, 60)
