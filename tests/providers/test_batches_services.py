"""What every batch service does, whosever it is."""

import gc
from typing import Any

import msgspec
import pytest

from pilothouse import errors
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, BatchService, Pooled, Provider
from pilothouse.providers.fake import FakeProvider
from pilothouse.transport.base import Request, Response
from tests.providers.batch_jobs import BODIES, KEY, desk, service

pytestmark = pytest.mark.parametrize("provider", sorted(BODIES))


async def test_a_job_is_handed_over_looked_at_and_fetched(provider: str) -> None:
    async with desk(provider) as at:
        at.fake.batches.script({"looks": 2, "lines": {"b": "400", "c": '{"text": "Grüße"}'}})
        made = await at.submit("a", "b", "c")
        running = [await at.service.look(made, at.send) for _ in range(2)]
        done = await at.service.look(made, at.send)
        results = await at.results(made)
    assert [state.status for state in running] == ["running", "running"]
    assert (done.status, done.succeeded, done.failed) == ("ended", 2, 1)
    assert {key: result.status for key, result in results.items()} == {"a": 200, "b": 400, "c": 200}
    assert "Grüße" in results["c"].body.decode()
    assert "message" in msgspec.json.decode(results["b"].body)["error"]
    assert sorted(at.ran()) == [("a", 1), ("b", 1), ("c", 1)]


async def test_the_answer_is_the_one_of_a_direct_call(provider: str) -> None:
    async with desk(provider) as at:
        made = await at.submit("a")
        await at.status(made)
        batched = msgspec.json.decode((await at.results(made))["a"].body)
        line = at.fake.batches.jobs[0].lines[0].request
        assert line.body == msgspec.json.encode(BODIES[provider][1])
    assert batched.keys() & {"choices", "content", "candidates"}


async def test_bodies_may_have_line_breaks(provider: str) -> None:
    async with desk(provider) as at:
        body = msgspec.json.format(msgspec.json.encode(BODIES[provider][1]), indent=2).replace(b"\n", b"\r\n")
        made = await at.submit("a", "b", body=body)
        assert await at.status(made) == "ended"
        assert {result.status for result in (await at.results(made)).values()} == {200}


async def test_each_line_is_told_of_once_and_of_some_there_may_be_nothing(provider: str) -> None:
    async with desk(provider) as at:
        at.fake.batches.script({"twice": ["a", "b"], "left_out": ["c"]})
        made = await at.submit("a", "b", "c")
        await at.status(made)
        assert set(await at.results(made)) == {"a", "b"}


async def test_a_job_that_is_cancelled_stops(provider: str) -> None:
    async with desk(provider) as at:
        at.fake.batches.script({"looks": 9})
        made = await at.submit("a", "b")
        assert await at.status(made) == "running"
        await at.service.cancel(made, at.send)
        await at.service.cancel(made, at.send)
        assert await at.status(made) == "cancelled"
        assert {result.status for result in (await at.results(made)).values()} <= {0}
        await at.service.cancel(made, at.send)
        assert await at.status(made) == "cancelled"
    assert at.fake.batches.ran == {}


async def test_results_are_not_there_before_the_end(provider: str) -> None:
    async with desk(provider) as at:
        at.fake.batches.script({"looks": 9})
        made = await at.submit("a")
        with pytest.raises(errors.UpstreamProtocol):
            await at.results(made)


async def test_a_job_that_was_refused_is_not_there(provider: str) -> None:
    async with desk(provider) as at:
        at.fake.batches.script({"create": "429"}, {"create": "400"}, {"create": "500"}, {})
        for refusal in (errors.UpstreamRateLimited, errors.UpstreamInvalid, errors.UpstreamFault):
            with pytest.raises(refusal):
                await at.submit("a")
        assert await at.service.find("job-1", at.send) is None
        await at.submit("a")
    assert len(at.fake.batches.jobs) == 1


async def test_a_job_whose_answer_is_lost_is_taken_once_and_found_again(provider: str) -> None:
    async with desk(provider) as at:
        at.fake.batches.script({}, {"lost": True}, {})
        other = await at.submit("a", name="job-other")
        with pytest.raises(errors.UpstreamCut):
            await at.submit("a", "b", name="job-lost")
        # A request that the transport would send again made a third one.
        assert len(at.fake.batches.jobs) == 2
        for _ in range(2):
            await at.submit("a", name="job-later")
        for job in at.fake.batches.jobs:
            await at.status(other.replace(at.fake.batches.jobs[0].id, job.id))
        found = await at.service.find("job-lost", at.send)
        assert found is not None
        assert set(await at.results(found)) == {"a", "b"}
        assert await at.service.find("job-other", at.send) == other
        assert await at.service.find("job-never", at.send) is None


async def test_a_look_that_fails_says_how(provider: str) -> None:
    async with desk(provider) as at:
        limited = '{"status": 429, "error_code": "rate_limit_exceeded", "headers": [["retry-after", "7"]]}'
        at.fake.batches.script({"first_looks": [limited, "500", "html-200", "reset"]})
        made = await at.submit("a")
        with pytest.raises(errors.UpstreamRateLimited) as caught:
            await at.status(made)
        assert caught.value.retry_after_s == 7
        for kind in (errors.UpstreamFault, errors.UpstreamProtocol):
            with pytest.raises(kind):
                await at.status(made)
        assert await at.status(made) in ("running", "ended")


