"""A chat server that wants its own thoughts back within a round of tools gets them, whatever API its callers speak."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import Catalog
from pilothouse.protocols import table
from tests.gateway.harness import Gateway, gateway
from tests.gateway.pairs import CALLERS, PROVIDERS, request
from tests.protocols.test_faults_reasoning import given_back

pytestmark = pytest.mark.asyncio(loop_scope="module")

THINKS: dict[str, Any] = {
    "text": "Let me see.", "reasoning": "Rain?", "tool_calls": [{"name": "weather", "arguments": "{}"}],
}  # fmt: skip
DETAIL = {"type": "reasoning.text", "text": "Rain?", "format": "unknown", "index": 0}
WANTED = {
    ("deepseek", "deepseek-v4-pro"): {"reasoning_content": "Rain?"},
    ("openai_compatible", "kimi-k2-thinking"): {"reasoning_content": "Rain?"},
    ("openai_compatible", "glm-4.7"): {"reasoning_content": "Rain?"},
    ("openai_compatible", "minimax-m2"): {"reasoning_details": [DETAIL]},
    ("openrouter", "deepseek/deepseek-v4-pro"): {"reasoning_details": [DETAIL]},
    ("vllm", "openai/gpt-oss-120b"): {"reasoning": "Rain?"},
    ("sglang", "Qwen/Qwen3-8B"): {"reasoning_content": "Rain?"},
    ("ollama", "gpt-oss:20b"): {"reasoning": "Rain?"},
    ("openai_compatible", "told-by-the-operator"): {"reasoning": "Rain?"},
    ("openai_compatible", "nobody-knows"): {},
    ("openai", "gpt-5.5"): {},
    ("deepseek", "deepseek-r1"): {},
}
"""By kind of provider and model: what a turn that thought and called a tool has, when it goes back."""
OWN = Catalog(parse('[[facts]]\nmodel = "told-by-the-*"\nthoughts = "reasoning"\n'))
SPEAK_RESPONSES = ("openai", "openrouter", "vllm", "sglang", "ollama")
"""Kinds of provider that are spoken to as the caller does, so that nothing is converted."""
PAIRS = [
    (caller, provider, model)
    for caller in CALLERS
    for provider, model in WANTED
    if caller != "openai_chat" and (caller != "openai_responses" or provider not in SPEAK_RESPONSES)
]
converted = pytest.mark.parametrize("caller", [name for name in CALLERS if name != "openai_chat"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path_factory.mktemp("gateway"), catalog=OWN) as made:
        kinds = sorted({kind for kind, _ in WANTED})
        made.accounts = [
            made.account(kind, made.fake.url + PROVIDERS.get(kind, ("/v1",))[0], provider=kind, open_models=True)
            for kind in kinds
        ]
        made.publish()
        yield made


async def answered(running: Gateway, caller: str, model: str, *, stream: bool) -> dict[str, Any]:
    """Return an answer that thinks and calls a tool, as the caller keeps it."""
    running.fake.script(THINKS)
    async with running.client() as client:
        answer = await client.post(**request(caller, model, stream=stream))
    assert answer.status_code == 200, answer.text
    fold = table.dialect(caller).fold
    assert fold is not None
    return json.loads(fold(answer.content) if stream else answer.content)


async def sent_back(running: Gateway, caller: str, model: str, history: bytes) -> tuple[list[dict[str, Any]], str]:
    """Return the assistant's turns that the server gets, and what the caller is told was left out."""
    body = json.loads(history)
    if "model" in body:
        body["model"] = model
    if caller == "openai_responses":
        body["store"] = False
    arguments = request(caller, model, stream=False)
    running.fake.script({"text": "It rains."})
    async with running.client() as client:
        answer = await client.post(arguments["url"], json=body)
    assert answer.status_code == 200, answer.text
    turns = running.fake.requests[-1].json["messages"]
    return [turn for turn in turns if turn["role"] == "assistant"], answer.headers.get("x-pilothouse-dropped", "")


@pytest.mark.parametrize(("caller", "provider", "model"), PAIRS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_thoughts_go_back_to_the_servers_that_want_them(
    running: Gateway, caller: str, provider: str, model: str, *, stream: bool
) -> None:
    name, wanted = f"{provider}/{model}", WANTED[provider, model]
    answer = await answered(running, caller, name, stream=stream)
    [turn], dropped = await sent_back(running, caller, name, given_back(caller, answer))
    assert {key: value for key, value in turn.items() if key.startswith("reasoning")} == wanted
    assert turn["content"] == "Let me see."
    assert [call["function"]["name"] for call in turn["tool_calls"]] == ["weather"]
    assert bool(dropped) is not bool(wanted), "what is left out is told, and nothing else is"


@converted
@pytest.mark.parametrize(
    ("model", "kept"),
    [
        ("openai_compatible/glm-4.7", [False, True]),
        ("openai_compatible/kimi-k2-thinking", [True, True]),
        ("deepseek/deepseek-v4-pro", [True, True]),
    ],
)
async def test_thoughts_of_earlier_rounds_go_back_where_they_are_wanted(
    running: Gateway, caller: str, model: str, kept: list[bool]
) -> None:
    answer = await answered(running, caller, model, stream=False)
    turns, dropped = await sent_back(running, caller, model, twice(caller, given_back(caller, answer)))
    assert ["reasoning_content" in turn for turn in turns] == kept
    assert bool(dropped) is not all(kept)


def twice(caller: str, history: bytes) -> bytes:
    """Return a conversation of two such rounds."""
    body = json.loads(history)
    field = {"openai_responses": "input", "gemini": "contents"}.get(caller, "messages")
    body[field] = body[field] * 2
    return json.dumps(body).encode()
