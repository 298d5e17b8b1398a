"""OpenAI's SDK with responses that last: fetched, continued anywhere, listed, deleted, run in the background."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from pilothouse.providers.fake import Answer
from tests.gateway.keeping import Kept, keeping

ACCOUNTS = ["one", "two", "claude", "chat", "converse"]
OWN = ("response.created", "response.queued")
"""Events that the gateway itself makes up."""
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    async with keeping(tmp_path) as up:
        up.accounts(one="openai", two="openai", claude="anthropic", chat="openai_compatible", converse="bedrock")
        yield up


@pytest.fixture
async def sdk(kept: Kept) -> AsyncIterator[Any]:
    async with openai.AsyncOpenAI(
        api_key=kept.running.secret, base_url=f"{kept.running.url}/v1", max_retries=0
    ) as client:
        yield client


async def polled(sdk: Any, response: Any) -> Any:
    async with asyncio.timeout(20):
        while response.status in ("queued", "in_progress"):
            response = await sdk.responses.retrieve(response.id)
    return response


@pytest.mark.parametrize("then", ACCOUNTS)
@pytest.mark.parametrize("first", ["one", "claude", "chat"])
async def test_a_conversation_from_one_account_to_another(kept: Kept, sdk: Any, first: str, then: str) -> None:
    kept.fake.script(Answer(id="resp_1", text="Bern."), Answer(id="resp_2", text="Since 1848."))
    one = await sdk.responses.create(model=f"{first}/m", input="Capital?", instructions="Be brief.")
    assert (await sdk.responses.retrieve(one.id)).to_dict() == one.to_dict()
    two = await sdk.responses.create(model=f"{then}/m", input="Since when?", previous_response_id=one.id)
    assert two.output_text == "Since 1848."
    sent = kept.fake.requests[-1].body.decode()
    if first == then == "one":
        assert kept.fake.requests[-1].json["previous_response_id"] == "resp_1"
    else:
        assert two.previous_response_id == one.id
        assert sent.index("Capital?") < sent.index("Bern.") < sent.index("Since when?")
    items = [item async for item in sdk.responses.input_items.list(two.id, limit=1)]
    assert [item.content[0].text for item in items] == ["Since when?"]
    await sdk.responses.delete(two.id)
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.retrieve(two.id)
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.responses.create(model=f"{then}/m", input="x", previous_response_id=two.id)
    assert refused.value.code == "previous_response_not_found"


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_in_the_background_polled(kept: Kept, sdk: Any, account: str) -> None:
    kept.fake.script({"text": "Done.", "first_byte_s": 0.2})
    queued = await sdk.responses.create(model=f"{account}/m", input="Work.", background=True)
    assert (queued.status, queued.background) == ("queued", True)
    Response.model_validate(queued.to_dict())
    done = await polled(sdk, queued)
    assert (done.status, done.output_text, done.id) == ("completed", "Done.", queued.id)


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_in_the_background_followed_and_resumed(kept: Kept, sdk: Any, account: str) -> None:
    kept.fake.script({"text": "One two three four five six.", "gap_s": 0.02})
    number, said = -1, ""
    response_id = ""
    async with await sdk.responses.create(model=f"{account}/m", input="Work.", background=True, stream=True) as stream:
        async for event in stream:
            if event.type in OWN:
                EVENT.validate_python(event.to_dict())
            number = event.sequence_number
            if event.type == "response.created":
                response_id = event.response.id
            if event.type == "response.output_text.delta":
                said += event.delta
                break
    last: Any = None
    async for event in await sdk.responses.retrieve(response_id, stream=True, starting_after=number):
        assert event.sequence_number == number + 1
        number, last = event.sequence_number, event
        if event.type == "response.output_text.delta":
            said += event.delta
    assert last.type == "response.completed"
    assert (last.response.id, last.response.output_text, said) == (response_id, said, "One two three four five six.")


async def test_in_the_background_cancelled(kept: Kept, sdk: Any) -> None:
    kept.fake.script("hang")
    queued = await sdk.responses.create(model="claude/m", input="Work.", background=True)
    await kept.fake.wait_for_hits(1)
    assert (await sdk.responses.cancel(queued.id)).status == "cancelled"
    assert (await sdk.responses.cancel(queued.id)).status == "cancelled"
    assert (await sdk.responses.retrieve(queued.id)).status == "cancelled"
    await kept.fake.wait_for_disconnect()


async def test_in_the_background_failed(kept: Kept, sdk: Any) -> None:
    kept.fake.script("429")
    queued = await sdk.responses.create(model="one/m", input="Work.", background=True)
    failed = await polled(sdk, queued)
    Response.model_validate(failed.to_dict())
    assert (failed.status, failed.error.code) == ("failed", "rate_limit_exceeded")


async def test_the_sdks_own_stream_of_a_kept_response(kept: Kept, sdk: Any) -> None:
    kept.fake.script({"text": "One two."})
    one = await sdk.responses.create(model="claude/m", input="Hi")
    async with sdk.responses.stream(response_id=one.id) as stream:
        async for event in stream:
            assert event.sequence_number >= 0
        final = await stream.get_final_response()
    assert (final.id, final.output_text) == (one.id, "One two.")
