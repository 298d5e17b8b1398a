"""What a person sees while a part is down, and that the page comes back by itself."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e import browser as browsers
from tests.e2e.browser import Person
from tests.e2e.conftest import House, Project, first_person, signed_in
from tests.e2e.stack import running_stack

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def frail(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """An installation that may be broken."""
    async with running_stack(tmp_path_factory.mktemp("frail"), PILOTHOUSE_TELEMETRY__QUERY_TIMEOUT_S="4") as (
        stack,
        fake,
    ):
        await first_person(stack)
        yield House(stack, fake, await signed_in(chromium, stack.platform_url))


@pytest_asyncio.fixture(loop_scope="session")
async def ada(chromium: Browser, frail: House) -> AsyncIterator[Person]:
    """Return a person who is signed in to it."""
    async with browsers.person(chromium, frail.stack.platform_url, frail.state) as one:
        one.watch.allow(r"status of 50\d", "ERR_CONNECTION", "ERR_INCOMPLETE", "ERR_EMPTY_RESPONSE", "ERR_NETWORK")
        yield one


async def _used(frail: House, name: str) -> Project:
    project = await frail.project(name)
    for number in range(3):
        await project.call(f"before {number}")
    await project.kept(3)
    return project


async def test_the_store_is_down(frail: House, ada: Person) -> None:
    # a store that goes on after a standstill gives up what it was asked before it
    ada.watch.allow("status of 422")
    project = await _used(frail, "Store down")
    (store,) = frail.stack.processes("store")
    store.suspend()
    try:
        await ada.open("/traces", project=project.id)
        state = ada.page.get_by_role("alert")
        await expect(state).to_contain_text("store_unavailable", timeout=45_000)
        await expect(state).to_contain_text("Telemetry store unavailable")
        await expect(ada.button("Try again")).to_be_visible()
        assert await ada.barriers() == []
        await ada.shot("store-down")
        assert (await project.call("meanwhile")).status_code == 200
    finally:
        store.resume()
    await ada.button("Try again").click()
    table = ada.page.get_by_role("table", name="Traces")
    await expect(table).to_contain_text("before 2", timeout=30_000)
    await project.kept(4)
    await ada.page.get_by_role("button", name="Refresh").click()
    await expect(table).to_contain_text("meanwhile")


async def test_the_platform_is_killed_under_the_page(frail: House, ada: Person) -> None:
    project = await _used(frail, "Platform down")
    await ada.open("/traces", project=project.id, live="1")
    live = ada.page.locator("button[aria-pressed=true]")
    await expect(live).to_have_text("Live")
    await expect(ada.page.get_by_role("table", name="Traces")).to_contain_text("before 2")
    await frail.stack.kill("platform")
    await expect(live).to_have_text("Reconnecting")
    await expect(ada.page.get_by_role("table", name="Traces")).to_contain_text("before 2")
    await ada.shot("platform-down")
    await frail.stack.ready(frail.stack.platform_url)
    await expect(live).to_have_text("Live", timeout=30_000)
    await project.call("after")
    await expect(ada.button(re.compile(r"^\d new"))).to_be_visible()
    await ada.page.reload()
    await expect(ada.page.get_by_role("table", name="Traces")).to_contain_text("after")
