"""The trace list: live tail, filters that live in the URL, sorting, columns, and work without a mouse."""

import asyncio
import re
import time

import pytest
from playwright.async_api import Locator, Route, expect

from tests.e2e.browser import Person
from tests.e2e.conftest import PRICED, House, Project
from tests.e2e.stack import say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def _table(one: Person) -> Locator:
    return one.page.get_by_role("table", name="Traces")


def _links(one: Person) -> Locator:
    return _table(one).get_by_role("link")


def _selected(one: Person) -> Locator:
    return _table(one).locator("[data-selected]")


async def _varied(house: House, name: str) -> Project:
    """Six calls that differ in what can be filtered by."""
    project = await house.project(name)
    other = await project.create_key(f"{name} second key")
    ada = {"x-pilothouse-user-id": "ada", "x-pilothouse-session-id": "order-1"}
    await project.call("Where is the harbour?", headers=ada)
    await project.call("Where is the lighthouse?", headers={"x-pilothouse-user-id": "ben"}, secret=other)
    await project.call("What does it cost?", model=PRICED)
    await project.call("Why does it fail?", model="up/fake-500")
    await project.call("Take your time", model="up/fake-slow")
    await project.call("Say it all", model="up/fake-long", stream=True)
    await project.kept(6)
    return project


async def test_live_tail_shows_a_call_within_a_second_and_moves_nothing(house: House, ada: Person) -> None:
    project = await house.project("Live tail")
    for number in range(3):
        await project.call(f"earlier {number}")
    await project.kept(3)
    await ada.open("/traces", project=project.id)
    await ada.button("Live").click()
    await expect(ada.page).to_have_url(re.compile("live=1"))
    await expect(ada.page.locator("button[aria-pressed=true]", has_text="Live")).to_be_visible()
    await expect(_links(ada)).to_have_count(3)
    await ada.page.keyboard.press("j")
    await ada.page.keyboard.press("j")
    await expect(_selected(ada)).to_contain_text("earlier 1")
    before = await _selected(ada).bounding_box()
    waits: list[float] = []
    for number in range(1, 4):
        await project.call(f"new {number}")
        answered = time.monotonic()
        await expect(ada.button(f"{number} new")).to_be_visible()
        waits.append(time.monotonic() - answered)
    say(f"a call shows in the live tail after {', '.join(f'{wait:.2f}' for wait in waits)} s")
    assert min(waits) < 1
    await expect(_selected(ada)).to_contain_text("earlier 1")
    assert await _selected(ada).bounding_box() == before
    await expect(_links(ada)).to_have_count(3)
    await ada.shot("traces-live")

    await ada.button("3 new").click()
    await expect(_links(ada)).to_have_count(6)
    await expect(_table(ada).get_by_role("row").nth(1)).to_contain_text("new 3")
    await ada.page.keyboard.press("l")
    await expect(ada.page).not_to_have_url(re.compile("live=1"))


async def test_filters_stand_in_the_url_and_survive_a_reload(house: House, ada: Person) -> None:
    project = await _varied(house, "Filters")
    await ada.open("/traces", project=project.id)
    await expect(_links(ada)).to_have_count(6)

    async def choose(chip: str, value: str) -> None:
        await ada.button(chip).click()
        await ada.page.get_by_role("checkbox", name=re.compile(f"^{value}")).click()
        await ada.page.keyboard.press("Escape")

    async def shows(*inputs: str) -> None:
        for fresh in (False, True):
            if fresh:
                await ada.page.reload()
            await expect(_links(ada)).to_have_count(len(inputs))
            for text in inputs:
                await expect(_table(ada)).to_contain_text(text)

    async def clear() -> None:
        await ada.button("Clear").click()
        await expect(_links(ada)).to_have_count(6)

    await choose("Status", "failed")
    await expect(ada.page).to_have_url(re.compile("q=status:error"))
    await shows("Why does it fail?")
    await clear()
    await choose("Model", "gpt-4o-mini")
    await expect(ada.page).to_have_url(re.compile("q=model:gpt-4o-mini"))
    await shows("What does it cost?")
    await clear()
    await choose("Key", "Filters second key")
    await expect(ada.page).to_have_url(re.compile("q=key:"))
    await shows("Where is the lighthouse?")
    await clear()
    await choose("User", "ada")
    await expect(ada.page).to_have_url(re.compile("q=user:ada"))
    await shows("Where is the harbour?")
    await clear()
    await ada.button("Latency").first.click()
    await ada.dialog().get_by_label("At least").fill("400ms")
    await ada.page.keyboard.press("Enter")
    await expect(ada.page).to_have_url(re.compile("q=latency:"))
    await shows("Take your time")
    await clear()
    await ada.page.get_by_role("combobox", name="Search traces").fill("where is")
    await expect(ada.page).to_have_url(re.compile("q=where"))
    await shows("Where is the harbour?", "Where is the lighthouse?")
    await ada.shot("traces-filtered")
    await ada.page.get_by_role("combobox", name="Search traces").fill("nothing has this")
    await expect(ada.page.get_by_role("heading", name="No trace fits all of these filters")).to_be_visible()
    await ada.button("Clear filters").click()
    await expect(_links(ada)).to_have_count(6)


