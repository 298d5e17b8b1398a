"""OpenAI's SDK with its two chat APIs."""

from typing import Any, ClassVar

import openai

from tests.sdks.callers import FUNCTIONS, PICTURE, SCHEMA, TOOLS, Ask, BrokenOff, Heard, decoded

_IMAGE = f"data:image/png;base64,{PICTURE}"


class _OpenAI:
    def __init__(self, url: str, key: str, model: str) -> None:
        self._client: Any = openai.AsyncOpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0)
        self._model = model

    errors = (openai.APIError, BrokenOff)
    untold: ClassVar = frozenset[str]()
    unstreamed: ClassVar = frozenset[str]()
    schema_tool = ""
    refused = 401

    def code(self, error: Exception) -> int:
        assert isinstance(error, openai.APIStatusError)
        return error.status_code

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, openai.APIStatusError)
        return error.response.headers.get("retry-after")

    async def close(self) -> None:
        await self._client.close()


class Chat(_OpenAI):
    """Chat completions."""

    stops: ClassVar = {"stop": "stop", "length": "length", "tools": "tool_calls"}

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_chat_turn(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        answers = [
            {"role": "tool", "tool_call_id": identity, "content": text}
            for identity, text in zip(heard.ids, results, strict=True)
        ]
        return await self._send(ask, [_chat_turn(ask), heard.turn, *answers])

    async def _send(self, ask: Ask, messages: list[Any]) -> Heard:
        fields: dict[str, Any] = {"model": self._model, "messages": messages}
        if ask.tools:
            fields["tools"] = FUNCTIONS
        if ask.schema:
            wanted = {"name": "place", "strict": True, "schema": SCHEMA}
            fields["response_format"] = {"type": "json_schema", "json_schema": wanted}
        if ask.thinking:
            fields["reasoning_effort"] = "low"
        if ask.stream:
            return await self._stream(fields)
        answer = await self._client.chat.completions.create(**fields)
        choice = answer.choices[0]
        message = choice.message
        heard = Heard(message.content or "", _extra(message), stop=choice.finish_reason, turn=_turn(message))
        for call in message.tool_calls or []:
            heard.calls.append((call.function.name, decoded(call.function.arguments)))
            heard.ids.append(call.id)
        return _chat_usage(heard, answer.usage)

    async def _stream(self, fields: dict[str, Any]) -> Heard:
        heard, calls = Heard(), dict[int, list[str]]()
        usage: Any = None
        async for chunk in await self._client.chat.completions.create(
            **fields, stream=True, stream_options={"include_usage": True}
        ):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                heard.stop = choice.finish_reason or heard.stop
                heard.text += choice.delta.content or ""
                heard.reasoning += _extra(choice.delta)
                for call in choice.delta.tool_calls or []:
                    made = calls.setdefault(call.index, ["", "", ""])
                    for place, piece in enumerate((call.id, call.function.name, call.function.arguments)):
                        made[place] += piece or ""
        heard.calls = [(name, decoded(arguments)) for _, name, arguments in calls.values()]
        heard.ids = [identity for identity, _, _ in calls.values()]
        return _chat_usage(heard, usage)


def _chat_turn(ask: Ask) -> dict[str, Any]:
    if not ask.image:
        return {"role": "user", "content": ask.text}
    picture = {"type": "image_url", "image_url": {"url": _IMAGE}}
    return {"role": "user", "content": [{"type": "text", "text": ask.text}, picture]}


def _turn(message: Any) -> Any:
    return message.model_dump(exclude_none=True)


def _extra(message: Any) -> str:
    return (message.model_extra or {}).get("reasoning_content") or ""


def _chat_usage(heard: Heard, usage: Any) -> Heard:
    heard.prompt, heard.output = usage.prompt_tokens, usage.completion_tokens
    heard.cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    return heard


class Responses(_OpenAI):
    """Responses; how an answer ends is its status and the reason for it."""

    stops: ClassVar = {"stop": "completed", "length": "max_output_tokens", "tools": "completed"}

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_input(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        answers = [
            {"type": "function_call_output", "call_id": identity, "output": text}
            for identity, text in zip(heard.ids, results, strict=True)
        ]
        return await self._send(ask, [_input(ask), *heard.turn, *answers])

    async def _send(self, ask: Ask, items: list[Any]) -> Heard:
        fields: dict[str, Any] = {"model": self._model, "input": items, "store": False}
        if ask.tools:
            fields["tools"] = [
                {"type": "function", "name": name, "description": name, "parameters": schema, "strict": False}
                for name, schema in TOOLS.items()
            ]
        if ask.schema:
            fields["text"] = {"format": {"type": "json_schema", "name": "place", "strict": True, "schema": SCHEMA}}
        if ask.thinking:
            fields["reasoning"] = {"effort": "low", "summary": "auto"}
            fields["include"] = ["reasoning.encrypted_content"]
        if not ask.stream:
            return _response(await self._client.responses.create(**fields))
        said = ""
        final: Any = None
        async for event in await self._client.responses.create(**fields, stream=True):
            if event.type in ("response.completed", "response.incomplete"):
                final = event.response
            elif event.type == "response.output_text.delta":
                said += event.delta
            elif event.type in ("response.failed", "error"):
                raise BrokenOff(event.type)
        heard = _response(final)
        assert said == heard.text
        return heard


def _input(ask: Ask) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "input_text", "text": ask.text}]
    if ask.image:
        parts.append({"type": "input_image", "image_url": _IMAGE})
    return {"role": "user", "content": parts}


def _response(answer: Any) -> Heard:
    reason = answer.incomplete_details.reason if answer.incomplete_details else answer.status
    heard = Heard(answer.output_text, stop=reason, turn=[item.model_dump(exclude_none=True) for item in answer.output])
    for item in answer.output:
        if item.type == "reasoning":
            heard.reasoning += "".join(part.text for part in item.summary)
        elif item.type == "function_call":
            heard.calls.append((item.name, decoded(item.arguments)))
            heard.ids.append(item.call_id)
    usage = answer.usage
    heard.prompt, heard.output = usage.input_tokens, usage.output_tokens
    heard.cached = usage.input_tokens_details.cached_tokens
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    return heard
