"""Mistral's embeddings: conversion both ways, and what another vendor's model cannot give."""

import json
from typing import Any

import pytest

from pilothouse.domain.embeddings import EmbeddingsReply, EmbeddingsRequest
from pilothouse.domain.facts import ModelFacts
from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import table
from pilothouse.protocols.base import Ask, EmbeddingsCodec
from pilothouse.protocols.conversion import Task, convert
from pilothouse.protocols.mistral_embeddings import DIALECT
from pilothouse.protocols.mistral_embeddings.codec import read_request, write_request, write_vectors
from tests.gateway.harness import Gateway, gateway

ASKED: dict[str, Any] = {"model": "e", "input": ["a", "b"], "output_dimension": 4, "output_dtype": "float"}
FACTS = ModelFacts()


def read(**changes: Any) -> EmbeddingsRequest:
    return read_request(json.dumps({**ASKED, **changes}).encode())


def test_a_request_is_read() -> None:
    found = read(encoding_format="base64", metadata={"a": 1})
    assert (found.dialect, found.inputs, found.dimensions, found.base64) == (
        "mistral_embeddings", ("a", "b"), 4, True,
    )  # fmt: skip
    assert found.extra is not None
    assert (found.extra.dialect, found.extra.fields) == ("mistral_embeddings", {"metadata": {"a": 1}})


@pytest.mark.parametrize("changes", [{"output_dtype": "int8"}, {"output_dimension": 0}, {"output_dimension": "4"}])
def test_what_cannot_be_had_is_refused_by_name(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**changes)
    assert refused.value.param == next(iter(changes))


def test_a_request_is_written() -> None:
    request = EmbeddingsRequest(
        dialect="gemini_embeddings", model="e", inputs=("a", (1, 2)), dimensions=4, base64=True, task="CLUSTERING",
    )  # fmt: skip
    written = write_request(request, FACTS)
    assert json.loads(written.body) == {
        "model": "e", "input": ["a", ""], "output_dimension": 4, "encoding_format": "base64",
    }  # fmt: skip
    assert {loss.field: loss.essential for loss in written.losses} == {"input.1": True, "taskType": False}


def test_an_answer_has_an_id_and_all_counts() -> None:
    answer = json.loads(write_vectors(EmbeddingsReply(vectors=((1.0, 2.0),), usage=Usage(3)), read()))
    assert answer["id"] == ""
    assert answer["data"] == [{"object": "embedding", "index": 0, "embedding": [1.0, 2.0]}]
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3, "completion_tokens": 0}


@pytest.mark.parametrize("other", ["openai_embeddings", "gemini_embeddings", "cohere_embeddings"])
def test_conversion_both_ways(other: str) -> None:
    dialect = table.dialect(other)
    codec = dialect.codec
    assert isinstance(codec, EmbeddingsCodec)
    ask = Ask("e", variant="batch") if "gemini" in other else Ask()
    there = convert(Task(DIALECT, dialect, json.dumps(ASKED).encode(), Ask(), "e", FACTS))
    assert there is not None
    found = codec.read_request(there.body, ask)
    assert (found.inputs, found.dimensions) == (("a", "b"), 4)
    back = convert(Task(dialect, DIALECT, there.body, ask, "e", FACTS))
    assert back is not None
    assert json.loads(back.body)["input"] == ["a", "b"]


async def test_its_callers_reach_accounts_and_the_list_of_models(tmp_path: Any) -> None:
    async with gateway(tmp_path) as running:
        publish(running)
        async with running.client() as client:
            answers = [
                (await client.post(DIALECT.path, json={**ASKED, "model": f"{name}/e"})).json() for name in ("mi", "oai")
            ]
            models = (await client.get("/mistral/v1/models")).json()["data"]
    assert [[len(item["embedding"]) for item in answer["data"]] for answer in answers] == [[4, 4], [4, 4]]
    assert [answer["id"] for answer in answers] == ["mistral-fake", ""]
    assert [(model["type"], model["capabilities"]) for model in models] == [("base", {})] * 2


def publish(running: Gateway) -> None:
    base = running.fake.url
    running.accounts = [
        running.account("mi", f"{base}/mistral/v1", provider="mistral", models=("e",)),
        running.account("oai", f"{base}/v1", provider="openai", models=("e",)),
    ]
    running.publish()
