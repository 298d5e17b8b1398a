"""What people leave for each other: saved views, links to one trace, comments."""

import re

import pytest
from playwright.async_api import Browser, expect

from pilothouse.providers.fake import Answer
from tests.e2e import browser as browsers
from tests.e2e.browser import PHONE, WIDE, Person
from tests.e2e.conftest import House, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def _calls(house: House, project: Project) -> str:
    """Make a call that succeeds and one that fails, and return the trace of the first."""
    await project.call("Where is my secret parcel?")
    house.fake.script(Answer(status=400))
    await project.call("Fail.")
    kept = await project.kept(2)
    return next(one["trace_id"] for one in kept if one["status"] == "ok")


async def test_a_view_is_saved_opened_changed_and_deleted(house: House, ada: Person) -> None:
    project = await house.project("Saved views")
    await _calls(house, project)
    page = ada.page
    await ada.open("/traces", project=project.id, q="status:error", range="7d")
    rows = page.get_by_role("row").filter(has_text="Fail.")
    await expect(rows).to_have_count(1)
    await ada.button("Views").click()
    await ada.shot("views-empty")
    await page.get_by_role("menuitem", name="Save as a new view").click()
    await page.get_by_label("Name", exact=True).fill("Failures")
    await page.get_by_label("For everybody in the project").check()
    await ada.shot("view-form")
    assert await ada.barriers() == []
    await ada.button("Save view").click()
    current = page.get_by_role("button", name="View Failures, choose another")
    await expect(current).to_be_visible()
    await expect(page).to_have_url(re.compile("view="))
    await current.click()
    await page.get_by_role("menuitem", name="Open the list with this view").click()
    await ada.open("/traces", project=project.id)
    await expect(current).to_be_visible()
    await expect(page).to_have_url(re.compile("q=status:error"))
    await page.get_by_role("button", name="Remove Status filter").click()
    await expect(page.get_by_text("Unsaved changes")).to_be_visible()
    await current.click()
    await ada.shot("view-changed")
    await page.get_by_role("menuitem", name="Update “Failures”").click()
    await expect(page.get_by_text("Unsaved changes")).to_be_hidden()
    await ada.open("/", project=project.id)
    await expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox", name="Search and commands").fill("failures")
    await page.get_by_role("option", name="Failures").first.click()
    await expect(current).to_be_visible()
    await current.click()
    await page.get_by_role("menuitem", name="Delete").click()
    await ada.button("Delete view").click()
    await expect(ada.button("Views")).to_be_visible()


async def test_a_trace_is_read_by_link_without_an_account_until_it_is_revoked(
    house: House, chromium: Browser, ada: Person
) -> None:
    project = await house.project("Share links")
    trace = await _calls(house, project)
    page = ada.page
    links: dict[str, str] = {}
    await ada.open(f"/traces/{trace}", project=project.id)
    for choice in ("Only structure", "With inputs and outputs"):
        await ada.button("Share").click()
        await page.get_by_label(choice).check()
        await ada.shot("share-form")
        await ada.button("Create link").click()
        shown = ada.dialog().locator("code")
        links[choice] = await shown.inner_text()
        await ada.shot("share-made")
        assert await ada.barriers() == []
        await ada.button("Done").click()
    async with browsers.person(chromium, house.stack.platform_url, scheme="dark") as guest:
        await guest.page.goto(links["With inputs and outputs"])
        await expect(guest.page.get_by_text("Where is my secret parcel?").first).to_be_visible()
        await expect(guest.page.get_by_text("Shared to read")).to_be_visible()
        await expect(guest.page.get_by_role("navigation")).to_have_count(0)
        await guest.page.get_by_role("tab", name="Details").click()
        await expect(guest.page.get_by_role("link")).to_have_count(0)
        await expect(guest.page).to_have_url(re.compile("#phv_"))
        await guest.shot("shared-dark")
        assert await guest.barriers() == []
        await guest.page.goto("about:blank")
        await guest.page.goto(links["Only structure"])
        await expect(guest.page.get_by_text("Shared without inputs and outputs")).to_be_visible()
        await expect(guest.page.get_by_role("tab", name="Conversation")).to_have_count(0)
        assert "secret parcel" not in await guest.page.content()
        await guest.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        await guest.shot("shared-phone")
        assert await guest.sideways() == []
        await ada.open("/settings/shares", project=project.id)
        await expect(page.get_by_label("Allow share links")).to_be_enabled()
        await ada.shot("shares")
        assert await ada.barriers() == []
        await page.get_by_role("button", name=re.compile("Revoke the link")).first.click()
        await ada.button("Revoke link").click()
        await expect(page.get_by_text("revoked", exact=True)).to_be_visible()
        guest.watch.allow("410")
        await guest.page.goto("about:blank")
        await guest.page.goto(links["With inputs and outputs"])
        await expect(guest.page.get_by_text("This link shows nothing any more")).to_be_visible()
        await guest.shot("shared-over")


