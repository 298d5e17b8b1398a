"""Bad input and bad upstreams: a clear error in the caller's dialect, a stable code, and exactly one record."""

import json
from pathlib import Path

import httpx
import msgspec
import pytest

from pilothouse.domain import access
from pilothouse.domain.access import KeyKind, Permission
from pilothouse.domain.call import Outcome
from pilothouse.domain.clock import FakeClock
from pilothouse.providers.fake import BEHAVIOURS
from tests.gateway.harness import PROVIDER_KEY, chat, gateway


def code(answer: httpx.Response) -> str:
    """Return our stable code of an error answer, whose body must be an OpenAI error object."""
    error = answer.json()["error"]
    assert error["message"]
    assert error["type"]
    return answer.headers["x-pilothouse-error"]


@pytest.mark.parametrize(
    ("content", "status", "expected"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b'{"model": "up/fake-chat", "messages": [}', 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b'{"a":' * 100_000, 400, "invalid_json"),
        (b"[1, 2]", 400, "invalid_request"),
        (b'{"model": 7}', 400, "invalid_request"),
        (b'{"messages": []}', 400, "model_missing"),
        (b'{"model": "", "messages": []}', 400, "model_missing"),
        (b'{"model": "nope", "messages": []}', 404, "model_unknown"),
        (b'{"model": "up/", "messages": []}', 404, "model_unknown"),
    ],
)
async def test_bad_body(tmp_path: Path, content: bytes, status: int, expected: str) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        answer = await client.post("/v1/chat/completions", content=content)
        assert (answer.status_code, code(answer)) == (status, expected)
        record = await running.record()
        assert (record.outcome, record.error_code, record.status) == (Outcome.REFUSED, expected, status)
        assert record.request_size_bytes == len(content)
        assert running.fake.hits == 0


