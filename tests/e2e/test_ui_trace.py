"""The page of one trace: what was said, what it cost, how long it took, and why it failed."""

import asyncio
import re
import shlex
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.e2e.browser import Person
from tests.e2e.conftest import PRICED, House, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "Forecast of a city", "parameters": {}}}
]


async def _open(ada: Person, project: Project, text: str, **more: Any) -> None:
    """Send a call and look at its trace."""
    await project.call(text, **more)
    (trace,) = await project.kept(1)
    await ada.open(f"/traces/{trace['trace_id']}", project=project.id)
    await expect(ada.page.get_by_role("tablist", name="Parts of the span")).to_be_visible()


async def _tab(ada: Person, name: str) -> Locator:
    await ada.page.get_by_role("tab", name=name).click()
    return ada.page.get_by_role("tabpanel", name=name)


def _fact(inside: Locator, label: str) -> Locator:
    """Return the value beside a label."""
    return inside.locator("dt", has_text=re.compile(f"^{label}$")).locator("xpath=following-sibling::dd")


async def test_a_plain_call(house: House, ada: Person) -> None:
    project = await house.project("Plain")
    headers = {
        "x-pilothouse-user-id": "ada",
        "x-pilothouse-session-id": "order-1",
        "x-pilothouse-environment": "staging",
    }
    await _open(ada, project, "What is **new**?", headers=headers, metadata={"team": "harbour"}, temperature=0.2)
    await expect(ada.page.get_by_role("article", name="User")).to_contain_text("What is new?")
    await expect(ada.page.get_by_role("article", name="User").locator("strong")).to_have_text("new")
    await expect(ada.page.get_by_role("article", name="Assistant")).to_contain_text("Hello from the fake provider.")
    await expect(ada.page.get_by_label("Parameters")).to_contain_text("temperature 0.2")
    await ada.shot("trace")

    raw = await _tab(ada, "Raw")
    await expect(raw.get_by_role("region", name="Input")).to_contain_text('"team": "harbour"')
    await expect(raw.get_by_role("region", name="Output")).to_contain_text('"prompt_tokens": 10')
    await ada.shot("trace-raw")

    details = await _tab(ada, "Details")
    for label, value in (
        ("Model asked for", "up/fake-chat"), ("Account", "up"), ("Virtual key", project.key_name), ("User", "ada"),
        ("Session", "order-1"), ("Environment", "staging"), ("Finish reason", "stop"), ("team", "harbour"),
    ):  # fmt: skip
        await expect(_fact(details, label)).to_have_text(value)
    await ada.shot("trace-details")
    await details.get_by_role("link", name="order-1").click()
    await expect(ada.page).to_have_url(re.compile("/sessions/order-1"))
    await expect(ada.page.get_by_role("heading", name="order-1")).to_be_visible()


async def test_headers_are_shown_and_secrets_are_not(house: House, ada: Person) -> None:
    project = await house.project("Headers")
    await _open(ada, project, "Headers?", headers={"user-agent": "harbour/2", "cookie": "session=hidden-cookie"})
    headers = await _tab(ada, "Headers")
    await expect(headers).to_contain_text("harbour/2")
    await headers.get_by_role("button", name="Response").click()
    await expect(headers).to_contain_text("application/json")
    await ada.shot("trace-headers")
    for tab in ("Headers", "Raw", "Details", "Timing"):
        content = await ada.page.content()
        assert project.secret not in content, tab
        assert "hidden-cookie" not in content, tab
        await _tab(ada, tab)


