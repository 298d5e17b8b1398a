"""Gemini's embeddings, into the domain and out of it, one text or a batch, to OpenAI's and back."""

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from google import genai
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI

from pilothouse.domain.chat import Extra
from pilothouse.domain.embeddings import EmbeddingsReply, EmbeddingsRequest
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidJson, InvalidRequest, UpstreamProtocol
from pilothouse.protocols import table
from pilothouse.protocols.base import Ask, EmbeddingsCodec
from pilothouse.protocols.conversion import Task, convert
from pilothouse.protocols.gemini_embeddings import CODEC, DIALECT
from tests.gateway.harness import gateway

FACTS = ModelFacts()
ONE, BATCH = Ask("e", False), Ask("e", False, "batch")
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def content(*texts: str) -> dict[str, Any]:
    return {"parts": [{"text": text} for text in texts]}


def read(document: Any, ask: Ask = ONE) -> EmbeddingsRequest:
    return CODEC.read_request(json.dumps(document).encode(), ask)


def test_one_text_in_either_spelling() -> None:
    document = {"content": content("a", "b"), "task_type": "RETRIEVAL_DOCUMENT", "title": "t",
                "output_dimensionality": 8, "autoTruncate": True}  # fmt: skip
    assert read(document) == EmbeddingsRequest(
        dialect="gemini_embeddings", model="e", inputs=("a\nb",), batched=False, dimensions=8,
        task="RETRIEVAL_DOCUMENT", title="t", extra=Extra("gemini_embeddings", {"autoTruncate": True}),
    )  # fmt: skip


def test_settings_in_an_object_of_their_own() -> None:
    config = {"taskType": "CLUSTERING", "outputDimensionality": 4}
    found = read({"content": content("a"), "embedContentConfig": config})
    assert (found.task, found.dimensions, found.extra) == ("CLUSTERING", 4, None)


def test_a_batch() -> None:
    items = [{"model": "models/e", "content": content(text), "taskType": "CLUSTERING"} for text in ("a", "b")]
    found = read({"requests": items}, BATCH)
    assert (found.inputs, found.batched, found.task) == (("a", "b"), True, "CLUSTERING")


@pytest.mark.parametrize(
    ("document", "ask", "param"),
    [
        ({}, ONE, "content"),
        ({"content": {"parts": [{"inlineData": {"data": "aa"}}]}}, ONE, "content"),
        ({"content": content("a"), "outputDimensionality": 0}, ONE, "outputDimensionality"),
        ({"content": content("a"), "outputDimensionality": "8"}, ONE, "outputDimensionality"),
        ({}, BATCH, "requests"),
        ({"requests": [{"content": content("a")}, {}]}, BATCH, "requests.1.content"),
        ({"requests": [{"content": content("a"), "outputDimensionality": n} for n in (1, 2)]}, BATCH, "requests"),
    ],
)
def test_malformed_requests_are_refused_with_the_place(document: Any, ask: Ask, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(document, ask)
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b'{"content":"\xff"}', b'{"a":' * 100_000])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        CODEC.read_request(body, ONE)


def test_openais_request_and_what_is_lost_of_it() -> None:
    request = EmbeddingsRequest(
        dialect="openai_embeddings", model="e", inputs=("a", (1, 2)), dimensions=8, user_id="u",
        extra=Extra("openai_embeddings", {"odd": 1}),
    )  # fmt: skip
    written = CODEC.write_request(request, FACTS)
    items = [{"model": "models/e", "content": content(text), "outputDimensionality": 8} for text in ("a", "")]
    assert json.loads(written.body) == {"requests": items}
    reason = "Gemini's embeddings have no such field"
    assert written.losses == (
        Loss("input.1", "Gemini takes texts, no token ids", True), Loss("user", reason), Loss("odd", reason),
    )  # fmt: skip


@given(texts=st.lists(TEXTS, min_size=1, max_size=3), batched=st.booleans(), dimensions=st.none() | st.integers(1, 9))
def test_any_request_comes_back(texts: list[str], batched: bool, dimensions: int | None) -> None:
    request = EmbeddingsRequest(
        dialect="gemini_embeddings", model="e", inputs=tuple(texts if batched else texts[:1]), batched=batched,
        dimensions=dimensions, task="CLUSTERING",
    )  # fmt: skip
    written = CODEC.write_request(request, FACTS)
    assert written.losses == ()
    assert CODEC.read_request(written.body, BATCH if batched else ONE) == request


@given(vectors=st.lists(st.lists(FLOATS, min_size=1, max_size=4).map(tuple), min_size=1, max_size=3).map(tuple))
def test_any_vectors_come_back(vectors: tuple[tuple[float, ...], ...]) -> None:
    for batched in (True, False):
        request = EmbeddingsRequest(dialect="gemini_embeddings", model="e", inputs=("x",), batched=batched)
        reply = EmbeddingsReply(vectors=vectors if batched else vectors[:1], usage=Usage(7))
        body = CODEC.write_reply(reply, request)
        assert CODEC.read_reply(body) == reply
        assert DIALECT.read_reply(body).usage == Usage(7)
    batch = msgspec.structs.replace(request, batched=True)
    answer = types.EmbedContentResponse.model_validate_json(CODEC.write_reply(EmbeddingsReply(vectors=vectors), batch))
    assert [tuple(item.values or ()) for item in answer.embeddings or ()] == list(vectors)