async def test_chips_and_text_are_one_query(house: House, ada: Person) -> None:
    project = await _varied(house, "One query")
    await ada.open("/traces", project=project.id, status=["error", "ok"], user_id="ada", text="harbour")
    field = ada.page.get_by_role("combobox", name="Search traces")
    await expect(field).to_have_value("status:(error OR ok) user:ada harbour")
    await expect(ada.page).not_to_have_url(re.compile("user_id="))
    await expect(_links(ada)).to_have_count(1)
    await expect(ada.button("User ada")).to_be_visible()
    await ada.button("Remove User filter").click()
    await expect(field).to_have_value("status:(error OR ok) harbour")
    await field.fill("model:gpt-4o-mini OR latency:>=400ms")
    await expect(_links(ada)).to_have_count(2)
    await expect(ada.button("Model", exact=True)).to_be_visible()
    await ada.button("Status").click()
    await ada.page.get_by_role("checkbox", name=re.compile("^ok")).click()
    await ada.page.keyboard.press("Escape")
    await expect(field).to_have_value("(model:gpt-4o-mini OR latency:>=400ms) status:ok")
    await ada.page.go_back()
    await expect(field).to_have_value("model:gpt-4o-mini OR latency:>=400ms")
    assert await ada.barriers() == []


async def test_two_traces_are_picked_and_compared(house: House, ada: Person) -> None:
    project = await _varied(house, "Picked")
    await ada.open("/traces", project=project.id)
    await expect(_links(ada)).to_have_count(6)
    await ada.page.keyboard.press("j")
    await ada.page.keyboard.press("x")
    await expect(ada.page.get_by_text("One trace picked")).to_be_visible()
    await _table(ada).get_by_role("checkbox").nth(2).check()
    assert await ada.barriers() == []
    await ada.shot("traces-picked")
    await ada.page.get_by_role("link", name="Compare").click()
    await expect(ada.page).to_have_url(re.compile("/traces/compare.*a=.*b="))
    await expect(ada.page.get_by_role("table", name="Aligned spans")).to_be_visible()


async def test_the_time_range_filters(house: House, ada: Person) -> None:
    project = await _varied(house, "Times")
    await ada.open("/traces", project=project.id, **{"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"})
    await expect(ada.page.get_by_role("heading", name="No traces in this time range")).to_be_visible()
    await ada.button(re.compile("^Time range")).click()
    await ada.page.get_by_role("option", name="Last 15 minutes").click()
    await expect(_links(ada)).to_have_count(6)
    await expect(ada.page).to_have_url(re.compile("range=15m"))
    await ada.page.go_back()
    await expect(ada.page.get_by_role("heading", name="No traces in this time range")).to_be_visible()


async def test_sorting(house: House, ada: Person) -> None:
    project = await _varied(house, "Sorting")
    await ada.open("/traces", project=project.id)
    first = _table(ada).get_by_role("row").nth(1)
    await expect(first).to_contain_text("Say it all")
    header = _table(ada).get_by_role("columnheader", name="Latency")
    await header.get_by_role("button").click()
    await expect(first).to_contain_text("Take your time")
    await expect(header).to_have_attribute("aria-sort", "descending")
    await header.get_by_role("button").click()
    await expect(header).to_have_attribute("aria-sort", "ascending")
    await expect(_table(ada).get_by_role("row").last).to_contain_text("Take your time")
    await _table(ada).get_by_role("button", name="Cost").click()
    await expect(ada.page).to_have_url(re.compile("sort=cost"))
    await ada.page.reload()
    await expect(first).to_contain_text("What does it cost?")


async def test_columns_can_be_chosen_and_stay_chosen(house: House, ada: Person) -> None:
    project = await _varied(house, "Columns")
    await ada.open("/traces", project=project.id)
    headers = _table(ada).get_by_role("columnheader")
    await expect(headers.filter(has_text="Session")).to_have_count(0)
    await ada.button("Columns").click()
    await ada.page.get_by_role("menuitemcheckbox", name="Session").click()
    await ada.page.get_by_role("menuitemcheckbox", name="Output").click()
    await ada.page.keyboard.press("Escape")
    await ada.page.reload()
    await expect(headers.filter(has_text="Session")).to_have_count(1)
    await expect(headers.filter(has_text="Output")).to_have_count(0)
    await expect(_table(ada)).to_contain_text("order-1")
    await ada.button("Columns").click()
    await ada.page.get_by_role("menuitem", name="Back to the defaults").click()
    await expect(headers.filter(has_text="Session")).to_have_count(0)