async def test_a_download_that_breaks_off_is_told_and_may_be_begun_again(provider: str) -> None:
    async with desk(provider) as at:
        at.fake.batches.script({"cut_results": 1})
        made = await at.submit("a", "b", "c", "d")
        await at.status(made)
        with pytest.raises(errors.UpstreamCut):
            await at.results(made)
        assert set(await at.results(made)) == {"a", "b", "c", "d"}
    assert set(at.fake.batches.ran.values()) == {1}


async def test_a_reader_that_stops_early_leaves_no_connection_in_use(provider: str) -> None:
    async with desk(provider) as at:
        made = await at.submit(*(f"k{number}" for number in range(3000)))
        await at.status(made)
        results: Any = at.service.results(made, at.send)
        await anext(results)
        await results.aclose()
        gc.collect()
        assert len(await at.results(made)) == 3000


async def test_a_job_is_only_asked_for_with_its_own_key(provider: str) -> None:
    keys = [f"sk-{name}" for name in "abc"]
    async with desk(provider, "\n".join(keys)) as at:
        made = [await at.submit("x", name=f"job-{number}") for number in range(6)]
        assert len({job.owner for job in at.fake.batches.jobs}) == 3
        for identity in made:
            assert await at.status(identity) == "ended"
            assert set(await at.results(identity)) == {"x"}
        # Another order and one key more: what people do to the list changes nothing.
        at.service = service(provider, at.fake, "\n".join(["sk-new", *reversed(keys)]))
        assert {await at.status(identity) for identity in made} == {"ended"}
        assert [await at.service.find(f"job-{number}", at.send) for number in range(6)] == made
        assert not any(key in identity for key in keys for identity in made)


async def test_a_job_of_a_key_that_was_replaced_is_found_with_the_new_one(provider: str) -> None:
    async with desk(provider, "sk-old@project") as at:
        made = await at.submit("x")
        at.service = service(provider, at.fake, "sk-foreign\nsk-new@project\nsk-other")
        assert await at.status(made) == "ended"
        assert set(await at.results(made)) == {"x"}
        at.service = service(provider, at.fake, "sk-foreign\nsk-other")
        with pytest.raises(errors.UpstreamNotFound):
            await at.status(made)


async def test_a_key_that_is_refused_gives_way_to_the_next(provider: str) -> None:
    async with desk(provider, "sk-wrong\nsk-right") as at:
        at.fake.expect_key("sk-right")
        made = [await at.submit("x", name=f"job-{number}") for number in range(3)]
        assert {await at.status(identity) for identity in made} == {"ended"}
        assert await at.service.find("job-2", at.send) == made[2]
        assert await at.service.find("job-none", at.send) is None
        at.fake.expect_key("sk-none")
        with pytest.raises(errors.UpstreamAuth):
            await at.submit("x")
        with pytest.raises(errors.UpstreamAuth):
            await at.service.find("job-2", at.send)
    assert len(at.fake.batches.jobs) == 3


async def test_a_refused_key_rests_for_calls_too(provider: str) -> None:
    async with desk(provider, "sk-wrong\nsk-right") as at:
        at.fake.expect_key("sk-right")
        await at.submit("x")
        await at.submit("x")
        wrong = sum("sk-wrong" in str(seen.headers.values()) for seen in at.fake.requests)
    assert wrong == 1


async def test_secrets_stand_in_one_header_only(provider: str) -> None:
    sent: list[Request] = []

    async with desk(provider) as at:
        transport = at.send

        async def send(request: Request) -> Response:
            sent.append(request)
            return await transport(request)

        at.send = send
        made = await at.submit("a")
        await at.status(made)
        await at.results(made)
        await at.service.find("job-none", at.send)
    assert KEY not in made
    for request in sent:
        carrying = [name for name, value in (*request.headers, *request.more_headers) if KEY.encode() in value]
        assert len(carrying) == 1
        assert KEY.encode() not in request.target + request.body


async def test_other_dialects_are_refused(provider: str) -> None:
    async with desk(provider) as at:
        with pytest.raises(errors.EndpointUnknown):
            await at.submit("a", dialect="bedrock_converse")
        assert at.service.batch_dialects[0] == BODIES[provider][0]
        account: Any = at.service
        assert set(at.service.batch_dialects) <= set(account.dialects)
        assert at.service.batch_limits.lines >= 50_000
        assert isinstance(account, Pooled)


async def test_only_three_providers_have_one(provider: str) -> None:
    for name in ("mistral", "groq", "vllm", "openai_compatible"):
        made: Provider = table.make(name, AccountOptions("acc", base_url="http://127.0.0.1:9/v1", secret=KEY))
        assert not isinstance(made, BatchService)
    async with FakeProvider() as fake:
        assert isinstance(service(provider, fake), BatchService)
