"""What was acknowledged stays, once, whatever happens to the store process."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pilothouse.domain.reading import OverviewFilter
from pilothouse.errors import StoreUnavailable
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.options import StoreOptions
from tests.embedded_store import running
from tests.spans import BASE_NS, Traffic

DAY = OverviewFilter(
    project_id="p",
    from_at=datetime.fromtimestamp(BASE_NS / 1e9, UTC),
    to_at=datetime.fromtimestamp(BASE_NS / 1e9, UTC) + timedelta(days=1),
)


@pytest.mark.crash
async def test_acknowledged_batches_survive_a_kill_once(tmp_path: Path) -> None:
    traffic = Traffic("p", 1, 86_400)
    batches = {f"batch-{i}": [traffic.call() for _ in range(100)] for i in range(300)}
    acknowledged: list[str] = []
    with running(tmp_path) as store:
        client = Telemetry(store.options())
        await client.migrate()
        enough = asyncio.Event()

        async def send(tokens: list[str]) -> None:
            for token in tokens:
                await client.insert(batches[token], token)
                acknowledged.append(token)
                if len(acknowledged) == 12:
                    enough.set()

        tokens = list(batches)
        senders = [asyncio.create_task(send(tokens[lane::2])) for lane in range(2)]
        await enough.wait()
        store.kill()
        ended = await asyncio.gather(*senders, return_exceptions=True)
        assert all(isinstance(error, StoreUnavailable) for error in ended)
        await client.close()

        store.start()
        client = Telemetry(store.options())
        kept = (await client.overview(DAY)).totals.requests
        assert kept >= 100 * len(acknowledged)
        again = sorted({*tokens[: len(acknowledged) + 4], *acknowledged})
        for token in again:
            await client.insert(batches[token], token)
        assert (await client.overview(DAY)).totals.requests == 100 * len(again)
        await client.close()


async def test_a_token_counts_across_a_restart_and_the_client_comes_back(tmp_path: Path) -> None:
    traffic = Traffic("p", 2, 86_400)
    spans = [traffic.call() for _ in range(20)]
    with running(tmp_path) as store:
        first = Telemetry(store.options())
        await first.migrate()
        await first.insert(spans, "token")
        assert store.stop() == 0
        with pytest.raises(StoreUnavailable):
            await first.insert(spans, "token")
        with pytest.raises(StoreUnavailable):
            await first.overview(DAY)
        assert await first.ping() is not None
        store.start()
        second = Telemetry(store.options())
        await second.migrate()
        await second.insert(spans, "token")
        assert (await second.stats()).rows == 20
        await first.close()
        await second.close()


async def test_no_store_is_unavailable_not_a_crash() -> None:
    client = Telemetry(StoreOptions(url="http://127.0.0.1:9", secret="x"))
    with pytest.raises(StoreUnavailable):
        await client.connect()
    with pytest.raises(StoreUnavailable):
        await client.migrate()
    with pytest.raises(StoreUnavailable):
        await client.insert([Traffic("p", 3, 10).call()], "t")
    await client.close()


async def test_reading_before_the_schema_is_there_is_unavailable(tmp_path: Path) -> None:
    with running(tmp_path) as store:
        client = Telemetry(store.options())
        await client.connect()
        with pytest.raises(StoreUnavailable, match="no tables"):
            await client.overview(DAY)
        await client.close()
