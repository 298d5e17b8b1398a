"""Cohere's SDK."""

from typing import Any, ClassVar

import cohere
import httpx
from cohere.core.api_error import ApiError

from tests.sdks.callers import FUNCTIONS, PICTURE, SCHEMA, Ask, BrokenOff, Heard, decoded


class Chat:
    """Chat in its second version; thoughts carry no marks."""

    stops: ClassVar = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tools": "TOOL_CALL"}
    errors = (ApiError, BrokenOff, httpx.HTTPError)
    untold: ClassVar = frozenset({"marks"})
    unstreamed: ClassVar = frozenset[str]()
    schema_tool = ""
    refused = 401

    def __init__(self, url: str, key: str, model: str) -> None:
        self._client: Any = cohere.AsyncClientV2(api_key=key, base_url=url)
        self._model = model

    def code(self, error: Exception) -> int:
        assert isinstance(error, ApiError)
        return error.status_code or 0

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, ApiError)
        return (error.headers or {}).get("retry-after")

    async def close(self) -> None:
        await self._client.__aexit__(None, None, None)

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_turn(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        answers = [
            {"role": "tool", "tool_call_id": identity, "content": text}
            for identity, text in zip(heard.ids, results, strict=True)
        ]
        return await self._send(ask, [_turn(ask), heard.turn, *answers])

    async def _send(self, ask: Ask, messages: list[Any]) -> Heard:
        fields: dict[str, Any] = {"model": self._model, "messages": messages, "request_options": {"max_retries": 0}}
        if ask.tools:
            fields["tools"] = FUNCTIONS
        if ask.schema:
            fields["response_format"] = {"type": "json_object", "json_schema": SCHEMA}
        if ask.thinking:
            fields["thinking"] = {"type": "enabled", "token_budget": 1024}
        if ask.stream:
            return await self._stream(fields)
        answer = await self._client.chat(**fields)
        message = answer.message
        heard = Heard(message.tool_plan or "", stop=answer.finish_reason, turn=message)
        for part in message.content or []:
            if part.type == "text":
                heard.text += part.text
            else:
                heard.reasoning += part.thinking
        for call in message.tool_calls or []:
            heard.calls.append((call.function.name, decoded(call.function.arguments)))
            heard.ids.append(call.id)
        return _counted(heard, answer.usage)

    async def _stream(self, fields: dict[str, Any]) -> Heard:
        heard, calls = Heard(), dict[int, list[str]]()
        ending: Any = None
        async for event in self._client.chat_stream(**fields):
            message = event.delta.message if getattr(event, "delta", None) and event.type != "message-end" else None
            if event.type == "content-delta":
                heard.text += message.content.text or ""
                heard.reasoning += message.content.thinking or ""
            elif event.type == "tool-plan-delta":
                heard.text += message.tool_plan
            elif event.type == "tool-call-start":
                call = message.tool_calls
                calls[event.index] = [call.id, call.function.name, call.function.arguments]
            elif event.type == "tool-call-delta":
                calls[event.index][2] += message.tool_calls.function.arguments
            elif event.type == "message-end":
                ending = event.delta
        if ending is None or ending.finish_reason == "ERROR":
            raise BrokenOff(str(ending))
        heard.stop = ending.finish_reason
        heard.calls = [(name, decoded(arguments)) for _, name, arguments in calls.values()]
        heard.ids = [identity for identity, _, _ in calls.values()]
        return _counted(heard, ending.usage)


def _turn(ask: Ask) -> dict[str, Any]:
    if not ask.image:
        return {"role": "user", "content": ask.text}
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    return {"role": "user", "content": [{"type": "text", "text": ask.text}, picture]}


def _counted(heard: Heard, usage: Any) -> Heard:
    heard.prompt, heard.output = int(usage.tokens.input_tokens), int(usage.tokens.output_tokens)
    cached = getattr(usage, "cached_tokens", None)
    heard.cached = None if cached is None else int(cached)
    return heard


class Embed(Chat):
    """Vectors of the question and of a letter: how long they are, and what was counted."""

    async def ask(self, ask: Ask) -> Heard:
        answer = await self._client.embed(
            model=self._model, texts=[ask.text, "b"], input_type="search_query", embedding_types=["float"],
            output_dimension=4,
        )  # fmt: skip
        lengths = [str(len(vector)) for vector in answer.embeddings.float_]
        billed = answer.meta.billed_units
        return Heard(",".join(lengths), prompt=int(billed.input_tokens) if billed is not None else 0)
