"""The pages of sessions and users: found, read and followed from one to the other, by hand and by keyboard."""

import re

import pytest
from playwright.async_api import expect

from pilothouse.providers.fake import Answer
from tests.e2e.browser import MEDIUM, PHONE, WIDE, Person
from tests.e2e.conftest import PRICED, House, OpenPage, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG = "order/1042 of the twenty-third of November, with everything that was said about it"


async def _talk(house: House, project: Project) -> None:
    """Hold two conversations: one of three turns, of which the last fails, and one of a single turn."""
    for number, text in enumerate(("Where is my parcel?", "And when does it arrive?")):
        headers = {"x-pilothouse-session-id": LONG, "x-pilothouse-user-id": "ada@example.com"}
        house.fake.script(Answer(text=f"Answer number {number} about the parcel."))
        assert (await project.call(text, PRICED, headers=headers)).status_code == 200
    house.fake.script(Answer(status=400))
    failed = await project.call("Then send it back.", headers={"x-pilothouse-session-id": LONG}, user="ada@example.com")
    assert failed.status_code == 400
    house.fake.script(Answer())
    await project.call("Hello.", headers={"x-pilothouse-session-id": "greeting"}, safety_identifier="bob")
    await project.call("No session.")
    await project.kept(5)


@pytest.mark.parametrize(("path", "heading"), [("/sessions", "No sessions"), ("/users", "No users")])
async def test_without_any_the_page_says_how_to_name_them(house: House, ada: Person, path: str, heading: str) -> None:
    project = await house.project(f"{heading} yet")
    await project.call("Nobody asks this.")
    await project.kept(1)
    await ada.open(path, project=project.id)
    await expect(ada.page.get_by_role("heading", name=heading)).to_be_visible()
    await expect(ada.page.get_by_text("x-pilothouse-session-id")).to_be_visible()
    for tab, told in (
        ("OpenTelemetry", "session.id"),
        ("Langfuse", "propagate_attributes"),
        ("LangSmith", "langsmith_extra"),
    ):
        await ada.page.get_by_role("tab", name=tab).click()
        await expect(ada.page.get_by_text(told)).to_be_visible()
    await ada.shot(f"{path[1:]}-empty")
    assert await ada.barriers() == []


async def test_a_session_reads_as_a_conversation(house: House, ada: Person) -> None:
    project = await house.project("Conversations")
    await _talk(house, project)
    await ada.open("/sessions", project=project.id)
    row = ada.page.get_by_role("row").filter(has_text="order/1042")
    await expect(row).to_contain_text("ada@example.com")
    await expect(row).to_contain_text("Then send it back.")
    assert await ada.barriers() == []
    await ada.page.keyboard.press("j")
    await ada.page.keyboard.press("j")
    await ada.page.keyboard.press("Enter")
    await expect(ada.page.get_by_role("heading", name=LONG)).to_be_visible()
    turns = ada.page.get_by_role("listitem").filter(has=ada.page.get_by_role("button", name="Whole text"))
    await expect(turns).to_have_count(3)
    await expect(turns.nth(0)).to_contain_text("Where is my parcel?")
    await expect(turns.nth(0)).to_contain_text("Answer number 0 about the parcel.")
    await expect(turns.nth(2)).to_contain_text("Failed: status 400")
    assert await ada.barriers() == []
    await ada.page.keyboard.press("j")
    await ada.page.keyboard.press("e")
    await expect(turns.nth(0).get_by_role("button", name="Whole text")).to_have_attribute("aria-pressed", "true")
    await expect(turns.nth(0).get_by_role("article", name="User")).to_contain_text("Where is my parcel?")
    await ada.shot("session-whole-text")
    assert await ada.barriers() == []
    await ada.page.keyboard.press("Enter")
    await expect(ada.page).to_have_url(re.compile("/traces/[0-9a-f]{32}"))
    header = ada.page.get_by_role("main").locator("header")
    await header.get_by_role("link", name="ada@example.com").click()
    await expect(ada.page.get_by_role("complementary", name="user ada@example.com")).to_be_visible()
    await ada.page.go_back()
    await header.get_by_role("link", name=LONG).click()
    await expect(turns).to_have_count(3)
    await ada.page.get_by_role("link", name="As traces").click()
    await expect(ada.page.get_by_role("table", name="Traces").get_by_role("row")).to_have_count(4)


