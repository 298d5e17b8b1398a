"""The fake provider does what its scripts say, down to the bytes."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import openai
import pytest

from pilothouse.errors import SettingsInvalid
from pilothouse.protocols import openai_chat
from pilothouse.protocols.openai_chat import StreamScan
from pilothouse.providers.fake import BEHAVIOURS, Answer, FakeProvider, ToolCall
from pilothouse.providers.fake.script import WIDE_TEXT
from pilothouse.providers.waits import retry_after_s

PLAIN: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
STREAMED = {**PLAIN, "stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as provider:
        yield provider


@pytest.fixture
async def client(fake: FakeProvider) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=fake.url, timeout=5) as http:
        yield http


async def raw(fake: FakeProvider, body: dict[str, Any], headers: str = "", *, timeout_s: float = 5) -> bytes:
    """Send one request and return every byte until the server closes or falls silent for 50 ms."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(fake.url.rpartition(":")[2]))
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n{headers}\r\n"
    writer.write(head.encode() + data)
    got = b""
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        async with asyncio.timeout(timeout_s):
            while piece := await asyncio.wait_for(reader.read(65536), 0.05 if got else timeout_s):
                got += piece
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return got


async def stream(client: httpx.AsyncClient, body: dict[str, Any] | None = None) -> tuple[bytes, StreamScan]:
    scan = StreamScan()
    out = b""
    async with client.stream("POST", "/v1/chat/completions", json=body or STREAMED) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for piece in response.aiter_raw():
            out += scan.feed(piece)
    return out + scan.end(), scan


def folded(body: bytes) -> dict[str, Any]:
    return json.loads(openai_chat.fold(body))["choices"][0]["message"]


