"""LlamaIndex's models over OpenAI's and Anthropic's SDKs."""

import base64
from typing import Any, ClassVar

import anthropic
import openai
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ImageBlock,
    LLMMetadata,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.tools import FunctionTool
from llama_index.llms.anthropic import Anthropic
from llama_index.llms.openai import OpenAI, OpenAIResponses
from pydantic import BaseModel

from tests.sdks.callers import PICTURE, Ask, Heard, decoded


class Place(BaseModel):
    """A place."""

    capital: str
    people: int


def get_weather(city: str, days: int = 1) -> str:
    """Tell the weather."""
    return f"{city} {days}"


def get_time(zone: str) -> str:
    """Tell the time."""
    return zone


_TOOLS = [FunctionTool.from_defaults(get_weather), FunctionTool.from_defaults(get_time)]


class _LlamaIndex:
    """It tells neither how an answer ended nor what was cached, and asks for a schema by a tool."""

    stops: ClassVar = {"stop": "", "length": "", "tools": ""}
    errors: tuple[type[Exception], ...] = (openai.APIError, anthropic.APIError)
    untold: ClassVar[frozenset[str]] = frozenset({"stop", "cached"})
    unstreamed: ClassVar[frozenset[str]] = frozenset()
    refused = 401
    schema_tool = "Place"
    usage = ("prompt_tokens", "completion_tokens")
    thinking: ClassVar[dict[str, Any]] = {}

    def __init__(self, url: str, key: str, model: str) -> None:
        self._where = (url, key, model)
        self._models: dict[bool, Any] = {}

    def model(self, url: str, key: str, model: str, **options: Any) -> Any:
        """Return the model."""
        raise NotImplementedError

    def code(self, error: Exception) -> int:
        assert isinstance(error, openai.APIStatusError | anthropic.APIStatusError)
        return error.status_code

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, openai.APIStatusError | anthropic.APIStatusError)
        return error.response.headers.get("retry-after")

    async def close(self) -> None:
        """Models keep their clients."""

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_turn(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        answers = [
            ChatMessage(text, role=MessageRole.TOOL, additional_kwargs={"tool_call_id": identity, "name": name})
            for identity, (name, _), text in zip(heard.ids, heard.calls, results, strict=True)
        ]
        return await self._send(ask, [_turn(ask), heard.turn, *answers])

    async def _send(self, ask: Ask, messages: list[ChatMessage]) -> Heard:
        if ask.thinking not in self._models:
            self._models[ask.thinking] = self.model(*self._where, **(self.thinking if ask.thinking else {}))
        model = self._models[ask.thinking]
        if ask.schema:
            return await self._structured(model, ask, messages)
        options: dict[str, Any] = {"tools": _TOOLS, "allow_parallel_tool_calls": True} if ask.tools else {}
        if not ask.stream:
            call = model.achat_with_tools if ask.tools else model.achat
            return self._heard(await (call(chat_history=messages, **options) if ask.tools else call(messages)))
        if ask.tools:
            stream = await model.astream_chat_with_tools(chat_history=messages, **options)
        else:
            stream = await model.astream_chat(messages)
        pieces = [piece async for piece in stream]
        heard = self._heard(pieces[-1])
        heard.text = "".join(piece.delta or "" for piece in pieces)
        return heard

    async def _structured(self, model: Any, ask: Ask, messages: list[ChatMessage]) -> Heard:
        structured = model.as_structured_llm(Place)
        if not ask.stream:
            answer = await structured.achat(messages)
        else:
            answer = [piece async for piece in await structured.astream_chat(messages)][-1]
        return Heard(Place.model_validate(answer.raw, from_attributes=True).model_dump_json())

    def _heard(self, answer: ChatResponse) -> Heard:
        heard = Heard(turn=answer.message)
        for block in answer.message.blocks:
            if isinstance(block, TextBlock):
                heard.text += block.text
            elif isinstance(block, ThinkingBlock):
                heard.reasoning += block.content or ""
            elif isinstance(block, ToolCallBlock):
                arguments = block.tool_kwargs
                heard.calls.append((block.tool_name, decoded(arguments) if isinstance(arguments, str) else arguments))
                heard.ids.append(block.tool_call_id or "")
        counts = answer.additional_kwargs
        usage = counts.get("usage", counts)
        usage = usage if isinstance(usage, dict) else dict(usage)
        heard.prompt, heard.output = (usage.get(name) for name in self.usage)
        return heard


class _Known(OpenAI):
    """LlamaIndex knows OpenAI's models by name, and must be told of others."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model, is_chat_model=True, is_function_calling_model=True)


class Chat(_LlamaIndex):
    """`OpenAI`."""

    untold: ClassVar = _LlamaIndex.untold | {"marks"}

    def model(self, url: str, key: str, model: str, **options: Any) -> Any:
        asked = {"stream_options": {"include_usage": True}}
        return _Known(
            model=model, api_base=f"{url}/v1", api_key=key, max_retries=0, additional_kwargs=asked, **options
        )  # fmt: skip


class _KnownResponses(OpenAIResponses):
    """See `_Known`."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model, is_chat_model=True, is_function_calling_model=True)


class Responses(_LlamaIndex):
    """`OpenAIResponses`, which sends no thoughts back."""

    untold: ClassVar = _LlamaIndex.untold | {"marks"}
    schema_tool = ""
    usage = ("input_tokens", "output_tokens")
    thinking: ClassVar = {
        "reasoning_options": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
    }  # fmt: skip

    def model(self, url: str, key: str, model: str, **options: Any) -> Any:
        return _KnownResponses(model=model, api_base=f"{url}/v1", api_key=key, max_retries=0, **options)


class _KnownAnthropic(Anthropic):
    """See `_Known`."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model, is_chat_model=True, is_function_calling_model=True)


class Messages(_LlamaIndex):
    """`Anthropic`, which tells no usage of whole answers, and puts no schema together from a stream."""

    unstreamed: ClassVar = frozenset({"schema"})
    untold: ClassVar = _LlamaIndex.untold | {"prompt", "output"}
    thinking: ClassVar = {"thinking_dict": {"type": "enabled", "budget_tokens": 1024}}

    def model(self, url: str, key: str, model: str, **options: Any) -> Any:
        return _KnownAnthropic(model=model, base_url=url, api_key=key, max_retries=0, max_tokens=4096, **options)


def _turn(ask: Ask) -> ChatMessage:
    blocks: list[Any] = [TextBlock(text=ask.text)]
    if ask.image:
        blocks.append(ImageBlock(image=base64.b64decode(PICTURE), image_mimetype="image/png"))
    return ChatMessage(role=MessageRole.USER, blocks=blocks)