async def test_tokens_and_the_exact_cost(house: House, ada: Person) -> None:
    project = await house.project("Cost")
    house.fake.script({"prompt_tokens": 1000, "cached_tokens": 400, "completion_tokens": 50, "reasoning_tokens": 20})
    try:
        await _open(ada, project, "How much?", model=PRICED)
    finally:
        house.fake.script()
    cost = await _tab(ada, "Usage & cost")
    for bucket, count in (("Input", "600"), ("Input read from cache", "400"), ("Output", "30"), ("Reasoning", "20")):
        row = cost.get_by_role("row").filter(has=ada.page.get_by_role("rowheader", name=bucket, exact=True))
        await expect(row.get_by_role("cell").nth(1)).to_have_text(count)
    await expect(cost.get_by_role("row", name=re.compile("^Together"))).to_contain_text("1,050")
    # (600 x 0.15 + 400 x 0.075 + 50 x 0.60) / 1e6
    await expect(_fact(cost, "Amount")).to_have_text("$0.00015")
    await expect(_fact(cost, "Price data")).to_contain_text("genai-prices")
    await ada.shot("trace-cost")


async def test_a_model_without_a_price_is_called_unpriced(house: House, ada: Person) -> None:
    project = await house.project("Unpriced")
    await _open(ada, project, "How much?")
    cost = await _tab(ada, "Usage & cost")
    await expect(_fact(cost, "Amount")).to_have_text("unpriced")
    await expect(_fact(cost, "Priced as").get_by_role("link")).to_have_attribute(
        "href", re.compile("/settings/models.*text=fake-chat")
    )
    await expect(_fact(cost, "Why")).to_contain_text("no price is known")
    await expect(ada.page.get_by_role("main")).not_to_contain_text("$0")


async def test_tools(house: House, ada: Person) -> None:
    project = await house.project("Tools")
    await _open(ada, project, "Weather in Zürich?", model="up/fake-tools", stream=True, tools=TOOLS)
    await ada.button(re.compile("1 tool offered")).click()
    await expect(ada.page.get_by_text("Forecast of a city")).to_be_visible()
    answer = ada.page.get_by_role("article", name="Assistant")
    await answer.get_by_role("button", name=re.compile("get_weather")).click()
    await expect(answer).to_contain_text('"city": "Zürich"')
    await expect(answer.get_by_role("button", name=re.compile("get_time"))).to_be_visible()
    await ada.shot("trace-tools")


async def test_reasoning(house: House, ada: Person) -> None:
    project = await house.project("Reasoning")
    await _open(ada, project, "Think first", model="up/fake-reasoning", stream=True)
    await expect(ada.page.get_by_text("The user greets, so greet back.")).to_have_count(0)
    await ada.button(re.compile("^Reasoning")).click()
    await expect(ada.page.get_by_text("The user greets, so greet back.")).to_be_visible()
    await expect(ada.page.get_by_text("Hello from the fake provider.")).to_be_visible()


async def test_a_stream_has_a_first_token(house: House, ada: Person) -> None:
    project = await house.project("Timing")
    await _open(ada, project, "Slowly", model="up/fake-slow", stream=True)
    timing = await _tab(ada, "Timing")
    first = await _fact(timing, "Time to first token").inner_text()
    found = re.fullmatch(r"(\d+) ms", first)
    assert found, first
    assert 500 <= int(found[1]) < 1500, first
    await expect(_fact(timing, "Streamed")).to_have_text("yes")
    await expect(timing).to_contain_text("1 attempt upstream")
    await expect(timing).to_contain_text("HTTP 200")
    await expect(timing).to_contain_text(re.compile(r"upstream request\s*req-\d+"))
    await ada.shot("trace-timing")


async def test_embeddings(house: House, ada: Person) -> None:
    project = await house.project("Embeddings")
    async with project.client() as client:
        await client.post("/v1/embeddings", json={"model": "up/fake-embed", "input": ["harbour", "lighthouse"]})
    (trace,) = await project.kept(1)
    await ada.open(f"/traces/{trace['trace_id']}", project=project.id)
    panel = ada.page.get_by_role("tabpanel")
    await expect(panel).to_contain_text("2 inputs, 8 dimensions")
    await expect(panel.get_by_role("row").nth(2)).to_contain_text("lighthouse")
    await ada.shot("trace-embeddings")


