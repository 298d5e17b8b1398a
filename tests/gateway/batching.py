"""A real gateway with files and batches over a metadata database, and short waits everywhere."""

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from pilothouse.domain.clock import FakeClock
from pilothouse.gateway.batches.works import Pace
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.pipeline import Parts
from pilothouse.gateway.resources import Resource
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_files import KeptFiles
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.wiring.batches import Desk, make_desk, working
from tests.gateway.harness import Gateway, gateway

CHAT = "/v1/chat/completions"
PACE = Pace(tick_s=0.02, lease_s=2.0, poll_s=0.02, retry_s=0.02)
OVER = ("completed", "failed", "expired", "cancelled")


def line(custom_id: str, model: str = "up/fake-chat", url: str = CHAT, **body: Any) -> dict[str, Any]:
    """Return one line of a batch."""
    body = {"model": model, **(body or {"messages": [{"role": "user", "content": f"line {custom_id}"}]})}
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def jsonl(lines: Iterable[Any]) -> bytes:
    """Return the lines as a file."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in lines)


async def until(reached: Callable[[], Awaitable[bool]], timeout_s: float = 20) -> None:
    """Wait for what no event tells."""
    async with asyncio.timeout(timeout_s):
        for _ in iter(int, 1):
            if await reached():
                return
            await asyncio.sleep(0.01)


class Batching:
    """The running gateway, what serves batches, and a client."""

    def __init__(self, gateway: Gateway, desk: Desk, metadata: Metadata, client: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self.fake = gateway.fake
        self.desk = desk
        self.metadata = metadata
        self.client = client

    async def upload(self, content: bytes, purpose: str = "batch") -> str:
        """Send a file and return its id."""
        files = {"file": ("in.jsonl", io.BytesIO(content))}
        return (await self.client.post("/v1/files", data={"purpose": purpose}, files=files)).json()["id"]

    async def make(self, lines: Iterable[Any] | bytes, endpoint: str = CHAT, **fields: Any) -> dict[str, Any]:
        """Make a batch of the lines."""
        content = lines if isinstance(lines, bytes) else jsonl(lines)
        wanted = {"input_file_id": await self.upload(content), "endpoint": endpoint, "completion_window": "24h"}
        made = await self.client.post("/v1/batches", json={**wanted, **fields})
        assert made.status_code == 200, made.text
        return made.json()

    async def get(self, batch_id: str) -> dict[str, Any]:
        """Return a batch as it is now."""
        return (await self.client.get(f"/v1/batches/{batch_id}")).json()

    async def end(self, batch_id: str, *statuses: str) -> dict[str, Any]:
        """Wait until the batch is over, or has one of the statuses."""
        batch: dict[str, Any] = {}

        async def reached() -> bool:
            batch.update(await self.get(batch_id))
            return batch["status"] in (statuses or OVER)

        await until(reached)
        return batch

    async def lines(self, file_id: str | None) -> dict[str, dict[str, Any]]:
        """Return the lines of a file by their custom ids, and that each stands there once."""
        if file_id is None:
            return {}
        response = await self.client.get(f"/v1/files/{file_id}/content")
        assert response.status_code == 200, response.text
        found = [json.loads(item) for item in response.content.splitlines()]
        by_id = {item["custom_id"]: item for item in found}
        assert len(by_id) == len(found)
        return by_id

    async def results(self, batch: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        """Return the lines of the output file and of the error file."""
        return await self.lines(batch["output_file_id"]), await self.lines(batch["error_file_id"])


@asynccontextmanager
async def database(folder: Path, url: str = "") -> AsyncGenerator[Metadata]:
    """Open a migrated metadata database, in a file unless told otherwise."""
    metadata = Metadata(MetadataOptions(url=url or f"sqlite:///{folder}/metadata.db"))
    await metadata.connect()
    await metadata.migrate()
    try:
        yield metadata
    finally:
        await metadata.close()


@asynccontextmanager
async def batching(
    folder: Path, clock: FakeClock | None = None, url: str = "", **options: Any
) -> AsyncGenerator[Batching]:
    """Run a gateway that runs batches, with one account `up` at a fake provider."""
    made: list[Desk] = []
    async with database(folder, url) as metadata:

        def rows(parts: Parts, deferred: Deferred) -> Iterator[Resource]:
            made.append(make_desk(metadata, parts, deferred, PACE))
            return iter(made[0].rows)

        async with gateway(folder, clock, rows=rows, files=KeptFiles(metadata), **options) as running:
            running.accounts = [running.account("up", running.fake.base_url, open_models=True)]
            running.publish()
            async with running.client() as client, working(made[0]):
                yield Batching(running, made[0], metadata, client)
