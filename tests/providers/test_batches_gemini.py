"""Google's batch service: files up and down, answers in the job itself, its own codes of errors."""

import json

import msgspec
import pytest

from pilothouse import errors
from pilothouse.providers.base import BatchResult
from pilothouse.providers.fake.batches import File
from pilothouse.providers.google.vectors import Gathered
from pilothouse.transport.base import Request, Response
from tests.providers.batch_jobs import desk

EMBEDDED = {"content": {"parts": [{"text": "hi"}]}, "outputDimensionality": 4}


async def test_the_lines_go_in_a_file_and_come_in_a_file() -> None:
    async with desk("gemini") as at:
        made = await at.submit("a", "b", name="job-7")
        assert await at.status(made) == "ended"
        assert set(await at.results(made)) == {"a", "b"}
        up, down = at.fake.batches.files.values()
        job = at.fake.batches.jobs[0]
    line = b'{"key":"%b","request":{"contents":[{"parts":[{"text":"hi"}]}]}}\n'
    assert up.body == line % b"a" + line % b"b"
    assert (up.purpose, down.job is job) == ("application/jsonl", True)
    assert (job.told["displayName"], job.told["model"]) == ("job-7", "models/m")


async def test_answers_in_the_job_itself_are_read_when_they_name_their_lines() -> None:
    async with desk("gemini") as at:
        at.fake.batches.script({"inline": True, "lines": {"b": "400"}, "twice": ["a"]}, {"inline": True, "bare": True})
        made, bare = [await at.submit("a", "b", name=name) for name in ("one", "two")]
        assert [await at.status(made), await at.status(bare)] == ["ended", "ended"]
        found = await at.results(made)
        with pytest.raises(errors.UpstreamProtocol):
            await at.results(bare)
    assert {key: result.status for key, result in found.items()} == {"a": 200, "b": 400}


async def test_vectors_come_in_batches_too() -> None:
    async with desk("gemini") as at:
        made = await at.submit("a", dialect="gemini_embeddings", body=EMBEDDED)
        assert await at.status(made) == "ended"
        result = (await at.results(made))["a"]
    assert len(msgspec.json.decode(result.body)["embedding"]["values"]) == 4
    assert at.fake.hits_by_path["/v1beta/models/m:asyncBatchEmbedContent"] == 1


def vectors(*texts: str) -> dict[str, object]:
    return {"requests": [{"model": "models/m", **EMBEDDED, "content": {"parts": [{"text": text}]}} for text in texts]}


async def test_a_line_with_several_vectors_becomes_several_and_one_again() -> None:
    async with desk("gemini") as at:
        made = await at.submit("a", "b", dialect="gemini_embeddings", body=vectors("x", "y", "z"))
        assert await at.status(made) == "ended"
        found = await at.results(made)
        direct = await at.submit("one", dialect="gemini_embeddings", name="job-2", body=EMBEDDED)
        await at.status(direct)
        assert set(await at.results(direct)) == {"one"}
    assert {key: result.status for key, result in found.items()} == {"a": 200, "b": 200}
    several = msgspec.json.decode(found["a"].body)["embeddings"]
    assert len({str(vector["values"]) for vector in several}) == 3
    assert at.fake.batches.ran["a:2:3"] == 1


async def test_a_line_fails_when_one_of_its_vectors_does() -> None:
    async with desk("gemini") as at:
        at.fake.batches.script({"lines": {"a:1:3": "400"}, "left_out": ["b:1:3"], "twice": ["c:0:3", "c:2:3"]})
        made = await at.submit("a", "b", "c", dialect="gemini_embeddings", body=vectors("x", "y", "z"))
        await at.status(made)
        found = await at.results(made)
    assert {key: result.status for key, result in found.items()} == {"a": 400, "c": 200}


async def test_tokens_of_vectors_add_up() -> None:
    gathered = Gathered()
    answer = b'{"embedding":{"values":[1.5]},"usageMetadata":{"promptTokenCount":%d}}'
    assert gathered.add(BatchResult("a:1:2", 200, answer % 3)) is None
    whole = gathered.add(BatchResult("a:0:2", 200, answer % 4))
    assert whole == BatchResult(
        "a", 200, b'{"embeddings":[{"values":[1.5]},{"values":[1.5]}],"usageMetadata":{"promptTokenCount":7}}'
    )


