"""Google's SDK."""

import base64
from typing import Any, ClassVar

import httpx
from google import genai
from google.genai import errors, types

from tests.sdks.callers import PICTURE, SCHEMA, TOOLS, Ask, Heard


class Gemini:
    """Generate content; a turn with calls ends like any other."""

    stops: ClassVar = {"stop": "STOP", "length": "MAX_TOKENS", "tools": "STOP"}
    errors = (errors.APIError, errors.UnknownApiResponseError)
    untold: ClassVar = frozenset({"ids"})
    unstreamed: ClassVar = frozenset[str]()
    schema_tool = ""
    refused = 401

    def __init__(self, url: str, key: str, model: str) -> None:
        # With a transport of httpx the SDK does without aiohttp, whose deprecations it runs into.
        options = types.HttpOptions(base_url=url, async_client_args={"transport": httpx.AsyncHTTPTransport()})
        self._client: Any = genai.Client(api_key=key, http_options=options).aio
        self._model = model

    def code(self, error: Exception) -> int:
        assert isinstance(error, errors.APIError)
        return error.code

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, errors.APIError)
        return error.response.headers.get("retry-after")

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_turn(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        parts = [
            types.Part.from_function_response(name=name, response={"result": text})
            for (name, _), text in zip(heard.calls, results, strict=True)
        ]
        return await self._send(ask, [_turn(ask), heard.turn, types.Content(role="user", parts=parts)])

    async def _send(self, ask: Ask, contents: list[Any]) -> Heard:
        fields: dict[str, Any] = {}
        if ask.tools:
            declared = [
                {"name": name, "description": name, "parameters_json_schema": schema} for name, schema in TOOLS.items()
            ]
            fields["tools"] = [{"function_declarations": declared}]
            fields["automatic_function_calling"] = {"disable": True}
        if ask.schema:
            fields |= {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
        if ask.thinking:
            fields["thinking_config"] = {"include_thoughts": True, "thinking_budget": 1024}
        sent = {"model": self._model, "contents": contents, "config": types.GenerateContentConfig(**fields)}
        if not ask.stream:
            return _heard([await self._client.models.generate_content(**sent)])
        stream = await self._client.models.generate_content_stream(**sent)
        return _heard([chunk async for chunk in stream])


def _turn(ask: Ask) -> types.Content:
    parts = [types.Part.from_text(text=ask.text)]
    if ask.image:
        parts.append(types.Part.from_bytes(data=base64.b64decode(PICTURE), mime_type="image/png"))
    return types.Content(role="user", parts=parts)


def _heard(chunks: list[Any]) -> Heard:
    heard = Heard()
    parts = [part for chunk in chunks for part in (chunk.candidates[0].content.parts or [])]
    for part in parts:
        if part.function_call:
            heard.calls.append((part.function_call.name, part.function_call.args))
            heard.ids.append(part.function_call.id or "")
        elif part.thought:
            heard.reasoning += part.text
        else:
            heard.text += part.text or ""
    last = chunks[-1]
    heard.turn = types.Content(role="model", parts=parts)
    heard.stop = last.candidates[0].finish_reason.name
    usage = last.usage_metadata
    heard.prompt, heard.cached = usage.prompt_token_count, usage.cached_content_token_count
    heard.output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    assert usage.total_token_count == heard.prompt + heard.output
    return heard