async def test_a_dashboard_is_read_by_link_and_nothing_beside_it(house: House, chromium: Browser, ada: Person) -> None:
    project = await house.project("Shared dashboards")
    await _calls(house, project)
    page = ada.page
    await ada.open("/dashboards/cost", project=project.id, range="6h")
    await ada.button("Share").click()
    await expect(page.get_by_role("combobox", name="It shows")).to_have_value("Last 6 hours, always up to date")
    await expect(page.get_by_label("With “Keys”, “Users”")).not_to_be_checked()
    await ada.shot("share-dashboard")
    assert await ada.barriers() == []
    await page.get_by_label("With “Keys”, “Users”").check()
    await ada.button("Create link").click()
    link = await ada.dialog().locator("code").inner_text()
    await ada.button("Done").click()
    async with browsers.person(chromium, house.stack.platform_url, scheme="dark") as guest:
        asked: list[str] = []
        guest.page.on("request", lambda request: asked.append(request.url.partition("/api/v1")[2]))
        await guest.page.goto(link)
        await expect(guest.page.get_by_role("heading", name="Cost", level=1)).to_be_visible()
        await expect(guest.page.get_by_text("Last 6 hours")).to_be_visible()
        await expect(guest.page.get_by_role("region", name="Calls").get_by_text("2", exact=True)).to_be_visible()
        keys = guest.page.get_by_role("region", name="Keys").first
        await expect(keys.get_by_text(project.key_name)).to_be_visible()
        await expect(guest.page.get_by_role("button")).to_have_count(0)
        await expect(guest.page.get_by_role("link")).to_have_count(0)
        await expect(guest.page.get_by_role("navigation")).to_have_count(0)
        assert {one for one in asked if one} == {"/shared", "/shared/figures"}
        await guest.shot("shared-dashboard-dark")
        assert await guest.barriers() == []
        await guest.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        await guest.shot("shared-dashboard-phone")
        assert await guest.sideways() == []
        await ada.open("/settings/shares", project=project.id)
        await expect(page.get_by_text("charts, last 6 hours")).to_be_visible()
        await expect(page.get_by_role("link", name="Cost")).to_be_visible()
        await page.get_by_role("button", name="Revoke the link to Cost").click()
        await ada.button("Revoke link").click()
        await expect(page.get_by_text("revoked", exact=True)).to_be_visible()
        guest.watch.allow("410")
        await guest.page.goto("about:blank")
        await guest.page.goto(link)
        await expect(guest.page.get_by_text("This link shows nothing any more")).to_be_visible()


async def test_people_talk_beside_a_trace(house: House, ada: Person) -> None:
    project = await house.project("Comments")
    trace = await _calls(house, project)
    page = ada.page
    await ada.open(f"/traces/{trace}", project=project.id, tab="comments")
    await expect(page.get_by_text("Nobody has written anything here yet.")).to_be_visible()
    await ada.shot("comments-empty")
    field = page.get_by_label("New comment")
    await field.fill("The answer is **wrong**. <img src=x onerror=alert(1)>")
    await page.get_by_text("On the trace", exact=True).click()
    await field.press("Control+Enter")
    await expect(page.get_by_role("tab", name="Comments 1")).to_be_visible()
    await expect(page.locator("strong", has_text="wrong")).to_be_visible()
    async with house.stack.api() as api:
        body = {"on": "trace", "subject_id": trace, "text": "Seen by a script."}
        made = await api.post("/comments", json=body, headers={"x-pilothouse-project": project.id})
        assert made.status_code == 201, made.text
    await expect(page.get_by_text("Seen by a script.")).to_be_visible()
    await page.get_by_role("button", name="Actions of the comment by Ada Lovelace").click()
    await page.get_by_role("menuitem", name="Edit").click()
    await page.get_by_label("Text of the comment").fill("The answer is right after all.")
    await ada.button("Save").click()
    await expect(page.get_by_text("edited", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Resolve").first.click()
    await expect(page.get_by_text("resolved", exact=True)).to_be_visible()
    await ada.shot("comments")
    assert await ada.barriers() == []
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await ada.shot("comments-phone")
    assert await ada.sideways() == []
    await page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    await ada.open("/traces", project=project.id)
    await expect(page.get_by_title("2 comments")).to_be_visible()
    await ada.shot("comments-list")
