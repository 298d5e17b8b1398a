"""Anthropic's batch service: marks in keys, since batches have no names there, and kinds of results."""

import json
from typing import Any

import msgspec
import pytest

from pilothouse import errors
from tests.providers.batch_jobs import desk

LONG = "k" * 54


async def test_the_answers_say_that_they_came_in_a_batch() -> None:
    async with desk("anthropic") as at:
        made = await at.submit("a")
        await at.status(made)
        message = msgspec.json.decode((await at.results(made))["a"].body)
    assert message["usage"]["service_tier"] == "batch"


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("400", 400), ("401", 401), ("402", 402), ("403", 403), ("404", 404), ("413", 413), ("429", 429), ("500", 500),
     ("529", 529), ('{"status": 503, "error_message": "m"}', 500)],
)  # fmt: skip
async def test_errors_have_the_status_of_a_direct_call(behaviour: str, status: int) -> None:
    async with desk("anthropic") as at:
        at.fake.batches.script({"lines": {"a": behaviour}})
        made = await at.submit("a")
        await at.status(made)
        result = (await at.results(made))["a"]
    assert result.status == status
    assert msgspec.json.decode(result.body)["type"] == "error"


async def test_what_expired_keeps_what_was_run_and_tells_of_the_rest() -> None:
    async with desk("anthropic") as at:
        at.fake.batches.script({"ending": "expired", "run_lines": 1})
        made = await at.submit("a", "b")
        state = await at.service.look(made, at.send)
        found = await at.results(made)
    assert (state.status, state.succeeded, state.failed) == ("expired", 1, 0)
    assert (found["a"].status, found["b"].status, found["b"].body) == (200, 0, b'{"type":"expired"}')


async def test_a_job_that_runs_cannot_be_known_again() -> None:
    async with desk("anthropic") as at:
        at.fake.batches.script({"looks": 1})
        made = await at.submit("a")
        assert await at.service.find("job-1", at.send) is None
        await at.status(made)
        await at.status(made)
        assert await at.service.find("job-1", at.send) == made


async def test_long_keys_go_as_they_are_and_then_the_job_is_not_found() -> None:
    async with desk("anthropic") as at:
        made = await at.submit("a", LONG)
        marked = await at.submit("a", LONG[1:], name="job-2")
        assert [await at.status(made), await at.status(marked)] == ["ended", "ended"]
        assert set(await at.results(made)) == {"a", LONG}
        assert set(await at.results(marked)) == {"a", LONG[1:]}
        assert await at.service.find("job-1", at.send) is None
        assert await at.service.find("job-2", at.send) == marked
    assert {len(line.key) for line in at.fake.batches.jobs[1].lines} == {12, 64}


async def test_results_that_are_no_longer_kept_are_told() -> None:
    bodies: list[dict[str, Any]] = [
        {"id": "b", "processing_status": "ended", "archived_at": "2025-02-01T00:00:00Z", "results_url": None},
        {"id": "b", "processing_status": "new_status", "later": {}},
        {"type": "message_batch"},
    ]
    async with desk("anthropic") as at:
        at.fake.batches.script({"first_looks": [json.dumps({"body": json.dumps(body)}) for body in bodies]})
        made = await at.submit("a")
        state = await at.service.look(made, at.send)
        assert await at.status(made) == "running"
        with pytest.raises(errors.UpstreamProtocol):
            await at.status(made)
    assert (state.status, state.detail) == ("failed", "the provider no longer keeps the results")
