"""What callers and providers send is shown, and never runs: every field that they control holds a probe."""

import asyncio
import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Locator, expect

from tests.e2e.browser import Person
from tests.e2e.conftest import House, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FAR = "http://far.example"
RUN = "window.pwned=1;alert(1)"
HTML = f'<img src={FAR}/i.png onerror="{RUN}"><script>{RUN}</script><svg onload="{RUN}"></svg><b id=pwned>probe</b>'
NAME = '<img src=x onerror="alert(1)"><b id=pwned>probe</b>'
"""Short enough for a name."""
MARKDOWN = "\n\n".join(
    (
        f"[click](javascript:{RUN}) [out]({FAR}/link) <{FAR}/auto> {FAR}/bare",
        f"![picture]({FAR}/markdown.png) ![bad](javascript:{RUN})",
        "![svg](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
        f'[ref]: javascript:{RUN} "title"',
        "[ref] [html](data:text/html,<script>alert(1)</script>)",
        f"<iframe src={FAR}/frame></iframe><a href='javascript:{RUN}'>anchor</a>",
        f"| a | b |\n|---|---|\n| {HTML.replace('|', '')} | [x](javascript:{RUN}) |",
        f"```html\n{HTML}\n```",
        HTML,
    )
)
PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": MARKDOWN},
    {"type": "image_url", "image_url": {"url": f"{FAR}/part.png"}},
    {"type": "image_url", "image_url": {"url": f"javascript:{RUN}"}},
    {"type": "image_url", "image_url": {"url": "data:text/html,<script>alert(1)</script>"}},
    {"type": "file", "file": {"filename": HTML, "file_data": f"{FAR}/file"}},
    {"type": HTML, "value": HTML},
]
PROBES = f"""() => ({{
  ran: window.pwned === 1,
  made: document.querySelectorAll(
    "#pwned, iframe, object, embed, main script, main a[href^='javascript:'], main img[src^='http']").length,
  out: [...document.querySelectorAll("a[href]")].filter((a) => a.href.startsWith("{FAR}")).length,
}})"""
NOTHING = {"ran": False, "made": 0, "out": 0}


async def _harmless(ada: Person) -> None:
    assert await ada.page.evaluate(PROBES) == NOTHING
    ada.watch.check()


async def _unfold(panel: Locator) -> None:
    folded = panel.locator("button[aria-expanded=false]")
    for _ in range(40):
        if not await folded.count():
            return
        await folded.first.click()


async def _hover(ada: Person, chart: str) -> None:
    """Move over the end of a chart until it says what is there.

    How far it goes to the right depends on the minute: the last label may need room there. The first move may come
    before it is drawn.
    """
    drawn = ada.page.get_by_role("img", name=chart)
    for step in range(150):
        await drawn.scroll_into_view_if_needed()
        box = await drawn.bounding_box()
        assert box is not None
        await ada.page.mouse.move(box["x"] + box["width"] - 6 - 2 * (step % 12), box["y"] + box["height"] / 2)
        if await ada.page.locator(".chart-tip:visible").count():
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"{chart}: nothing is said about a point")


async def _send(house: House, project: Project) -> None:
    """One call that answers with probes and one that fails with them, with probes in every field of the request."""
    model = f"up/{HTML}"
    tool = {"type": "function", "function": {"name": HTML, "description": MARKDOWN, "parameters": {HTML: HTML}}}
    request: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": MARKDOWN},
            {"role": "user", "name": HTML, "content": PARTS},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": HTML, "type": "function", "function": {"name": HTML, "arguments": HTML}}]},
            {"role": "tool", "tool_call_id": HTML, "content": HTML},
            {"role": HTML, "content": MARKDOWN},
        ],
        "tools": [tool], "metadata": {HTML: HTML}, "user": HTML, "stop": HTML, HTML: HTML,
    }  # fmt: skip
    headers = {
        "x-pilothouse-user-id": HTML, "x-pilothouse-session-id": HTML, "x-pilothouse-environment": HTML,
        "user-agent": HTML,
    }  # fmt: skip
    call = {"name": HTML, "arguments": HTML, "id": HTML}
    answers: tuple[dict[str, Any], ...] = (
        {"text": MARKDOWN, "reasoning": MARKDOWN, "refusal": HTML, "model": HTML, "finish_reason": HTML,
         "tool_calls": [call], "headers": [["x-request-id", HTML], ["x-ratelimit-limit-requests", HTML]]},
        {"status": 400, "error_message": HTML, "error_type": HTML, "error_code": HTML, "error_param": HTML},
        {"status": 502, "content_type": "text/html", "body": f"<html><title>{HTML}</title>{HTML}</html>"},
    )  # fmt: skip
    for answer in answers:
        house.fake.script(answer)
        await project.call("", model, headers=headers, **request)
    house.fake.script()
    async with project.client() as client:
        await client.post("/v1/embeddings", json={"model": model, "input": [HTML, MARKDOWN]})


