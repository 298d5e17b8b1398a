"""Answered calls: what the caller gets, what the upstream sees, what the record keeps."""

import json
from pathlib import Path

import httpx
import openai
import pytest

from pilothouse.domain.call import Outcome
from tests.gateway.harness import PROVIDER_KEY, chat, gateway

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def events(body: bytes) -> list[dict[str, object]]:
    """Return the JSON documents of a stream, `[DONE]` left out."""
    lines = [line[5:].strip() for line in body.split(b"\n") if line.startswith(b"data:")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


async def test_plain_call_is_answered_and_recorded(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        answer = await client.post("/v1/chat/completions", json=chat(user="u-1", metadata={"feature": "greet"}))
        assert answer.status_code == 200
        assert answer.json()["choices"][0]["message"]["content"]
        record = await running.record()
        assert record.outcome is Outcome.ANSWERED
        assert (record.project_id, record.model_requested, record.account) == ("project", "up/fake-chat", "up")
        assert (record.user_id, record.metadata) == ("u-1", {"feature": "greet"})
        assert record.usage is not None
        assert record.usage.input_total == answer.json()["usage"]["prompt_tokens"]
        assert record.usage.output_total == answer.json()["usage"]["completion_tokens"]
        assert record.response_body == answer.content
        assert record.response_size_bytes == len(answer.content)
        assert [attempt.status for attempt in record.attempts] == [200]
        assert 0 < record.overhead_ns < record.duration_ns


async def test_headers_name_the_call(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        answer = await client.post("/v1/chat/completions", json=chat(), headers={"traceparent": TRACEPARENT})
        record = await running.record()
        assert answer.headers["x-request-id"] == record.id
        assert answer.headers["x-pilothouse-trace-id"] == record.trace_id == TRACEPARENT.split("-")[1]
        assert record.parent_span_id == TRACEPARENT.split("-")[2]
        assert answer.headers["traceparent"] == f"00-{record.trace_id}-{record.span_id}-01"
        assert answer.headers["x-pilothouse-model"] == "up/fake-chat"
        assert answer.headers["x-pilothouse-attempts"] == "1"
        assert float(answer.headers["x-pilothouse-overhead-ms"]) > 0
        sent = running.fake.requests[0].headers
        assert sent["traceparent"] == answer.headers["traceparent"]


async def test_upstream_gets_its_own_key_and_never_ours(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        await client.post("/v1/chat/completions", json=chat(), headers={"cookie": "a=b"})
        seen = running.fake.requests[0]
        assert seen.headers["authorization"] == f"Bearer {PROVIDER_KEY}"
        assert "cookie" not in seen.headers
        assert running.secret not in str(seen)
        record = await running.record()
        assert running.secret not in str(record)
        assert PROVIDER_KEY not in str(record)


async def test_body_goes_through_byte_for_byte_when_the_name_fits(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        body = b'{ "model" : "fake-chat",\n "messages":[{"role":"user","content":"\\u00e9 \\/ x"}], "x_new": 1.50 }'
        answer = await client.post("/v1/chat/completions", content=body)
        assert answer.status_code == 200
        assert running.fake.requests[0].body == body


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"up/fake-chat","model":"fake-chat","messages":[]}',
        b'{"model":"fake-chat","\\u006dodel":"fake-embed","messages":[]}',
        b'{"model":"fake-chat","MODEL":"fake-embed","messages":[]}',
    ],
)
async def test_a_second_spelling_of_the_model_never_reaches_the_upstream(tmp_path: Path, body: bytes) -> None:
    async with gateway(tmp_path) as running:
        running.keys[0] = running.key(running.secret, models=("fake-chat", "up/fake-chat", "fake-embed"))
        running.publish()
        async with running.client() as client:
            await client.post("/v1/chat/completions", content=body)
        record = await running.record()
        seen = running.fake.requests[0].body
        assert seen.lower().count(b"model") == 1
        assert json.loads(seen)["model"] == record.attempts[0].model


async def test_alias_is_rewritten_and_recorded(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        await client.post("/v1/chat/completions", json=chat("default"))
        assert running.fake.requests[0].json["model"] == "fake-chat"
        record = await running.record()
        assert (record.alias, record.model_requested, record.attempts[0].model) == ("default", "default", "fake-chat")


async def test_stream_is_metered_and_the_extra_chunk_hidden(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script({"chunks": 5})
        answer = await client.post("/v1/chat/completions", json=chat(stream=True))
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.content.endswith(b"data: [DONE]\n\n")
        assert all(event["choices"] for event in events(answer.content))
        assert running.fake.requests[0].json["stream_options"] == {"include_usage": True}
        record = await running.record()
        assert record.outcome is Outcome.ANSWERED
        assert record.usage_asked_for_caller
        assert record.usage is not None
        assert record.usage.output_total == 5
        assert record.finish_reason == "stop"
        assert record.response_body == answer.content
        assert record.first_token_ns is not None
        assert record.last_token_ns is not None
        assert record.first_token_ns <= record.last_token_ns <= record.duration_ns


async def test_a_caller_that_asks_for_usage_gets_it(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        asked = chat("fake-chat", stream=True, stream_options={"include_usage": True})
        answer = await client.post("/v1/chat/completions", json=asked)
        assert events(answer.content)[-1]["usage"]
        record = await running.record()
        assert not record.usage_asked_for_caller


@pytest.mark.parametrize("behaviour", ["usage-last-chunk", "usage-every-chunk", "crlf", "split-utf8", "drip", "pings"])
async def test_every_kind_of_stream_passes_whole(tmp_path: Path, behaviour: str) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        asked = chat("fake-" + behaviour, stream=True, stream_options={"include_usage": True})
        running.accounts[0] = running.account("up", running.fake.base_url, models=(f"fake-{behaviour}",))
        running.publish()
        async with httpx.AsyncClient(trust_env=False) as bare:
            direct = await bare.post(f"{running.fake.base_url}/chat/completions", json=asked)
        answer = await client.post("/v1/chat/completions", json=asked)
        strip = [{k: v for k, v in e.items() if k not in ("id", "created")} for e in events(answer.content)]
        assert strip == [{k: v for k, v in e.items() if k not in ("id", "created")} for e in events(direct.content)]
        record = await running.record()
        assert record.outcome is Outcome.ANSWERED
        assert record.usage is not None


async def test_a_server_that_does_not_stream_is_turned_into_a_stream(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script("whole")
        answer = await client.post("/v1/chat/completions", json=chat(stream=True))
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.content.endswith(b"data: [DONE]\n\n")
        record = await running.record()
        assert record.usage is not None


async def test_embeddings(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        asked = {"model": "up/fake-embed", "input": ["one", "two"]}
        answer = await client.post("/v1/embeddings", json=asked)
        assert len(answer.json()["data"]) == 2
        record = await running.record()
        assert (record.operation, record.dialect, record.path) == ("embeddings", "openai_embeddings", "/v1/embeddings")
        assert record.usage is not None
        assert record.usage.output_total == 0


async def test_openai_sdk(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        http = httpx.AsyncClient(trust_env=False)
        async with openai.AsyncOpenAI(api_key=running.secret, base_url=f"{running.url}/v1", http_client=http) as sdk:
            plain = await sdk.chat.completions.create(model="default", messages=[{"role": "user", "content": "Hello"}])
            assert plain.choices[0].message.content
            running.fake.script({"chunks": 4})
            stream = await sdk.chat.completions.create(
                model="default", messages=[{"role": "user", "content": "Hello"}], stream=True
            )
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            assert "".join(pieces).split() == ["tok0", "tok1", "tok2", "tok3"]
            vectors = await sdk.embeddings.create(model="up/fake-embed", input="one")
            assert vectors.data[0].embedding
            names = [model.id async for model in sdk.models.list()]
            assert names == ["default", "up/fake-chat", "up/fake-embed"]
            one = await sdk.models.retrieve("up/fake-chat")
            assert one.owned_by == "up"
            with pytest.raises(openai.NotFoundError) as refused:
                await sdk.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "Hello"}])
            assert refused.value.code == "model_not_found"
        await running.records(4)