async def test_lists_are_searched_and_sorted_in_the_url(house: House, ada: Person) -> None:
    project = await house.project("Searches")
    await _talk(house, project)
    await ada.open("/sessions", project=project.id)
    rows = ada.page.get_by_role("table", name="Sessions").get_by_role("row")
    await expect(rows).to_have_count(3)
    await ada.page.get_by_role("button", name="Traces").click()
    await expect(ada.page).to_have_url(re.compile("sort=traces"))
    await expect(rows.nth(1)).to_contain_text("order/1042")
    await ada.page.get_by_role("button", name="Traces").click()
    await expect(ada.page).to_have_url(re.compile("order=asc"))
    await expect(rows.nth(1)).to_contain_text("greeting")
    await ada.page.keyboard.press("/")
    await ada.page.keyboard.type("BOB")
    await expect(rows).to_have_count(2)
    await expect(ada.page).to_have_url(re.compile("text=BOB"))
    await ada.page.keyboard.type("x")
    await expect(ada.page.get_by_role("heading", name="No session fits")).to_be_visible()
    await ada.button("Clear filters").click()
    await expect(rows).to_have_count(3)


async def test_a_user_is_shown_beside_the_list_and_leads_on(house: House, ada: Person) -> None:
    project = await house.project("Users")
    await _talk(house, project)
    await ada.open("/users", project=project.id)
    rows = ada.page.get_by_role("table", name="Users").get_by_role("row")
    await expect(rows).to_have_count(3)
    await expect(rows.nth(1)).to_contain_text("bob")
    await ada.page.keyboard.press("j")
    await ada.page.keyboard.press("Enter")
    await expect(ada.page.get_by_role("complementary", name="user bob")).to_be_visible()
    await ada.page.keyboard.press("j")
    panel = ada.page.get_by_role("complementary", name="user ada@example.com")
    await expect(panel).to_contain_text("Traces per 15 min")
    await expect(panel).to_contain_text("Cost per 15 min")
    await expect(ada.page).to_have_url(re.compile("user=ada%40example.com|user=ada@example.com"))
    assert await ada.barriers() == []
    await panel.get_by_role("link", name="Sessions").click()
    await expect(ada.page.get_by_role("table", name="Sessions").get_by_role("row")).to_have_count(2)
    await expect(ada.button("Remove User filter")).to_be_visible()
    await ada.page.go_back()
    await panel.get_by_role("link", name="Traces").click()
    await expect(ada.page.get_by_role("table", name="Traces").get_by_role("row")).to_have_count(4)
    await ada.page.go_back()
    await ada.page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)


async def test_a_session_that_is_not_there_says_so(house: House, ada: Person) -> None:
    project = await house.project("Nothing said")
    ada.watch.allow("404")
    await ada.open("/sessions/nowhere", project=project.id)
    await expect(ada.page.get_by_role("heading", name="There is no such session")).to_be_visible()
    await ada.page.get_by_role("link", name="All sessions").click()
    await expect(ada.page.get_by_role("heading", name="No sessions")).to_be_visible()


@pytest.mark.timeout(180)
async def test_every_size_and_theme_is_readable(house: House, page_for: OpenPage) -> None:
    project = await house.project("Looks of sessions")
    await _talk(house, project)
    for size in (WIDE, MEDIUM, PHONE):
        for scheme in ("light", "dark"):
            ada = await page_for(size=size, scheme=scheme)
            await ada.open("/sessions", project=project.id)
            await expect(ada.page.get_by_role("row").filter(has_text="greeting")).to_be_visible()
            await ada.shot(f"sessions-{size[0]}-{scheme}")
            assert await ada.sideways() == []
            assert await ada.barriers() == []
            await ada.page.get_by_role("link", name=LONG).click()
            await expect(ada.page.get_by_text("Answer number 1")).to_be_visible()
            await ada.shot(f"session-{size[0]}-{scheme}")
            assert await ada.sideways() == []
            assert await ada.barriers() == []
            await ada.open("/users", project=project.id, user="ada@example.com")
            await expect(ada.page.get_by_text("Traces per 15 min")).to_be_visible()
            await ada.shot(f"users-{size[0]}-{scheme}")
            assert await ada.sideways() == []
            assert await ada.barriers() == []