async def test_openais_own_client_is_served(fake: FakeProvider) -> None:
    async with openai.AsyncOpenAI(api_key="k", base_url=fake.base_url, max_retries=0) as client:
        whole = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], n=2)
        assert whole.choices[1].message.content == "Hello from the fake provider."
        assert whole.usage is not None
        assert whole.usage.prompt_tokens == 10
        text, usage = "", None
        chunks = await client.chat.completions.create(
            model="fake-long",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for part in chunks:
            text += (part.choices[0].delta.content or "") if part.choices else ""
            usage = part.usage or usage
        assert len(text.split()) == 200
        assert usage is not None
        assert usage.completion_tokens == 200
        vectors = await client.embeddings.create(model="e", input=["a", "b"], dimensions=4)
        assert [len(item.embedding) for item in vectors.data] == [4, 4]
        assert vectors.data[0].embedding != vectors.data[1].embedding
        assert "fake-slow" in [model.id async for model in client.models.list()]
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(model="fake-429", messages=[])


async def test_plain_vectors_have_length_one(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/v1/embeddings", json={"model": "e", "input": "text"})).json()
    assert sum(x * x for x in answer["data"][0]["embedding"]) == pytest.approx(1)
    assert answer["usage"]["prompt_tokens"] == 1


async def test_scripts_are_answered_in_turn_and_the_last_repeats(fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script("500", {"status": 429}, Answer(text="ok"))
    statuses = [(await client.post("/v1/chat/completions", json=PLAIN)).status_code for _ in range(5)]
    assert statuses == [500, 429, 200, 200, 200]
    assert fake.hits == 5
    fake.reset()
    assert fake.hits == 0
    assert (await client.post("/v1/chat/completions", json=PLAIN)).json()["choices"][0]["message"]["content"] != "ok"


@pytest.mark.parametrize("wrong", ["nope", "{", '{"nope":1}', '{"chunks":"x"}', {"nope": 1}])
def test_scripts_that_say_nothing_known_are_refused(wrong: Any) -> None:
    with pytest.raises(SettingsInvalid):
        FakeProvider().script(wrong)


async def test_a_header_goes_before_the_models_name_and_both_before_the_script(
    fake: FakeProvider, client: httpx.AsyncClient
) -> None:
    fake.script("503")
    by_model = await client.post("/v1/chat/completions", json={**PLAIN, "model": "acc/fake-404"})
    by_header = await client.post(
        "/v1/chat/completions", json={**PLAIN, "model": "fake-404"}, headers={"x-fake-script": '{"text":"by header"}'}
    )
    by_script = await client.post("/v1/chat/completions", json={**PLAIN, "model": "fake-unknown"})
    assert (by_model.status_code, by_script.status_code) == (404, 503)
    assert by_header.json()["choices"][0]["message"]["content"] == "by header"
    bad = await client.post("/v1/chat/completions", json=PLAIN, headers={"x-fake-script": "nope"})
    assert bad.status_code == 400


async def test_it_is_scripted_and_asked_over_http(client: httpx.AsyncClient) -> None:
    set_up = await client.post("/__fake__/script", json={"answers": ["500", {"text": "ok"}], "expect_key": "k1"})
    assert set_up.status_code == 200
    assert (await client.post("/v1/chat/completions", json=PLAIN)).status_code == 401
    headers = {"authorization": "Bearer k1"}
    statuses = [(await client.post("/v1/chat/completions", json=PLAIN, headers=headers)).status_code for _ in "ab"]
    assert statuses == [500, 200]
    report = (await client.get("/__fake__/hits")).json()
    assert (report["hits"], report["hits_by_path"]) == (3, {"/v1/chat/completions": 3})
    assert report["requests"][-1]["headers"]["authorization"] == "Bearer k1"
    assert json.loads(report["requests"][-1]["body"]) == PLAIN
    assert (await client.delete("/__fake__")).json()["hits"] == 0
    assert (await client.post("/v1/chat/completions", json=PLAIN)).status_code == 200
    assert (await client.post("/__fake__/script", json={"answers": ["nope"]})).status_code == 400
    assert (await client.get("/__fake__/nope")).status_code == 404


async def test_a_wrong_key_is_refused_everywhere() -> None:
    async with FakeProvider(expect_key="right") as fake, httpx.AsyncClient(base_url=fake.url) as client:
        assert (await client.get("/v1/models")).status_code == 401
        assert (await client.get("/v1/models", headers={"authorization": "Bearer wrong"})).status_code == 401
        assert (await client.get("/v1/models", headers={"authorization": "Bearer right"})).status_code == 200
        assert (await client.get("/v1/models", headers={"x-api-key": "right"})).status_code == 200


async def test_requests_are_kept(client: httpx.AsyncClient, fake: FakeProvider) -> None:
    await client.post("/v1/chat/completions?x=1", json=PLAIN, headers={"X-Test": "7"})
    seen = fake.requests[-1]
    assert (seen.method, seen.path, seen.headers["x-test"], seen.json) == ("POST", "/v1/chat/completions", "7", PLAIN)
    await asyncio.gather(fake.wait_for_hits(2), client.get("/v1/models"))
    with pytest.raises(TimeoutError):
        await fake.wait_for_hits(3, timeout_s=0.01)


async def test_bad_requests_are_told(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/chat/completions", content=b"{")).json()["error"]["type"] == "invalid_request_error"
    assert (await client.post("/v1/chat/completions", json={"model": "m"})).status_code == 400
    assert (await client.post("/v1/nope", json={})).status_code == 404


async def test_chunked_requests_are_read(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in (b'{"model":"fake-echo",', b'"messages":[{"role":"user","content":"in pieces"}]}'):
            yield piece

    answer = await client.post("/v1/chat/completions", content=body())
    assert answer.json()["choices"][0]["message"]["content"] == "in pieces"


STREAMS: dict[str, dict[str, Any]] = {
    "normal": {"content": "Hello from the fake provider."},
    "crlf": {"content": "Hello from the fake provider."},
    "pings": {"content": "Hello from the fake provider."},
    "tight": {"content": "Hello from the fake provider."},
    "drip": {"content": "Hello from the fake provider."},
    "split-utf8": {"content": WIDE_TEXT},
    "refusal": {"refusal": "I cannot help with that."},
    "reasoning": {"reasoning_content": "The user greets, so greet back."},
    "no-done": {"content": "Hello from the fake provider."},
    "usage-every-chunk": {"content": "Hello from the fake provider."},
    "usage-last-chunk": {"content": "Hello from the fake provider."},
}


@pytest.mark.parametrize("name", STREAMS)
async def test_streams_hold_what_the_whole_answer_holds(
    name: str, fake: FakeProvider, client: httpx.AsyncClient
) -> None:
    fake.script(name)
    body, scan = await stream(client)
    whole = (await client.post("/v1/chat/completions", json=PLAIN)).json()
    message = folded(body)
    for key, value in STREAMS[name].items():
        assert message[key] == whole["choices"][0]["message"][key] == value
    assert scan.complete
    assert scan.usage == openai_chat.read_reply(json.dumps(whole).encode()).usage
    assert (scan.done, scan.content_seen, scan.finish_reason) == (name != "no-done", True, "stop")


@pytest.mark.parametrize("name", ["tools", "tools-index-zero", "tools-no-index"])
async def test_tool_calls(name: str, fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script(name)
    body, scan = await stream(client)
    whole = (await client.post("/v1/chat/completions", json=PLAIN)).json()["choices"][0]
    assert folded(body)["tool_calls"] == whole["message"]["tool_calls"]
    assert whole["finish_reason"] == scan.finish_reason == "tool_calls"


async def test_bytes_on_the_wire(fake: FakeProvider) -> None:
    fake.script("crlf", "pings", "tight", "split-utf8")
    crlf, pings, tight, split = [await raw(fake, STREAMED) for _ in range(4)]
    assert b"}\r\n\r\n" in crlf
    assert b": ping\n\ndata: " in pings
    assert b"data:{" in tight
    assert "ü".encode() not in split.partition(b"\r\n\r\n")[2].split("世".encode())[0]


@pytest.mark.parametrize(
    ("usage", "asked", "own_chunks", "found"),
    [
        ("asked", True, 1, True),
        ("asked", False, 0, False),
        ("always", False, 1, True),
        ("last_chunk", False, 0, True),
        ("every_chunk", False, 0, True),
        ("missing", True, 0, False),
    ],
)
async def test_when_usage_comes(
    usage: str, asked: bool, own_chunks: int, found: bool, fake: FakeProvider, client: httpx.AsyncClient
) -> None:
    fake.script({"usage": usage, "cached_tokens": 4})
    body, scan = await stream(client, STREAMED if asked else {**PLAIN, "stream": True})
    assert body.count(b'"choices":[]') == own_chunks
    assert (scan.usage is not None) is found
    if scan.usage is not None:
        assert (scan.usage.input_tokens, scan.usage.cache_read_tokens) == (6, 4)


async def test_sizes_and_chunk_counts(fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script(Answer(size_bytes=1_000_000), Answer(chunks=7), Answer(chunks=50, text="x" * 100))
    whole = (await client.post("/v1/chat/completions", json=PLAIN)).json()
    assert len(whole["choices"][0]["message"]["content"]) == 1_000_000
    for count in (7, 50):
        body, _ = await stream(client)
        assert body.count(b'"delta":{"content":"') == count


async def test_a_whole_answer_to_a_streamed_request(fake: FakeProvider) -> None:
    fake.script("whole")
    got = await raw(fake, STREAMED)
    assert b"application/json" in got
    assert b'"object":"chat.completion"' in got


@pytest.mark.parametrize(
    ("name", "chunks", "named"), [("error-in-stream", 3, False), ("error-event", 3, True), ("error-first", 0, False)]
)
async def test_errors_inside_a_stream(
    name: str, chunks: int, named: bool, fake: FakeProvider, client: httpx.AsyncClient
) -> None:
    fake.script(name)
    body, scan = await stream(client)
    assert scan.error is not None
    assert not scan.complete
    sent = (await raw(fake, STREAMED)).partition(b"\r\n\r\n")[2]
    assert sent.count(b"data: ") == 1 + chunks + 1
    assert (b"event: error\n" in sent) is named
    assert body.count(b"data: ") == 1 + chunks


async def test_an_error_inside_a_plain_success(fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script("error-in-200")
    answer = await client.post("/v1/chat/completions", json=PLAIN)
    assert answer.status_code == 200
    assert openai_chat.read_reply(answer.content).error is not None


@pytest.mark.parametrize(
    ("name", "wait_s"), [("429-seconds", 7), ("429-ms", 1.5), ("429-reset", 62), ("429-date", 7), ("429", None)]
)
async def test_each_form_of_retry_after(
    name: str, wait_s: float | None, fake: FakeProvider, client: httpx.AsyncClient
) -> None:
    fake.script(name)
    answer = await client.post("/v1/chat/completions", json=PLAIN)
    found = retry_after_s(answer.headers.raw, int(datetime.now(UTC).timestamp() * 1e9))
    assert answer.status_code == 429
    assert found == (None if wait_s is None else pytest.approx(wait_s, abs=1.5))
    if name == "429-date":
        assert parsedate_to_datetime(answer.headers["retry-after"]).tzinfo is not None


STATUSES = {"400": 400, "401": 401, "402": 402, "403": 403, "404": 404, "413": 413, "500": 500, "503": 503, "529": 529}
STATUSES |= {"context-length": 400, "content-policy": 400, "billing": 429, "html-500": 500, "html-502": 502}
STATUSES |= {"html-200": 200, "redirect": 307}


@pytest.mark.parametrize("name", STATUSES)
async def test_statuses_and_bodies(name: str, fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script(name)
    for body in (PLAIN, STREAMED):
        answer = await client.post("/v1/chat/completions", json=body)
        assert answer.status_code == STATUSES[name]
        assert ("text/html" in answer.headers["content-type"]) is name.startswith("html")


async def test_a_failing_script_fails_the_list_of_models_too(fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script("html-502", "normal")
    assert (await client.get("/v1/models")).status_code == 502
    assert (await client.post("/v1/chat/completions", json=PLAIN)).status_code == 502
    assert (await client.get("/v1/models")).status_code == 200


async def test_broken_http(fake: FakeProvider) -> None:
    fake.script("close", "reset", "garbage", "half-head")
    assert await raw(fake, PLAIN) == b""
    assert await raw(fake, PLAIN) == b""
    assert not (await raw(fake, PLAIN)).startswith(b"HTTP/")
    half = await raw(fake, PLAIN)
    assert half.startswith(b"HTTP/")
    assert b"\r\n\r\n" not in half
    assert fake.disconnects == 0


@pytest.mark.parametrize("request_body", [PLAIN, STREAMED], ids=["plain", "streamed"])
async def test_wrong_lengths(request_body: dict[str, Any], fake: FakeProvider) -> None:
    fake.script("length-long", "length-short", "length-twice")
    lengths = []
    for _ in range(3):
        head, _, body = (await raw(fake, request_body)).partition(b"\r\n\r\n")
        announced = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length")]
        lengths.append([number - len(body) for number in announced])
    assert lengths == [[100], [-10], [0, 7]]


async def test_huge_headers(fake: FakeProvider) -> None:
    fake.script("huge-headers")
    assert len((await raw(fake, PLAIN)).partition(b"\r\n\r\n")[0]) > 1_000_000


@pytest.mark.parametrize(("name", "events"), [("cut", 4), ("cut-first", 0), ("cut-mid-frame", 4)])
async def test_cut_streams(name: str, events: int, fake: FakeProvider) -> None:
    fake.script(name)
    got = (await raw(fake, STREAMED)).partition(b"\r\n\r\n")[2]
    assert got.count(b"\n\n\r\n") == events
    assert (got.count(b"data: ") > events) is (name == "cut-mid-frame")
    assert not got.endswith(b"0\r\n\r\n")
    assert fake.disconnects == 0


@pytest.mark.parametrize(("name", "events"), [("stall", 4), ("stall-first", 1)])
async def test_stalled_streams_and_clients_that_go_away(name: str, events: int, fake: FakeProvider) -> None:
    fake.script(name)
    got = await raw(fake, STREAMED)
    assert got.count(b"data: ") == events
    await fake.wait_for_disconnect(1)
    assert fake.disconnects == 1
    assert fake.connections == 0


async def test_going_away_before_and_within_an_answer_is_noticed(fake: FakeProvider) -> None:
    fake.script("hang", Answer(first_byte_s=30), Answer(chunks=100, gap_s=0.01))
    for count in (1, 2):
        assert await raw(fake, PLAIN, timeout_s=0.05) == b""
        await fake.wait_for_disconnect(1, count=count)
    async with (
        httpx.AsyncClient(base_url=fake.url) as client,
        client.stream("POST", "/v1/chat/completions", json=STREAMED) as response,
    ):
        async for _ in response.aiter_raw():
            break
    await fake.wait_for_disconnect(1, count=3)
    with pytest.raises(TimeoutError):
        await fake.wait_for_disconnect(0.01, count=4)


async def test_a_client_that_had_its_answer_has_not_gone_early(fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script(Answer(chunks=3, gap_s=0.001))
    await stream(client)
    await client.aclose()
    with pytest.raises(TimeoutError):
        await fake.wait_for_disconnect(0.02)


async def test_slow_answers_take_their_time(fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script(Answer(first_byte_s=0.05, chunks=5, gap_s=0.01))
    started = asyncio.get_running_loop().time()
    await stream(client)
    assert asyncio.get_running_loop().time() - started > 0.09


async def test_a_connection_serves_many_requests_and_closes_when_told(fake: FakeProvider) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(fake.url.rpartition(":")[2]))
    data = json.dumps(PLAIN).encode()
    one = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n" % len(data)
    writer.write((one + b"\r\n" + data) * 2 + one + b"connection: close\r\n\r\n" + data)
    got = await reader.read()
    writer.close()
    assert got.count(b"HTTP/1.1 200 OK") == 3
    assert fake.hits == 3


async def test_an_early_close_after_a_good_answer(fake: FakeProvider) -> None:
    fake.script("then-close")
    got = await raw(fake, PLAIN)
    assert b"connection: close" not in got
    assert got.endswith(b"}")


@pytest.mark.parametrize("framing", ["chunked", "close", "length"])
async def test_framings_of_a_stream(framing: str, fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script({"framing": framing})
    body, scan = await stream(client)
    assert scan.complete
    assert body.endswith(b"data: [DONE]\n\n")


async def test_many_streams_at_once(fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script(Answer(chunks=50, gap_s=0.001))
    results = await asyncio.gather(*(stream(client) for _ in range(20)))
    assert {body for body, _ in results} == {results[0][0]}
    assert all(scan.complete for _, scan in results)


async def test_a_given_tool_call_keeps_its_id(fake: FakeProvider, client: httpx.AsyncClient) -> None:
    fake.script(Answer(tool_calls=(ToolCall("f", "{}", "call_7"),)))
    body, _ = await stream(client)
    assert folded(body)["tool_calls"][0]["id"] == "call_7"


async def test_it_runs_as_a_process_of_its_own() -> None:
    command = ("-m", "pilothouse.providers.fake", "--port", "0", "--expect-key", "k", "--script", "500", "normal")
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
    async with httpx.AsyncClient(base_url=url, headers={"authorization": "Bearer k"}) as client:
        statuses = [(await client.post("/chat/completions", json=PLAIN)).status_code for _ in range(2)]
        assert (await client.get("/models", headers={"authorization": "Bearer x"})).status_code == 401
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert statuses == [500, 200]
    # Waiting for the pipe's end closes its transport before the loop goes.
    assert await process.stdout.read() == b""


def test_every_behaviour_can_be_asked_for_by_name() -> None:
    fake = FakeProvider()
    fake.script(*BEHAVIOURS)
