"""The overview: its figures are those of the calls that were made, and each leads to the traces behind it."""

import re

import pytest
from playwright.async_api import Locator, expect

from tests.e2e.browser import Person
from tests.e2e.conftest import PRICED, House, OpenPage, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def _calls(project: Project) -> None:
    for _ in range(3):
        assert (await project.call("plain")).status_code == 200
    for _ in range(2):
        assert (await project.call("streamed", model=PRICED, stream=True)).status_code == 200
    assert (await project.call("failed", model="up/fake-500")).status_code == 502
    assert (await project.call("refused", model="up/fake-429")).status_code == 429
    assert (await project.call("cut", model="up/fake-cut", stream=True)).status_code == 200
    async with project.client() as client:
        made = await client.post("/v1/embeddings", json={"model": "up/fake-embed", "input": ["a", "b"]})
        assert made.status_code == 200, made.text
    await project.kept(9)


def _tile(one: Person, label: str) -> Locator:
    return one.page.get_by_role("main").get_by_role("link", name=re.compile(f"^{label}"))


async def test_figures_are_those_of_the_calls(house: House, page_for: OpenPage) -> None:
    project = await house.project("Overview figures")
    await _calls(project)
    ada = await page_for()
    await ada.open("/", project=project.id, range="1h")
    # tokens: 3 plain and 2 streamed calls have 10 in and 5 out, the embedding 2 in
    for label, value in (("Requests", "9"), ("Errors", "33.3%"), ("Tokens in", "52"), ("Tokens out", "25")):
        await expect(_tile(ada, label)).to_contain_text(value)
    # gpt-4o-mini: 2 x (10 x 0.15 + 5 x 0.60) / 1e6
    await expect(_tile(ada, "Cost")).to_contain_text("$0.000009")
    await expect(_tile(ada, "Unpriced calls")).to_contain_text("4")
    row = ada.page.get_by_role("row", name=re.compile("fake-chat"))
    await expect(row.get_by_role("cell").nth(1)).to_have_text("3")
    await expect(row).to_contain_text("unpriced")
    await ada.shot("overview")

    await _tile(ada, "Errors").hover()
    await expect(ada.page.get_by_role("tooltip")).to_contain_text("3 failed of 9")
    await _tile(ada, "Errors").click()
    await expect(ada.page).to_have_url(re.compile("q=status:error"))
    await expect(ada.page.get_by_role("table", name="Traces").get_by_role("link")).to_have_count(3)


async def test_a_model_leads_to_its_traces(house: House, ada: Person) -> None:
    project = await house.project("Overview models")
    await _calls(project)
    await ada.open("/", project=project.id)
    await ada.page.get_by_role("link", name="gpt-4o-mini", exact=True).click()
    await expect(ada.page).to_have_url(re.compile("q=model:gpt-4o-mini"))
    await expect(ada.page.get_by_role("table", name="Traces").get_by_role("link")).to_have_count(2)


async def test_a_point_of_a_chart_leads_to_its_traces(house: House, ada: Person) -> None:
    project = await house.project("Overview charts")
    await _calls(project)
    await ada.open("/", project=project.id, range="30d")
    chart = ada.page.get_by_role("img", name="Requests over time")
    await expect(chart.locator("canvas").first).to_be_visible()
    box = await chart.bounding_box()
    assert box is not None
    # the calls are a moment old: in the last step, at the right edge
    await chart.click(position={"x": box["width"] - 6, "y": box["height"] / 2})
    await expect(ada.page).to_have_url(re.compile(r"/traces\?.*from=.*to="))
    await expect(ada.page.get_by_role("table", name="Traces").get_by_role("link")).to_have_count(9)


async def test_dragging_over_a_chart_narrows_the_range(house: House, ada: Person) -> None:
    project = await house.project("Overview ranges")
    await _calls(project)
    await ada.open("/", project=project.id, range="1h")
    chart = ada.page.get_by_role("img", name="Latency over time")
    await expect(chart.locator("canvas").first).to_be_visible()
    box = await chart.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    await ada.page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    await ada.page.mouse.down()
    await ada.page.mouse.move(box["x"] + box["width"] * 0.95, middle, steps=5)
    await ada.page.mouse.up()
    await expect(ada.page).to_have_url(re.compile("from=.*to="))
    await ada.page.reload()
    await expect(ada.button(re.compile("^Time range: .* – "))).to_be_visible()


async def test_the_range_stands_in_the_url(house: House, ada: Person) -> None:
    project = await house.project("Overview presets")
    await ada.open("/", project=project.id)
    await ada.button(re.compile("^Time range")).click()
    await ada.page.get_by_role("option", name="Last 7 days").click()
    await expect(ada.page).to_have_url(re.compile("range=7d"))
    await ada.page.get_by_role("navigation", name="Main").get_by_role("link", name="Traces").click()
    await expect(ada.page).to_have_url(re.compile(r"/traces\?.*range=7d"))
    await ada.page.reload()
    await expect(ada.button("Time range: Last 7 days")).to_be_visible()