def test_a_body_that_passes_through_names_the_models_of_the_path() -> None:
    body = b'{"requests":[{"model":"models/a/e","content":{"n":1.0}},{"content":{}}]}'
    asked = b'{"requests":[{"model":"models/e","content":{"n":1.0}},{"content":{}}]}'
    assert DIALECT.rewrite(body, model="e", ask_usage=False) == asked
    assert DIALECT.rewrite(b'{"content": {}, "model":"models/a/e"}', model="tunedModels/t", ask_usage=False) == (
        b'{"content":{},"model":"tunedModels/t"}'
    )
    assert DIALECT.rewrite(body, model=None, ask_usage=False) == body


@pytest.mark.parametrize("body", [b"", b"{}", b'{"embedding":{}}', b'{"embeddings":[{"values":"x"}]}', b"[" * 99_999])
def test_answers_without_vectors_are_refused(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        CODEC.read_reply(body)


def test_an_error_in_place_of_an_answer_is_found() -> None:
    found = DIALECT.read_reply(b'{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}')
    assert found.error is not None
    assert found.error.status == 404
    with pytest.raises(UpstreamProtocol):
        DIALECT.read_reply(b"{}")


def test_conversion_both_ways() -> None:
    openai = table.dialect("openai_embeddings")
    there = convert(Task(openai, DIALECT, b'{"model":"e","input":["a","b"]}', Ask(), "e", FACTS))
    assert there is not None
    back = json.loads(there.reply(b'{"embeddings":[{"values":[1,2]},{"values":[3,4]}]}'))
    assert [item["embedding"] for item in back["data"]] == [[1, 2], [3, 4]]
    here = convert(Task(DIALECT, openai, json.dumps({"content": content("a")}).encode(), ONE, "e", FACTS))
    assert here is not None
    assert json.loads(here.body) == {"model": "e", "input": "a"}
    answered = b'{"data":[{"embedding":[1,2],"index":0}],"usage":{"prompt_tokens":3,"total_tokens":3}}'
    assert json.loads(here.reply(answered)) == {
        "embedding": {"values": [1, 2]}, "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3},
    }  # fmt: skip


@pytest.mark.parametrize(("provider", "path"), [("gemini", "/v1beta"), ("openai", "/v1")])
async def test_both_sdks_reach_both_kinds_of_account(tmp_path: Path, provider: str, path: str) -> None:
    async with gateway(tmp_path) as running:
        running.accounts = [running.account("acc", running.fake.url + path, provider=provider, models=("e",))]
        running.publish()
        options = types.HttpOptions(base_url=running.url, async_client_args={"transport": httpx.AsyncHTTPTransport()})
        google: Any = genai.Client(api_key=running.secret, http_options=options).aio
        openai = AsyncOpenAI(api_key=running.secret, base_url=f"{running.url}/v1", max_retries=0)
        try:
            config = types.EmbedContentConfig(output_dimensionality=4)
            answer = await google.models.embed_content(model="acc/e", contents=["a", "b"], config=config)
            same = await openai.embeddings.create(model="acc/e", input=["a", "b"], dimensions=4)
            single = await openai.embeddings.create(model="acc/e", input="b", dimensions=4)
        finally:
            await google.aclose()
            await openai.close()
        sent = json.loads(running.fake.requests[0].body)
    if provider == "gemini":
        assert [item["model"] for item in sent["requests"]] == ["models/e", "models/e"]
    vectors = [item.values for item in answer.embeddings]
    assert [len(vector) for vector in vectors] == [4, 4]
    assert vectors[0] != vectors[1]
    # OpenAI's client asks for 32 bits.
    assert [item.embedding for item in same.data] == [pytest.approx(vector, rel=1e-6) for vector in vectors]
    assert single.data[0].embedding == pytest.approx(vectors[1], rel=1e-6)


def test_what_differs_within_a_batch_is_noted_and_never_read_in_silence() -> None:
    items = [
        {"content": content("a")},
        {"content": content("b"), "taskType": "RETRIEVAL_DOCUMENT", "title": "t", "autoTruncate": True},
        {"content": content("c"), "taskType": "CLUSTERING"},
    ]
    request = read({"requests": items}, BATCH)
    assert request.varied == ("taskType", "title", "autoTruncate")
    assert (request.task, request.title) == ("RETRIEVAL_DOCUMENT", "t")
    for name in ("gemini_embeddings", "openai_embeddings"):
        codec = table.dialect(name).codec
        assert isinstance(codec, EmbeddingsCodec)
        lost = codec.write_request(request, FACTS).losses
        assert {loss.field for loss in lost} == {"taskType", "title", "autoTruncate"}
    assert read({"requests": [items[2], items[2]]}, BATCH).varied == ()
