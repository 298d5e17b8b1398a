"""Calls that name a file by its id reach every provider with the content in them."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.domain.clock import FakeClock
from pilothouse.domain.files import CHUNK_BYTES, File
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_files import KeptFiles
from tests.gateway.batching import CHAT, batching, database, line
from tests.gateway.harness import Gateway, gateway

PDF = b"%PDF-1.4 tiny"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
IDS = {"report.pdf": "1", "dot.png": "2", "note.txt": "3", "old.txt": "4", "theirs.txt": "5"}


def file_id(name: str) -> str:
    return f"file-{IDS[name] * 32}"


def address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"


async def keep(metadata: Metadata, name: str, data: bytes, **changes: Any) -> None:
    store = KeptFiles(metadata)
    file = File(file_id(name), "project", "k", name, "user_data", len(data), 1)
    file = msgspec.structs.replace(file, **changes)
    await store.begin(file)
    for n in range(-(-len(data) // CHUNK_BYTES)):
        await store.append(file.id, n, data[n * CHUNK_BYTES : (n + 1) * CHUNK_BYTES], 1)
    await store.complete(file)


@pytest.fixture
async def metadata(tmp_path: Path) -> AsyncIterator[Metadata]:
    async with database(tmp_path) as opened:
        await keep(opened, "report.pdf", PDF)
        await keep(opened, "dot.png", PNG)
        await keep(opened, "note.txt", "Grüße".encode())
        await keep(opened, "old.txt", b"old", expires_at_ns=5)
        await keep(opened, "theirs.txt", b"theirs", project_id="other")
        yield opened


@pytest.fixture
async def running(tmp_path: Path, metadata: Metadata) -> AsyncIterator[Gateway]:
    options = {"max_body_bytes": 3 * CHUNK_BYTES}
    async with gateway(tmp_path, FakeClock(), files=KeptFiles(metadata), **options) as up:
        for kind in ("openai", "anthropic"):
            up.accounts.append(up.account(kind, up.fake.base_url, provider=kind, models=(), open_models=True))
        up.publish()
        yield up


def chat(*parts: dict[str, Any], model: str = "up/fake-chat") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": [*parts]}]}


def named(name: str) -> dict[str, Any]:
    return {"type": "file", "file": {"file_id": file_id(name)}}


async def sent(running: Gateway, path: str, body: dict[str, Any]) -> Any:
    async with running.client() as client:
        answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return running.fake.requests[-1].json


async def test_a_chat(running: Gateway) -> None:
    body = chat(named("report.pdf"), named("dot.png"), {"type": "text", "text": "What is it?"})
    parts = (await sent(running, CHAT, body))["messages"][0]["content"]
    assert parts == [
        {"type": "file", "file": {"filename": "report.pdf", "file_data": address("application/pdf", PDF)}},
        {"type": "image_url", "image_url": {"url": address("image/png", PNG)}},
        {"type": "text", "text": "What is it?"},
    ]
    # What was asked is recorded as it was asked.
    assert json.loads((await running.record()).request_body) == body


async def test_a_chat_for_anthropic(running: Gateway) -> None:
    body = chat(named("report.pdf"), {"type": "text", "text": "What is it?"}, model="anthropic/m")
    parts = (await sent(running, CHAT, body))["messages"][0]["content"]
    source = {"type": "base64", "media_type": "application/pdf", "data": b64encode(PDF).decode()}
    assert [part["source"] for part in parts if part["type"] == "document"] == [source]


async def test_a_response(running: Gateway) -> None:
    content = [
        {"type": "input_file", "file_id": file_id("report.pdf")},
        {"type": "input_image", "file_id": file_id("dot.png"), "detail": "low"},
    ]
    body = {"model": "openai/gpt-4o-mini", "input": [{"role": "user", "content": content}]}
    parts = (await sent(running, "/v1/responses", body))["input"][0]["content"]
    assert parts == [
        {"type": "input_file", "filename": "report.pdf", "file_data": address("application/pdf", PDF)},
        {"type": "input_image", "image_url": address("image/png", PNG), "detail": "low"},
    ]


async def test_a_message(running: Gateway) -> None:
    content = [
        {"type": kind, "source": {"type": "file", "file_id": file_id(name)}}
        for kind, name in (("document", "report.pdf"), ("image", "dot.png"), ("document", "note.txt"))
    ]
    body = {"model": "anthropic/m", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}
    parts = (await sent(running, "/v1/messages", body))["messages"][0]["content"]
    assert [part["source"] for part in parts] == [
        {"type": "base64", "media_type": "application/pdf", "data": b64encode(PDF).decode()},
        {"type": "base64", "media_type": "image/png", "data": b64encode(PNG).decode()},
        {"type": "text", "media_type": "text/plain", "data": "Grüße"},
    ]


@pytest.mark.parametrize("name", ["old.txt", "theirs.txt"])
async def test_what_is_not_the_projects_is_left_as_it_is(running: Gateway, name: str) -> None:
    body = chat(named(name), {"type": "file", "file": {"file_id": "file-abc"}})
    assert (await sent(running, CHAT, body))["messages"] == body["messages"]


async def test_a_call_that_names_none_is_not_touched(running: Gateway) -> None:
    raw = b'{"model": "fake-chat",  "messages": [{"role": "user", "content": "a \\"file_id\\" of mine"}]}'
    async with running.client() as client:
        await client.post(CHAT, content=raw)
    assert running.fake.requests[-1].body == raw


async def test_files_too_large_for_a_call(running: Gateway, metadata: Metadata) -> None:
    big = f"file-{'6' * 32}"
    await keep(metadata, "report.pdf", b"x" * (3 * CHUNK_BYTES - 10), id=big)
    async with running.client() as client:
        refused = await client.post(CHAT, json=chat({"type": "file", "file": {"file_id": big}}))
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body_too_large")


async def test_without_the_database_only_calls_with_files_fail(running: Gateway, metadata: Metadata) -> None:
    await metadata.close()
    async with running.client() as client:
        assert (await client.post(CHAT, json=chat(named("dot.png")))).status_code == 503
        assert (await client.post(CHAT, json=chat({"type": "text", "text": "hi"}))).status_code == 200


async def test_lines_of_a_batch_with_files_run_by_themselves(tmp_path: Path) -> None:
    async with batching(tmp_path) as at:
        at.gateway.accounts.append(at.gateway.account("openai", at.fake.base_url, provider="openai", open_models=True))
        at.gateway.publish()
        kept = await at.upload(PDF, "user_data")
        asked = chat({"type": "file", "file": {"file_id": kept}})["messages"]
        wanted = line("a", "openai/gpt-4o-mini", messages=asked)
        batch = await at.end((await at.make([wanted]))["id"])
        assert batch["request_counts"]["completed"] == 1
        assert at.fake.batches.jobs == []
        assert address("application/pdf", PDF) in at.fake.requests[-1].body.decode()
