"""The search field of Traces: completion without a mouse, faults underlined, examples, and what it finds."""

import re

import pytest
from playwright.async_api import Locator, expect

from tests.e2e.browser import Person
from tests.e2e.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def _field(one: Person) -> Locator:
    return one.page.get_by_role("combobox", name="Search traces")


def _links(one: Person) -> Locator:
    return one.page.get_by_role("table", name="Traces").get_by_role("link")


async def test_a_query_is_completed_understood_and_corrected(house: House, ada: Person) -> None:
    project = await house.project("Queries")
    await project.call("Where is the harbour?", headers={"x-pilothouse-user-id": "ada lovelace"})
    await project.call("Where is the lighthouse?", headers={"x-pilothouse-user-id": "ben"})
    await project.call("Why does it fail?", model="up/fake-500")
    await project.kept(3)
    await ada.open("/traces", project=project.id)
    await expect(_links(ada)).to_have_count(3)

    await ada.page.keyboard.press("/")
    await ada.page.keyboard.type("us")
    options = ada.page.get_by_role("listbox", name="Completions").get_by_role("option")
    await expect(options.first).to_contain_text("user:")
    await ada.page.keyboard.press("ArrowDown")
    await ada.page.keyboard.press("Enter")
    await expect(_field(ada)).to_have_value("user:")
    await expect(options.filter(has_text="lovelace")).to_be_visible()
    await ada.shot("query-completion")
    await ada.page.keyboard.type("ada")
    await expect(options).to_have_count(1)
    await ada.page.keyboard.press("Tab")
    await expect(_field(ada)).to_have_value('user:"ada lovelace" ')
    await expect(ada.page).to_have_url(re.compile("q=user"))
    await expect(_links(ada)).to_have_count(1)

    ada.watch.allow("status of 400")
    await _field(ada).fill("where modl:x")
    await ada.page.keyboard.press("Escape")
    alert = ada.page.get_by_role("alert").filter(has_text="Did you mean `model`?")
    await expect(alert).to_be_visible()
    await expect(ada.page.locator("mark", has_text="modl")).to_be_attached()
    await ada.shot("query-fault")

    await _field(ada).fill("where -lighthouse")
    await expect(alert).to_have_count(0)
    await expect(_links(ada)).to_have_count(1)
    await ada.button("How to search").click()
    await ada.shot("query-help")
    await ada.page.get_by_role("button", name=re.compile("^has:error")).click()
    await expect(_field(ada)).to_have_value("has:error")
    await expect(ada.page.get_by_role("table", name="Traces")).to_contain_text("Why does it fail?")
    await expect(_links(ada)).to_have_count(1)