async def test_what_callers_send_never_runs(house: House, ada: Person) -> None:
    project = await house.project(NAME)
    await _send(house, project)
    traces = await project.kept(4)
    ada.watch.allow("status of 404")

    await ada.open("/", project=project.id, range="1h")
    chart = ada.page.get_by_role("img", name="Requests over time")
    await expect(chart.locator("canvas").first).to_be_visible()
    for name in ("Requests", "Tokens", "Latency"):
        await _hover(ada, f"{name} over time")
    await _harmless(ada)

    await ada.open("/traces", project=project.id)
    await expect(ada.page.get_by_role("table", name="Traces").get_by_role("link")).to_have_count(4)
    for chip in ("Status", "Model", "Key", "User"):
        await ada.button(chip).click()
        await expect(ada.page.get_by_role("group", name=chip).get_by_role("checkbox").first).to_be_visible()
        await _harmless(ada)
        await ada.page.keyboard.press("Escape")
    await ada.open("/traces", project=project.id, user_id=HTML, session_id=HTML, model=[f"up/{HTML}"], text="probe")
    await expect(ada.page.get_by_text(re.compile("<b id=pwned>")).first).to_be_attached()
    await _harmless(ada)
    await ada.page.keyboard.press("Control+k")
    await expect(ada.page.get_by_role("combobox", name="Search and commands")).to_be_focused()
    await ada.page.keyboard.type("probe")
    await expect(ada.page.get_by_role("option", name=re.compile("All traces with"))).to_be_visible()
    await _harmless(ada)

    for trace in traces:
        await ada.open(f"/traces/{trace['trace_id']}", project=project.id)
        for tab in await ada.page.get_by_role("tab").all():
            await tab.click()
            await expect(tab).to_have_attribute("aria-selected", "true")
            panel = ada.page.get_by_role("tabpanel")
            await expect(panel).to_be_visible()
            await _unfold(panel)
            for side in await panel.get_by_role("button", name="Response").all():
                await side.click()
            await _harmless(ada)
    await ada.shot("probes-trace")


async def test_the_answer_is_readable_all_the_same(house: House, ada: Person) -> None:
    project = await house.project("Readable")
    house.fake.script({"text": MARKDOWN})
    await project.call("Answer with HTML")
    house.fake.script()
    (trace,) = await project.kept(1)
    await ada.open(f"/traces/{trace['trace_id']}", project=project.id)
    answer = ada.page.get_by_role("article", name="Assistant")
    await expect(answer).to_contain_text("<b id=pwned>probe</b>")
    await expect(answer.get_by_text("image: picture")).to_be_visible()
    await answer.get_by_text("click", exact=True).click()
    await answer.get_by_text("out", exact=True).click()
    await expect(ada.page).to_have_url(re.compile(str(trace["trace_id"])))
    await _harmless(ada)


async def test_names_of_keys_routes_and_accounts_never_run(house: House, ada: Person) -> None:
    project = await house.project(f"Names {NAME}")
    await project.create_key(NAME, models=["up/<b>*"])
    for section in ("keys", "providers", "routes", "projects"):
        await ada.open(f"/settings/{section}", project=project.id)
        await expect(ada.page.get_by_role("heading", level=1)).to_be_visible()
        rows = ada.page.get_by_role("table").get_by_role("row").nth(1)
        await expect(rows.or_(ada.page.get_by_text("No route yet"))).to_be_visible()
        await _harmless(ada)
    await ada.page.get_by_role("button", name=re.compile("^Project ")).click()
    await expect(ada.page.get_by_role("menu")).to_be_visible()
    await _harmless(ada)


async def test_addresses_that_lead_elsewhere_do_not(house: House, ada: Person) -> None:
    ada.watch.allow("status of 404")
    for path in (
        f"/sign-in?next={quote(f'{FAR}/x')}", f"/sign-in?next={quote('//far.example/x')}",
        f"/sign-in?next={quote(f'javascript:{RUN}')}", f"/traces/{quote(HTML, safe='')}", f"/traces?text={quote(HTML)}",
        f"/no/such/{quote(HTML.replace('/', ''))}", f"/docs/reference/errors#{quote(HTML)}",
    ):  # fmt: skip
        await ada.page.goto(f"{house.stack.platform_url}{path}")
        await expect(ada.page.locator("main, h2").first).to_be_visible()
        assert ada.page.url.startswith(house.stack.platform_url), ada.page.url
        await _harmless(ada)


async def test_the_page_forbids_what_it_does_not_need(house: House, ada: Person) -> None:
    answer = await ada.page.goto(f"{house.stack.platform_url}/traces")
    assert answer is not None
    headers = await answer.all_headers()
    policy = {
        part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";") if part.strip()
    }
    assert policy["script-src"] == ["'self'"]
    assert policy["default-src"] == ["'none'"]
    assert policy["connect-src"] == ["'self'"]
    assert set(policy["img-src"]) <= {"'self'", "data:", "blob:"}
    assert policy["frame-ancestors"] == ["'none'"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "referrer-policy" in headers
