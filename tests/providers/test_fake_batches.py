"""The fake provider's batch services: the vendors' own SDKs use them, and scripts say what goes wrong."""

import io
import json
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import FakeProvider
from tests.providers.fake_calls import served

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MESSAGE: dict[str, Any] = {**CHAT, "max_tokens": 5}


def lines(*keys: str, url: str = "/v1/chat/completions", body: dict[str, Any] = CHAT) -> bytes:
    items = [{"custom_id": key, "method": "POST", "url": url, "body": body} for key in keys]
    return "\n".join(map(json.dumps, items)).encode()


def openai_sdk(fake: FakeProvider, key: str = "k") -> Any:
    return openai.AsyncOpenAI(base_url=fake.base_url, api_key=key, max_retries=0)


def anthropic_sdk(fake: FakeProvider) -> Any:
    return anthropic.AsyncAnthropic(base_url=fake.url, api_key="k", max_retries=0)


def google_sdk(fake: FakeProvider) -> Any:
    # With a transport of httpx the SDK does without aiohttp, whose deprecations it runs into.
    options = types.HttpOptions(base_url=fake.url, async_client_args={"transport": httpx.AsyncHTTPTransport()})
    return genai.Client(api_key="k", http_options=options).aio


async def submit(client: Any, content: bytes, endpoint: str = "/v1/chat/completions") -> Any:
    file = await client.files.create(file=("in.jsonl", content), purpose="batch")
    return await client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", metadata={"name": "n"}
    )


async def rows(client: Any, file_id: str | None) -> dict[str, Any]:
    if file_id is None:
        return {}
    content = await client.files.content(file_id)
    return {row["custom_id"]: row for row in map(json.loads, content.text.splitlines())}


async def test_openais_own_sdk_runs_a_batch() -> None:
    async with FakeProvider() as fake, openai_sdk(fake) as client:
        fake.batches.script({"looks": 2, "lines": {"b": "400", "c": '{"text": "für c"}'}})
        made = await submit(client, lines("a", "b", "c"))
        states = [(await client.batches.retrieve(made.id)).status for _ in range(2)]
        done = await client.batches.retrieve(made.id)
        fine, bad = await rows(client, done.output_file_id), await rows(client, done.error_file_id)
        direct = await client.chat.completions.create(**CHAT)
    assert (made.status, states, done.status) == ("validating", ["in_progress", "finalizing"], "completed")
    assert done.metadata == {"name": "n"}
    assert (done.request_counts.completed, done.request_counts.failed) == (2, 1)
    assert fine["a"]["response"]["body"] == direct.model_dump(exclude_unset=True)
    assert fine["c"]["response"]["body"]["choices"][0]["message"]["content"] == "für c"
    assert (bad["b"]["response"]["status_code"], bad["b"]["response"]["body"]["error"]["type"]) == (
        400,
        "invalid_request_error",
    )
    assert fake.batches.ran == {"a": 1, "b": 1, "c": 1}


async def test_openais_files_and_lists_come_in_pages() -> None:
    async with FakeProvider() as fake, openai_sdk(fake) as client:
        made = [await submit(client, lines("a")) for _ in range(5)]
        found = [batch.id async for batch in client.batches.list(limit=2)]
        files = [file.id async for file in client.files.list(limit=2, purpose="batch")]
        content = await client.files.content(files[0])
        gone = await client.files.delete(files[0])
        with pytest.raises(openai.NotFoundError):
            await client.files.retrieve(files[0])
    assert found == [batch.id for batch in reversed(made)]
    assert (len(files), gone.deleted, content.content) == (5, True, lines("a"))


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"{", "invalid_json_line"), (lines("a", "a"), "duplicate_custom_id"), (b"", "empty_file"),
     (lines("a", url="/v1/embeddings"), "mismatched_endpoint")],
)  # fmt: skip
async def test_openai_fails_a_batch_whose_file_is_wrong(content: bytes, code: str) -> None:
    async with FakeProvider() as fake, openai_sdk(fake) as client:
        made = await submit(client, content)
        done = await client.batches.retrieve(made.id)
    assert done.status == "failed"
    assert [error.code for error in done.errors.data] == [code]
    assert fake.batches.ran == {}


async def test_a_batch_of_openais_expires_or_is_cancelled_with_what_it_has() -> None:
    async with FakeProvider() as fake, openai_sdk(fake) as client:
        fake.batches.script({"ending": "expired", "run_lines": 1}, {"looks": 9, "run_lines": 1})
        late, stopped = [await submit(client, lines("a", "b")) for _ in range(2)]
        late = await client.batches.retrieve(late.id)
        cancelling = await client.batches.cancel(stopped.id)
        stopped = await client.batches.retrieve(stopped.id)
        errors = [(await rows(client, batch.error_file_id))["b"]["error"]["code"] for batch in (late, stopped)]
        outputs = [set(await rows(client, batch.output_file_id)) for batch in (late, stopped)]
        with pytest.raises(openai.ConflictError):
            await client.batches.cancel(stopped.id)
    assert (late.status, cancelling.status, stopped.status) == ("expired", "cancelling", "cancelled")
    assert errors == ["batch_expired", "batch_cancelled"]
    assert outputs == [{"a"}, {"a"}]


