"""The page of batches: a batch sent by a client runs before the reader's eyes, and its answers are downloaded there."""

import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from pilothouse.providers.fake import Answer
from tests.e2e.browser import MEDIUM, PHONE, Person
from tests.e2e.conftest import House, OpenPage, Project

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def _lines(*contents: object) -> bytes:
    lines = [
        {
            "custom_id": f"case-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "up/fake-chat", "messages": [{"role": "user", "content": content}]},
        }
        for number, content in enumerate(contents)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


async def _send(project: Project, lines: bytes) -> str:
    async with project.client() as client:
        files = {"file": ("lines.jsonl", lines, "application/jsonl")}
        kept = await client.post("/v1/files", data={"purpose": "batch"}, files=files)
        assert kept.status_code == 200, kept.text
        body = {"input_file_id": kept.json()["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        made = await client.post("/v1/batches", json={**body, "metadata": {"run": "nightly"}})
        assert made.status_code == 200, made.text
        batch_id: str = made.json()["id"]
        return batch_id


async def test_without_batches_the_page_says_how_to_send_one(house: House, ada: Person) -> None:
    project = await house.project("No batches")
    await ada.open("/batches", project=project.id)
    await expect(ada.page.get_by_role("heading", name="No batches yet")).to_be_visible()
    await expect(ada.page.get_by_text("client.batches.create")).to_be_visible()
    assert await ada.barriers() == []


async def test_a_batch_runs_before_the_readers_eyes(house: House, ada: Person, tmp_path: Path) -> None:
    project = await house.project("Batches")
    house.fake.script(Answer(status=400), Answer())
    batch_id = await _send(project, _lines("Say hello.", "Say it again.", "And again."))
    await ada.open("/batches", project=project.id)
    row = ada.page.get_by_role("row").filter(has_text=batch_id[-10:])
    await expect(row).to_contain_text("Completed")
    await row.click()
    panel = ada.page.get_by_role("complementary", name=f"batch {batch_id}")
    await expect(panel).to_contain_text("2 answered · 1 failed · 0 to go")
    await expect(panel).to_contain_text("one by one")
    await expect(panel).to_contain_text("nightly")
    await ada.shot("batch")
    assert await ada.barriers() == []
    async with ada.page.expect_download() as download:
        await panel.get_by_role("button", name="Answers").click()
    saved = tmp_path / "answers.jsonl"
    await (await download.value).save_as(saved)
    answers = [json.loads(line) for line in saved.read_text().splitlines()]
    assert len({answer["custom_id"] for answer in answers}) == 2
    assert all(answer["response"]["status_code"] == 200 for answer in answers)
    await ada.page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)


async def test_a_file_that_cannot_be_worked_on_says_why(house: House, ada: Person) -> None:
    project = await house.project("Broken batch")
    batch_id = await _send(project, _lines("Say hello.") + b"{not json\n")
    await ada.open("/batches", project=project.id, batch=batch_id)
    panel = ada.page.get_by_role("complementary", name=f"batch {batch_id}")
    await expect(panel).to_contain_text("Why it failed")
    await expect(panel).to_contain_text("line 2")


@pytest.mark.parametrize("size", [MEDIUM, PHONE], ids=["medium", "phone"])
async def test_narrow_screens_scroll_the_list_and_not_the_page(
    house: House, page_for: OpenPage, size: tuple[int, int]
) -> None:
    project = await house.project(f"Narrow {size[0]}")
    batch_id = await _send(project, _lines("Say hello."))
    ada = await page_for(size=size)
    await ada.open("/batches", project=project.id, batch=batch_id)
    await expect(ada.page.get_by_role("complementary", name=f"batch {batch_id}")).to_contain_text("1 answered")
    assert await ada.sideways() == []
