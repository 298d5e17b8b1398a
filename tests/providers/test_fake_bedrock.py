"""The fake provider speaks Bedrock's Converse: AWS's own SDK reads it, frames, checksums and exceptions included."""

import asyncio
from contextlib import closing
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from pilothouse.providers.fake import FakeProvider
from tests.providers.fake_calls import EVERYTHING, served

MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": [{"text": "hi"}]}]
MARK = "ZmFrZSBzaWduYXR1cmUgb2YgYW50aHJvcGlj"


def sdk(fake: FakeProvider) -> Any:
    return boto3.client(
        "bedrock-runtime", endpoint_url=fake.url, region_name="eu-central-1", aws_access_key_id="AKIDTEST",
        aws_secret_access_key="s", config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )  # fmt: skip


async def converse(fake: FakeProvider, **fields: Any) -> Any:
    def call() -> Any:
        client = sdk(fake)
        try:
            return client.converse(modelId="anthropic.m-v1:0", messages=MESSAGES, **fields)
        finally:
            client.close()

    return await asyncio.to_thread(call)


async def stream(fake: FakeProvider) -> list[tuple[str, Any]]:
    def call() -> list[tuple[str, Any]]:
        client = sdk(fake)
        try:
            with closing(client.converse_stream(modelId="m", messages=MESSAGES)["stream"]) as found:
                return [next(iter(event.items())) for event in found]
        finally:
            client.close()

    return await asyncio.to_thread(call)


async def test_awss_own_sdk_reads_a_whole_answer() -> None:
    async with FakeProvider() as fake:
        fake.script(EVERYTHING)
        answer = await converse(fake)
        assert fake.requests[-1].path == "/model/anthropic.m-v1%3A0/converse"
        assert "Credential=AKIDTEST/" in fake.requests[-1].headers["authorization"]
    thought, text, first, second = answer["output"]["message"]["content"]
    assert thought["reasoningContent"]["reasoningText"] == {"text": "Think a bit.", "signature": MARK}
    assert (text["text"], first["toolUse"]["input"]) == ("Grüße an alle.", {"city": "Zürich", "days": 3})
    assert (first["toolUse"]["toolUseId"], second["toolUse"]["toolUseId"]) == ("tooluse_fake0", "given_7")
    assert answer["stopReason"] == "tool_use"
    assert answer["usage"] == {
        "inputTokens": 30, "outputTokens": 40, "totalTokens": 140,
        "cacheReadInputTokens": 60, "cacheWriteInputTokens": 10,
    }  # fmt: skip


async def test_awss_own_sdk_reads_a_stream() -> None:
    async with FakeProvider() as fake:
        fake.script({**EVERYTHING, "redacted": "hidden"})
        found = await stream(fake)
    deltas = [data["delta"] for name, data in found if name == "contentBlockDelta"]
    thoughts = [delta["reasoningContent"] for delta in deltas if "reasoningContent" in delta]
    assert "".join(thought.get("text", "") for thought in thoughts) == "Think a bit."
    assert [thought["signature"] for thought in thoughts if "signature" in thought] == [MARK]
    assert [thought["redactedContent"] for thought in thoughts if "redactedContent" in thought] == [b"hidden"]
    assert "".join(delta.get("text", "") for delta in deltas) == "Grüße an alle."
    starts = [data["start"]["toolUse"]["name"] for name, data in found if name == "contentBlockStart"]
    assert starts == ["get_weather", "get_time"]
    pieces = "".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)
    assert pieces == '{"city": "Zürich", "days": 3}{"zone":"Europe/Zurich"}'
    assert [name for name, _ in found[-2:]] == ["messageStop", "metadata"]
    assert found[-1][1]["usage"]["totalTokens"] == 140


@pytest.mark.parametrize("script", [{"piece_bytes": 1}, {"framing": "close"}, {"chunks": 40}])
async def test_frames_survive_any_split(script: dict[str, Any]) -> None:
    async with FakeProvider() as fake:
        fake.script({"text": "Grüße an alle, überall auf der Welt.", **script})
        found = await stream(fake)
    text = "".join(data["delta"]["text"] for name, data in found if name == "contentBlockDelta")
    assert text == "Grüße an alle, überall auf der Welt."


@pytest.mark.parametrize(
    ("name", "kind"),
    [("400", "ValidationException"), ("403", "AccessDeniedException"), ("404", "ResourceNotFoundException"),
     ("429", "ThrottlingException"), ("500", "InternalServerException"), ("503", "ServiceUnavailableException")],
)  # fmt: skip
async def test_errors_have_bedrocks_form(name: str, kind: str) -> None:
    async with FakeProvider() as fake:
        fake.script(name)
        with pytest.raises(ClientError) as found:
            await converse(fake)
    assert found.value.response["Error"]["Code"] == kind


@pytest.mark.parametrize(
    ("kind", "told"),
    [("server_error", "internalServerException"), ("overloaded_error", "serviceUnavailableException"),
     ("requests", "throttlingException"), ("model_error", "modelStreamErrorException")],
)  # fmt: skip
async def test_exceptions_come_inside_of_a_stream(kind: str, told: str) -> None:
    async with FakeProvider() as fake:
        fake.script({"chunks": 10, "error_after": 3, "error_type": kind, "error_message": "Broke."})
        with pytest.raises(EventStreamError) as found:
            await stream(fake)
    assert found.value.response["Error"]["Code"] == told


async def test_stops_forced_tools_and_keys() -> None:
    async with FakeProvider(expect_key="AKIDTEST") as fake:
        fake.script({"refusal": "No.", "text": ""}, {"finish_reason": "length"}, {"text": '{"a":1}'})
        refused, short = [await converse(fake) for _ in range(2)]
        tool = {"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object"}}}}
        forced = await converse(fake, toolConfig={"tools": [tool], "toolChoice": {"tool": {"name": "t"}}})
        async with httpx.AsyncClient(base_url=fake.url) as client:
            wrong = await client.post("/model/m/converse", json={"messages": MESSAGES})
            listed = await client.get("/foundation-models", headers={"authorization": "Bearer AKIDTEST"})
    assert [item["stopReason"] for item in (refused, short, forced)] == [
        "guardrail_intervened",
        "max_tokens",
        "tool_use",
    ]
    assert forced["output"]["message"]["content"][0]["toolUse"]["input"] == {"a": 1}
    assert (wrong.status_code, wrong.headers["x-amzn-errortype"].split(":")[0]) == (401, "UnrecognizedClientException")
    assert listed.json()["modelSummaries"][0]["modelId"] == "fake-chat"


USE = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "x", "name": "f", "input": {}}}]}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "start with a user message"),
    ({"messages": [*MESSAGES, *MESSAGES]}, "alternate"),
    ({"messages": [{"role": "user", "content": [{"text": ""}]}]}, "is blank"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}, "exactly one"),
    ({"messages": [*MESSAGES, USE, *MESSAGES]}, "toolResult"),
    ({"temperature": 1}, "unknown field"),
]


@pytest.mark.parametrize(("fields", "told"), WRONG)
async def test_what_bedrock_refuses_is_refused(fields: dict[str, Any], told: str) -> None:
    async with served() as (_, client):
        answer = await client.post("/model/m/converse", json={"messages": MESSAGES, **fields})
    assert (answer.status_code, answer.headers["x-amzn-errortype"].split(":")[0]) == (400, "ValidationException")
    assert told in answer.json()["message"]
