"""Mistral's SDK."""

from typing import Any, ClassVar

from pydantic import ValidationError

try:
    from mistralai.client import Mistral
    from mistralai.client.errors import NoResponseError, ResponseValidationError, SDKError
    from mistralai.client.models import ThinkChunk
except ImportError:  # before 2.0
    from mistralai import Mistral
    from mistralai.models import NoResponseError, ResponseValidationError, SDKError, ThinkChunk

from tests.sdks.callers import FUNCTIONS, PICTURE, SCHEMA, Ask, Heard, decoded


class Complete:
    """Chat; older versions have no place for the marks of thoughts."""

    stops: ClassVar = {"stop": "stop", "length": "length", "tools": "tool_calls"}
    errors = (SDKError, ResponseValidationError, NoResponseError, ValidationError)
    untold: ClassVar = frozenset({"marks"} if "signature" not in ThinkChunk.model_fields else set[str]())
    unstreamed: ClassVar = frozenset[str]()
    schema_tool = ""
    refused = 401

    def __init__(self, url: str, key: str, model: str) -> None:
        self._client: Any = Mistral(api_key=key, server_url=f"{url}/mistral")
        self._model = model

    def code(self, error: Exception) -> int:
        assert isinstance(error, SDKError | ResponseValidationError)
        return error.status_code

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, SDKError | ResponseValidationError)
        return error.headers.get("retry-after")

    async def close(self) -> None:
        await self._client.__aexit__(None, None, None)

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_turn(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        answers = [
            {"role": "tool", "tool_call_id": identity, "name": name, "content": text}
            for identity, (name, _), text in zip(heard.ids, heard.calls, results, strict=True)
        ]
        return await self._send(ask, [_turn(ask), heard.turn, *answers])

    async def _send(self, ask: Ask, messages: list[Any]) -> Heard:
        fields: dict[str, Any] = {"model": self._model, "messages": messages, "random_seed": 7}
        if ask.tools:
            fields["tools"] = FUNCTIONS
            fields["tool_choice"] = "any" if len(messages) == 1 else "auto"
        if ask.schema:
            wanted = {"name": "place", "strict": True, "schema": SCHEMA}
            fields["response_format"] = {"type": "json_schema", "json_schema": wanted}
        if ask.thinking:
            fields["prompt_mode"] = "reasoning"
        if not ask.stream:
            answer = await self._client.chat.complete_async(**fields)
            choice = answer.choices[0]
            heard = Heard(stop=choice.finish_reason, turn=choice.message)
            _add_content(heard, choice.message.content)
            _add_calls(heard, choice.message.tool_calls)
            return _counted(heard, answer.usage)
        return await self._stream(fields)

    async def _stream(self, fields: dict[str, Any]) -> Heard:
        heard, usage = Heard(), None
        async for event in await self._client.chat.stream_async(**fields):
            usage = event.data.usage or usage
            for choice in event.data.choices:
                heard.stop = choice.finish_reason or heard.stop
                _add_content(heard, choice.delta.content)
                _add_calls(heard, choice.delta.tool_calls)
        return _counted(heard, usage)


def _turn(ask: Ask) -> dict[str, Any]:
    if not ask.image:
        return {"role": "user", "content": ask.text}
    picture = {"type": "image_url", "image_url": f"data:image/png;base64,{PICTURE}"}
    return {"role": "user", "content": [{"type": "text", "text": ask.text}, picture]}


def _add_content(heard: Heard, content: Any) -> None:
    if not isinstance(content, list):
        heard.text += content or ""
        return
    for part in content:
        if part.type == "text":
            heard.text += part.text
        elif part.type == "thinking":
            heard.reasoning += "".join(piece.text for piece in part.thinking)


def _add_calls(heard: Heard, calls: Any) -> None:
    """Calls come whole, in streams too."""
    for call in calls or []:
        heard.calls.append((call.function.name, decoded(call.function.arguments)))
        heard.ids.append(call.id)


def _counted(heard: Heard, usage: Any) -> Heard:
    heard.prompt, heard.output = usage.prompt_tokens, usage.completion_tokens
    assert usage.total_tokens == heard.prompt + heard.output
    heard.cached = (usage.model_extra or {})["prompt_tokens_details"]["cached_tokens"]
    return heard


class Embed(Complete):
    """Vectors of the question and of a letter: how long they are, and what was counted."""

    async def ask(self, ask: Ask) -> Heard:
        answer = await self._client.embeddings.create_async(
            model=self._model, inputs=[ask.text, "b"], output_dimension=4
        )
        lengths = [str(len(item.embedding)) for item in answer.data]
        return Heard(",".join(lengths), prompt=answer.usage.prompt_tokens)