async def test_a_failure_says_what_happened_and_what_to_do(house: House, ada: Person) -> None:
    project = await house.project("Failure")
    await _open(ada, project, "Fail", model="up/fake-context-length")
    failure = ada.page.get_by_role("alert")
    await expect(failure).to_contain_text("Failed (HTTP 400)")
    await expect(failure).to_contain_text("maximum context length is 8192 tokens")
    await expect(failure.locator("code").first).to_have_text("context_length")
    await expect(failure).to_contain_text("What to do:")
    await ada.shot("trace-failed")
    async with ada.page.expect_popup() as opened:
        await failure.get_by_role("link", name="What this means").click()
    docs = await opened.value
    await expect(docs.get_by_role("heading", name="Error codes")).to_be_visible()
    await expect(docs.locator("#context_length")).to_be_in_viewport()
    await docs.close()


async def test_a_cut_stream_keeps_what_had_come(house: House, ada: Person) -> None:
    project = await house.project("Cut")
    await _open(ada, project, "Cut", model="up/fake-cut", stream=True)
    await expect(ada.page.get_by_role("alert")).to_contain_text("upstream_cut")
    await expect(ada.page.get_by_role("article", name="Assistant")).to_contain_text("tok0 tok1 tok2")


async def test_a_call_that_its_caller_gave_up(house: House, ada: Person) -> None:
    project = await house.project("Cancelled")
    body = {"model": "up/fake-slow-stream", "messages": [{"role": "user", "content": "Wait"}], "stream": True}
    async with project.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as answer:
        await anext(answer.aiter_bytes())
    (trace,) = await project.kept(1)
    await ada.open("/traces", project=project.id)
    await expect(ada.page.get_by_role("table", name="Traces").get_by_role("row").nth(1)).to_contain_text("cancelled")
    await ada.open(f"/traces/{trace['trace_id']}", project=project.id)
    await expect(ada.page.get_by_role("alert")).to_contain_text("Cancelled by the client")
    await expect(ada.page.get_by_role("article", name="Assistant")).to_contain_text("tok0")


async def test_a_call_of_an_agent_belongs_to_its_trace(house: House, ada: Person) -> None:
    project = await house.project("Agent")
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    for text in ("first step", "second step"):
        await project.call(text, headers={"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"})
    await project.kept(1)
    await ada.open(f"/traces/{trace_id}", project=project.id)
    spans = ada.page.get_by_role("tree", name="Spans")
    await expect(spans.get_by_role("treeitem", level=1)).to_have_count(2)
    await ada.page.keyboard.press("j")
    await expect(ada.page.get_by_role("article", name="User")).to_contain_text("second step")
    await ada.page.reload()
    await expect(ada.page.get_by_role("article", name="User")).to_contain_text("second step")
    await ada.shot("trace-tree")


async def test_copied_link_and_curl_work(house: House, ada: Person) -> None:
    project = await house.project("Copies")
    await _open(ada, project, 'It\'s "quoted" & $HOME `id`')
    await ada.button("Copy as curl").click()
    await expect(ada.page.get_by_text("Command copied")).to_be_visible()
    command: str = await ada.page.evaluate("navigator.clipboard.readText()")
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, env={"PILOTHOUSE_KEY": project.secret, "PATH": "/usr/bin:/bin", "HOME": "/home/ada"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert b"Hello from the fake provider." in out, (shlex.join([command]), out)
    again = (await project.kept(2))[0]
    assert again["input_preview"] == 'It\'s "quoted" & $HOME `id`'

    await ada.button("Copy link").click()
    await expect(ada.page.get_by_text("Link copied")).to_be_visible()
    link: str = await ada.page.evaluate("navigator.clipboard.readText()")
    await ada.page.goto(link)
    await expect(ada.page.get_by_role("heading", name="chat up/fake-chat")).to_be_visible()


async def test_a_trace_that_is_not_there(house: House, ada: Person) -> None:
    project = await house.project("Missing")
    ada.watch.allow("status of 404")
    await ada.open(f"/traces/{'0' * 31}1", project=project.id)
    await expect(ada.page.get_by_role("alert")).to_contain_text("not_found")
    await expect(ada.button("Try again")).to_be_visible()
