"""Anthropic's SDK."""

from typing import Any, ClassVar

import anthropic

from tests.sdks.callers import PICTURE, SCHEMA, TOOLS, Ask, Heard


class Messages:
    """Messages."""

    stops: ClassVar = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use"}
    errors = (anthropic.APIError,)
    untold: ClassVar = frozenset[str]()
    unstreamed: ClassVar = frozenset[str]()
    schema_tool = ""
    refused = 401

    def __init__(self, url: str, key: str, model: str) -> None:
        self._client: Any = anthropic.AsyncAnthropic(api_key=key, base_url=url, max_retries=0)
        self._model = model

    def code(self, error: Exception) -> int:
        assert isinstance(error, anthropic.APIStatusError)
        return error.status_code

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, anthropic.APIStatusError)
        return error.response.headers.get("retry-after")

    async def close(self) -> None:
        await self._client.close()

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_turn(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        answers = [
            {"type": "tool_result", "tool_use_id": identity, "content": text}
            for identity, text in zip(heard.ids, results, strict=True)
        ]
        turns = [{"role": "assistant", "content": heard.turn}, {"role": "user", "content": answers}]
        return await self._send(ask, [_turn(ask), *turns])

    async def _send(self, ask: Ask, messages: list[Any]) -> Heard:
        fields: dict[str, Any] = {"model": self._model, "max_tokens": 4096, "messages": messages}
        if ask.tools:
            fields["tools"] = [
                {"name": name, "description": name, "input_schema": schema} for name, schema in TOOLS.items()
            ]
        if ask.schema:
            fields["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if ask.thinking:
            fields["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if not ask.stream:
            return _heard(await self._client.messages.create(**fields))
        async with self._client.messages.stream(**fields) as stream:
            return _heard(await stream.get_final_message())


def _turn(ask: Ask) -> dict[str, Any]:
    if not ask.image:
        return {"role": "user", "content": ask.text}
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    return {"role": "user", "content": [{"type": "text", "text": ask.text}, {"type": "image", "source": source}]}


def _heard(message: Any) -> Heard:
    heard = Heard(stop=message.stop_reason, turn=[block.to_dict() for block in message.content])
    for block in message.content:
        if block.type == "text":
            heard.text += block.text
        elif block.type == "thinking":
            heard.reasoning += block.thinking
        elif block.type == "tool_use":
            heard.calls.append((block.name, block.input))
            heard.ids.append(block.id)
    usage = message.usage
    heard.cached = usage.cache_read_input_tokens
    heard.prompt = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    heard.output = usage.output_tokens
    return heard
