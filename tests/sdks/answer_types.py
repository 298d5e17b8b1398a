"""Looks at answers and events with the SDKs' own types, in the environment where the SDKs are.

`python -m tests.sdks.answer_types` reads lines of JSON `{"dialect", "event", "value"}` and prints, for each, a line
that is empty when the value is what the SDK's type demands, else says what is wrong.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import anthropic.types
import cohere
import openai.types.chat
import openai.types.responses
from botocore.session import Session
from botocore.validate import ParamValidator
from google.genai.types import GenerateContentResponse
from mistralai.client import models as mistral
from pydantic import TypeAdapter, ValidationError

_CONVERSE = Session().get_service_model("bedrock-runtime").operation_model("Converse").output_shape


def _bedrock(value: Any) -> str:
    return str(ParamValidator().validate(value, _CONVERSE).generate_report())


def _by(kind: Any) -> Callable[[Any], str]:
    adapter = TypeAdapter(kind)

    def check(value: Any) -> str:
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            return json.dumps(error.errors(include_url=False), default=str)
        return ""

    return check


CHECKS: dict[tuple[str, bool], Callable[[Any], str]] = {
    ("openai_chat", False): _by(openai.types.chat.ChatCompletion),
    ("openai_chat", True): _by(openai.types.chat.ChatCompletionChunk),
    ("openai_responses", False): _by(openai.types.responses.Response),
    ("openai_responses", True): _by(openai.types.responses.ResponseStreamEvent),
    ("anthropic_messages", False): _by(anthropic.types.Message),
    ("anthropic_messages", True): _by(anthropic.types.RawMessageStreamEvent),
    ("bedrock_converse", False): _bedrock,
    ("gemini", False): _by(GenerateContentResponse),
    ("gemini", True): _by(GenerateContentResponse),
    ("cohere_chat", False): _by(cohere.V2ChatResponse),
    ("cohere_chat", True): _by(cohere.V2ChatStreamResponse),
    ("mistral_chat", False): _by(mistral.ChatCompletionResponse),
    ("mistral_chat", True): _by(mistral.CompletionChunk),
}


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        found = CHECKS[asked["dialect"], asked["event"]](asked["value"])
        sys.stdout.write(found.replace("\n", " ") + "\n")


if __name__ == "__main__":
    main()
