"""Callers are told what their calls cost: in the headers of a whole answer, and in a stream where they ask for it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.money import CostStatus
from pilothouse.ingest.spans import record_to_span
from tests.gateway.harness import chat, gateway
from tests.gateway.pairs import CALLERS, PAIRS, Calls, ask, ended, house, read, request

pytestmark = pytest.mark.asyncio(loop_scope="module")

CATALOG = Catalog(parse('[[price]]\nmodel = "m"\ninput_usd = 0.5\ncache_read_usd = 0.1\noutput_usd = 10\n'))
DEARER = Catalog(parse('[[price]]\nmodel = "m"\ninput_usd = 99\noutput_usd = 99\n'))
SCRIPT: dict[str, Any] = {"text": "One two.", "prompt_tokens": 101, "cached_tokens": 60, "completion_tokens": 41}
COST_USD = Decimal("0.5") * 41 + Decimal("0.1") * 60 + 10 * 41
"""Of a million such calls."""
TELL = {"x-pilothouse-tell": "cost"}
IN_EVENTS = tuple(name for name in CALLERS if name != "bedrock_converse")
"""Dialects whose streams are server-sent events."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    async with house(tmp_path_factory.mktemp("gateway"), catalog=CATALOG) as made:
        yield made


async def streamed(calls: Calls, caller: str, provider: str, **headers: str) -> httpx.Response:
    calls.running.fake.script(SCRIPT)
    return await calls.client.post(**request(caller, f"{provider}/m", stream=True), headers=headers)


def comments(content: bytes) -> list[bytes]:
    """What a stream says of the cost, of Gemini's as if it were a comment."""
    lines = [
        b": " + line[6:].translate(None, b'{"}').replace(b":", b": ") if line.startswith(b'data: {"x-') else line
        for line in content.splitlines()
    ]
    return [line for line in lines if line.startswith(b": x-pilothouse-cost")]


@pytest.mark.parametrize(("caller", "provider"), PAIRS)
async def test_a_whole_answer_has_its_cost_in_its_headers(calls: Calls, caller: str, provider: str) -> None:
    answer, record = await calls(caller, provider, SCRIPT, stream=False)
    told = Decimal(answer.headers["x-pilothouse-cost-usd"])
    assert told == COST_USD / 1_000_000
    span = record_to_span(record, CATALOG)
    assert (span.cost_usd, span.price_version) == (told, CATALOG.overrides.version)
    assert "x-pilothouse-cost" not in answer.headers
    # What was told stays true when the prices have become others before the trace is written.
    assert record_to_span(record, DEARER).cost_usd == told


@pytest.mark.parametrize("caller", IN_EVENTS)
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_stream_tells_its_cost_before_its_end_when_asked(calls: Calls, caller: str, provider: str) -> None:
    answer = await streamed(calls, caller, provider, **TELL)
    record = await calls.record()
    assert comments(answer.content) == [b": x-pilothouse-cost-usd: 0.0004365"]
    assert record_to_span(record, DEARER).cost_usd == COST_USD / 1_000_000
    assert ended(caller, answer.content)
    if caller == "openai_chat":
        assert answer.content.endswith(b"data: [DONE]\n\n"), "no client reads what comes behind it"
    assert read(caller, answer.content, stream=True).choices[0].parts


@pytest.mark.parametrize("caller", IN_EVENTS)
async def test_a_stream_that_is_not_asked_has_the_same_bytes_as_ever(calls: Calls, caller: str) -> None:
    asked = await streamed(calls, caller, "anthropic", **TELL)
    first = await calls.record()
    plain = await streamed(calls, caller, "anthropic")
    second = await calls.record()
    assert len(comments(asked.content)) == 1
    assert not comments(plain.content)
    assert asked.content.count(b"\n") == plain.content.count(b"\n") + 2
    assert (first.told_cost_usd, second.told_cost_usd) == ("0.0004365", "")


async def test_a_binary_stream_has_no_place_for_it(calls: Calls) -> None:
    answer = await streamed(calls, "bedrock_converse", "anthropic", **TELL)
    await calls.record()
    assert b"x-pilothouse-cost" not in answer.content
    assert ended("bedrock_converse", answer.content)


async def test_a_stream_that_breaks_off_tells_none(calls: Calls) -> None:
    calls.running.fake.script({**SCRIPT, "chunks": 10, "cut_after": 3, "gap_s": 0.001})
    answer = await calls.client.post(**request("openai_chat", "anthropic/m", stream=True), headers=TELL)
    record = await calls.record()
    assert not comments(answer.content)
    assert record.told_cost_usd == ""


async def test_an_answer_without_a_price_or_without_figures_says_which(calls: Calls) -> None:
    answer, record = await calls("openai_chat", "openai", {**SCRIPT, "usage": "missing"}, stream=False)
    assert answer.headers["x-pilothouse-cost"] == "unmetered"
    assert record_to_span(record, CATALOG).cost_status is CostStatus.UNMETERED
    answer = await streamed(calls, "openai_chat", "openai", **TELL)
    await calls.record()
    calls.running.fake.script({**SCRIPT, "usage": "missing"})
    answer = await calls.client.post(**request("openai_chat", "openai/m", stream=True), headers=TELL)
    await calls.record()
    assert comments(answer.content) == [b": x-pilothouse-cost: unmetered"]


async def test_a_refused_call_tells_no_cost(calls: Calls) -> None:
    answer, _record = await calls("openai_chat", "openai", "429", stream=False)
    assert answer.status_code == 429
    assert not [name for name in answer.headers if name.startswith("x-pilothouse-cost")]


async def test_a_provider_cannot_tell_a_cost_of_its_own(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"headers": [("x-pilothouse-cost-usd", "0")]})
        answer = await client.post("/v1/chat/completions", json=chat())
        assert "x-pilothouse-cost-usd" not in answer.headers
        assert answer.headers["x-pilothouse-cost"] == "unpriced"


@pytest.mark.parametrize(("tell_cost", "plain", "asked"), [("asked", False, True), ("never", False, False)])
async def test_an_operator_may_have_it_told_on_request_or_never(
    tmp_path: Path, tell_cost: str, *, plain: bool, asked: bool
) -> None:
    async with house(tmp_path, catalog=CATALOG, tell_cost=tell_cost) as calls:
        calls.running.fake.script(SCRIPT)
        answer = await ask(calls.client, "openai_chat", "openai/m", stream=False)
        assert ("x-pilothouse-cost-usd" in answer.headers) is plain
        answer = await calls.client.post(**request("openai_chat", "openai/m", stream=False), headers=TELL)
        assert ("x-pilothouse-cost-usd" in answer.headers) is asked
        answer = await streamed(calls, "openai_chat", "openai", **TELL)
        assert bool(comments(answer.content)) is asked
