"""Requests for what callers keep with the gateway: paths, keys, bodies, errors."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import pytest

from pilothouse.errors import InvalidRequest, SpoolFull
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.pipeline import Parts
from pilothouse.gateway.resources import Answer, Asked, Resource
from tests.gateway.harness import Gateway, gateway


async def _show(asked: Asked) -> Answer:
    return Answer(msgspec.json.encode({"args": asked.args, "query": asked.query, "project": asked.key.project_id}))


async def _echo(asked: Asked) -> Answer:
    return Answer(await asked.read(10), b"text/plain")


async def _long(_asked: Asked) -> Answer:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"two"
        yield b"three"

    return Answer(b"one", rest=pieces())


async def _broken(_asked: Asked) -> Answer:
    raise ZeroDivisionError


async def _refused(_asked: Asked) -> Answer:
    raise InvalidRequest("no", param="x")


async def _busy(_asked: Asked) -> Answer:
    raise SpoolFull("full", retry_after_s=1.5)


def rows(_parts: Parts, _deferred: Deferred) -> Iterable[Resource]:
    return (
        Resource("GET", "/v1/things/{id}/parts/{part}", _show),
        Resource("POST", "/v1/things", _echo),
        Resource("GET", "/v1/things", _long),
        Resource("GET", "/v1/broken", _broken),
        Resource("GET", "/v1/refused", _refused),
        Resource("GET", "/v1/busy", _busy),
    )


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, rows=rows) as up:
        yield up


@pytest.mark.parametrize("prefix", ["", "/openai"])
async def test_a_path_is_taken_apart(running: Gateway, prefix: str) -> None:
    async with running.client() as client:
        heard = (await client.get(f"{prefix}/v1/things/a%20b/parts/c?limit=2&after=x")).json()
    assert heard["args"] == ["a b", "c"]
    assert heard["query"] == {"limit": "2", "after": "x"}
    assert heard["project"] == "project"


async def test_bodies_come_whole_up_to_a_limit(running: Gateway) -> None:
    async with running.client() as client:
        assert (await client.post("/v1/things", content=b"0123456789")).text == "0123456789"
        refused = await client.post("/v1/things", content=b"0123456789a")
        assert refused.status_code == 413
        assert (await client.get("/v1/things")).text == "onetwothree"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", "/v1/things", 405, "method_not_allowed"),
        ("GET", "/v1/broken", 500, "internal_error"),
        ("GET", "/v1/refused", 400, "invalid_request"),
        ("GET", "/v1/other", 404, "endpoint_unknown"),
    ],
)
async def test_errors_have_openais_form(running: Gateway, method: str, path: str, status: int, code: str) -> None:
    async with running.client() as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code


async def test_a_refusal_says_when_to_come_back(running: Gateway) -> None:
    async with running.client() as client:
        answer = await client.get("/v1/busy")
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("2", "1500")


async def test_without_a_key_nothing_is_answered(running: Gateway) -> None:
    async with running.client() as client:
        del client.headers["authorization"]
        assert (await client.get("/v1/things")).status_code == 401
        assert (await client.get("/v1/things", headers={"x-api-key": running.secret})).status_code == 200
