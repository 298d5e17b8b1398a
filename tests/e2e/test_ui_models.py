"""The catalog of models: found, compared, priced and opened, by hand and by keyboard."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.e2e import browser as browsers
from tests.e2e.browser import MEDIUM, PHONE, WIDE, Person
from tests.e2e.conftest import first_person, signed_in
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OWN = """
[[price]]
account = "azure-eu"
model = "support-bot"
like = "openai/gpt-4o"

[[price]]
account = "nowhere"
model = "*"
input_usd = 1
"""
MANY = [f"model-{number:03}" for number in range(400)]


class Shop:
    """An installation whose accounts list models of every kind."""

    def __init__(self, stack: Stack, state: Any) -> None:
        self.stack = stack
        self.state = state
        self.own = stack.data.parent / "prices.toml"

    async def add(self, name: str, provider: str, *models: str, **more: Any) -> None:
        async with self.stack.api() as api:
            body = {"name": name, "provider": provider, "models": models, "secret": "sk-x" * 8, **more}
            answer = await api.post("/providers", json=body)
            assert answer.status_code == 201, answer.text

    async def route(self, name: str, *targets: tuple[str, str, int]) -> None:
        async with self.stack.api() as api:
            body = {"targets": [{"account": a, "model": m, "weight": weight} for a, m, weight in targets]}
            answer = await api.put(f"/routes/{name}", json=body)
            assert answer.status_code == 200, answer.text


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    own = folder / "prices.toml"
    own.write_text(OWN)
    stack = Stack(folder, PILOTHOUSE_INGEST__PRICES=str(own))
    try:
        await stack.start()
        await first_person(stack)
        yield Shop(stack, await signed_in(chromium, stack.platform_url))
    finally:
        stack.kill_all()


@pytest_asyncio.fixture(loop_scope="session")
async def ada(chromium: Browser, shop: Shop) -> AsyncIterator[Person]:
    async with browsers.person(chromium, shop.stack.platform_url, shop.state) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stocked(shop: Shop) -> Shop:
    """The installation with accounts and routes of every kind."""
    await shop.add("openai", "openai", "gpt-5.5", "gpt-4o", "gpt-4o-mini", "o1-mini", "text-embedding-3-small")
    await shop.add("azure-eu", "azure_openai", "support-bot", base_url="https://acme.openai.azure.com")
    await shop.add("gpu", "vllm", "qwen3-32b", base_url="http://10.0.0.5:8000/v1")
    await shop.add("harbour", "openai_compatible", "acme-9000", base_url="http://10.0.0.6:8000/v1")
    await shop.add("old", "openai", "gpt-4", enabled=False)
    await shop.add("zoo", "openai_compatible", *MANY, base_url="http://10.0.0.7:8000/v1")
    await shop.route("fast", ("openai", "gpt-4o-mini", 3), ("gpu", "qwen3-32b", 1))
    await shop.route("smart", ("openai", "gpt-5.5", 1))
    return shop


def _row(ada: Person, name: str) -> Locator:
    return ada.page.get_by_role("row").filter(has=ada.page.get_by_role("link", name=name, exact=True))


def _panel(ada: Person, name: str) -> Locator:
    return ada.page.get_by_role("complementary", name=name)


async def test_without_models_it_says_where_they_come_from(shop: Shop, ada: Person) -> None:
    await ada.open("/settings/models")
    await expect(ada.page.get_by_role("heading", name="No model yet")).to_be_visible()
    await ada.shot("models-empty")
    assert await ada.barriers() == []
    await ada.page.get_by_role("link", name="Add a provider account").click()
    await expect(ada.dialog()).to_contain_text("Add a provider account")


async def test_every_model_stands_there_with_its_price(stocked: Shop, ada: Person) -> None:
    await ada.open("/settings/models")
    gpt = _row(ada, "openai/gpt-5.5")
    for text in ("OpenAI", "1M", "$5.00", "$10.00", "$30.00", "$2.50 / $15.00", "list price", "Tools"):
        await expect(gpt).to_contain_text(text)
    await expect(_row(ada, "azure-eu/support-bot")).to_contain_text("own price 1")
    await expect(_row(ada, "azure-eu/support-bot")).to_contain_text("$1.25")
    await expect(_row(ada, "gpu/qwen3-32b")).to_contain_text("free")
    await expect(_row(ada, "gpu/qwen3-32b")).to_contain_text("own hardware")
    await expect(_row(ada, "harbour/acme-9000")).to_contain_text("unpriced")
    await expect(_row(ada, "harbour/acme-9000")).to_contain_text("not known")
    await expect(_row(ada, "harbour/acme-9000")).not_to_contain_text("$")
    await expect(_row(ada, "fast")).to_contain_text("by target: 75.0% openai/gpt-4o-mini · 25.0% gpu/qwen3-32b")
    await expect(_row(ada, "fast")).not_to_contain_text("$")
    await expect(_row(ada, "smart")).to_contain_text("$30.00")


async def test_it_is_searched_filtered_and_sorted_and_the_url_keeps_it(stocked: Shop, ada: Person) -> None:
    await ada.open("/settings/models")
    await expect(_row(ada, "openai/gpt-4o")).to_be_visible()
    await ada.page.keyboard.press("/")
    await ada.page.keyboard.type("gpt-4o")
    await expect(_row(ada, "harbour/acme-9000")).to_have_count(0)
    await expect(ada.page).to_have_url(re.compile("text=gpt-4o"))
    await ada.button("Clear", exact=True).click()
    await ada.button("Can").click()
    await ada.page.get_by_role("checkbox", name=re.compile("Thinking")).check()
    await ada.page.keyboard.press("Escape")
    await expect(_row(ada, "openai/o1-mini")).to_be_visible()
    await expect(_row(ada, "gpu/qwen3-32b")).to_have_count(0)
    await ada.button("Output").click()
    await ada.button("Output").click()
    names = ada.page.get_by_role("rowgroup").get_by_role("link")
    await expect(names.nth(0)).to_have_text(re.compile("gpt-5.5|smart"))
    await ada.page.reload()
    await expect(names.last).to_have_text("openai/o1-mini")
    await expect(ada.page.get_by_role("columnheader", name="Output")).to_have_attribute("aria-sort", "descending")


async def test_a_row_opens_everything_about_its_model_by_keyboard(stocked: Shop, ada: Person) -> None:
    await ada.open("/settings/models", text="openai/")
    await expect(_row(ada, "openai/gpt-5.5")).to_be_visible()
    for key in ("j", "j", "k", "Enter"):
        await ada.page.keyboard.press(key)
    first = await ada.page.get_by_role("rowgroup").get_by_role("link").first.inner_text()
    panel = ada.page.get_by_role("complementary")
    await expect(panel).to_have_attribute("aria-label", first)
    await expect(panel).to_be_focused()
    await ada.page.keyboard.press("j")
    await expect(panel).not_to_have_attribute("aria-label", first)
    await ada.page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)

    await _row(ada, "openai/gpt-5.5").get_by_role("cell").nth(3).click()
    panel = _panel(ada, "openai/gpt-5.5")
    await expect(panel.get_by_role("columnheader", name="batch")).to_be_visible()
    await expect(panel.get_by_role("row", name=re.compile("above 272k tokens in \\$10.00"))).to_be_visible()
    await expect(panel).to_contain_text("genai-prices")
    await ada.shot("models-open")
    assert await ada.barriers() == []
    await panel.get_by_role("link", name="Its traces").click()
    await expect(ada.page).to_have_url(re.compile(r"/traces\?.*model:gpt-5.5"))


async def test_an_unpriced_model_teaches_how_to_price_it(stocked: Shop, ada: Person) -> None:
    await ada.open("/settings/models", text="acme")
    await ada.page.get_by_role("link", name="Set a price").click()
    panel = _panel(ada, "harbour/acme-9000")
    await expect(panel).to_contain_text('model = "acme-9000"')
    async with ada.page.context.expect_page() as opened:
        await panel.get_by_role("link", name="How prices are set").first.click()
    guide = await opened.value
    await expect(guide.get_by_role("heading", name="Your own prices")).to_be_visible()
    await guide.close()

    snippet = await panel.locator("pre").first.inner_text()
    before = stocked.own.read_text()
    stocked.own.write_text(f"{before}\n{snippet}\n")
    async with asyncio.timeout(15):
        while "own price 3" not in await panel.inner_text():
            await asyncio.sleep(0.3)
            await ada.page.reload()
            await expect(panel.get_by_role("heading", name="Price", exact=False).first).to_be_visible()
    await expect(_row(ada, "harbour/acme-9000")).to_contain_text("$0.10")
    stocked.own.write_text("[[price]]\nmodel = 'a'\ninput_usd = 'much'\n")
    async with asyncio.timeout(15):
        while await ada.page.get_by_role("alert").count() == 0:
            await asyncio.sleep(0.3)
            await ada.page.reload()
            await expect(_row(ada, "harbour/acme-9000")).to_be_visible()
    await expect(ada.page.get_by_role("alert")).to_contain_text("input_usd")
    await expect(_row(ada, "harbour/acme-9000")).to_contain_text("$0.10")
    stocked.own.write_text(before)


async def test_the_prices_in_use_are_listed(stocked: Shop, ada: Person) -> None:
    await ada.open("/settings/models")
    await ada.button(re.compile("^Prices in use"), exact=False).click()
    panel = _panel(ada, "Prices in use")
    await expect(panel).to_contain_text("genai-prices")
    await expect(panel.get_by_role("listitem").nth(0)).to_contain_text("like openai/gpt-4o")
    await expect(panel.get_by_role("listitem").nth(0)).to_contain_text("fits 1 model")
    await expect(panel.get_by_role("listitem").nth(1)).to_contain_text("fits no model of this list")
    await ada.shot("models-prices")
    assert await ada.barriers() == []


async def test_a_model_that_no_account_lists_is_looked_up(stocked: Shop, ada: Person) -> None:
    await ada.open("/settings/models", text="openai/gpt-4-turbo")
    await ada.button("Look up openai/gpt-4-turbo").click()
    await expect(_panel(ada, "openai/gpt-4-turbo")).to_contain_text("not listed")
    await expect(_panel(ada, "openai/gpt-4-turbo")).to_contain_text("$10.00")
    await ada.open("/settings/models", model="nowhere/x")
    await expect(_panel(ada, "nowhere/x")).to_contain_text("No account answers to nowhere/x")


async def test_four_hundred_models_are_drawn_only_where_they_are_seen(stocked: Shop, ada: Person) -> None:
    await ada.open("/settings/models", model="zoo/model-390")
    await expect(_row(ada, "zoo/model-390")).to_be_in_viewport()
    assert await ada.page.get_by_role("row").count() < 80


@pytest.mark.parametrize("size", [WIDE, MEDIUM, PHONE])
async def test_it_looks_right_at_every_width(stocked: Shop, ada: Person, size: tuple[int, int]) -> None:
    await ada.page.set_viewport_size({"width": size[0], "height": size[1]})
    for name, search in (("list", {}), ("panel", {"model": "openai/gpt-5.5"}), ("route", {"model": "fast"})):
        await ada.open("/settings/models", **search)
        await expect(ada.page.get_by_role("table", name="Models")).to_contain_text("gpt-4o")
        await expect(ada.page.locator("[class*=skeleton]")).to_have_count(0)
        for scheme in ("light", "dark"):
            await ada.page.emulate_media(color_scheme=scheme)
            await ada.shot(f"models-{name}-{size[0]}-{scheme}")
        assert await ada.sideways() == []
        assert await ada.barriers() == []


async def test_the_palette_leads_here(stocked: Shop, ada: Person) -> None:
    await ada.open("/")
    await expect(ada.page.get_by_role("navigation", name="Main")).to_be_visible()
    await ada.page.keyboard.press("Control+k")
    await ada.dialog().get_by_role("combobox").fill("models")
    await ada.page.keyboard.press("Enter")
    await expect(ada.page.get_by_role("table", name="Models")).to_be_visible()


async def test_an_account_takes_several_keys(stocked: Shop, ada: Person) -> None:
    await ada.open("/settings/providers", new="1")
    dialog = ada.dialog()
    keys = dialog.get_by_role("textbox", name="Keys")
    await keys.fill("3 sk-first-0123456789-abcd\n1 sk-second-0123456789-abcd")
    await expect(dialog).to_contain_text("2 keys take turns: 75.0%, 25.0% of the calls")
    hidden = "element => getComputedStyle(element).webkitTextSecurity"
    assert await keys.evaluate(hidden) == "disc"
    await ada.button("Show the keys").click()
    assert await keys.evaluate(hidden) != "disc"
    await dialog.get_by_label("Name").fill("pair")
    await dialog.get_by_role("button", name="Add account").click()
    await expect(ada.page.get_by_role("row").filter(has_text="pair")).to_contain_text("sk-…abcd and 1 more")
