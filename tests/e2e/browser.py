"""A person's browser: Chromium, with a watch on what a page must never do."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Dialog, Error, Locator, Page, Request, async_playwright

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src/pilothouse/server/static"
SHOTS = ROOT / "artefacts/screenshots"
WIDE, MEDIUM, PHONE = (1440, 900), (900, 900), (390, 844)
TIMEOUT_MS = 15_000
_AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
_OWN_SCHEMES = frozenset({"data", "blob", "about"})
_RUN_AXE = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.map(({id, impact, help, nodes}) => (
    {id, impact, help, where: nodes.slice(0, 3).map((node) => node.html.slice(0, 200) + " " + node.failureSummary)}));
}"""
_SIDEWAYS = """() => [["page", document.documentElement], ["main", document.querySelector("main")]]
  .filter(([, element]) => element !== null && element.scrollWidth > element.clientWidth + 1)
  .map(([name, element]) => `${name}: ${element.scrollWidth} px in ${element.clientWidth}`)"""


def require() -> None:
    """Skip the test on a laptop without Chromium; fail in CI, and wherever the web UI is not built."""
    if not (STATIC / "index.html").is_file():
        pytest.fail("the web UI is not built: run `make web`")
    if shutil.which("chromium") is None:
        why = "Chromium is not installed: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@asynccontextmanager
async def chromium(*more: str) -> AsyncIterator[Browser]:
    """Run Debian's Chromium without a window; `more` are further arguments of its command line."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*_ARGUMENTS, *more])
        try:
            yield browser
        finally:
            await browser.close()


class Watch:
    """Notes errors on the console, failures of scripts, dialogs, and requests to any host but the product's own."""

    def __init__(self, base_url: str) -> None:
        self._host = urlsplit(base_url).netloc
        self._allowed: list[str] = []
        self.errors: list[str] = []
        self.strangers: list[str] = []

    def follow(self, page: Page) -> None:
        """Watch a page from now on."""
        page.on("console", self._console)
        page.on("pageerror", self._failed)
        page.on("request", self._requested)
        page.on("dialog", self._asked)

    def allow(self, *patterns: str) -> None:
        """Take errors that match as expected, such as the answer 401 to a wrong password."""
        self._allowed += patterns

    def check(self) -> None:
        """Fail when something was noted that nobody expected."""
        unexpected = [error for error in self.errors if not any(re.search(each, error) for each in self._allowed)]
        assert not unexpected, unexpected
        assert not self.strangers, f"the page asked another host: {self.strangers}"

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"console: {message.text} at {message.location.get('url', '')}")

    def _failed(self, error: Error) -> None:
        self.errors.append(f"script: {error}")

    async def _asked(self, dialog: Dialog) -> None:
        self.errors.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _requested(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in _OWN_SCHEMES and address.netloc != self._host:
            self.strangers.append(request.url)


class Person:
    """One person at one page of the product."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.base_url = base_url
        self.watch = Watch(base_url)
        self.watch.follow(page)

    async def open(self, path: str, **search: str | list[str]) -> None:
        """Go to a path of the UI; `search` are parameters as they stand in its URLs."""
        query = urlencode(search, doseq=True)
        await self.page.goto(f"{self.base_url}{path}{f'?{query}' if query else ''}")

    def button(self, name: str | re.Pattern[str], *, exact: bool = True) -> Locator:
        """Return the button of that name."""
        return self.page.get_by_role("button", name=name, exact=exact)

    def dialog(self) -> Locator:
        """Return what is open on top of the page."""
        return self.page.get_by_role("dialog")

    async def shot(self, name: str) -> None:
        """Keep a picture of the page for people to look at."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png")

    async def barriers(self) -> list[dict[str, Any]]:
        """Return the serious and critical findings of axe."""
        if not _AXE.is_file():
            pytest.fail("axe-core is missing: run `make web`")
        await self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = await self.page.evaluate(_RUN_AXE)
        return [each for each in found if each["impact"] in {"serious", "critical"}]

    async def sideways(self) -> list[str]:
        """Return what can be scrolled sideways and should not."""
        return await self.page.evaluate(_SIDEWAYS)


@asynccontextmanager
async def person(
    browser: Browser,
    base_url: str,
    state: Any = None,
    *,
    size: tuple[int, int] = WIDE,
    scheme: Literal["light", "dark"] = "light",
) -> AsyncIterator[Person]:
    """Open a page in a profile of its own, and check at the end that nothing went wrong on it."""
    context = await browser.new_context(
        storage_state=state,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(TIMEOUT_MS)
    try:
        one = Person(await context.new_page(), base_url)
        yield one
        one.watch.check()
    finally:
        await context.close()
