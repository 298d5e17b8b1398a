"""The official OpenAI SDK keeps files and runs batches, one by one and over every batch service."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
from openai import AsyncOpenAI
from openai.types import Batch, FileObject

from tests.gateway.batching import Batching, batching, jsonl, line

MODELS = {
    "up": "up/fake-chat",
    "openai": "openai/gpt-4o-mini",
    "anthropic": "anthropic/claude-haiku-4-5",
    "gemini": "gemini/gemini-2.5-flash",
}


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Batching]:
    async with batching(tmp_path) as running:
        for provider in ("openai", "anthropic", "gemini"):
            base_url = f"{running.fake.url}/v1beta" if provider == "gemini" else running.fake.base_url
            made = running.gateway.account(provider, base_url, provider=provider, open_models=True)
            running.gateway.accounts.append(made)
        running.gateway.publish()
        yield running


@pytest.fixture
async def client(at: Batching) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{at.gateway.url}/v1", api_key=at.gateway.secret, max_retries=0) as made:
        yield made


async def test_files(client: AsyncOpenAI) -> None:
    made: list[FileObject] = []
    for purpose in ("batch", "user_data", "vision"):
        content = (f"{purpose}.jsonl", b"{}\n" * 100_000)
        made.append(await client.files.create(file=content, purpose=purpose))  # type: ignore[arg-type]
    assert (made[0].filename, made[0].purpose, made[0].bytes, made[0].status) == (
        "batch.jsonl", "batch", 300_000, "processed",
    )  # fmt: skip
    assert [item.id async for item in client.files.list()] == [item.id for item in made[::-1]]
    listed = [item.id async for item in client.files.list(limit=1, order="asc")]
    assert listed == [item.id for item in made]
    assert [item.id async for item in client.files.list(purpose="vision")] == [made[2].id]
    assert await client.files.retrieve(made[1].id) == made[1]
    assert (await client.files.content(made[0].id)).content == b"{}\n" * 100_000
    gone = await client.files.delete(made[0].id)
    assert (gone.id, gone.deleted) == (made[0].id, True)
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(made[0].id)
    with pytest.raises(openai.BadRequestError, match="purpose"):
        await client.files.create(file=b"x", purpose="nonsense")  # type: ignore[arg-type]


async def test_an_expiry_of_its_own(client: AsyncOpenAI) -> None:
    made = await client.files.create(
        file=b"{}", purpose="batch", expires_after={"anchor": "created_at", "seconds": 7200}
    )
    assert made.expires_at == made.created_at + 7200


async def ended(client: AsyncOpenAI, batch: Batch) -> Batch:
    async with asyncio.timeout(20):
        for _ in iter(int, 1):
            batch = await client.batches.retrieve(batch.id)
            if batch.status in ("completed", "failed", "expired", "cancelled"):
                break
            await asyncio.sleep(0.01)
    return batch


@pytest.mark.parametrize("account", MODELS)
async def test_a_batch_to_its_end(at: Batching, client: AsyncOpenAI, account: str) -> None:
    at.fake.batches.script({"looks": 1, "lines": {"2": "400"}})
    lines = [line("good", MODELS[account]), line("bad", "up/fake-400" if account == "up" else MODELS[account])]
    file = await client.files.create(file=("in.jsonl", jsonl(lines)), purpose="batch")
    made = await client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"who": "me"}
    )
    assert made.status == "validating"
    assert [item.id async for item in client.batches.list(limit=1)] == [made.id]
    batch = await ended(client, made)
    assert (batch.status, batch.metadata, batch.errors) == ("completed", {"who": "me"}, None)
    assert batch.request_counts is not None
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (2, 1, 1)
    assert batch.output_file_id is not None
    assert batch.error_file_id is not None
    good = json.loads((await client.files.content(batch.output_file_id)).text)
    bad = json.loads((await client.files.content(batch.error_file_id)).text)
    assert (good["custom_id"], good["response"]["status_code"], good["error"]) == ("good", 200, None)
    completion = openai.types.chat.ChatCompletion.model_validate(good["response"]["body"])
    assert completion.choices[0].message.content
    assert (bad["custom_id"], bad["response"]["status_code"]) == ("bad", 400)
    with pytest.raises(openai.ConflictError):
        await client.batches.cancel(batch.id)


async def test_a_batch_that_fails_says_where(client: AsyncOpenAI) -> None:
    file = await client.files.create(file=("in.jsonl", b"{nope\n"), purpose="batch")
    made = await client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    batch = await ended(client, made)
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(item.code, item.line) for item in batch.errors.data] == [("invalid_json_line", 1)]


@pytest.mark.parametrize("account", ["up", "openai"])
async def test_a_batch_is_cancelled(at: Batching, client: AsyncOpenAI, account: str) -> None:
    at.fake.script("hang")
    at.fake.batches.script({"looks": 10_000})
    file = await client.files.create(file=("in.jsonl", jsonl([line("a", MODELS[account])])), purpose="batch")
    made = await client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    await at.end(made.id, "in_progress")
    assert (await client.batches.cancel(made.id)).cancelling_at
    batch = await ended(client, made)
    assert batch.status == "cancelled"
    assert batch.error_file_id is not None
    line_of = json.loads((await client.files.content(batch.error_file_id)).text)
    assert (line_of["response"], line_of["error"]["code"]) == (None, "batch_cancelled")
