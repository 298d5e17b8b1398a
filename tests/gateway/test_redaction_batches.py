"""Lines of batches: the records of their calls are redacted, their output is the caller's own."""

from pathlib import Path

import pytest

from pilothouse.domain.redaction.policy import DetectorRule, Policy, ProjectPolicy
from tests.gateway.batching import batching, line

CANARY = "canary.person@example.com"


@pytest.mark.parametrize("account", ["up", "openai"])
async def test_the_records_of_lines_are_redacted(tmp_path: Path, account: str) -> None:
    async with batching(tmp_path) as at:
        run = at.gateway
        run.accounts.append(run.account("openai", at.fake.base_url, provider="openai", open_models=True))
        run.redaction = [ProjectPolicy("project", 1, Policy(detectors=(DetectorRule("email"),)))]
        run.publish()
        said = [{"role": "user", "content": f"I am {CANARY}"}]
        model = "up/fake-chat" if account == "up" else "openai/gpt-4o-mini"
        batch = await at.end((await at.make([line("one", model, messages=said, user=CANARY)]))["id"])
        assert batch["request_counts"]["completed"] == 1
        (record,) = await run.records(1)
        assert record.batch_id == batch["id"]
        assert b"I am [EMAIL]" in record.request_body
        assert record.user_id == "[EMAIL]"
        spool = b"".join(path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file())
        assert CANARY.encode() not in spool
