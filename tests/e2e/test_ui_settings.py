"""Settings: keys, provider accounts, routes and projects, each used at once after it was made."""

import asyncio
import re
import time
from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, expect

from pilothouse.providers.fake import FakeProvider
from tests.e2e.browser import Person
from tests.e2e.conftest import House, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SECRET = re.compile(r"ph_[0-9A-Za-z]{46}")


def _row(ada: Person, text: str) -> Locator:
    return ada.page.get_by_role("row").filter(has_text=text)


async def _call(house: House, secret: str, model: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {secret}"}
    body = {"model": model, "messages": [{"role": "user", "content": "Say hello."}]}
    async with httpx.AsyncClient(base_url=house.stack.gateway_url, trust_env=False) as client:
        return await client.post("/v1/chat/completions", json=body, headers=headers)


async def test_a_key_from_birth_to_end(house: House, ada: Person) -> None:
    project = await house.project("Keys")
    await ada.open("/settings/keys", project=project.id)
    await ada.button("New key").click()
    dialog = ada.dialog()
    await dialog.get_by_label("Name").fill("support-bot")
    await dialog.get_by_role("combobox", name="Models").fill("up/*")
    await ada.page.keyboard.press("Enter")
    await ada.page.keyboard.press("Tab")
    await dialog.get_by_role("combobox", name="Expires").click()
    await ada.page.get_by_role("option", name="In 7 days").click()
    await ada.shot("key-new")
    assert await ada.barriers() == []
    await dialog.get_by_role("button", name="Create key").click()
    await expect(dialog).to_contain_text("It is shown this once")
    found = SECRET.search(await dialog.inner_text())
    assert found
    secret = found[0]
    assert await house.stack.knows(secret, timeout_s=5) < 1
    await ada.shot("key-secret")

    await dialog.get_by_role("button", name="I have copied it").click()
    await expect(ada.dialog()).to_have_count(0)
    await expect(_row(ada, "support-bot")).to_contain_text("active")
    await expect(_row(ada, "support-bot")).to_contain_text("in 7 days")
    await expect(_row(ada, "support-bot")).to_contain_text("up/*")
    assert secret not in await ada.page.content()
    await ada.page.reload()
    await expect(_row(ada, "support-bot")).to_be_visible()
    assert secret not in await ada.page.content()
    assert (await _call(house, secret, "up/fake-chat")).status_code == 200
    outside = await _call(house, secret, "priced/gpt-4o-mini")
    assert outside.status_code == 403
    assert outside.headers["x-pilothouse-error"] == "model_forbidden"

    await ada.button("Revoke support-bot").click()
    await expect(ada.dialog()).to_contain_text("refused within a second")
    await ada.dialog().get_by_role("button", name="Cancel").click()
    await expect(ada.dialog()).to_have_count(0)
    assert (await _call(house, secret, "up/fake-chat")).status_code == 200
    await ada.button("Revoke support-bot").click()
    await ada.dialog().get_by_role("button", name="Revoke support-bot").click()
    await expect(_row(ada, "support-bot")).to_contain_text("revoked")
    revoked = time.monotonic()
    while (answer := await _call(house, secret, "up/fake-chat")).status_code == 200:
        assert time.monotonic() - revoked < 1
    assert answer.headers["x-pilothouse-error"] == "key_revoked"


async def test_test_button_of_a_provider_form(house: House, ada: Person) -> None:
    async with FakeProvider(expect_key="sk-right") as provider:
        await ada.open("/settings/providers", new="1")
        dialog = ada.dialog()
        await dialog.get_by_label("Provider").first.click()
        await ada.page.get_by_role("option", name="OpenAI-compatible server").click()
        address, key = dialog.get_by_label("Address"), dialog.get_by_role("textbox", name="Key")
        result = dialog.get_by_role("alert").or_(dialog.get_by_role("status"))

        async def test() -> Locator:
            async with ada.page.expect_response(re.compile("/test$")):
                await dialog.get_by_role("button", name="Test", exact=True).click()
            return result

        await address.fill(provider.base_url)
        await key.fill("sk-wrong")
        await expect(await test()).to_contain_text("upstream_auth")
        await ada.shot("provider-wrong-key")
        await key.fill("sk-right")
        await expect(await test()).to_contain_text(re.compile(r"Answered in .* with \d+ models"))
        await expect(dialog).to_contain_text("fake-chat")
        await ada.shot("provider-tested")
        provider.script("html-200")
        await expect(await test()).to_contain_text("leads to a web page")
        provider.script("html-502")
        await expect(await test()).to_contain_text("502")
        await address.fill("http://127.0.0.1:9/v1")
        await expect(await test()).to_contain_text("upstream_unreachable")
        await address.fill("not an address")
        ada.watch.allow("status of 400")
        await dialog.get_by_role("button", name="Test", exact=True).click()
        await expect(dialog).to_contain_text(re.compile("address|URL", re.IGNORECASE))


async def test_an_account_is_added_used_and_disabled(house: House, ada: Person) -> None:
    project = await house.project("Accounts")
    async with FakeProvider(expect_key="sk-right") as provider:
        await ada.open("/settings/providers", project=project.id)
        await ada.button("Add account").click()
        dialog = ada.dialog()
        await dialog.get_by_label("Provider").first.click()
        await ada.page.get_by_role("option", name="OpenAI-compatible server").click()
        await dialog.get_by_label("Name").fill("harbour")
        await dialog.get_by_label("Address").fill(provider.base_url)
        await dialog.get_by_role("textbox", name="Key").fill("sk-right")
        assert await ada.barriers() == []
        await dialog.get_by_role("button", name="Add account").click()
        await expect(_row(ada, "harbour")).to_contain_text("enabled")
        await expect(ada.dialog()).to_have_count(0)
        assert "sk-right" not in await ada.page.content()
        await ada.button("Test harbour").click()
        await expect(_row(ada, "harbour")).to_contain_text("models")
        await ada.shot("providers")
        assert await _becomes(house, project.secret, "harbour/fake-chat", 200) < 1

        await ada.button("Actions for harbour").click()
        await ada.page.get_by_role("menuitem", name="Disable").click()
        await expect(_row(ada, "harbour")).to_contain_text("disabled")
        assert await _becomes(house, project.secret, "harbour/fake-chat", 404) < 1
        await ada.button("Actions for harbour").click()
        await ada.page.get_by_role("menuitem", name="Enable").click()
        await expect(_row(ada, "harbour")).to_contain_text("enabled")
        assert await _becomes(house, project.secret, "harbour/fake-chat", 200) < 1

        await ada.button("Actions for harbour").click()
        await ada.page.get_by_role("menuitem", name="Delete").click()
        await expect(ada.dialog()).to_contain_text("The stored provider key is erased")
        await ada.dialog().get_by_role("button", name="Delete harbour").click()
        await expect(_row(ada, "harbour")).to_have_count(0)


async def _becomes(house: House, secret: str, model: str, status: int) -> float:
    """Call until the answer has that status; returns the seconds it took."""
    began = time.monotonic()
    while (await _call(house, secret, model)).status_code != status:
        assert time.monotonic() - began < 5, f"{model} never answered {status}"
    return time.monotonic() - began


async def test_a_route_is_made_and_called_through(house: House, ada: Person) -> None:
    project = await house.project("Routes")
    await ada.open("/settings/routes", project=project.id)
    await expect(ada.page.get_by_role("heading", name="No route yet")).to_be_visible()
    await ada.shot("routes-empty")
    await ada.button("New route").click()
    dialog = ada.dialog()
    await dialog.get_by_label("Name").fill("fast")
    for number, (account, model) in enumerate((("up", "fake-chat"), ("priced", "gpt-4o-mini")), 1):
        await dialog.get_by_role("combobox", name=f"Account of target {number}").click()
        await ada.page.get_by_role("option", name=account, exact=True).click()
        await dialog.get_by_role("combobox", name=f"Model of target {number}").fill(model)
        await ada.page.keyboard.press("Escape")
        if number == 1:
            await dialog.get_by_role("button", name="Add a target").click()
    await dialog.get_by_label("Weight of target 1").fill("3")
    await ada.shot("route-new")
    await dialog.get_by_role("button", name="Create route").click()
    await expect(_row(ada, "fast")).to_contain_text("up/fake-chat")
    await expect(_row(ada, "fast")).to_contain_text("75.0%")
    await ada.shot("routes")
    assert await _becomes(house, project.secret, "fast", 200) < 1
    trace = await _last_through(house, project, "fast")
    await ada.open(f"/traces/{trace['trace_id']}", project=project.id, tab="details")
    await expect(ada.page.get_by_role("tabpanel")).to_contain_text("fast")

    await ada.open("/settings/routes", project=project.id)
    await ada.button("Delete fast").click()
    await ada.dialog().get_by_role("button", name="Delete fast").click()
    await expect(ada.page.get_by_role("heading", name="No route yet")).to_be_visible()
    assert await _becomes(house, project.secret, "fast", 404) < 1


async def _last_through(house: House, project: Project, route: str) -> dict[str, Any]:
    """Return the trace of a call that went through the route, once it is kept."""
    async with asyncio.timeout(10):
        while True:
            found = [each for each in await house.stack.traces_of(project.id) if route in str(each["name"])]
            if found and found[0]["status"] == "ok":
                return found[0]
            await asyncio.sleep(0.05)


async def test_projects_keep_their_traces_to_themselves(house: House, ada: Person) -> None:
    first = await house.project("Isolation one")
    await first.call("secret of the first")
    (trace,) = await first.kept(1)
    await ada.open("/settings/projects", project=first.id)
    await ada.button("New project").click()
    await ada.dialog().get_by_label("Name").fill("Isolation two")
    await ada.dialog().get_by_role("button", name="Create project").click()
    await expect(_row(ada, "Isolation two")).to_be_visible()
    await ada.shot("projects")

    await ada.page.get_by_role("button", name=re.compile("^Project Isolation one")).click()
    await ada.page.get_by_role("menuitem", name="Isolation two").click()
    await expect(ada.page.get_by_role("button", name=re.compile("^Project Isolation two"))).to_be_visible()
    await ada.page.get_by_role("navigation", name="Main").get_by_role("link", name="Traces").click()
    await expect(ada.page.get_by_role("heading", name="No traces in this time range")).to_be_visible()
    second = re.search(r"project=([0-9a-f-]+)", ada.page.url)
    assert second
    ada.watch.allow("status of 404")
    await ada.open(f"/traces/{trace['trace_id']}", project=second[1])
    await expect(ada.page.get_by_role("alert")).to_contain_text("not_found")
    await ada.open("/traces", project=first.id)
    await expect(ada.page.get_by_role("table", name="Traces")).to_contain_text("secret of the first")