async def test_jobs_of_one_key_are_not_there_for_another_project() -> None:
    async with (
        FakeProvider() as fake,
        openai_sdk(fake, "a@p") as one,
        openai_sdk(fake, "b@p") as same,
        openai_sdk(fake, "c") as other,
    ):
        made = await submit(one, lines("a"))
        assert (await same.batches.retrieve(made.id)).id == made.id
        assert [batch.id async for batch in other.batches.list()] == []
        with pytest.raises(openai.NotFoundError):
            await other.batches.retrieve(made.id)


async def test_anthropics_own_sdk_runs_a_batch() -> None:
    async with FakeProvider() as fake, anthropic_sdk(fake) as client:
        fake.batches.script({"looks": 1, "lines": {"b": "429"}})
        service = client.messages.batches
        made = await service.create(requests=[{"custom_id": key, "params": MESSAGE} for key in "ab"])
        running = await service.retrieve(made.id)
        done = await service.retrieve(made.id)
        results = {item.custom_id: item.result async for item in await service.results(made.id)}
        direct = await client.messages.create(**MESSAGE)
    assert (made.processing_status, running.request_counts.processing) == ("in_progress", 2)
    assert (done.processing_status, done.request_counts.succeeded, done.request_counts.errored) == ("ended", 1, 1)
    assert results["a"].message.content == direct.content
    assert (results["a"].message.usage.service_tier, direct.usage.service_tier) == ("batch", "standard")
    assert results["b"].error.error.type == "rate_limit_error"
    assert fake.batches.ran == {"a": 1, "b": 1}


async def test_anthropics_batches_are_listed_both_ways_cancelled_and_deleted() -> None:
    async with FakeProvider() as fake, anthropic_sdk(fake) as client:
        fake.batches.script({"looks": 9}, {"ending": "expired", "run_lines": 1})
        service = client.messages.batches
        made = [
            (await service.create(requests=[{"custom_id": key, "params": MESSAGE} for key in "ab"])).id
            for _ in range(4)
        ]
        back = [batch.id async for batch in service.list(limit=1)]
        forth = [batch.id async for batch in service.list(limit=3, before_id=made[0])]
        cancelling = await service.cancel(made[0])
        stopped, late = [await service.retrieve(identity) for identity in made[:2]]
        kinds = [[item.result.type async for item in await service.results(batch.id)] for batch in (stopped, late)]
        await service.delete(made[0])
        with pytest.raises(anthropic.NotFoundError):
            await service.retrieve(made[0])
        with pytest.raises(anthropic.BadRequestError):
            await service.create(requests=[{"custom_id": "no blanks", "params": MESSAGE}])
    assert (back, forth) == (made[::-1], made[:0:-1])
    assert (cancelling.processing_status, kinds) == ("canceling", [["canceled", "canceled"], ["succeeded", "expired"]])
    assert (stopped.request_counts.canceled, late.request_counts.expired) == (2, 1)


async def test_googles_own_sdk_runs_a_batch_in_the_request() -> None:
    async with FakeProvider() as fake, google_sdk(fake) as client:
        fake.batches.script({"looks": 1, "lines": {"b": "400"}})
        asked = [{"contents": "hi", "metadata": {"key": key}, "config": {"temperature": 0}} for key in "ab"]
        made = await client.batches.create(model="m", src=asked, config={"display_name": "n"})
        running = await client.batches.get(name=made.name)
        done = await client.batches.get(name=made.name)
        listed = [job.name async for job in await client.batches.list(config={"page_size": 1})]
        direct = await client.models.generate_content(model="m", contents="hi")
        await client.batches.delete(name=made.name)
    fine, bad = done.dest.inlined_responses
    assert (made.state, running.state, done.state) == (
        "JOB_STATE_PENDING",
        "JOB_STATE_RUNNING",
        "JOB_STATE_SUCCEEDED",
    )
    assert (done.display_name, listed) == ("n", [made.name])
    assert (fine.metadata, fine.response.text) == ({"key": "a"}, direct.text)
    assert (bad.metadata, bad.error.code) == ({"key": "b"}, 3)
    assert fake.batches.ran == {"a": 1, "b": 1}