@pytest.mark.parametrize(("key", "body"), [("a:x:1", b"{}"), ("a:0", b"{}"), ("a:0:1", b"{}"), ("a:0:1", b"[")])
async def test_vectors_that_are_none_are_told(key: str, body: bytes) -> None:
    with pytest.raises(errors.UpstreamProtocol):
        Gathered().add(BatchResult(key, 200, body))


async def test_a_body_that_is_broken_goes_to_google_as_it_is() -> None:
    async with desk("gemini") as at:
        with pytest.raises(errors.UpstreamInvalid):
            await at.submit("a", dialect="gemini_embeddings", body=b'{"requests":[')


async def test_of_what_expired_there_is_nothing_and_what_failed_says_why() -> None:
    async with desk("gemini") as at:
        at.fake.batches.script({"ending": "expired"}, {"ending": "failed"})
        late, wrong = [await at.submit("a", name=name) for name in ("late", "wrong")]
        assert await at.status(late) == "expired"
        state = await at.service.look(wrong, at.send)
        assert await at.results(late) == {}
        assert await at.results(wrong) == {}
    assert (state.status, state.detail) == ("failed", "The batch failed.")


@pytest.mark.parametrize(
    ("error", "status"),
    [({"code": 3}, 400), ({"code": 8, "message": "m"}, 429), ({"code": 16}, 401), ({"code": 14}, 503),
     ({"code": 1}, 0), ({"code": 99}, 500), ({"code": 429}, 429), ({}, 500), (None, 500)],
)  # fmt: skip
async def test_googles_codes_become_statuses(error: object, status: int) -> None:
    async with desk("gemini") as at:
        made = await at.submit("a")
        await at.status(made)
        job = at.fake.batches.jobs[0]
        name = job.results["responsesFile"]
        body = json.dumps({"key": "a", "later": 1} | ({} if error is None else {"error": error})).encode()
        at.fake.batches.files[name] = File(name, job.owner, "", "", body, job)
        result = (await at.results(made))["a"]
    assert result.status == status
    assert msgspec.json.decode(result.body) == {"error": error}


async def test_a_job_is_found_on_a_later_page() -> None:
    async with desk("gemini") as at:
        first = await at.submit("a", name="first")
        for number in range(105):
            await at.submit("a", name=f"other-{number}")
        assert await at.service.find("first", at.send) == first
        assert at.fake.hits_by_path["/v1beta/batches"] == 2


async def test_the_key_goes_to_the_accounts_own_address_only() -> None:
    sent: list[Request] = []
    async with desk("gemini") as at:
        transport = at.send

        async def send(request: Request) -> Response:
            sent.append(request)
            answer = await transport(request)
            moved = b"https://elsewhere.test/upload/v1beta/files?upload_id=fake1"
            answer.headers = [
                (name, moved if name == b"x-goog-upload-url" else value) for name, value in answer.headers
            ]
            return answer

        at.send = send
        await at.submit("a")
    assert {request.origin.host for request in sent} == {"127.0.0.1"}
    assert sent[1].target == b"/upload/v1beta/files?upload_id=fake1"


async def test_an_upload_without_an_address_is_told() -> None:
    async with desk("gemini") as at:
        transport = at.send

        async def send(request: Request) -> Response:
            answer = await transport(request)
            answer.headers = [item for item in answer.headers if item[0] != b"x-goog-upload-url"]
            return answer

        at.send = send
        with pytest.raises(errors.UpstreamProtocol):
            await at.submit("a")
    assert at.fake.batches.jobs == []


async def test_states_are_told_by_their_last_word() -> None:
    bodies = [
        {
            "name": "batches/b",
            "metadata": {"state": "JOB_STATE_SUCCEEDED", "batchStats": {"successfulRequestCount": 3}},
        },
        {"name": "batches/b", "done": True, "response": {"later": 1}},
        {"name": "batches/b", "done": True, "error": {"code": 3, "message": "no"}},
        {"name": "batches/b"},
        {"name": "batches/b", "metadata": {"batchStats": {"failedRequestCount": "x"}}},
    ]
    async with desk("gemini") as at:
        at.fake.batches.script({"first_looks": [json.dumps({"body": json.dumps(body)}) for body in bodies]})
        made = await at.submit("a")
        states = [await at.service.look(made, at.send) for _ in bodies[:4]]
        with pytest.raises(errors.UpstreamProtocol):
            await at.status(made)
    assert [state.status for state in states] == ["ended", "ended", "failed", "running"]
    assert (states[0].succeeded, states[2].detail) == (3, "no")
