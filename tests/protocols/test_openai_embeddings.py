"""Embeddings into the domain and back, as numbers and as base64."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from pilothouse.domain.chat import Extra
from pilothouse.domain.embeddings import EmbeddingsReply, EmbeddingsRequest
from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidJson, InvalidRequest, UpstreamProtocol
from pilothouse.protocols.base import NO_ASK, EmbeddingsCodec
from pilothouse.protocols.conversion import Task, convert
from pilothouse.protocols.openai_embeddings import DIALECT

assert isinstance(DIALECT.codec, EmbeddingsCodec)
CODEC = DIALECT.codec
FACTS = ModelFacts()
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
TOKENS = st.lists(st.integers(0, 200_000), min_size=1).map(tuple)


def read(document: dict[str, Any]) -> EmbeddingsRequest:
    return CODEC.read_request(json.dumps(document).encode(), NO_ASK)


@pytest.mark.parametrize("given_input", ["one", ["one"], ["one", "two"], [1, 2], [[1, 2]], [[1], "two"]])
def test_a_request_comes_back_as_it_went_in(given_input: Any) -> None:
    document = {
        "model": "e", "input": given_input, "dimensions": 8, "encoding_format": "base64", "user": "u",
        "input_type": "query",
    }  # fmt: skip
    written = CODEC.write_request(read(document), FACTS)
    assert json.loads(written.body) == document
    assert written.losses == ()


@given(
    inputs=st.lists(st.one_of(st.text(), TOKENS), min_size=1).map(tuple),
    dimensions=st.none() | st.integers(1, 4096),
    packed=st.booleans(),
)
def test_any_request_comes_back(
    inputs: tuple[str | tuple[int, ...], ...], dimensions: int | None, packed: bool
) -> None:
    request = EmbeddingsRequest(
        dialect="openai_embeddings", model="e", inputs=inputs, dimensions=dimensions, base64=packed
    )
    assert CODEC.read_request(CODEC.write_request(request, FACTS).body, NO_ASK) == request


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"input": None}, "input"), ({"input": []}, "input"), ({"input": 5}, "input"), ({"input": ["a", 5]}, "input.1"),
    ({"input": [[]]}, "input.0"), ({"input": [True]}, "input.0"), ({"dimensions": 0}, "dimensions"),
    ({"dimensions": "8"}, "dimensions"), ({"encoding_format": "int8"}, "encoding_format"), ({"model": 5}, "model"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "param"), BROKEN)
def test_malformed_requests_are_refused_with_the_place(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({"model": "e", "input": "x", **change})
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b'{"input":"\xff"}'])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        CODEC.read_request(body, NO_ASK)


def test_what_another_dialect_says_besides_is_named_as_lost() -> None:
    request = EmbeddingsRequest(
        dialect="gemini_embeddings", model="e", inputs=("x",), task="RETRIEVAL_QUERY", title="t",
        extra=Extra("gemini_embeddings", {"autoTruncate": True}),
    )  # fmt: skip
    written = CODEC.write_request(request, FACTS)
    assert json.loads(written.body) == {"model": "e", "input": ["x"]}
    reason = "OpenAI's embeddings have no such field"
    assert written.losses == (Loss("taskType", reason), Loss("title", reason), Loss("autoTruncate", reason))


@given(
    vectors=st.lists(st.lists(FLOATS, min_size=1, max_size=4).map(tuple), max_size=3).map(tuple), packed=st.booleans()
)
def test_any_vectors_come_back(vectors: tuple[tuple[float, ...], ...], packed: bool) -> None:
    request = EmbeddingsRequest(dialect="openai_embeddings", model="asked", inputs=("x",), base64=packed)
    reply = EmbeddingsReply(model="served", vectors=vectors, usage=Usage(7))
    body = CODEC.write_reply(reply, request)
    assert CODEC.read_reply(body) == reply
    assert DIALECT.read_reply(body).usage == Usage(7)
    # The SDK's type knows numbers only; its client asks for base64 and unpacks it.
    if not packed:
        answer = CreateEmbeddingResponse.model_validate_json(body, strict=True)
        assert tuple(tuple(item.embedding) for item in answer.data) == vectors
        assert (answer.model, answer.usage.total_tokens) == ("served", 7)


def test_vectors_are_packed_for_the_caller_whatever_the_provider_sends() -> None:
    task = Task(DIALECT, DIALECT, b'{"model":"a/e","input":"x","encoding_format":"base64"}', NO_ASK, "e", FACTS)
    converted = convert(task)
    assert converted is not None
    assert json.loads(converted.body) == {"model": "e", "input": "x", "encoding_format": "base64"}
    answered = b'{"data":[{"index":1,"embedding":[1,2]},{"index":0,"embedding":[0.5,-0.25]}],"model":"e"}'
    found = json.loads(converted.reply(answered))
    assert [item["embedding"] for item in found["data"]] == [
        base64.b64encode(struct.pack("<2f", *vector)).decode() for vector in ((0.5, -0.25), (1, 2))
    ]


@pytest.mark.parametrize("body", [
    b"", b"{}", b'{"data":[{"embedding":null}]}', b'{"data":[{"embedding":"AA=="}]}', b'{"data":[{"embedding":"?"}]}',
    b"[" * 100_000,
])  # fmt: skip
def test_answers_without_vectors_are_refused(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        CODEC.read_reply(body)


def test_numbers_beyond_32_bits_are_the_providers_fault() -> None:
    request = EmbeddingsRequest(dialect="openai_embeddings", model="e", inputs=("x",), base64=True)
    with pytest.raises(UpstreamProtocol):
        CODEC.write_reply(EmbeddingsReply(vectors=((1e300,),)), request)
