"""Batches over the batch services of OpenAI, Anthropic and Gemini, in the caller's dialect and in another."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.call import Outcome
from pilothouse.domain.clock import FakeClock
from pilothouse.domain.money import CostStatus
from pilothouse.domain.snapshot import Account, Alias, Target
from pilothouse.ingest.spans import BATCH, record_to_span
from tests.gateway.batching import CHAT, Batching, batching, line, until

SERVICES = ("openai", "anthropic", "gemini")
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}


def account(at: Batching, provider: str, **changes: Any) -> Account:
    base_url = f"{at.fake.url}/v1beta" if provider == "gemini" else at.fake.base_url
    return at.gateway.account(provider, base_url, provider=provider, open_models=True, **changes)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Batching]:
    async with batching(tmp_path) as running:
        running.gateway.accounts += [account(running, provider) for provider in SERVICES]
        running.gateway.publish()
        yield running


def lines(provider: str, count: int = 3, **body: Any) -> list[dict[str, Any]]:
    return [line(f"line-{number}", f"{provider}/{MODELS[provider]}", **body) for number in range(count)]


async def jobs(at: Batching, batch_id: str) -> list[tuple[str, str, str]]:
    found = await at.metadata.read(lambda tx: tx.batches.jobs(batch_id))
    return [(job.account, job.dialect, job.state.value) for job in found]


@pytest.mark.parametrize(
    ("provider", "spoken"), [("openai", "openai_chat"), ("anthropic", "anthropic_messages"), ("gemini", "gemini")]
)
async def test_lines_go_to_the_service_in_its_dialect_and_come_back_in_the_callers(
    at: Batching, provider: str, spoken: str
) -> None:
    at.fake.batches.script({"looks": 2})
    batch = await at.end((await at.make(lines(provider)))["id"])
    assert (batch["status"], batch["request_counts"]) == ("completed", {"total": 3, "completed": 3, "failed": 0})
    assert await jobs(at, batch["id"]) == [(provider, spoken, "done")]
    output, errors = await at.results(batch)
    assert errors == {}
    assert list(output) == ["line-0", "line-1", "line-2"]
    assert {item["response"]["body"]["object"] for item in output.values()} == {"chat.completion"}
    assert len(at.fake.batches.jobs) == 1
    assert set(at.fake.batches.ran.values()) == {1}


async def test_on_every_database(tmp_path: Path, database_url: str) -> None:
    async with batching(tmp_path, url=database_url) as at:
        at.gateway.accounts.append(account(at, "openai"))
        at.gateway.publish()
        at.fake.batches.script({"looks": 1, "lines": {"2": "400"}})
        batch = await at.end((await at.make([*lines("openai"), *[line(str(number)) for number in range(3)]]))["id"])
        assert batch["request_counts"] == {"total": 6, "completed": 5, "failed": 1}
        output, errors = await at.results(batch)
        assert (len(output), list(errors)) == (5, ["line-1"])


@pytest.mark.parametrize("provider", SERVICES)
async def test_every_line_leaves_one_record_at_the_batch_price(at: Batching, provider: str) -> None:
    batch = await at.end((await at.make(lines(provider)))["id"])
    output, _ = await at.results(batch)
    records = await at.gateway.records(3)
    assert {record.id for record in records} == {item["response"]["request_id"] for item in output.values()}
    catalog = Catalog()
    for record in records:
        assert (record.outcome, record.status, record.batch_id) == (Outcome.ANSWERED, 200, batch["id"])
        assert (record.account, record.provider, record.duration_ns) == (provider, provider, 0)
        assert (record.path, record.project_id, record.key_id) == (CHAT, "project", at.gateway.keys[0].id)
        assert [(attempt.account, attempt.status) for attempt in record.attempts] == [(provider, 200)]
        assert json.loads(record.request_body)["messages"]
        assert json.loads(record.response_body)["object"] == "chat.completion"
        assert record.usage is not None
        assert record.usage.tier == "batch"
        assert (
            record.upstream_dialect == {"openai": "", "anthropic": "anthropic_messages", "gemini": "gemini"}[provider]
        )
        span = record_to_span(record, catalog)
        assert (span.attributes[BATCH], span.attributes["pilothouse.usage.tier"]) == (batch["id"], "batch")
        when = datetime.fromtimestamp(record.started_at_ns / 1e9, UTC)
        live = catalog.price(
            provider, record.model_served, msgspec.structs.replace(record.usage, tier=""), when, provider
        )
        assert span.cost_status is CostStatus.PRICED
        assert live.amount_usd is not None
        assert span.cost_usd == live.amount_usd / Decimal(2)


@pytest.mark.parametrize(
    ("endpoint", "body", "provider", "field"),
    [
        ("/v1/embeddings", {"input": "hi"}, "openai", "data"),
        ("/v1/responses", {"input": "hi"}, "openai", "output"),
        ("/v1/responses", {"input": "hi"}, "anthropic", "output"),
        ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}, "openai", "content"),
        ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}, "anthropic", "content"),
    ],
)
async def test_other_endpoints(at: Batching, endpoint: str, body: dict[str, Any], provider: str, field: str) -> None:
    wanted = line("a", f"{provider}/{MODELS[provider]}", endpoint, **body)
    batch = await at.end((await at.make([wanted], endpoint))["id"])
    output, errors = await at.results(batch)
    assert errors == {}
    assert field in output["a"]["response"]["body"]
    assert [state for _, _, state in await jobs(at, batch["id"])] == ["done"]


@pytest.mark.parametrize("provider", SERVICES)
async def test_a_line_that_fails_there_fails_here(at: Batching, provider: str) -> None:
    at.fake.batches.script({"lines": {"2": "400"}})
    batch = await at.end((await at.make(lines(provider)))["id"])
    assert batch["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    _, errors = await at.results(batch)
    response = errors["line-1"]["response"]
    assert (response["status_code"], set(response["body"])) == (400, {"error"})
    failed = [record for record in await at.gateway.records(3) if record.outcome is Outcome.FAILED]
    assert [(record.status, record.error_code, record.usage) for record in failed] == [(400, "upstream_invalid", None)]


async def test_services_and_the_rest_share_one_batch(at: Batching) -> None:
    at.gateway.aliases = [Alias("x", "smart", (Target("openai", "gpt-4o-mini"),))]
    at.gateway.publish()
    mixed = [*lines("openai", 2), line("alias", "smart"), *[line(f"own-{n}") for n in range(3)]]
    batch = await at.end((await at.make(mixed))["id"])
    assert batch["request_counts"]["completed"] == 6
    assert len(await jobs(at, batch["id"])) == 2  # what an alias led to is told apart on the records
    tiers = sorted((record.account, record.usage.tier if record.usage else "?") for record in
                   await at.gateway.records(6))  # fmt: skip
    assert tiers == [("openai", "batch")] * 3 + [("up", "")] * 3


@pytest.mark.parametrize(
    ("scripts", "reason"),
    [
        ([{"create": "404"}], "no such service"),
        ([{"create": "400"}], "refuses the job"),
        ([{"ending": "failed"}], "gave the job up"),
        ([{"left_out": ["1", "2", "3"]}], "ran no line"),
    ],
)
async def test_what_a_service_does_not_do_is_done_one_by_one(
    at: Batching, scripts: list[dict[str, Any]], reason: str
) -> None:
    at.fake.batches.script(*scripts)
    batch = await at.end((await at.make(lines("openai")))["id"])
    assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", 3), reason
    assert {record.usage.tier for record in await at.gateway.records(3) if record.usage} == {""}
    assert [state for _, _, state in await jobs(at, batch["id"])] == ["done" if "left_out" in scripts[0] else "fallen"]


async def test_native_batches_can_be_switched_off(tmp_path: Path) -> None:
    async with batching(tmp_path, batch_native=False) as at:
        at.gateway.accounts.append(account(at, "openai"))
        at.gateway.publish()
        batch = await at.end((await at.make(lines("openai")))["id"])
        assert batch["request_counts"]["completed"] == 3
        assert at.fake.batches.jobs == []


async def test_a_line_that_the_job_cannot_take_as_meant_runs_as_a_live_call_would(at: Batching) -> None:
    plain = {"messages": [{"role": "user", "content": "hi"}]}
    wanted = [line("fine", f"anthropic/{MODELS['anthropic']}"), line("much", f"anthropic/{MODELS['anthropic']}", n=3,
                                                                     **plain)]  # fmt: skip
    batch = await at.end((await at.make(wanted))["id"])
    output, errors = await at.results(batch)
    assert (set(output), set(errors)) == ({"fine"}, {"much"})
    assert errors["much"]["response"]["status_code"] == 400
    assert "n:" in errors["much"]["response"]["body"]["error"]["message"]
    refused = [record for record in await at.gateway.records(2) if record.outcome is Outcome.REFUSED]
    assert [record.batch_id for record in refused] == [batch["id"]]


async def test_a_responses_call_that_goes_on_from_another_runs_by_itself(at: Batching) -> None:
    wanted = line("a", f"openai/{MODELS['openai']}", "/v1/responses", input="hi", previous_response_id="resp_1")
    batch = await at.end((await at.make([wanted], "/v1/responses"))["id"])
    assert await jobs(at, batch["id"]) == []


@pytest.mark.parametrize("provider", ["openai", "gemini"])
async def test_a_lost_answer_to_the_submission_makes_no_second_job(at: Batching, provider: str) -> None:
    at.fake.batches.script({"lost": True})
    batch = await at.end((await at.make(lines(provider)))["id"])
    assert batch["request_counts"]["completed"] == 3
    assert len(at.fake.batches.jobs) == 1
    assert set(at.fake.batches.ran.values()) == {1}
    await at.gateway.records(3)


async def test_where_a_job_cannot_be_found_it_is_handed_over_once_more_and_that_is_told(at: Batching) -> None:
    at.fake.batches.script({"lost": True}, {})
    batch = await at.end((await at.make(lines("anthropic")))["id"])
    assert batch["request_counts"]["completed"] == 3
    assert len(at.fake.batches.jobs) == 2
    [job] = await at.metadata.read(lambda tx: tx.batches.jobs(batch["id"]))
    assert "may have run twice" in job.detail
    await at.gateway.records(3)


async def test_a_job_that_is_never_heard_of_falls(at: Batching) -> None:
    at.fake.batches.script({"lost": True})
    batch = await at.end((await at.make(lines("anthropic")))["id"])
    assert batch["request_counts"]["completed"] == 3
    assert len(at.fake.batches.jobs) == 2
    assert [state for _, _, state in await jobs(at, batch["id"])] == ["fallen"]


async def test_a_service_without_room_is_asked_again(at: Batching) -> None:
    at.fake.batches.script({"create": "429"}, {"create": "503"}, {})
    batch = await at.end((await at.make(lines("openai")))["id"])
    assert batch["request_counts"]["completed"] == 3
    assert await jobs(at, batch["id"]) == [("openai", "openai_chat", "done")]
    assert len(at.fake.batches.jobs) == 1


@pytest.mark.parametrize("provider", SERVICES)
async def test_looks_and_downloads_that_fail_are_tried_again(at: Batching, provider: str) -> None:
    at.fake.batches.script({"first_looks": ["429", "500", "close"], "cut_results": 2})
    batch = await at.end((await at.make(lines(provider, 20)))["id"])
    assert batch["request_counts"] == {"total": 20, "completed": 20, "failed": 0}
    records = await at.gateway.records(20)
    assert len({record.span_id for record in records}) == 20


@pytest.mark.parametrize("provider", SERVICES)
async def test_cancelling_reaches_the_service_and_keeps_its_results(at: Batching, provider: str) -> None:
    at.fake.batches.script({"looks": 10_000, "run_lines": 1})
    made = await at.make(lines(provider))

    async def running() -> bool:
        return [state for _, _, state in await jobs(at, made["id"])] == ["running"]

    await until(running)
    await at.client.post(f"/v1/batches/{made['id']}/cancel")
    batch = await at.end(made["id"])
    kept = 0 if provider == "gemini" else 1  # Google gives no results of a job that was cancelled
    assert (batch["status"], batch["request_counts"]) == ("cancelled", {"total": 3, "completed": kept, "failed": 0})
    output, errors = await at.results(batch)
    assert len(output) == kept
    assert {item["error"]["code"] for item in errors.values()} == {"batch_cancelled"}
    await at.gateway.records(kept)


async def test_a_job_that_the_provider_lets_expire_expires_the_batch(at: Batching) -> None:
    at.fake.batches.script({"ending": "expired", "run_lines": 2})
    batch = await at.end((await at.make(lines("openai")))["id"])
    assert (batch["status"], batch["request_counts"]["completed"]) == ("expired", 2)
    _, errors = await at.results(batch)
    assert [item["error"]["code"] for item in errors.values()] == ["batch_expired"]


async def test_the_end_of_the_window_cancels_what_runs(tmp_path: Path) -> None:
    clock = FakeClock()
    async with batching(tmp_path, clock) as at:
        at.gateway.accounts.append(account(at, "openai"))
        at.gateway.publish()
        at.fake.batches.script({"looks": 10_000, "run_lines": 1})
        made = await at.make(lines("openai"), completion_window="1h")

        async def running() -> bool:
            return [state for _, _, state in await jobs(at, made["id"])] == ["running"]

        await until(running)
        clock.advance(3601)
        batch = await at.end(made["id"])
    assert (batch["status"], batch["request_counts"]["completed"]) == ("expired", 1)


async def test_an_account_that_goes_away_is_waited_for(at: Batching) -> None:
    at.fake.batches.script({"looks": 3})
    made = await at.make(lines("openai"))

    async def running() -> bool:
        return [state for _, _, state in await jobs(at, made["id"])] == ["running"]

    await until(running)
    kept = at.gateway.accounts
    at.gateway.accounts = [item for item in kept if item.name != "openai"]
    at.gateway.publish()

    async def noticed() -> bool:
        found = await at.metadata.read(lambda tx: tx.batches.jobs(made["id"]))
        return "not there" in found[0].detail

    await until(noticed)
    at.gateway.accounts = kept
    at.gateway.publish()
    assert (await at.end(made["id"]))["request_counts"]["completed"] == 3
