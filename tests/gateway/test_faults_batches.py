"""Faults with the cost of batches that were seen in other gateways: only when somebody asks, and once for each time."""

from decimal import Decimal
from pathlib import Path

import pytest

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import Outcome
from pilothouse.ingest.spans import record_to_span
from tests.gateway.batching import batching, line

SERVICES = {
    "openai": ("/v1", "gpt-4o-mini"),
    "anthropic": ("/v1", "claude-haiku-4-5"),
    "gemini": ("/v1beta", "gemini-2.5-flash"),
}


@pytest.mark.parametrize("provider", SERVICES)
async def test_a_batch_that_nobody_asks_for_is_recorded_and_one_that_many_do_is_so_once(
    tmp_path: Path, provider: str
) -> None:
    path, model = SERVICES[provider]
    async with batching(tmp_path) as at:
        at.gateway.accounts.append(
            at.gateway.account(provider, at.fake.url + path, provider=provider, open_models=True)
        )
        at.gateway.publish()
        made = await at.make([line(str(number), f"{provider}/{model}") for number in range(3)])
        records = await at.gateway.records(3)
        for _ in range(5):
            await at.get(made["id"])
        batch = await at.end(made["id"])
        await at.results(batch)
        assert len(await at.gateway.records(3)) == 3
    costs = [record_to_span(record, Catalog()).cost_usd for record in records]
    assert all(cost is not None and cost > Decimal(0) for cost in costs)
    assert {record.outcome for record in records} == {Outcome.ANSWERED}
    assert {record.batch_id for record in records} == {made["id"]}
