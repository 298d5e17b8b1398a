"""The pages of prompts and datasets: versions, what is new, a label that moves, items, experiments."""

from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.browser import PHONE
from tests.e2e.conftest import House, OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def _fill(client: httpx.AsyncClient) -> None:
    async def post(path: str, **body: Any) -> dict[str, Any]:
        answer = await client.post(f"/api/v1{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    for words in ("Answer in one sentence.", "Answer in two short sentences."):
        content = [{"role": "system", "content": words}, {"role": "user", "content": "{{question}}"}]
        await post("/prompts", name="support/answer", content=content, labels=["production"], message=words[:10])
    await post("/datasets", name="questions", description="Of March")
    items = [{"id": f"e2e-{n}", "input": {"q": f"Number {n}?"}, "expected_output": "yes"} for n in range(3)]
    await post("/datasets/questions/items", items=items)
    run = await post("/experiments", name="first run", dataset="questions")
    await post(f"/experiments/{run['id']}/items", items=[{"item_id": "e2e-1", "trace_id": "ab" * 16}])


async def test_prompts_and_datasets(house: House, page_for: OpenPage) -> None:
    project = await house.project("Library")
    secret = await project.create_key("author", permissions=["read", "write"])
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=house.stack.platform_url, headers=headers, trust_env=False) as client:
        await _fill(client)
    person = await page_for()
    page = person.page
    await person.open("/prompts", project=project.id)
    await expect(page.get_by_role("heading", name="support/answer")).to_be_visible()
    await expect(page.get_by_text("Answer in two short sentences.")).to_be_visible()
    await page.get_by_role("combobox", name="Compare with").click()
    await page.get_by_role("option", name="v1").click()
    await expect(page.locator("del", has_text="one")).to_be_visible()
    await expect(page.locator("ins", has_text="two")).to_be_visible()
    assert await person.barriers() == []
    await person.shot("prompts")
    await page.get_by_label("Versions").get_by_text("v1").click()
    await page.get_by_label("Label", exact=True).fill("staging")
    await page.get_by_role("button", name="Move label to v1").click()
    await expect(page.get_by_label("Versions").get_by_text("staging")).to_be_visible()
    await person.open("/datasets", project=project.id)
    await page.get_by_label("Items").get_by_text("Number 1?").click()
    await expect(page.get_by_text("e2e-1")).to_be_visible()
    assert await person.barriers() == []
    await person.shot("datasets")
    await page.get_by_role("tab", name="Experiments").click()
    await page.get_by_label("Experiments").get_by_text("first run").click()
    await expect(page.get_by_text("of the item e2e-1")).to_be_visible()
    phone = await page_for(size=PHONE, scheme="dark")
    await phone.open("/prompts", project=project.id)
    await expect(phone.page.get_by_role("heading", name="support/answer")).to_be_visible()
    assert await phone.sideways() == []
    await phone.shot("prompts-phone")
