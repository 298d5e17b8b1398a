"""The SDKs: where each is installed, and which of its APIs are called."""

from typing import Any, NamedTuple

from tests.sdks.anthropic_caller import Messages
from tests.sdks.aws_caller import Converse
from tests.sdks.google_caller import Gemini
from tests.sdks.openai_callers import Chat, Responses


class Row(NamedTuple):
    """A caller."""

    place: str
    """`module:Class`, its name in `INSIDE`, or in `node/relay.mjs`."""
    environment: str = ""
    """Where it runs; empty is the environment of the tests."""
    without: frozenset[str] = frozenset()
    """Tests of what it does not do."""


INSIDE: dict[str, Any] = {
    "Chat": Chat, "Responses": Responses, "Messages": Messages, "Converse": Converse, "Gemini": Gemini,
}  # fmt: skip
_OPENAI = "tests.sdks.openai_callers:"
_ANTHROPIC = "tests.sdks.anthropic_caller:Messages"
_GOOGLE = "tests.sdks.google_caller:Gemini"
_LANGCHAIN = "tests.sdks.langchain_callers:"
_PYDANTIC_AI = "tests.sdks.pydantic_ai_callers:"
_LLAMA_INDEX = "tests.sdks.llama_index_callers:"
_COHERE = "tests.sdks.cohere_caller:Chat"
_INSTRUCTOR = "tests.sdks.instructor_callers:"
_UNTYPED = frozenset({
    "test_text_stop_and_usage", "test_answers_that_are_too_long", "test_parallel_tools",
    "test_a_conversation_goes_on_after_tools", "test_reasoning", "test_streams_that_break_off",
})  # fmt: skip
_MISTRAL = "tests.sdks.mistral_caller:Complete"
CALLERS: dict[str, Row] = {
    "openai-chat": Row("Chat"),
    "openai-responses": Row("Responses"),
    "anthropic": Row("Messages"),
    "boto3": Row("Converse"),
    "google-genai": Row("Gemini"),
    "openai-2-chat": Row(f"{_OPENAI}Chat", "sdks-previous"),
    "openai-2-responses": Row(f"{_OPENAI}Responses", "sdks-previous"),
    "anthropic-1": Row(_ANTHROPIC, "sdks-previous"),
    "google-genai-2": Row(_GOOGLE, "sdks-previous"),
    "openai-1-chat": Row(f"{_OPENAI}Chat", "sdks-older"),
    "openai-1-responses": Row(f"{_OPENAI}Responses", "sdks-older"),
    "anthropic-0": Row(_ANTHROPIC, "sdks-older"),
    "google-genai-1": Row(_GOOGLE, "sdks-older"),
    "cohere": Row(_COHERE, "sdks"),
    "cohere-6": Row(_COHERE, "sdks-previous"),
    "cohere-5": Row(_COHERE, "sdks-older"),
    "mistralai": Row(_MISTRAL, "sdks"),
    "mistralai-2": Row(_MISTRAL, "sdks-previous"),
    "mistralai-1": Row(_MISTRAL, "sdks-older"),
    "langchain-openai-chat": Row(f"{_LANGCHAIN}Chat", "sdks"),
    "langchain-openai-responses": Row(f"{_LANGCHAIN}Responses", "sdks"),
    "langchain-anthropic": Row(f"{_LANGCHAIN}Messages", "sdks"),
    "langchain-google-genai": Row(f"{_LANGCHAIN}Gemini", "sdks"),
    "langchain-aws": Row(f"{_LANGCHAIN}Converse", "sdks"),
    "pydantic-ai-openai-chat": Row(f"{_PYDANTIC_AI}Chat", "sdks"),
    "pydantic-ai-openai-responses": Row(f"{_PYDANTIC_AI}Responses", "sdks"),
    "pydantic-ai-anthropic": Row(f"{_PYDANTIC_AI}Messages", "sdks"),
    "pydantic-ai-google": Row(f"{_PYDANTIC_AI}Gemini", "sdks"),
    "pydantic-ai-bedrock": Row(f"{_PYDANTIC_AI}Converse", "sdks"),
    "llama-index-openai-chat": Row(f"{_LLAMA_INDEX}Chat", "sdks-older"),
    "llama-index-openai-responses": Row(
        f"{_LLAMA_INDEX}Responses", "sdks-older", frozenset({"test_streams_that_break_off"})
    ),
    "llama-index-anthropic": Row(f"{_LLAMA_INDEX}Messages", "sdks-older"),
    "instructor-openai-tools": Row(f"{_INSTRUCTOR}Tools", "sdks-previous", _UNTYPED),
    "instructor-openai-schema": Row(f"{_INSTRUCTOR}Schema", "sdks-previous", _UNTYPED),
    "instructor-openai-responses": Row(f"{_INSTRUCTOR}Responses", "sdks-previous", _UNTYPED),
    "instructor-anthropic": Row(f"{_INSTRUCTOR}Messages", "sdks-previous", _UNTYPED),
    **{f"{sdk}-{name}": Row(name, environment)
       for sdk, environment in (("ai", "node"), ("ai-6", "node-previous"))
       for name in ("openai-chat", "openai-responses", "openai-compatible", "anthropic", "google", "amazon-bedrock")},
}  # fmt: skip