async def test_unknown_model_says_which_exist_and_what_was_meant(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        answer = await client.post("/v1/chat/completions", json=chat("fake-chatt"))
        message = answer.json()["error"]["message"]
        assert "did you mean 'up/fake-chat'" in message
        assert "default" in message


async def test_body_over_the_limit(tmp_path: Path) -> None:
    async with gateway(tmp_path, max_body_bytes=1000) as running, running.client() as client:
        answer = await client.post("/v1/chat/completions", content=b"x" * 1001)
        assert (answer.status_code, code(answer)) == (413, "body_too_large")

        async def pieces() -> object:
            for _ in range(20):
                yield b"x" * 100

        chunked = await client.post("/v1/chat/completions", content=pieces())
        assert (chunked.status_code, code(chunked)) == (413, "body_too_large")
        records = await running.records(2)
        assert all(record.outcome is Outcome.REFUSED for record in records)


async def test_keys(tmp_path: Path) -> None:
    clock = FakeClock()
    async with gateway(tmp_path, clock) as running:
        expired, revoked, reader, scoped = (access.mint(KeyKind.VIRTUAL_KEY) for _ in range(4))
        now_ns = clock.now_ns()
        running.keys += [
            running.key(expired, expires_at_ns=now_ns - 1),
            running.key(revoked, revoked_at_ns=now_ns - 1),
            running.key(reader, permissions=(Permission.READ,)),
            running.key(scoped, models=("up/other*",)),
        ]
        running.publish()
        unknown = access.mint(KeyKind.VIRTUAL_KEY)
        cases = {
            "": (401, "key_missing"),
            "sk-from-somewhere-else": (401, "key_unknown"),
            unknown[:-1] + ("0" if unknown[-1] != "0" else "1"): (401, "key_unknown"),
            unknown: (401, "key_unknown"),
            expired: (401, "key_expired"),
            revoked: (401, "key_revoked"),
            reader: (403, "permission_missing"),
            scoped: (403, "model_forbidden"),
        }
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
            for secret, expected in cases.items():
                headers = {"authorization": f"Bearer {secret}"} if secret else {}
                answer = await client.post("/v1/chat/completions", json=chat(), headers=headers)
                assert (answer.status_code, code(answer)) == expected
                assert not secret or secret not in answer.text
        records = await running.records(len(cases))
        assert all(not record.request_body for record in records[:-1]), "no body is kept of a call without a good key"
        assert running.fake.hits == 0


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key"])
async def test_a_key_works_where_sdks_put_it(tmp_path: Path, header: str) -> None:
    async with gateway(tmp_path) as running:
        value = f"bearer {running.secret}" if header == "authorization" else running.secret
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
            answer = await client.post("/v1/chat/completions", json=chat(), headers={header: value})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("behaviour", "status", "expected"),
    [
        ("400", 400, "upstream_invalid"),
        ("401", 502, "upstream_auth"),
        ("402", 502, "upstream_billing"),
        ("404", 404, "upstream_not_found"),
        ("429-seconds", 429, "upstream_rate_limited"),
        ("429-date", 429, "upstream_rate_limited"),
        ("429-ms", 429, "upstream_rate_limited"),
        ("429-reset", 429, "upstream_rate_limited"),
        ("billing", 502, "upstream_billing"),
        ("context-length", 400, "context_length"),
        ("content-policy", 400, "content_policy"),
        ("500", 502, "upstream_fault"),
        ("503", 503, "upstream_overloaded"),
        ("529", 503, "upstream_overloaded"),
        ("html-500", 502, "upstream_fault"),
        ("html-200", 502, "upstream_html"),
        ("redirect", 502, None),
        ("huge-headers", 502, "upstream_protocol"),
        ("close", 502, "upstream_cut"),
        ("reset", 502, "upstream_cut"),
        ("garbage", 502, "upstream_protocol"),
        ("half-head", 502, "upstream_cut"),
        ("error-in-200", 502, "upstream_fault"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_upstream_failure_before_content_is_a_proper_error(
    tmp_path: Path, behaviour: str, status: int, expected: str | None, *, stream: bool
) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script(msgspec.structs.replace(BEHAVIOURS[behaviour], framing="length"))
        answer = await client.post("/v1/chat/completions", json=chat(stream=stream))
        assert answer.status_code == status, answer.text
        assert expected is None or code(answer) == expected
        assert PROVIDER_KEY not in answer.text
        record = await running.record()
        assert record.outcome is Outcome.FAILED
        assert record.error_code == answer.headers["x-pilothouse-error"]
        assert len(record.attempts) == 1
        assert record.attempts[0].error_code == record.error_code
        assert record.usage is None


@pytest.mark.parametrize(
    ("behaviour", "expected"), [("length-long", "upstream_cut"), ("length-twice", "upstream_protocol")]
)
async def test_upstream_that_lies_about_its_length(tmp_path: Path, behaviour: str, expected: str) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script(behaviour)
        answer = await client.post("/v1/chat/completions", json=chat())
        assert (answer.status_code, code(answer)) == (502, expected)
        assert (await running.record()).outcome is Outcome.FAILED


async def test_retry_after_reaches_the_caller(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script("429-ms")
        answer = await client.post("/v1/chat/completions", json=chat())
        assert answer.headers["retry-after-ms"] == "1500"
        assert int(answer.headers["retry-after"]) in (1, 2)


@pytest.mark.parametrize("behaviour", ["error-first", "cut-first"])
async def test_a_stream_that_fails_before_content_is_no_200(tmp_path: Path, behaviour: str) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script(behaviour)
        answer = await client.post("/v1/chat/completions", json=chat(stream=True))
        assert answer.status_code == 502
        assert (await running.record()).outcome is Outcome.FAILED


@pytest.mark.parametrize("behaviour", ["cut", "cut-mid-frame", "error-in-stream", "error-event", "no-finish"])
async def test_a_stream_that_breaks_ends_with_an_error_event(tmp_path: Path, behaviour: str) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.fake.script(msgspec.structs.replace(BEHAVIOURS[behaviour], gap_s=0.02))
        answer = await client.post("/v1/chat/completions", json=chat(stream=True))
        assert answer.status_code == 200
        assert b"[DONE]" not in answer.content
        last = [line for line in answer.content.split(b"\n") if line.startswith(b"data:")][-1]
        assert json.loads(last[5:])["error"]["message"]
        record = await running.record()
        assert record.outcome is Outcome.CUT
        assert record.error_code
        assert record.status == 200
        assert record.first_token_ns is not None


async def test_silence_and_pings_are_no_progress(tmp_path: Path) -> None:
    async with gateway(tmp_path, between_bytes_timeout_s=0.3) as running, running.client() as client:
        running.fake.script("stall")
        answer = await client.post("/v1/chat/completions", json=chat(stream=True))
        assert b"[DONE]" not in answer.content
        assert (await running.record()).error_code == "upstream_timeout"


async def test_slow_upstream_times_out(tmp_path: Path) -> None:
    async with gateway(tmp_path, first_byte_timeout_s=0.2) as running, running.client() as client:
        running.fake.script("hang")
        answer = await client.post("/v1/chat/completions", json=chat())
        assert (answer.status_code, code(answer)) == (504, "upstream_timeout")


async def test_upstream_down(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts = [running.account("up", "http://127.0.0.1:9/v1")]
        running.publish()
        answer = await client.post("/v1/chat/completions", json=chat())
        assert (answer.status_code, code(answer)) == (502, "upstream_unreachable")
        assert (await running.record()).outcome is Outcome.FAILED


async def test_paths_and_methods(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        unknown = await client.post("/v1/nothing", json={})
        assert unknown.status_code == 404
        assert "/v1/chat/completions" in unknown.json()["error"]["message"]
        wrong = await client.get("/v1/chat/completions")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        assert (await client.post("/v1/models")).status_code == 405
        assert (await client.get("/openai/v1/models")).json() == (await client.get("/v1/models")).json()
        assert (await client.get("/mistral/v1/models/up/fake-chat")).json()["object"] == "model"
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).status_code == 200
        assert "pilothouse_gateway_calls_total" in (await client.get("/metrics")).text
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as stranger:
            assert (await stranger.get("/metrics")).status_code == 401
            assert (await stranger.get("/v1/models")).status_code == 401


async def test_compressed_body_is_refused(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        answer = await client.post("/v1/chat/completions", content=b"x", headers={"content-encoding": "gzip"})
        assert (answer.status_code, code(answer)) == (400, "invalid_request")
