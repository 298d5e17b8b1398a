"""Every official SDK calls every kind of provider through a real gateway, and hears the same."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.providers.fake import BEHAVIOURS
from tests.gateway.harness import Gateway, gateway
from tests.sdks.anthropic_caller import Messages
from tests.sdks.aws_caller import Converse
from tests.sdks.callers import PICTURE, Ask, Caller, Heard
from tests.sdks.google_caller import Gemini
from tests.sdks.openai_callers import Chat, Responses

CALLERS: dict[str, Any] = {
    "chat": Chat, "responses": Responses, "messages": Messages, "converse": Converse, "gemini": Gemini,
}  # fmt: skip
PROVIDERS: dict[str, tuple[str, str]] = {
    "openai": ("/v1", "sk-provider"),
    "openai_compatible": ("/v1", "sk-provider"),
    "anthropic": ("/v1", "sk-provider"),
    "gemini": ("/v1beta", "sk-provider"),
    "bedrock": ("", "AKIDPROVIDER:SECRET"),
}
"""Path of the base URL and secret of an account."""
PAIRS = [
    (caller, provider) for caller in CALLERS for provider in PROVIDERS if caller != "gemini" or provider == "gemini"
]
CALLS = [
    {"name": "get_weather", "arguments": '{"city": "Zürich", "days": 3}'},
    {"name": "get_time", "arguments": '{"zone":"Europe/Zurich"}'},
]
HEARD = [("get_weather", {"city": "Zürich", "days": 3}), ("get_time", {"zone": "Europe/Zurich"})]
COUNTS = {"prompt_tokens": 100, "cached_tokens": 60, "completion_tokens": 40}

pytestmark = [pytest.mark.parametrize(("caller", "provider"), PAIRS)]
FORMS = (False, True)
"""Whole and streamed: both on one gateway."""
MARKS = {"openai": "openai", "anthropic": "anthropic", "bedrock": "anthropic", "gemini": "google"}
"""Whose mark the provider puts on its reasoning."""


@asynccontextmanager
async def calling(folder: Path, caller: str, provider: str) -> AsyncIterator[tuple[Gateway, Caller]]:
    """Run a gateway with one account of the provider, and an SDK that calls it."""
    path, secret = PROVIDERS[provider]
    async with gateway(folder) as running:
        sealed = running.box.seal(secret, "account:acc", b"1" * 12)
        account = running.account(
            "acc", running.fake.url + path, provider=provider, models=("m",), sealed_secret=sealed
        )
        running.accounts = [account]
        running.publish()
        sdk: Caller = CALLERS[caller](running.url, running.secret, "acc/m")
        try:
            yield running, sdk
        finally:
            await sdk.close()


def counted(heard: Heard) -> tuple[int | None, ...]:
    return heard.prompt, heard.cached, heard.output


async def test_text_stop_and_usage(tmp_path: Path, caller: str, provider: str) -> None:
    async with calling(tmp_path, caller, provider) as (running, sdk):
        running.fake.script({"text": "Grüße an 世界 🌍.", **COUNTS})
        for stream in FORMS:
            heard = await sdk.ask(Ask(stream=stream))
            assert "Say hello." in running.fake.requests[-1].body.decode()
            assert (heard.text, heard.stop, heard.calls) == ("Grüße an 世界 🌍.", sdk.stops["stop"], [])
            assert counted(heard) == (100, 60, 40)
        records = await running.records(2)
    for record, stream in zip(records, FORMS, strict=True):
        usage = record.usage
        assert usage is not None
        assert (usage.input_tokens, usage.cache_read_tokens, usage.total) == (40, 60, 140)
        assert (record.streamed, record.provider) == (stream, provider)


async def test_answers_that_are_too_long(tmp_path: Path, caller: str, provider: str) -> None:
    async with calling(tmp_path, caller, provider) as (running, sdk):
        running.fake.script({"text": "Once upon", "finish_reason": "length"})
        for stream in FORMS:
            heard = await sdk.ask(Ask(stream=stream))
            assert (heard.text, heard.stop) == ("Once upon", sdk.stops["length"])


async def test_parallel_tools(tmp_path: Path, caller: str, provider: str) -> None:
    async with calling(tmp_path, caller, provider) as (running, sdk):
        running.fake.script({"text": "Let me look.", "tool_calls": CALLS, **COUNTS})
        for stream in FORMS:
            heard = await sdk.ask(Ask(stream=stream, tools=True))
            sent = running.fake.requests[-1].body.decode()
            assert (heard.text, heard.calls) == ("Let me look.", HEARD)
            assert (heard.stop, counted(heard)) == (sdk.stops["tools"], (100, 60, 40))
            # Gemini's calls need no ids.
            assert len(set(heard.ids)) == 2 or caller == "gemini"
            assert '"get_weather"' in sent
            assert '"days"' in sent


async def test_a_conversation_goes_on_after_tools(tmp_path: Path, caller: str, provider: str) -> None:
    ask = Ask(tools=True, thinking=True)
    async with calling(tmp_path, caller, provider) as (running, sdk):
        running.fake.script({"reasoning": "Two things.", "text": "", "tool_calls": CALLS}, {"text": "Sunny, noon."})
        heard = await sdk.ask(ask)
        after = await sdk.results(ask, heard, ["sunny-result", "noon-result"])
        request = running.fake.requests[-1]
    sent = request.body.decode()
    assert (heard.calls, after.text, after.stop) == (HEARD, "Sunny, noon.", sdk.stops["stop"])
    assert sent.index("sunny-result") < sent.index("noon-result")
    # Arguments are text inside of text for some, and SDKs differ in what they escape.
    assert "Zürich" in sent or "u00fcrich" in sent
    if not request.path.endswith("/chat/completions"):
        mark = base64.b64encode(f"fake signature of {MARKS[provider]}".encode()).decode()
        assert mark in sent


async def test_reasoning(tmp_path: Path, caller: str, provider: str) -> None:
    async with calling(tmp_path, caller, provider) as (running, sdk):
        running.fake.script({"reasoning": "Think a bit.", "text": "Done.", "reasoning_tokens": 15, **COUNTS})
        for stream in FORMS:
            heard = await sdk.ask(Ask(stream=stream, thinking=True))
            assert (heard.reasoning, heard.text, heard.stop) == ("Think a bit.", "Done.", sdk.stops["stop"])
            assert counted(heard) == (100, 60, 40)


async def test_structured_output(tmp_path: Path, caller: str, provider: str) -> None:
    async with calling(tmp_path, caller, provider) as (running, sdk):
        running.fake.script({"text": '{"capital":"Bern","people":134000}'})
        for stream in FORMS:
            heard = await sdk.ask(Ask(stream=stream, schema=True))
            assert json.loads(heard.text) == {"capital": "Bern", "people": 134000}
            assert (heard.calls, heard.stop) == ([], sdk.stops["stop"])
            assert "capital" in running.fake.requests[-1].body.decode()


async def test_a_picture(tmp_path: Path, caller: str, provider: str) -> None:
    async with calling(tmp_path, caller, provider) as (running, sdk):
        heard = await sdk.ask(Ask(image=True))
        sent = running.fake.requests[-1].body.decode()
    assert heard.text == "Hello from the fake provider."
    # Base64 has a second alphabet, which Google's SDK uses.
    assert PICTURE in sent.replace("-", "+").replace("_", "/")


async def test_errors(tmp_path: Path, caller: str, provider: str) -> None:
    async with calling(tmp_path, caller, provider) as (running, sdk):
        for name, status in (("400", 400), ("context-length", 400), ("429", 429)):
            running.fake.script(name)
            for stream in FORMS:
                with pytest.raises(Exception) as found:  # noqa: PT011
                    await sdk.ask(Ask(stream=stream))
                assert sdk.code(found.value) == status


async def test_streams_that_break_off(tmp_path: Path, caller: str, provider: str) -> None:
    async with calling(tmp_path, caller, provider) as (running, sdk):
        for script in ("error-in-stream", "error-event", "cut"):
            running.fake.script({**msgspec.to_builtins(BEHAVIOURS[script]), "gap_s": 0.001})
            with pytest.raises(sdk.errors):
                await sdk.ask(Ask(stream=True))
