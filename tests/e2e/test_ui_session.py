"""Getting in: the first-run link, signing in and out, and what those who may not get in are told."""

import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, expect

from tests.e2e import browser as browsers
from tests.e2e.browser import Person
from tests.e2e.conftest import EMAIL, PASSWORD
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

_REFUSED = r"status of (401|429)"
DAY_NS = 86_400 * 10**9


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """An installation that nobody has signed in to."""
    browsers.require()
    one = Stack(tmp_path_factory.mktemp("first-run"))
    try:
        await one.start()
        yield one
    finally:
        one.kill_all()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """A browser on this module's own loop."""
    expect.set_options(timeout=browsers.TIMEOUT_MS)
    async with browsers.chromium() as running:
        yield running


def _move_expiry(data: Path, by_ns: int) -> None:
    """Let time pass for the link: its expiry lies that much later."""
    with sqlite3.connect(data / "pilothouse.db", timeout=10) as database:
        database.execute("UPDATE sign_in_links SET expires_at_ns = expires_at_ns + ?", (by_ns,))
    database.close()


async def _create(one: Person, link: str, name: str, email: str) -> None:
    await one.page.goto("about:blank")
    await one.page.goto(link)
    await one.page.get_by_label("Name").fill(name)
    await one.page.get_by_label("Email").fill(email)
    await one.page.get_by_role("textbox", name="Password").fill(PASSWORD)
    await one.button("Create account").click()


async def _sign_in(one: Person, email: str, password: str) -> None:
    await one.page.get_by_label("Email").fill(email)
    await one.page.get_by_role("textbox", name="Password").fill(password)
    await one.button("Sign in").click()


async def test_the_first_run_link(chromium: Browser, stack: Stack) -> None:
    async with browsers.person(chromium, stack.platform_url) as one:
        await one.open("/")
        await expect(one.page).to_have_url(re.compile("/sign-in"))
        await expect(one.page.get_by_text("pilothouse up")).to_be_visible()
        await one.shot("sign-in-first-run")

        _move_expiry(stack.data, -2 * DAY_NS)
        one.watch.allow(_REFUSED)
        await _create(one, stack.link, "Ada Lovelace", EMAIL)
        refusal = one.page.get_by_role("alert")
        await expect(refusal).to_contain_text("expired")
        await expect(refusal).to_contain_text("sign_in_link_invalid")
        await one.shot("first-run-expired")
        _move_expiry(stack.data, 2 * DAY_NS)

        await one.page.goto("about:blank")
        await one.page.goto(stack.link)
        await expect(one.page, "the token must stay in no address").not_to_have_url(re.compile("token"))
        await one.page.get_by_role("textbox", name="Password").fill("short")
        await one.page.get_by_label("Name").fill("Ada")
        await one.page.get_by_label("Email").fill(EMAIL)
        await one.button("Create account").click()
        await expect(one.page.get_by_text("7 more characters")).to_be_visible()
        await one.shot("first-run")

        await _create(one, stack.link, "Ada Lovelace", EMAIL)
        await expect(one.page.get_by_role("navigation", name="Main")).to_contain_text("Ada Lovelace")
        await expect(one.page.get_by_role("heading", name="Send your first call")).to_be_visible()


async def test_the_link_works_once(chromium: Browser, stack: Stack) -> None:
    async with browsers.person(chromium, stack.platform_url) as one:
        one.watch.allow(_REFUSED)
        await _create(one, stack.link, "Mallory", "mallory@example.com")
        refusal = one.page.get_by_role("alert")
        await expect(refusal).to_contain_text("used")
        await expect(refusal).to_contain_text("sign_in_link_invalid")
        await one.page.goto(f"{stack.platform_url}/first-run")
        await expect(one.page.get_by_role("heading", name="The link is not complete")).to_be_visible()


async def test_signing_in_and_out(chromium: Browser, stack: Stack) -> None:
    async with browsers.person(chromium, stack.platform_url) as one:
        one.watch.allow(_REFUSED)
        await one.open("/traces", status="error")
        await expect(one.page).to_have_url(re.compile("/sign-in"))
        await _sign_in(one, EMAIL, "not the password")
        await expect(one.page.get_by_role("alert")).to_contain_text("Wrong email or password")
        assert await one.barriers() == []
        await _sign_in(one, EMAIL, PASSWORD)
        await expect(one.page).to_have_url(re.compile(r"/traces\?q=status:error$"), timeout=browsers.TIMEOUT_MS)
        await one.button(re.compile("Ada Lovelace")).click()
        await one.page.get_by_role("menuitem", name="Sign out").click()
        await expect(one.page.get_by_role("heading", name="Sign in to Pilothouse")).to_be_visible()
        await one.open("/")
        await expect(one.page.get_by_role("heading", name="Sign in to Pilothouse")).to_be_visible()


async def test_a_session_that_ended_elsewhere(chromium: Browser, stack: Stack) -> None:
    async with browsers.person(chromium, stack.platform_url) as one:
        one.watch.allow(_REFUSED)
        await one.open("/")
        await _sign_in(one, EMAIL, PASSWORD)
        await expect(one.page.get_by_role("navigation", name="Main")).to_be_visible()
        session = httpx.Cookies({each["name"]: each["value"] for each in await one.page.context.cookies()})
        async with httpx.AsyncClient(cookies=session, base_url=f"{stack.platform_url}/api/v1", trust_env=False) as api:
            token = (await api.get("/session")).json()["csrf_token"]
            gone = await api.delete("/session", headers={"x-csrf-token": token})
            assert gone.status_code < 300, gone.text
        # whatever is asked for next brings the news, here a page or, sooner, what the page asks for by itself
        with contextlib.suppress(Error):
            await one.page.get_by_role("link", name="Traces").first.click(timeout=1000)
        await expect(one.page.get_by_role("heading", name="Sign in to Pilothouse")).to_be_visible()


async def test_guessing_is_slowed_down(chromium: Browser, stack: Stack) -> None:
    async with browsers.person(chromium, stack.platform_url) as one:
        one.watch.allow(_REFUSED)
        await one.open("/sign-in")
        said = one.page.get_by_role("alert")
        for _ in range(12):
            async with one.page.expect_response(re.compile("/api/v1/session$")):
                await _sign_in(one, "victim@example.com", "a guess that is wrong")
            await expect(said).to_be_visible()
            if "Too many attempts" in await said.inner_text():
                break
        await expect(said).to_contain_text("Too many attempts")
        await expect(said).to_contain_text(re.compile(r"try again in \d+ s", re.IGNORECASE))
        await one.shot("sign-in-throttled")
