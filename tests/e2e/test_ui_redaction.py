"""The page of redaction: rules, a sample tried with them at once, and telemetry that is redacted from then on."""

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.browser import PHONE
from tests.e2e.conftest import House, OpenPage
from tests.server.otlp_requests import PROTOBUF, trace_request

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
CANARY = "canary.of.the.page@example.com"


async def test_a_draft_is_tried_at_once_and_in_force_once_it_is_saved(house: House, page_for: OpenPage) -> None:
    project = await house.project("Redacted")
    secret = await project.create_key("sender", permissions=["ingest", "read"])
    person = await page_for()
    page = person.page
    await person.open("/settings/redaction", project=project.id)
    await expect(page.get_by_text("It works forward only")).to_be_visible()
    await page.get_by_label("Sample").fill(f"write to {CANARY}, order ORD-123456")
    result = page.get_by_test_id("redaction-result")
    await expect(result).to_contain_text(CANARY)
    await page.get_by_label("What to do with email").select_option("hash")
    await page.get_by_role("button", name="Add a pattern").click()
    await page.get_by_label("Expression of pattern 1").fill("ORD-[0-9]+")
    await page.get_by_label("Name of pattern 1").fill("order")
    await expect(result).to_contain_text("order [ORDER]")
    await expect(result).to_contain_text("[EMAIL:")
    await expect(page.get_by_text("email × 1, order × 1")).to_be_visible()
    assert await person.barriers() == []
    await person.shot("redaction")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Version 1, changed")).to_be_visible()
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=house.stack.platform_url, headers=headers, trust_env=False) as client:
        body = trace_request(1, text=f"mail {CANARY}").SerializeToString()
        tried = await client.post("/v1/traces", content=body, headers=PROTOBUF)
        assert tried.status_code == 200
    phone = await page_for(size=PHONE, scheme="dark")
    await phone.open("/settings/redaction", project=project.id)
    await expect(phone.page.get_by_text("Version 1, changed")).to_be_visible()
    assert await phone.sideways() == []
    await phone.shot("redaction-phone")
    (trace,) = await project.kept(1)
    async with httpx.AsyncClient(base_url=house.stack.platform_url, headers=headers, trust_env=False) as client:
        found = await client.get(f"/api/v1/traces/{trace['trace_id']}")
        assert "[EMAIL:" in found.text
        assert CANARY not in found.text
    files = [house.stack.log, *(path for path in house.stack.data.rglob("*") if path.is_file())]
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
