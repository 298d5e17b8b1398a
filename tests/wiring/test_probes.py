"""What an inner process answers on loopback, and what its neighbour makes of it, over real sockets."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from pilothouse import instruments
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.pool import PooledTransport
from pilothouse.wiring import addresses
from pilothouse.wiring.data_folder import Layout, prepare
from pilothouse.wiring.http_server import HttpOptions, HttpServer
from pilothouse.wiring.probes import Neighbour, Probes


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return prepare(tmp_path)


@pytest.fixture
async def transport() -> AsyncIterator[PooledTransport]:
    one = PooledTransport(TransportOptions())
    yield one
    await one.close()


@pytest.fixture
async def trouble(layout: Layout) -> AsyncIterator[list[str]]:
    """Serve probes for ingest; what is put into the list is why it is not well."""
    told: list[str] = []
    address = addresses.settle(layout, addresses.INGEST)
    options = HttpOptions(host=addresses.HOST, port=address.port, setting="X", drain_s=1.0)
    async with HttpServer(Probes(lambda: told[0] if told else None, address.secret), options):
        yield told


async def test_a_neighbour_tells_how_it_is(layout: Layout, transport: PooledTransport, trouble: list[str]) -> None:
    ingest = Neighbour(layout, addresses.INGEST, transport)
    assert await ingest.problem() is None
    trouble.append("the store refuses every span")
    assert await ingest.problem() == "the store refuses every span"


async def test_its_metrics_want_the_secret(layout: Layout, transport: PooledTransport, trouble: list[str]) -> None:
    instruments.INGEST_SPANS.inc(by=7)
    assert instruments.INGEST_SPANS.name in await Neighbour(layout, addresses.INGEST, transport).metrics()
    address = addresses.find(layout, addresses.INGEST)
    assert address is not None
    async with httpx.AsyncClient(base_url=address.url, trust_env=False) as client:
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"authorization": "Bearer guess"})).status_code == 401
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/other")).status_code == 404
        trouble.append("busy")
        assert (await client.get("/readyz")).status_code == 503


async def test_one_that_does_not_answer_is_told(layout: Layout, transport: PooledTransport) -> None:
    ingest = Neighbour(layout, addresses.INGEST, transport)
    addresses.settle(layout, addresses.INGEST)
    assert "does not answer" in (await ingest.problem() or "")
    assert await ingest.metrics() == ""
    layout.address(addresses.INGEST).write_text("{")
    assert "damaged" in (await ingest.problem() or "")
    assert await ingest.metrics() == ""


async def test_one_without_a_process_of_its_own_has_nothing_to_tell(layout: Layout, transport: PooledTransport) -> None:
    ingest = Neighbour(layout, addresses.INGEST, transport)
    assert await ingest.problem() is None
    assert await ingest.metrics() == ""


def test_samples_of_another_process_stand_with_ours_under_a_label() -> None:
    text = "# HELP a b\n# TYPE pilothouse_ingest_lag_seconds gauge\npilothouse_ingest_lag_seconds 4\n"
    text += '# TYPE pilothouse_loop_failures_total counter\npilothouse_loop_failures_total{loop="ingest"} 2\n'
    lines = instruments.render({"ingest": text}).splitlines()
    head = lines.index("# TYPE pilothouse_ingest_lag_seconds gauge")
    assert 'pilothouse_ingest_lag_seconds{process="ingest"} 4' in lines[head : head + 3]
    assert 'pilothouse_loop_failures_total{process="ingest",loop="ingest"} 2' in lines
    assert len([line for line in lines if line.startswith("# TYPE pilothouse_ingest_lag_seconds ")]) == 1
