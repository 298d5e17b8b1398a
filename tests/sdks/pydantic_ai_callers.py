"""Pydantic AI's models over four vendors' SDKs."""

import base64
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from pydantic_ai import BinaryContent, exceptions
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolReturnPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.bedrock import BedrockModelProfile, BedrockProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition

from tests.sdks.callers import PICTURE, SCHEMA, TOOLS, Ask, Heard

_PROFILE = ModelProfile(supports_json_schema_output=True, supports_thinking=True)
"""What the SDK knows of a model by its name, and cannot know of these."""


class _PydanticAI:
    stops: ClassVar = {"stop": "stop", "length": "length", "tools": "tool_call"}
    errors = (exceptions.ModelAPIError,)
    untold: ClassVar = frozenset[str]()
    unstreamed: ClassVar = frozenset[str]()
    schema_tool = ""
    refused = 401
    thinking: ClassVar[dict[str, Any]] = {}
    """Settings that ask for thoughts."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._model = self.model(url, key, model)

    def model(self, url: str, key: str, model: str) -> Any:
        """Return the model."""
        raise NotImplementedError

    def code(self, error: Exception) -> int:
        assert isinstance(error, exceptions.ModelHTTPError)
        return error.status_code

    def wait(self, error: Exception) -> str | None:
        assert isinstance(error, exceptions.ModelHTTPError)
        return (error.headers or {}).get("retry-after")

    async def close(self) -> None:
        """Models share their clients and keep them."""

    async def ask(self, ask: Ask) -> Heard:
        return await self._send(ask, [_turn(ask)])

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        answers = [
            ToolReturnPart(tool_name=name, content=text, tool_call_id=identity)
            for identity, (name, _), text in zip(heard.ids, heard.calls, results, strict=True)
        ]
        return await self._send(ask, [_turn(ask), heard.turn, ModelRequest(parts=answers)])

    async def _send(self, ask: Ask, messages: list[ModelMessage]) -> Heard:
        tools = [
            ToolDefinition(name=name, description=name, parameters_json_schema=schema) for name, schema in TOOLS.items()
        ]
        wanted = OutputObjectDefinition(json_schema=SCHEMA, name="place", strict=True)
        parameters = ModelRequestParameters(
            function_tools=tools if ask.tools else [],
            output_mode="native" if ask.schema else "text",
            output_object=wanted if ask.schema else None,
        )
        options: dict[str, Any] = {
            "model_settings": {"max_tokens": 4096, "max_retries": 0, **(self.thinking if ask.thinking else {})},
            "model_request_parameters": parameters,
        }
        if not ask.stream:
            return _heard(await model_request(self._model, messages, **options))
        async with model_request_stream(self._model, messages, **options) as stream:
            async for _ in stream:
                pass
            return _heard(stream.get())


class Chat(_PydanticAI):
    """`OpenAIChatModel`."""

    untold: ClassVar = frozenset({"marks"})
    thinking: ClassVar = {"openai_reasoning_effort": "low"}

    def model(self, url: str, key: str, model: str) -> Any:
        return OpenAIChatModel(model, provider=OpenAIProvider(base_url=f"{url}/v1", api_key=key), profile=_PROFILE)


class Responses(_PydanticAI):
    """`OpenAIResponsesModel`; how an answer ends is its status."""

    stops: ClassVar = {"stop": "stop", "length": "length", "tools": "stop"}
    thinking: ClassVar = {"openai_reasoning_effort": "low", "openai_reasoning_summary": "auto", "openai_store": False}

    def model(self, url: str, key: str, model: str) -> Any:
        profile = OpenAIModelProfile(openai_supports_encrypted_reasoning_content=True, **_PROFILE)
        return OpenAIResponsesModel(
            model, provider=OpenAIProvider(base_url=f"{url}/v1", api_key=key), profile=profile
        )  # fmt: skip


class Messages(_PydanticAI):
    """`AnthropicModel`."""

    thinking: ClassVar = {"anthropic_thinking": {"type": "enabled", "budget_tokens": 1024}}

    def model(self, url: str, key: str, model: str) -> Any:
        return AnthropicModel(model, provider=AnthropicProvider(base_url=url, api_key=key), profile=_PROFILE)


class Gemini(_PydanticAI):
    """`GoogleModel`."""

    stops: ClassVar = {"stop": "stop", "length": "length", "tools": "stop"}
    thinking: ClassVar = {"google_thinking_config": {"include_thoughts": True, "thinking_budget": 1024}}

    def model(self, url: str, key: str, model: str) -> Any:
        return GoogleModel(model, provider=GoogleProvider(base_url=url, api_key=key), profile=_PROFILE)


class Converse(_PydanticAI):
    """`BedrockConverseModel`."""

    refused = 403
    thinking: ClassVar = {
        "bedrock_additional_model_requests_fields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    }  # fmt: skip

    def model(self, url: str, key: str, model: str) -> Any:
        client = boto3.client(
            "bedrock-runtime", endpoint_url=url, region_name="eu-central-1", aws_access_key_id=key,
            aws_secret_access_key="any", config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        profile = BedrockModelProfile(bedrock_send_back_thinking_parts=True, **_PROFILE)
        return BedrockConverseModel(model, provider=BedrockProvider(bedrock_client=client), profile=profile)


def _turn(ask: Ask) -> ModelRequest:
    content: list[Any] = [ask.text]
    if ask.image:
        content.append(BinaryContent(base64.b64decode(PICTURE), media_type="image/png"))
    return ModelRequest(parts=[UserPromptPart(content)])


def _heard(answer: ModelResponse) -> Heard:
    heard = Heard(answer.text or "", answer.thinking or "", stop=answer.finish_reason, turn=answer)
    for call in answer.tool_calls:
        heard.calls.append((call.tool_name, call.args_as_dict()))
        heard.ids.append(call.tool_call_id)
    usage = answer.usage
    heard.prompt, heard.cached, heard.output = usage.input_tokens, usage.cache_read_tokens, usage.output_tokens
    return heard
