"""A price was wrong: costs of the past are mended on the command line, over a kill -9 of everything, and by hand."""

import re
import time
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e import browser as browsers
from tests.e2e.browser import PHONE
from tests.e2e.conftest import first_person, signed_in
from tests.e2e.stack import Stack, chat, pilothouse, running_stack, until

SPANS, BATCH = 4_000, 500
WRONG = '[[price]]\nmodel = "*"\ninput_usd = 1\noutput_usd = 1\n'
RIGHT = '[[price]]\nmodel = "*"\ninput_usd = 2\noutput_usd = 2\n'
THIRD = '[[price]]\nmodel = "*"\ninput_usd = 3\noutput_usd = 3\n'
EACH = Decimal(1_100) / 1_000_000


async def _send(stack: Stack) -> None:
    """Send many model calls as an instrumentation would, a hundred to a trace."""
    now_ns = time.time_ns()
    async with stack.gateway() as client:
        for start in range(0, SPANS, BATCH):
            spans = [_span(number, now_ns - number * 10**7) for number in range(start, start + BATCH)]
            resource = {"attributes": [_said("service.name", "app")]}
            body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
            answer = await client.post(f"{stack.platform_url}/v1/traces", json=body)
            assert answer.status_code == 200, answer.text


def _span(number: int, start_ns: int) -> dict[str, Any]:
    return {
        "traceId": uuid.uuid5(uuid.NAMESPACE_URL, str(number // 100)).hex,
        "spanId": f"{number + 1:016x}",
        "name": "chat",
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + 10**6),
        "attributes": [
            _said("gen_ai.operation.name", "chat"), _said("gen_ai.provider.name", "openai"),
            _said("gen_ai.request.model", "gpt-4o-mini"), _said("gen_ai.usage.input_tokens", 1_000),
            _said("gen_ai.usage.output_tokens", 100),
        ],
    }  # fmt: skip


def _said(key: str, value: str | int) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}}


async def _cost(stack: Stack) -> Decimal:
    async with stack.api() as api:
        totals = (await api.get("/overview")).json()["totals"]
    return Decimal(totals["cost_usd"] or 0)


async def _first(api: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get("/revisions")).json()["items"][0]
    return found


class Shop(NamedTuple):
    """An installation with a file of prices."""

    stack: Stack
    prices: Path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("mended")
    prices = folder / "prices.toml"
    prices.write_text(WRONG)
    async with running_stack(folder, PILOTHOUSE_INGEST__PRICES=str(prices)) as (stack, _):
        await first_person(stack)
        yield Shop(stack, prices)


@pytest.mark.timeout(240)
@pytest.mark.asyncio(loop_scope="session")
async def test_costs_of_the_past_follow_the_right_price_over_a_kill_of_everything(shop: Shop) -> None:
    stack, prices = shop
    await _send(stack)
    async with stack.gateway() as gateway:
        usage = (await gateway.post("/v1/chat/completions", json=chat())).json()["usage"]
    own = Decimal(usage["prompt_tokens"] + usage["completion_tokens"]) / 1_000_000
    wrong = SPANS * EACH + own

    async def kept() -> bool:
        return await _cost(stack) == wrong

    await until(kept, 60)
    prices.write_text(RIGHT)
    told = await pilothouse(stack.environment, "reprice", "--from", "24h", "--dry-run", "--json", timeout_s=90)
    assert told.code == 0, told.err
    dry = told.json
    assert (dry["seen"], dry["changed"]) == (SPANS + 1, SPANS + 1)
    assert (Decimal(dry["cost_before_usd"]), Decimal(dry["cost_after_usd"])) == (wrong, 2 * wrong)
    assert await _cost(stack) == wrong

    async with stack.api() as api:
        made = await api.post("/revisions", json={"kind": "reprice"})
        assert made.status_code == 201, made.text

        async def under_way() -> bool:
            return 0 < (await _first(api))["seen"] <= SPANS

        await until(under_way, 60, 0.01)
    await stack.kill("ingest", "platform", "store")
    await stack.ready(stack.platform_url)
    async with stack.api() as api:

        async def done() -> bool:
            return (await _first(api))["state"] == "done"

        await until(done, 90)
        mended = await _first(api)
    assert {name: mended[name] for name in ("seen", "changed", "left")} == {
        name: dry[name] for name in ("seen", "changed", "left")
    }
    assert Decimal(mended["cost_after_usd"]) == await _cost(stack) == 2 * wrong
    again = await pilothouse(stack.environment, "reprice", "--from", "all", "--json", timeout_s=90)
    assert again.json["changed"] == 0
    mapped = await pilothouse(stack.environment, "remap", "--from", "24h", "--json", timeout_s=90)
    assert {name: mapped.json[name] for name in ("seen", "changed", "left")} == {
        "seen": SPANS + 1,
        "changed": 0,
        "left": 1,
    }


@pytest.mark.browser
@pytest.mark.timeout(120)
@pytest.mark.asyncio(loop_scope="session")
async def test_a_person_sees_what_would_change_and_applies_it(shop: Shop, chromium: Browser) -> None:
    stack, prices = shop
    state = await signed_in(chromium, stack.platform_url)
    async with stack.gateway() as gateway:
        assert (await gateway.post("/v1/chat/completions", json=chat())).status_code == 200
    prices.write_text(THIRD)
    async with browsers.person(chromium, stack.platform_url, state) as ada:
        ada.watch.allow("status of 400")
        await ada.open("/settings/data")
        await ada.button("New revision").click()
        await ada.dialog().get_by_label("Query").fill("status:")
        await ada.button("Start dry run").click()
        await expect(ada.dialog().get_by_text(re.compile("value"))).to_be_visible()
        await ada.shot("revision-refused")
        await ada.dialog().get_by_label("Query").fill("model:fake-chat")
        await ada.button("Start dry run").click()
        await expect(ada.dialog()).to_have_count(0)
        rows = ada.page.get_by_role("row").filter(has_text="model:fake-chat")
        await rows.get_by_role("button", name="Review").click(timeout=30_000)
        await expect(ada.dialog()).to_contain_text("would change")
        await expect(ada.dialog().get_by_role("row").nth(1)).to_contain_text("fake-chat")
        await ada.shot("revision-review")
        assert await ada.barriers() == []
        await ada.dialog().get_by_role("button", name="Apply to").click()
        await expect(rows.filter(has_text="Done")).to_contain_text("changed", timeout=30_000)
    looks: tuple[dict[str, Any], ...] = ({}, {"size": PHONE, "scheme": "dark"})
    for look in looks:
        async with browsers.person(chromium, stack.platform_url, state, **look) as one:
            await one.open("/settings/data")
            await expect(one.page.get_by_role("button", name="Details").first).to_be_visible()
            assert await one.barriers() == []
            assert await one.sideways() == []
            await one.shot("revisions" + ("-phone" if look else ""))
