"""An account with several keys: a refused one rests, and the caller never notices."""

from pathlib import Path

from pilothouse.domain.call import Outcome
from tests.gateway.harness import chat, gateway

GOOD = "sk-good-0123456789"
BAD = "sk-bad-0123456789"


async def test_a_refused_key_is_left_for_another(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        sealed = running.box.seal(f"{BAD}\n{GOOD}", "account:up", b"1" * 12)
        running.accounts = [running.account("up", running.fake.base_url, sealed_secret=sealed)]
        running.publish()
        running.fake.expect_key(GOOD)
        for _ in range(6):
            answer = await client.post("/v1/chat/completions", json=chat())
            assert answer.status_code == 200
        records = await running.records(6)
    assert {record.outcome for record in records} == {Outcome.ANSWERED}
    refused = [attempt for record in records for attempt in record.attempts if attempt.error_code]
    assert [attempt.error_code for attempt in refused] == ["upstream_auth"]
    assert BAD not in str(records)


async def test_when_every_key_is_refused_the_caller_is_told_once(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        sealed = running.box.seal(f"{BAD}\n{BAD}2", "account:up", b"1" * 12)
        running.accounts = [running.account("up", running.fake.base_url, sealed_secret=sealed)]
        running.publish()
        running.fake.expect_key(GOOD)
        answer = await client.post("/v1/chat/completions", json=chat())
        assert answer.status_code == 502
        record = await running.record()
    assert record.error_code == "upstream_auth"
    assert 1 <= len(record.attempts) <= 2
