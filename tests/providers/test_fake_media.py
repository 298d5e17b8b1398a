"""The fake provider makes pictures and sounds, writes down sounds, judges and ranks."""

import base64
import io
import wave
from typing import Any

import openai
import pytest

from pilothouse.providers.fake import FakeProvider
from tests.providers.fake_calls import events, served


def sdk(fake: FakeProvider) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="k", base_url=fake.base_url, max_retries=0)


async def test_images() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        made: Any = await client.images.generate(model="m", prompt="a dot", n=2)
        edited: Any = await client.images.edit(model="m", prompt="a dot", image=b"png")
        fake.script("content-policy")
        with pytest.raises(openai.BadRequestError):
            await client.images.generate(model="m", prompt="a dot")
    assert len(made.data) == 2
    assert base64.b64decode(made.data[0].b64_json).startswith(b"\x89PNG")
    assert (made.usage.input_tokens, len(edited.data)) == (10, 1)


async def test_speech_as_sound_and_as_events() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script({"chunks": 3})
        sound = await client.audio.speech.create(model="m", input="hi", voice="alloy", response_format="wav")
        other = await client.audio.speech.create(model="m", input="hi", voice="alloy")
        told = await client.audio.speech.create(model="m", input="hi", voice="alloy", stream_format="sse")
        with pytest.raises(openai.BadRequestError):
            await client.audio.speech.create(model="m", input="hi", voice="alloy", response_format="x")  # type: ignore[arg-type]
    with wave.open(io.BytesIO(sound.content)) as played:
        assert played.getframerate() == 24_000
    assert (other.response.headers["content-type"], len(other.content)) == ("audio/mpeg", 7200)
    found = [data for _, data in events(told.content)]
    assert b"".join(base64.b64decode(data["audio"]) for data in found[:-1]) == other.content
    assert (found[-1]["type"], found[-1]["usage"]["input_tokens"]) == ("speech.audio.done", 10)


async def test_sound_can_be_cut() -> None:
    async with served() as (fake, client):
        fake.script({"chunks": 5, "cut_after": 2, "framing": "close"})
        answer = await client.post("/v1/audio/speech", json={"model": "m", "input": "hi", "voice": "v"})
    assert len(answer.content) == 2 * 2400


async def test_transcriptions() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script({"text": "Grüße an alle."})
        ask: Any = {"model": "m", "file": ("a.wav", b"\x00RIFF\r\n--x"), "language": "de"}
        plain: Any = await client.audio.transcriptions.create(**ask)
        text: Any = await client.audio.transcriptions.create(**ask, response_format="text")
        verbose: Any = await client.audio.transcriptions.create(**ask, response_format="verbose_json")
        stream: Any = await client.audio.transcriptions.create(**ask, stream=True)
        found = [event async for event in stream]
        seen = fake.requests[0]
    async with served() as (_, raw):
        missing = await raw.post("/v1/audio/transcriptions", files={"nofile": ("a", b"")}, data={"model": "m"})
    assert (plain.text, plain.usage.total_tokens) == ("Grüße an alle.", 13)
    assert text.strip() == "Grüße an alle."
    assert (verbose.duration, verbose.segments[0].text) == (1.5, "Grüße an alle.")
    assert "".join(event.delta for event in found[:-1]) == found[-1].text == "Grüße an alle."
    assert seen.headers["content-type"].startswith("multipart/form-data")
    assert "'file'" in missing.json()["error"]["message"]


async def test_moderations() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script("normal", "refusal")
        good = await client.moderations.create(input=["a", "b"])
        bad = await client.moderations.create(input="a")
    assert [result.flagged for result in good.results] == [False, False]
    assert (bad.results[0].flagged, bad.results[0].categories.violence) == (True, True)


async def test_rerank_in_both_shapes() -> None:
    ask = {"model": "m", "query": "red dot", "documents": ["a blue line", "a red dot", {"text": "red"}], "top_n": 2}
    async with served() as (fake, client):
        cohere = (await client.post("/v2/rerank", json=ask)).json()
        jina = (await client.post("/v1/rerank", json=ask)).json()
        bare = (await client.post("/v1/rerank", json={**ask, "return_documents": False})).json()
        fake.script("429")
        refused = [(await client.post(path, json=ask)).json() for path in ("/v2/rerank", "/v1/rerank")]
        empty = await client.post("/v2/rerank", json={**ask, "documents": []})
    assert cohere["results"] == [{"index": 1, "relevance_score": 1.0}, {"index": 2, "relevance_score": 0.5}]
    assert cohere["meta"]["billed_units"] == {"search_units": 1}
    assert [item["document"]["text"] for item in jina["results"]] == ["a red dot", "red"]
    assert jina["usage"] == {"total_tokens": 10}
    assert "document" not in bare["results"][0]
    assert refused == [{"message": "Rate limit reached."}, {"detail": "Rate limit reached."}]
    assert empty.status_code == 400
