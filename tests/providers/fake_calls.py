"""Calls of the fake provider in any dialect, and a reader of events that is none of ours."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from pilothouse.providers.fake import FakeProvider

EVERYTHING: dict[str, Any] = {
    "text": "Grüße an alle.",
    "reasoning": "Think a bit.",
    "tool_calls": [
        {"name": "get_weather", "arguments": '{"city": "Zürich", "days": 3}'},
        {"name": "get_time", "arguments": '{"zone":"Europe/Zurich"}', "id": "given_7"},
    ],
    "prompt_tokens": 100,
    "cached_tokens": 60,
    "cache_write_tokens": 10,
    "completion_tokens": 40,
    "reasoning_tokens": 15,
}


@asynccontextmanager
async def served(**headers: str) -> AsyncIterator[tuple[FakeProvider, httpx.AsyncClient]]:
    """Run a fake provider and a client of it."""
    async with (
        FakeProvider() as fake,
        httpx.AsyncClient(base_url=fake.url, headers=headers, trust_env=False, timeout=5) as client,
    ):
        yield fake, client


def events(body: bytes) -> list[tuple[str, Any]]:
    """Return name and data of every event that has data; what is no JSON stays text."""
    found: list[tuple[str, Any]] = []
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        name, data = "", None
        for line in block.split("\n"):
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data = line[5:].strip()
        if data is not None:
            found.append((name, json.loads(data) if data[:1] in "{[" and data != "[DONE]" else data))
    return found
