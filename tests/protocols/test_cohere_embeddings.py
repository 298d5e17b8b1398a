"""Cohere's embeddings: conversion both ways, what another vendor's model cannot give, and the SDK's own types."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilothouse.domain.embeddings import EmbeddingsReply, EmbeddingsRequest
from pilothouse.domain.facts import ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import table
from pilothouse.protocols.base import Ask, EmbeddingsCodec
from pilothouse.protocols.cohere_embeddings import DIALECT
from pilothouse.protocols.cohere_embeddings.codec import read_request, read_vectors, write_request, write_vectors
from pilothouse.protocols.conversion import Task, convert
from tests.gateway.harness import gateway

FACTS = ModelFacts()
ASKED: dict[str, Any] = {"model": "e", "texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"]}
ANSWER = b'{"id":"x","embeddings":{"float":[[1,2],[3,4]]},"meta":{"billed_units":{"input_tokens":5}}}'


def read(**changes: Any) -> EmbeddingsRequest:
    return read_request(json.dumps({**ASKED, **changes}).encode())


def test_a_request_is_read() -> None:
    found = read(output_dimension=4, truncate="NONE", embedding_types=["base64"])
    assert (found.inputs, found.task, found.dimensions, found.base64) == (("a", "b"), "RETRIEVAL_QUERY", 4, True)
    assert found.extra is not None
    assert found.extra.fields == {"truncate": "NONE"}
    parts = [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]
    assert read(texts=None, inputs=[{"content": parts}]).inputs == ("c\nd",)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"images": ["data:image/png;base64,AA=="]}, "images"),
        ({"inputs": [{"content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "inputs.0"),
        ({"inputs": ["a"]}, "inputs.0"),
        ({"texts": []}, "texts"),
        ({"texts": ["a", 7]}, "texts.1"),
        ({"embedding_types": ["int8"]}, "embedding_types"),
        ({"embedding_types": ["float", "base64"]}, "embedding_types"),
        ({"output_dimension": 0}, "output_dimension"),
    ],
)
def test_what_another_vendors_model_cannot_give_is_refused_by_name(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**changes)
    assert refused.value.param == param


def test_a_request_is_written() -> None:
    request = EmbeddingsRequest(
        dialect="openai_embeddings", model="e", inputs=("a", (1, 2)), dimensions=4, base64=True, user_id="u"
    )
    written = write_request(request, FACTS)
    assert json.loads(written.body) == {
        "model": "e", "texts": ["a", ""], "input_type": "search_document", "embedding_types": ["base64"],
        "output_dimension": 4,
    }  # fmt: skip
    assert {loss.field: loss.essential for loss in written.losses} == {"input.1": True, "user": False}


@pytest.mark.parametrize(
    ("task", "word", "lost"),
    [("CLUSTERING", "clustering", []), ("FACT_VERIFICATION", "search_document", ["taskType"]),
     ("", "search_document", [])],
)  # fmt: skip
def test_what_vectors_are_for_arrives(task: str, word: str, lost: list[str]) -> None:
    written = write_request(EmbeddingsRequest(dialect="gemini_embeddings", model="e", inputs=("a",), task=task), FACTS)
    assert json.loads(written.body)["input_type"] == word
    assert [loss.field for loss in written.losses] == lost


@pytest.mark.parametrize("base64", [False, True])
def test_an_answer_goes_round(*, base64: bool) -> None:
    reply = EmbeddingsReply(vectors=((1.0, 2.5), (-0.5, 0.0)), usage=Usage(3))
    request = read(embedding_types=["base64" if base64 else "float"])
    assert read_vectors(write_vectors(reply, request)) == reply


@pytest.mark.parametrize("body", [b"", b"{}", b'{"embeddings":{"base64":["x"]}}', b'{"embeddings":7}', b"[" * 99_999])
def test_answers_without_vectors_are_refused(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        read_vectors(body)


def test_what_the_record_needs_is_read_without_the_vectors() -> None:
    assert DIALECT.read_reply(ANSWER).usage == Usage(5)
    pictures = b'{"embeddings":{},"meta":{"billed_units":{"images":1,"image_tokens":9}}}'
    assert DIALECT.read_reply(pictures).usage == Usage(0, input_image_tokens=9)
    refused = DIALECT.read_reply(b'{"id":"x","message":"invalid request"}')
    assert refused.error is not None
    assert refused.error.message == "invalid request"
    for body in (b"", b"{}", b"[]"):
        with pytest.raises(UpstreamProtocol):
            DIALECT.read_reply(body)


@pytest.mark.parametrize("other", ["openai_embeddings", "gemini_embeddings"])
def test_conversion_both_ways(other: str) -> None:
    dialect = table.dialect(other)
    codec = dialect.codec
    assert isinstance(codec, EmbeddingsCodec)
    ask = Ask("e", variant="batch") if "gemini" in other else Ask()
    there = convert(Task(DIALECT, dialect, json.dumps(ASKED).encode(), Ask(), "e", FACTS))
    assert there is not None
    found = codec.read_request(there.body, ask)
    assert found.inputs == ("a", "b")
    answered = codec.write_reply(read_vectors(ANSWER), found)
    assert read_vectors(there.reply(answered)).vectors == ((1, 2), (3, 4))
    back = convert(Task(dialect, DIALECT, there.body, ask, "e", FACTS))
    assert back is not None
    assert json.loads(back.body)["texts"] == ["a", "b"]
    assert codec.read_reply(back.reply(ANSWER)).vectors == ((1, 2), (3, 4))


@pytest.mark.parametrize(("provider", "path"), [("cohere", ""), ("openai", "/v1"), ("gemini", "/v1beta")])
async def test_its_callers_reach_every_kind_of_account(tmp_path: Path, provider: str, path: str) -> None:
    async with gateway(tmp_path) as running:
        running.accounts = [running.account("acc", running.fake.url + path, provider=provider, models=("e",))]
        running.publish()
        body = {**ASKED, "model": "acc/e", "output_dimension": 4}
        async with httpx.AsyncClient(base_url=running.url, headers=running.headers) as client:
            answer = await client.post("/v2/embed", json=body)
            google = {"content": {"parts": [{"text": "b"}]}, "taskType": "RETRIEVAL_QUERY"}
            single = await client.post("/v1beta/models/acc/e:embedContent", json=google)
    found = answer.json()
    assert [len(vector) for vector in found["embeddings"]["float"]] == [4, 4]
    assert (found["response_type"], found["texts"]) == ("embeddings_by_type", ["a", "b"])
    assert single.status_code == 200
    sent = running.fake.requests[-1]
    if provider == "cohere":
        assert (sent.path, sent.json["input_type"]) == ("/v2/embed", "search_query")


@pytest.mark.parametrize("path", ["/v1/chat", "/cohere/v1/embed"])
async def test_callers_of_the_first_version_are_told_what_to_call(tmp_path: Path, path: str) -> None:
    async with gateway(tmp_path) as running, httpx.AsyncClient(base_url=running.url) as client:
        answer = await client.post(path, json={"message": "hi"})
    assert answer.status_code == 404
    assert "/v2/" in answer.json()["message"]