async def test_googles_own_sdk_runs_a_batch_in_a_file() -> None:
    async with FakeProvider() as fake, google_sdk(fake) as client:
        request = {"contents": [{"parts": [{"text": "hi"}]}]}
        content = "\n".join(json.dumps({"key": key, "request": request}) for key in "ab").encode()
        kept = await client.files.upload(file=io.BytesIO(content), config={"mime_type": "application/jsonl"})
        made = await client.batches.create(model="m", src=kept.name, config={"display_name": "n"})
        done = await client.batches.get(name=made.name)
        downloaded = await client.files.download(file=done.dest.file_name)
        results = {row["key"]: row for row in map(json.loads, downloaded.splitlines())}
        with pytest.raises(genai.errors.ClientError):
            await client.files.download(file=kept.name)
    assert (kept.size_bytes, kept.mime_type) == (len(content), "application/jsonl")
    assert set(results) == {"a", "b"}
    assert results["a"]["response"]["candidates"][0]["content"]["parts"]


@pytest.mark.filterwarnings("ignore:batches.create_embeddings")
async def test_googles_batches_embed_are_cancelled_fail_and_expire() -> None:
    async with FakeProvider() as fake, google_sdk(fake) as client:
        fake.batches.script({}, {"looks": 9}, {"ending": "failed"}, {"ending": "expired"})
        source = {"inlined_requests": {"contents": ["a", "b"], "config": {"output_dimensionality": 4}}}
        made = [
            await client.batches.create_embeddings(model="m", src=source, config={"display_name": "n"})
            for _ in range(4)
        ]
        await client.batches.cancel(name=made[1].name)
        states = [(await client.batches.get(name=job.name)).state.value for job in made]
        done = await client.batches.get(name=made[0].name)
    assert states == ["JOB_STATE_SUCCEEDED", "JOB_STATE_CANCELLED", "JOB_STATE_FAILED", "JOB_STATE_EXPIRED"]
    vectors = [item.response.embedding.values for item in done.dest.inlined_embed_content_responses]
    assert [len(vector) for vector in vectors] == [4, 4]


async def test_scripts_refuse_lose_limit_and_cut() -> None:
    async with FakeProvider() as fake, openai_sdk(fake) as client:
        fake.batches.script({"create": "429"}, {"lost": True}, {"first_looks": ["429", "500"], "cut_results": 1})
        with pytest.raises(openai.RateLimitError):
            await submit(client, lines("a"))
        assert fake.batches.jobs == []
        with pytest.raises(openai.APIConnectionError):
            await submit(client, lines("a"))
        assert len(fake.batches.jobs) == 1
        made = await submit(client, lines("b", "c", "d"))
        with pytest.raises(openai.RateLimitError):
            await client.batches.retrieve(made.id)
        with pytest.raises(openai.InternalServerError):
            await client.batches.retrieve(made.id)
        done = await client.batches.retrieve(made.id)
        with pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):
            await rows(client, done.output_file_id)
        assert set(await rows(client, done.output_file_id)) == {"b", "c", "d"}
    with pytest.raises(SettingsInvalid):
        fake.batches.script({"unknown": 1})


async def test_results_leave_lines_out_or_have_them_twice() -> None:
    async with FakeProvider() as fake, openai_sdk(fake) as client:
        fake.batches.script({"left_out": ["a"], "twice": ["b"]})
        made = await submit(client, lines("a", "b"))
        done = await client.batches.retrieve(made.id)
        content = await client.files.content(done.output_file_id)
    assert [json.loads(line)["custom_id"] for line in content.text.splitlines()] == ["b", "b"]


async def test_scripts_and_counts_go_over_http_and_errors_have_the_vendors_form() -> None:
    async with served(**{"x-api-key": "k", "anthropic-version": "2023-06-01"}) as (fake, client):
        await client.post("/__fake__/script", json={"batches": [{"looks": 1}]})
        made = await client.post("/v1/messages/batches", json={"requests": [{"custom_id": "a", "params": MESSAGE}]})
        early = await client.get(f"/v1/messages/batches/{made.json()['id']}/results")
        for _ in range(2):
            await client.get(f"/v1/messages/batches/{made.json()['id']}")
        report = (await client.get("/__fake__/hits")).json()
        unknown = await client.get("/v1beta/batches/none")
        fake.expect_key("other")
        refused = [await client.get(path) for path in ("/v1/messages/batches", "/v1beta/batches", "/v1/batches")]
        forgotten = (await client.delete("/__fake__")).json()
    assert (report["batches"], report["lines_run"]) == (1, {"a": 1})
    assert (early.status_code, early.json()["error"]["type"]) == (404, "not_found_error")
    assert (unknown.status_code, unknown.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert [answer.status_code for answer in refused] == [401, 401, 401]
    assert refused[0].json()["type"] == "error"
    assert refused[1].json()["error"]["status"] == "UNAUTHENTICATED"
    assert refused[2].json()["error"]["code"] == "invalid_api_key"
    assert (forgotten["batches"], forgotten["lines_run"]) == (0, {})
