"""Gemini callers at Google's accounts: byte for byte, whole, as events and as one array."""

import itertools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.call import Outcome
from pilothouse.domain.usage import Usage
from pilothouse.protocols.base import Ask
from pilothouse.protocols.gemini import StreamScan, fold
from pilothouse.providers.fake import BEHAVIOURS
from tests.gateway.harness import PROVIDER_KEY, gateway
from tests.gateway.test_convert import Canned

CHUNKS: list[dict[str, Any]] = [
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hällo"}]}, "index": 0}], "modelVersion": "g-2.5"},
    {"candidates": [{"content": {"role": "model", "parts": [{"text": " th\u2028ere]},\"{"}]}, "finishReason": "STOP"}],
     "usageMetadata": {"promptTokenCount": 9, "cachedContentTokenCount": 4, "candidatesTokenCount": 2,
                       "thoughtsTokenCount": 5, "totalTokenCount": 16}, "modelVersion": "g-2.5"},
]  # fmt: skip
EVENTS = b"".join(f"data: {json.dumps(chunk, ensure_ascii=False)}\r\n\r\n".encode() for chunk in CHUNKS)
ARRAY = json.dumps(CHUNKS, indent=2, ensure_ascii=False).encode()
USAGE = Usage(5, 4, output_tokens=2, reasoning_tokens=5)
BODY = b'{"contents":[ {"role":"user","parts":[{"text":"hi"}]} ]}'


@pytest.mark.parametrize(
    ("verb", "content_type", "body"),
    [("streamGenerateContent?alt=sse", "text/event-stream", EVENTS),
     ("streamGenerateContent", "application/json", ARRAY),
     ("generateContent", "application/json", json.dumps(CHUNKS[1]).encode())],
)  # fmt: skip
async def test_an_answer_passes_byte_for_byte(tmp_path: Path, verb: str, content_type: str, body: bytes) -> None:
    canned = Canned(content_type, body)
    async with gateway(tmp_path) as running, running.client() as client, canned.serve() as url:
        running.accounts = [running.account("up", url.removesuffix("/v1"), provider="gemini")]
        running.publish()
        client.headers.clear()
        answer = await client.post(
            f"/v1beta/models/up/g-2.5:{verb}", content=BODY, headers={"x-goog-api-key": running.secret}
        )
        assert answer.status_code == 200, answer.text
        record = await running.record()
    path, headers, sent = canned.requests[0]
    assert answer.content == body
    assert answer.headers["content-type"].startswith(content_type)
    assert path == f"/v1beta/models/g-2.5:{verb}"
    assert (headers["x-goog-api-key"], headers["content-length"]) == (PROVIDER_KEY, str(len(BODY)))
    assert sent == json.loads(BODY)
    assert (record.usage, record.finish_reason, record.model_served) == (USAGE, "STOP", "g-2.5")
    assert (record.outcome, record.model_requested) == (Outcome.ANSWERED, "up/g-2.5")


async def test_a_refusal_has_googles_form(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        answer = await client.post("/v1beta/models/nowhere/g:generateContent", content=BODY)
        assert answer.status_code == 404
        assert answer.json()["error"]["status"] == "NOT_FOUND"


@pytest.mark.parametrize(("stream", "variant"), [(EVENTS, ""), (ARRAY, "array")])
@given(cuts=st.lists(st.integers(0, 5000), max_size=12))
def test_any_split_of_the_bytes_passes_whole(stream: bytes, variant: str, cuts: list[int]) -> None:
    scan, places = StreamScan(Ask(variant=variant)), sorted({0, *(cut % len(stream) for cut in cuts), len(stream)})
    out = b"".join(scan.feed(stream[a:b]) for a, b in itertools.pairwise(places)) + scan.end()
    assert out == stream
    assert (scan.complete, scan.usage, scan.content_seen) == (True, USAGE, True)


@pytest.mark.parametrize(("stream", "variant"), [(EVENTS, ""), (ARRAY, "array")])
def test_a_cut_stream_is_not_complete(stream: bytes, variant: str) -> None:
    scan = StreamScan(Ask(variant=variant))
    scan.feed(stream[: len(stream) // 2])
    scan.end()
    assert not scan.complete


@pytest.mark.parametrize("stream", [EVENTS, ARRAY])
def test_a_stream_is_folded_into_one_answer(stream: bytes) -> None:
    whole = json.loads(fold(stream))
    assert whole["candidates"][0]["content"]["parts"] == [{"text": 'Hällo th\u2028ere]},"{'}]
    assert whole["candidates"][0]["finishReason"] == "STOP"
    assert whole["usageMetadata"]["totalTokenCount"] == 16


def test_an_error_inside_a_stream_is_found() -> None:
    scan = StreamScan()
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    out = scan.feed(EVENTS.split(b"\r\n\r\n")[0] + b"\r\n\r\n" + b"data: " + json.dumps(error).encode() + b"\r\n\r\n")
    assert b"overloaded" not in out
    assert scan.error is not None
    assert (scan.error.status, scan.complete) == (503, False)


@pytest.mark.parametrize(("provider", "path"), [("gemini", "/v1beta"), ("openai_compatible", "/v1")])
@pytest.mark.parametrize("script", ["cut", "error-in-stream"])
async def test_a_broken_array_is_an_array_still(tmp_path: Path, provider: str, path: str, script: str) -> None:
    async with gateway(tmp_path) as running, running.client() as client:
        running.accounts = [running.account("up", running.fake.url + path, provider=provider)]
        running.publish()
        running.fake.script({**msgspec.to_builtins(BEHAVIOURS[script]), "gap_s": 0.001})
        answer = await client.post("/v1beta/models/up/g:streamGenerateContent", content=BODY)
        assert (await running.record()).outcome is Outcome.CUT
    assert answer.headers["content-type"] == "application/json"
    *before, last = answer.json()
    assert all("candidates" in chunk for chunk in before)
    assert (len(before) > 0, last["error"]["code"] >= 500) == (True, True)
