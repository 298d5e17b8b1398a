"""Dashboards: the ready-made ones, one of the project's own, and the way from a figure to its traces."""

import re

import pytest
from playwright.async_api import expect

from pilothouse.providers.fake import Answer
from tests.e2e.browser import PHONE, WIDE, Person
from tests.e2e.conftest import PRICED, House, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def _calls(house: House, project: Project) -> None:
    for _ in range(3):
        await project.call("Hello.", PRICED)
    house.fake.script(Answer(status=400))
    await project.call("Fail.", PRICED)
    await project.kept(4)


async def test_ready_made_dashboards_show_what_was_called(house: House, ada: Person) -> None:
    project = await house.project("Ready-made dashboards")
    await _calls(house, project)
    await ada.open("/dashboards/quality", project=project.id)
    failed = ada.page.get_by_role("button", name=re.compile("Calls that failed: 25.0%"))
    await expect(failed).to_be_visible()
    await ada.shot("dashboard-quality")
    assert await ada.barriers() == []
    await ada.page.get_by_role("button", name="Dashboard Quality, choose another").click()
    await ada.page.get_by_role("menuitem", name="Cost").click()
    await expect(ada.page.get_by_role("region", name="Cost by model").locator("canvas")).to_be_visible()
    await ada.shot("dashboard-cost")
    assert await ada.barriers() == []


async def test_a_chart_is_made_moved_and_followed_to_its_traces(house: House, ada: Person) -> None:
    project = await house.project("Own dashboards")
    await _calls(house, project)
    failures = {"title": "Failures", "kind": "number", "q": "status:error"}
    async with house.stack.api() as api:
        body = {"name": "Team", "charts": [failures]}
        made = await api.post("/dashboards", json=body, headers={"x-pilothouse-project": project.id})
        assert made.status_code == 201, made.text
    page = ada.page
    await ada.open(f"/dashboards/{made.json()['id']}", project=project.id)
    await page.get_by_role("button", name="Add chart").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Title").fill("By status")
    await dialog.get_by_text("Table", exact=True).click()
    await dialog.get_by_role("combobox", name="By").fill("status")
    await page.get_by_role("option", name="status", exact=True).click()
    await ada.shot("chart-form")
    await dialog.get_by_role("button", name="Add chart").click()
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("button", name="Failures: 1, show traces")).to_be_visible()
    titles = page.get_by_role("heading", level=2)
    await expect(titles).to_have_text(["Failures", "By status"])
    await page.get_by_role("button", name="Actions of By status").click()
    await page.get_by_role("menuitem", name="Move forward").click()
    await expect(titles).to_have_text(["By status", "Failures"])
    await page.reload()
    await expect(titles).to_have_text(["By status", "Failures"])
    await page.get_by_role("button", name="Actions of By status").click()
    async with page.expect_download() as loading:
        await page.get_by_role("menuitem", name="Download CSV").click()
    assert (await (await loading.value).path()).read_text().splitlines()[0] == "status,count"
    await ada.shot("dashboard-own")
    assert await ada.barriers() == []
    await page.get_by_role("button", name="Failures: 1, show traces").click()
    await expect(page).to_have_url(re.compile(r"/traces\?.*q=status:error"))


async def test_a_dashboard_fits_a_phone(house: House, ada: Person) -> None:
    project = await house.project("Dashboards on a phone")
    await ada.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await ada.open("/dashboards/latency", project=project.id)
    await expect(ada.page.get_by_role("heading", name="Median latency")).to_be_visible()
    await ada.shot("dashboard-phone")
    assert await ada.sideways() == []
    await ada.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
