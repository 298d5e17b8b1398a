"""LangChain's chat models over four vendors' SDKs."""

import json
from typing import Any, ClassVar

import anthropic
import openai
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from google.genai import errors as google_errors
from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrockConverse
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI

from tests.sdks.callers import FUNCTIONS, PICTURE, SCHEMA, Ask, Heard

_SCHEMA = {"title": "Place", "description": "A place.", **SCHEMA}


class _LangChain:
    stops: ClassVar[dict[str, str]] = {}
    errors: tuple[type[Exception], ...] = ()
    untold: ClassVar[frozenset[str]] = frozenset()
    unstreamed: ClassVar[frozenset[str]] = frozenset()
    schema_tool = ""
    refused = 401
    stop_field = "stop_reason"
    thinking: ClassVar[dict[str, Any]] = {}
    """What asks for thoughts."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._where = (url, key, model)
        self._chats: dict[bool, Any] = {}

    def chat(self, url: str, key: str, model: str, **options: Any) -> Any:
        """Return the chat model."""
        raise NotImplementedError

    def code(self, error: Exception) -> int:
        assert isinstance(error, openai.APIStatusError | anthropic.APIStatusError)
        return error.status_code

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, openai.APIStatusError | anthropic.APIStatusError)
        return error.response.headers.get("retry-after")

    async def close(self) -> None:
        """Chat models share their clients and keep them."""

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_turn(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        answers = [
            ToolMessage(text, tool_call_id=identity, name=name)
            for identity, (name, _), text in zip(heard.ids, heard.calls, results, strict=True)
        ]
        return await self._send(ask, [_turn(ask), heard.turn, *answers])

    async def _send(self, ask: Ask, messages: list[BaseMessage]) -> Heard:
        if ask.thinking not in self._chats:
            self._chats[ask.thinking] = self.chat(*self._where, **(self.thinking if ask.thinking else {}))
        chat = self._chats[ask.thinking]
        if ask.schema:
            return await self._structured(chat, ask, messages)
        if ask.tools:
            chat = chat.bind_tools(FUNCTIONS)
        if not ask.stream:
            return self._heard(await chat.ainvoke(messages))
        whole: Any = None
        async for chunk in chat.astream(messages):
            whole = chunk if whole is None else whole + chunk
        return self._heard(whole)

    async def _structured(self, chat: Any, ask: Ask, messages: list[BaseMessage]) -> Heard:
        chain = chat.with_structured_output(_SCHEMA, method="json_schema", include_raw=True)
        if not ask.stream:
            answer = await chain.ainvoke(messages)
        else:
            answer = {}
            async for piece in chain.astream(messages):
                if "raw" in piece:
                    answer["raw"] = answer["raw"] + piece["raw"] if "raw" in answer else piece["raw"]
                answer |= {key: value for key, value in piece.items() if key != "raw"}
        assert answer["parsing_error"] is None
        heard = self._heard(answer["raw"])
        heard.text = json.dumps(answer["parsed"])
        return heard

    def _heard(self, message: AIMessage) -> Heard:
        usage: Any = message.usage_metadata
        heard = Heard(str(message.text), stop=message.response_metadata[self.stop_field], turn=message)
        for block in message.content_blocks:
            if block["type"] == "reasoning":
                heard.reasoning += block.get("reasoning", "")
        for call in message.tool_calls:
            heard.calls.append((call["name"], call["args"]))
            heard.ids.append(call["id"] or "")
        heard.prompt, heard.output = usage["input_tokens"], usage["output_tokens"]
        heard.cached = usage.get("input_token_details", {}).get("cache_read")
        assert usage["total_tokens"] == heard.prompt + heard.output
        return heard


class Chat(_LangChain):
    """`ChatOpenAI`, which shows no thoughts of chat completions."""

    stops: ClassVar = {"stop": "stop", "length": "length", "tools": "tool_calls"}
    errors = (openai.APIError,)
    untold: ClassVar = frozenset({"reasoning", "marks"})
    stop_field = "finish_reason"
    thinking: ClassVar = {"reasoning_effort": "low"}

    def chat(self, url: str, key: str, model: str, **options: Any) -> Any:
        return ChatOpenAI(model=model, base_url=f"{url}/v1", api_key=key, max_retries=0, stream_usage=True, **options)


class Responses(Chat):
    """`ChatOpenAI` on the Responses API."""

    stops: ClassVar = {"stop": "completed", "length": "incomplete", "tools": "completed"}
    errors = (openai.APIError, ValueError)
    untold: ClassVar = frozenset[str]()
    stop_field = "status"
    thinking: ClassVar = {
        "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
    }  # fmt: skip

    def chat(self, url: str, key: str, model: str, **options: Any) -> Any:
        return super().chat(url, key, model, use_responses_api=True, store=False, **options)


class Messages(_LangChain):
    """`ChatAnthropic`."""

    stops: ClassVar = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use"}
    errors = (anthropic.APIError,)
    thinking: ClassVar = {"thinking": {"type": "enabled", "budget_tokens": 1024}}

    def chat(self, url: str, key: str, model: str, **options: Any) -> Any:
        return ChatAnthropic(
            model=model, base_url=url, api_key=key, max_retries=0, max_tokens=4096, **options
        )  # fmt: skip


class Gemini(_LangChain):
    """`ChatGoogleGenerativeAI`, which wraps errors."""

    stops: ClassVar = {"stop": "STOP", "length": "MAX_TOKENS", "tools": "STOP"}
    errors = (google_errors.APIError, google_errors.UnknownApiResponseError)
    stop_field = "finish_reason"
    thinking: ClassVar = {"include_thoughts": True, "thinking_budget": 1024}

    def chat(self, url: str, key: str, model: str, **options: Any) -> Any:
        return ChatGoogleGenerativeAI(model=model, base_url=url, google_api_key=key, max_retries=1, **options)

    def code(self, error: Exception) -> int:
        found: Any = error if isinstance(error, google_errors.APIError) else error.__cause__
        return found.code

    def wait(self, error: Exception) -> str | None:
        found: Any = error if isinstance(error, google_errors.APIError) else error.__cause__
        return found.response.headers.get("retry-after")


class Converse(_LangChain):
    """`ChatBedrockConverse`."""

    stops: ClassVar = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use"}
    errors = (EventStreamError,)
    refused = 403
    stop_field = "stopReason"
    thinking: ClassVar = {
        "additional_model_request_fields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    }  # fmt: skip

    def chat(self, url: str, key: str, model: str, **options: Any) -> Any:
        return ChatBedrockConverse(
            model=model, endpoint_url=url, region_name="eu-central-1", aws_access_key_id=key,
            aws_secret_access_key="any", max_tokens=4096, disable_streaming=False,
            config=Config(retries={"total_max_attempts": 1}), **options,
        )  # fmt: skip

    def code(self, error: Exception) -> int:
        assert isinstance(error, ClientError)
        return error.response["ResponseMetadata"]["HTTPStatusCode"]

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, ClientError)
        return error.response["ResponseMetadata"]["HTTPHeaders"].get("retry-after")


def _turn(ask: Ask) -> HumanMessage:
    if not ask.image:
        return HumanMessage(ask.text)
    picture = {"type": "image", "base64": PICTURE, "mime_type": "image/png"}
    return HumanMessage(content_blocks=[{"type": "text", "text": ask.text}, picture])
