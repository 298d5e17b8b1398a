"""AWS's SDK, which is not asynchronous."""

import asyncio
import base64
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from tests.sdks.callers import PICTURE, SCHEMA, TOOLS, Ask, Heard, decoded


class Converse:
    """Converse."""

    stops: ClassVar = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use"}
    errors = (EventStreamError,)
    untold: ClassVar = frozenset[str]()
    unstreamed: ClassVar = frozenset[str]()
    schema_tool = ""
    refused = 403

    def __init__(self, url: str, key: str, model: str) -> None:
        self._client: Any = boto3.client(
            "bedrock-runtime", endpoint_url=url, region_name="eu-central-1", aws_access_key_id=key,
            aws_secret_access_key="any", config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )  # fmt: skip
        self._model = model

    def code(self, error: Exception) -> int:
        assert isinstance(error, ClientError)
        return error.response["ResponseMetadata"]["HTTPStatusCode"]

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, ClientError)
        return error.response["ResponseMetadata"]["HTTPHeaders"].get("retry-after")

    async def close(self) -> None:
        await asyncio.to_thread(self._client.close)

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_turn(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        answers = [
            {"toolResult": {"toolUseId": identity, "content": [{"text": text}]}}
            for identity, text in zip(heard.ids, results, strict=True)
        ]
        turns = [{"role": "assistant", "content": heard.turn}, {"role": "user", "content": answers}]
        return await self._send(ask, [_turn(ask), *turns])

    async def _send(self, ask: Ask, messages: list[Any]) -> Heard:
        fields: dict[str, Any] = {"modelId": self._model, "messages": messages, "inferenceConfig": {"maxTokens": 4096}}
        if ask.tools:
            specs = [
                {"toolSpec": {"name": name, "description": name, "inputSchema": {"json": schema}}}
                for name, schema in TOOLS.items()
            ]
            fields["toolConfig"] = {"tools": specs}
        if ask.schema:
            wanted = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "place"}}
            fields["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": wanted}}
        if ask.thinking:
            thinking = {"type": "enabled", "budget_tokens": 1024}
            fields["additionalModelRequestFields"] = {"thinking": thinking}
        call: Callable[..., Heard] = self._stream if ask.stream else self._whole
        return await asyncio.to_thread(call, fields)

    def _whole(self, fields: dict[str, Any]) -> Heard:
        answer = self._client.converse(**fields)
        return _heard(answer["output"]["message"]["content"], answer["stopReason"], answer["usage"])

    def _stream(self, fields: dict[str, Any]) -> Heard:
        blocks: dict[int, dict[str, Any]] = {}
        stop, usage = "", {}
        with closing(self._client.converse_stream(**fields)["stream"]) as events:
            for event in events:
                kind, data = next(iter(event.items()))
                if kind == "contentBlockStart":
                    blocks[data["contentBlockIndex"]] = {"toolUse": {**data["start"]["toolUse"], "input": ""}}
                elif kind == "contentBlockDelta":
                    _add(blocks.setdefault(data["contentBlockIndex"], {}), data["delta"])
                stop = data["stopReason"] if kind == "messageStop" else stop
                usage = data["usage"] if kind == "metadata" else usage
        for block in blocks.values():
            if "toolUse" in block:
                block["toolUse"]["input"] = decoded(block["toolUse"]["input"])
        return _heard(list(blocks.values()), stop, usage)


def _turn(ask: Ask) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": ask.text}]
    if ask.image:
        parts.append({"image": {"format": "png", "source": {"bytes": base64.b64decode(PICTURE)}}})
    return {"role": "user", "content": parts}


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    else:
        thought = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {"text": ""})
        for key in ("text", "signature"):
            if key in delta["reasoningContent"]:
                thought[key] = thought.get(key, "") + delta["reasoningContent"][key]


def _heard(blocks: list[dict[str, Any]], stop: str, usage: dict[str, Any]) -> Heard:
    heard = Heard(stop=stop, turn=blocks)
    for block in blocks:
        heard.text += block.get("text", "")
        heard.reasoning += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
        if "toolUse" in block:
            heard.calls.append((block["toolUse"]["name"], block["toolUse"]["input"]))
            heard.ids.append(block["toolUse"]["toolUseId"])
    heard.cached = usage.get("cacheReadInputTokens", 0)
    heard.prompt = usage["inputTokens"] + usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    heard.output = usage["outputTokens"]
    assert usage["totalTokens"] == heard.prompt + heard.output
    return heard
