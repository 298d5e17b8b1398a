"""Exports, retention and deletion as a person uses them."""

import asyncio
import json
import re

import pytest
from playwright.async_api import expect

from tests.e2e.browser import PHONE, WIDE, Person
from tests.e2e.conftest import House, OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def _cut_at(person: Person) -> list[int]:
    """Return the widths at which the receipts do not fit."""
    found: list[int] = []
    table = person.page.get_by_role("region", name="Deletions")
    for width in range(1100, 1650, 100):
        await person.page.set_viewport_size({"width": width, "height": WIDE[1]})
        if await table.evaluate("each => each.scrollWidth > each.clientWidth"):
            found.append(width)
    await person.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    return found


async def test_traces_are_downloaded_exported_kept_and_a_user_deleted(house: House, page_for: OpenPage) -> None:
    project = await house.project("Keeping")
    for user in ("ada", "ada", "bob"):
        await project.call(f"This is {user}.", user=user)
    kept = await project.kept(3)
    ada, phone = await page_for(), await page_for(size=PHONE, scheme="dark")

    await ada.open("/traces", project=project.id)
    await ada.button("Export").click()
    async with ada.page.expect_download() as started:
        await ada.page.get_by_role("menuitem", name="Download as JSON lines").click()
    saved = await asyncio.to_thread((await (await started.value).path()).read_text)
    rows = [json.loads(line) for line in saved.splitlines()]
    assert {row["trace_id"] for row in rows} == {trace["trace_id"] for trace in kept}

    await ada.open("/settings/exports", project=project.id)
    await ada.button("New export").click()
    await ada.page.get_by_label("Name").fill("everything")
    await ada.button("Order export").click()
    row = ada.page.get_by_role("row").filter(has_text="everything")
    await expect(row).to_contain_text("Done")
    await expect(row).to_contain_text("rows in 1 file")

    await ada.open("/settings/data", project=project.id)
    await ada.page.get_by_role("textbox", name="Traces").fill("30")
    await expect(ada.page.get_by_text("Nothing would go now.")).to_be_visible()
    await ada.button("Save").click()
    await expect(ada.page.get_by_text("Retention saved")).to_be_visible()

    await ada.open("/users", project=project.id, user="ada")
    await ada.button("Delete data").click()
    await ada.button("Delete this user's data").click()
    await expect(ada.page).to_have_url(re.compile("/settings/data"))
    await expect(ada.page.get_by_text("2 spans")).to_be_visible(timeout=30_000)
    for person, page in ((ada, "exports"), (ada, "data"), (phone, "exports"), (phone, "data")):
        await person.open(f"/settings/{page}", project=project.id)
        await expect(person.page.get_by_role("row").nth(1)).to_be_visible()
        assert await person.barriers() == []
        assert await person.sideways() == []
        if (person, page) == (ada, "data"):
            assert await _cut_at(person) == []
        await person.shot(f"settings-{page}" + ("-phone" if person is phone else ""))
