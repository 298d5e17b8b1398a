"""OpenAI's batch service: its files, its words for lines that were not run, its lists in pages."""

import json

import msgspec
import pytest

from pilothouse import errors
from pilothouse.providers.fake.batches import File
from tests.providers.batch_jobs import Desk, desk


async def test_the_lines_arrive_to_the_byte() -> None:
    async with desk("openai") as at:
        body = '{"model":"m","messages":[{"role":"user","content":"Grüße\\n--b\\r\\n 🌍"}]}'.encode()
        made = await at.submit("a", "B-_9", name="job-7", body=body)
        file = next(iter(at.fake.batches.files.values()))
        job = at.fake.batches.jobs[0]
        assert await at.status(made) == "ended"
    assert file.body.split(b"\n")[0] == (
        b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":' + body + b"}"
    )
    assert (file.name, file.purpose, file.body.count(b"\n")) == ("job-7.jsonl", "batch", 2)
    assert job.told["metadata"] == {"pilothouse_job": "job-7"}
    assert [line.key for line in job.lines] == ["a", "B-_9"]


@pytest.mark.parametrize(
    ("dialect", "body", "field"),
    [
        ("openai_responses", {"model": "m", "input": "hi"}, "output"),
        ("openai_embeddings", {"model": "m", "input": "hi"}, "data"),
        ("openai_completions", {"model": "m", "prompt": "hi"}, "choices"),
        ("openai_moderations", {"model": "m", "input": "hi"}, "results"),
    ],
)
async def test_every_dialect_has_its_answers(dialect: str, body: dict[str, str], field: str) -> None:
    async with desk("openai") as at:
        made = await at.submit("a", dialect=dialect, body=body)
        assert await at.status(made) == "ended"
        result = (await at.results(made))["a"]
    assert result.status == 200
    assert field in msgspec.json.decode(result.body)


async def test_what_expired_or_was_cancelled_keeps_what_was_run() -> None:
    async with desk("openai") as at:
        at.fake.batches.script({"ending": "expired", "run_lines": 1}, {"looks": 9, "run_lines": 2})
        late, stopped = [await at.submit("a", "b", "c", name=name) for name in ("late", "stopped")]
        await at.service.cancel(stopped, at.send)
        assert [await at.status(late), await at.status(stopped)] == ["expired", "cancelled"]
        expired, cancelled = await at.results(late), await at.results(stopped)
    assert [expired[key].status for key in "abc"] == [200, 0, 0]
    assert [cancelled[key].status for key in "abc"] == [200, 200, 0]
    assert msgspec.json.decode(expired["b"].body)["error"]["code"] == "batch_expired"
    assert msgspec.json.decode(cancelled["c"].body)["error"]["code"] == "batch_cancelled"


async def test_a_job_that_failed_says_why_and_has_nothing() -> None:
    async with desk("openai") as at:
        at.fake.batches.script({"ending": "failed"}, {})
        made, twice = await at.submit("a"), await at.submit("a", "a")
        state = await at.service.look(made, at.send)
        wrong = await at.service.look(twice, at.send)
        assert await at.results(made) == {}
    assert (state.status, state.detail) == ("failed", "The batch failed.")
    assert (wrong.status, wrong.detail) == ("failed", "line 2: a")


async def test_a_job_is_found_on_a_later_page() -> None:
    async with desk("openai") as at:
        first = await at.submit("a", name="first")
        for number in range(105):
            await at.submit("a", name=f"other-{number}")
        assert await at.service.find("first", at.send) == first
        assert at.fake.hits_by_path["/v1/batches"] == 106 + 2


async def results(at: Desk, *lines: str) -> dict[str, int]:
    """Return the statuses of lines that the provider is made to give as results."""
    made = await at.submit("a")
    await at.status(made)
    job = at.fake.batches.jobs[-1]
    name = job.results["output_file_id"]
    body = "\n".join(lines).encode()
    at.fake.batches.files[name] = File(name, job.owner, "", "batch_output", body)
    return {key: result.status for key, result in (await at.results(made)).items()}


def row(key: str, **fields: object) -> str:
    return json.dumps({"id": "batch_req_1", "custom_id": key, **fields})


async def test_lines_of_any_kind_are_read() -> None:
    async with desk("openai") as at:
        found = await results(
            at,
            row("fine", response={"status_code": 200, "body": {}, "later": 1}, error=None, later={}),
            "",
            row("slow", response=None, error={"code": "request_timeout", "message": "m"}),
            row("late", error={"code": "batch_expired"}),
            row("odd", error={"code": "new_code"}),
            row("bare"),
            row("fine", response={"status_code": 500, "body": {}}),
        )
    assert found == {"fine": 200, "slow": 504, "late": 0, "odd": 500, "bare": 500}


@pytest.mark.parametrize("line", ["{", "[]", '{"id": 1}', '{"custom_id": 3}', "\x00", '{"custom_id": "a", "error": 1}'])
async def test_a_line_that_is_no_result_is_told(line: str) -> None:
    async with desk("openai") as at:
        with pytest.raises(errors.UpstreamProtocol):
            await results(at, line)


async def test_documents_with_less_or_more_than_usual_are_read() -> None:
    bodies = [
        '{"id": "b", "status": "new_status", "later": {"x": [1]}}',
        '{"id": "b", "status": "failed", "errors": null}',
        '{"id": "b", "status": "completed", "request_counts": null, "output_file_id": "", "error_file_id": ""}',
        '{"id": "b", "status": "completed", "error_file_id": ""}',
    ]
    async with desk("openai") as at:
        at.fake.batches.script({"first_looks": [json.dumps({"body": body}) for body in bodies]})
        made = await at.submit("a")
        assert await at.status(made) == "running"
        assert (await at.service.look(made, at.send)).detail == "the provider does not say why"
        assert await at.status(made) == "ended"
        assert await at.results(made) == {}
