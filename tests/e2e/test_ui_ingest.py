"""The page of what became of telemetry: how to send some, what came, and what was wrong with it."""

import httpx
import pytest
from playwright.async_api import expect

from tests.e2e.browser import PHONE, Person
from tests.e2e.conftest import House, OpenPage
from tests.server.otlp_requests import PROTOBUF, trace_request

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_without_telemetry_the_page_says_how_to_send_some(house: House, ada: Person) -> None:
    project = await house.project("Silent")
    await ada.open("/settings/ingest", project=project.id)
    await expect(ada.page.get_by_text("No telemetry came in this time")).to_be_visible()
    await expect(ada.page.get_by_text("OTEL_EXPORTER_OTLP_ENDPOINT")).to_be_visible()
    assert await ada.barriers() == []


async def test_what_came_and_what_was_wrong_is_shown(house: House, page_for: OpenPage) -> None:
    project = await house.project("Telemetry")
    secret = await project.create_key("sender", permissions=["ingest", "inference"])
    headers = {**PROTOBUF, "authorization": f"Bearer {secret}", "user-agent": "probe/1.2"}
    async with httpx.AsyncClient(base_url=house.stack.platform_url, headers=headers, trust_env=False) as client:
        for body in (trace_request(7, zero_ids=2).SerializeToString(), b"this is no request"):
            await client.post("/v1/traces", content=body)
    for person in (await page_for(), await page_for(size=PHONE)):
        await person.open("/settings/ingest", project=project.id)
        row = person.page.get_by_role("row").filter(has_text="probe 1.2")
        await expect(row).to_contain_text("OTLP/HTTP")
        await expect(row.get_by_role("cell").nth(3)).to_have_text("7")
        await expect(row.get_by_role("cell").nth(4)).to_have_text("7")
        await expect(person.page.get_by_text("2 items rejected: trace_id_invalid")).to_be_visible()
        await expect(person.page.get_by_text("1 request refused: invalid_request")).to_be_visible()
        assert await person.barriers() == []
        assert await person.sideways() == []
        await person.shot("ingest")
