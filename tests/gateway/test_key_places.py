"""A virtual key works wherever an SDK puts its key, and is recorded nowhere."""

from pathlib import Path

import msgspec
import pytest

from tests.gateway.harness import chat, gateway

SIGNED = "AWS4-HMAC-SHA256 Credential={key}/20261125/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature=ab"


@pytest.mark.parametrize(
    ("name", "form"),
    [("authorization", "Bearer {key}"), ("authorization", "bearer  {key}"), ("x-api-key", "{key}"),
     ("api-key", "{key}"), ("x-goog-api-key", "{key}"), ("authorization", SIGNED)],
)  # fmt: skip
async def test_a_header_carries_the_key(tmp_path: Path, name: str, form: str) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        client.headers.clear()
        answer = await client.post("/v1/chat/completions", json=chat(), headers={name: form.format(key=running.secret)})
        assert answer.status_code == 200
        record = await running.record()
    assert record.key_id == running.keys[0].id
    assert running.secret.encode() not in msgspec.json.encode(record)


async def test_the_query_may_carry_it_and_is_not_kept(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        client.headers.clear()
        answer = await client.post(f"/v1/chat/completions?key={running.secret}", json=chat())
        models = await client.get(f"/v1/models?key={running.secret}")
        assert (answer.status_code, models.status_code) == (200, 200)
        record = await running.record()
    assert running.secret.encode() not in msgspec.json.encode(record)
    assert all(running.secret not in str(request) for request in running.fake.requests)


async def test_a_wrong_key_is_refused_in_any_place(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        client.headers.clear()
        for headers in ({"x-goog-api-key": "ph_wrong"}, {"authorization": SIGNED.format(key="AKIA")}, {}):
            refused = await client.post("/v1/chat/completions", json=chat(), headers=headers)
            assert refused.status_code == 401


async def test_azure_style_paths_name_the_model(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        body = {"messages": [{"role": "user", "content": "Say hello."}]}
        answer = await client.post("/openai/deployments/default/chat/completions?api-version=2026-01-01", json=body)
        assert answer.status_code == 200
        assert (await running.record()).model_requested == "default"