async def test_work_without_a_mouse(house: House, ada: Person) -> None:
    project = await _varied(house, "Keyboard")
    press = ada.page.keyboard.press
    title = ada.page.get_by_role("heading", level=1)
    await ada.open("/traces", project=project.id)
    await expect(_links(ada)).to_have_count(6)
    for key in "jjjk":
        await press(key)
    await expect(_selected(ada)).to_contain_text("Take your time")
    await press("Enter")
    await expect(title).to_have_text("chat up/fake-slow")
    await press("]")
    await expect(title).to_have_text("chat up/fake-500")
    await press("]")
    await expect(title).to_have_text("chat priced/gpt-4o-mini")
    await press("[")
    await expect(title).to_have_text("chat up/fake-500")
    await press("r")
    await expect(ada.page.get_by_role("tab", name="Raw")).to_have_attribute("aria-selected", "true")
    await ada.open("/traces", project=project.id)
    await expect(_links(ada)).to_have_count(6)
    await press("/")
    await ada.page.keyboard.type("lighthouse")
    await expect(_links(ada)).to_have_count(1)
    await press("Escape")
    await press("?")
    await expect(ada.dialog()).to_contain_text("Keyboard shortcuts")
    await expect(ada.dialog()).to_contain_text("Next row")
    await press("Escape")
    await expect(ada.dialog()).to_have_count(0)


async def test_the_palette_goes_everywhere(house: House, ada: Person) -> None:
    project = await _varied(house, "Palette")
    press = ada.page.keyboard.press
    await ada.open("/", project=project.id)
    await expect(ada.page.get_by_role("link", name=re.compile("^Requests"))).to_be_visible()
    await press("Control+k")
    await expect(ada.page.get_by_role("combobox", name="Search and commands")).to_be_focused()
    await ada.page.keyboard.type("routes")
    await press("Enter")
    await expect(ada.page).to_have_url(re.compile("/settings/routes"))
    await expect(ada.dialog()).to_have_count(0)
    await press("Control+k")
    await expect(ada.page.get_by_role("combobox", name="Search and commands")).to_be_focused()
    await ada.page.keyboard.type("lighthouse")
    found = ada.page.get_by_role("option", name=re.compile("Where is the lighthouse"))
    await expect(found).to_be_visible()
    assert await ada.barriers() == []
    await ada.shot("palette")
    await found.click()
    await expect(ada.page.get_by_role("article", name="User")).to_contain_text("Where is the lighthouse?")
    await press("Control+k")
    await press("Escape")
    await expect(ada.dialog()).to_have_count(0)


async def _a_page_that_fails(ada: Person, project: Project) -> None:
    """Scroll to where a page is refused: it is told, and not asked for again and again."""
    ada.watch.allow("status of 400")
    asked: list[str] = []

    async def refuse(route: Route) -> None:
        asked.append(route.request.url)
        problem = {"code": "invalid_request", "title": "Invalid request", "detail": "No more today.", "status": 400}
        await route.fulfill(status=400, content_type="application/problem+json", json=problem)

    pages = re.compile(r"/api/v1/traces\?.*cursor=")
    await ada.page.route(pages, refuse)
    await ada.open("/traces", project=project.id)
    await expect(_links(ada).first).to_be_visible()
    await _table(ada).evaluate("(element) => element.scrollTo(0, element.scrollHeight)")
    await expect(ada.page.get_by_role("alert")).to_contain_text("No more today.")
    await ada.shot("traces-page-failed")
    for _ in range(5):
        await _table(ada).evaluate("(element) => element.scrollTo(0, element.scrollHeight)")
        await ada.page.wait_for_timeout(50)
    assert len(asked) == 1, asked
    await ada.page.unroute(pages)


async def test_many_traces_scroll(house: House, ada: Person) -> None:
    project = await house.project("Many")
    await asyncio.gather(*(project.call(f"number {number}") for number in range(120)))
    await project.kept(120)
    await _a_page_that_fails(ada, project)
    await ada.button("Try again").click()
    await expect(ada.page.get_by_role("alert")).to_have_count(0)
    last = _table(ada).locator("[aria-rowindex='121']")
    for _ in range(40):
        await _table(ada).evaluate("(element) => element.scrollTo(0, element.scrollHeight)")
        if await last.count():
            break
        await asyncio.sleep(0.1)
    await expect(last).to_be_visible()
