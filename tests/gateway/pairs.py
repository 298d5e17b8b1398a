"""Every caller's dialect in front of every kind of provider: what to send, and how an answer shows its end."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

from pilothouse.domain.call import CallRecord
from pilothouse.domain.chat import ChatReply, Reasoning, Text, ToolCall
from pilothouse.domain.usage import Usage
from pilothouse.protocols import table
from pilothouse.protocols.base import NO_MEMO, ChatCodec
from tests.gateway.harness import PROVIDER_KEY, Gateway, gateway

TEXT = "Say hello."
_TURN = [{"role": "user", "content": TEXT}]
_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}


class Caller(NamedTuple):
    """A dialect that callers speak."""

    path: str
    """With `{model}` where the path names it, and `{verb}` where the verb says whether to stream."""
    body: Mapping[str, Any]
    tools: Mapping[str, Any]
    """Fields that declare the tools `a` and `b`."""
    verbs: tuple[str, str] = ("", "")
    """Whole and streamed."""
    ends: tuple[bytes, ...] = ()
    """What stands in a stream that came to its proper end, and in no other."""
    breaks: tuple[bytes, ...] = ()
    """What stands in a stream that ends with an error."""


CALLERS: dict[str, Caller] = {
    "openai_chat": Caller(
        "/v1/chat/completions", {"messages": _TURN},
        {"tools": [{"type": "function", "function": {"name": n, "parameters": _PARAMETERS}} for n in "ab"]},
        ends=(b"data: [DONE]",), breaks=(b'data: {"error":',),
    ),
    "openai_responses": Caller(
        "/v1/responses", {"input": TEXT},
        {"tools": [{"type": "function", "name": n, "parameters": _PARAMETERS, "strict": False} for n in "ab"]},
        ends=(b"event: response.completed", b"event: response.incomplete"),
        breaks=(b"event: error", b"event: response.failed"),
    ),
    "anthropic_messages": Caller(
        "/v1/messages", {"max_tokens": 100, "messages": _TURN},
        {"tools": [{"name": n, "input_schema": _PARAMETERS} for n in "ab"]},
        ends=(b"event: message_stop",), breaks=(b"event: error",),
    ),
    "bedrock_converse": Caller(
        "/model/{model}/{verb}", {"messages": [{"role": "user", "content": [{"text": TEXT}]}]},
        {"toolConfig": {"tools": [{"toolSpec": {"name": n, "inputSchema": {"json": _PARAMETERS}}} for n in "ab"]}},
        ("converse", "converse-stream"), ends=(b"messageStop",), breaks=(b":exception-type",),
    ),
    "gemini": Caller(
        "/v1beta/models/{model}:{verb}", {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]},
        {"tools": [{"functionDeclarations": [{"name": n, "parameters": _PARAMETERS} for n in "ab"]}]},
        ("generateContent", "streamGenerateContent?alt=sse"), ends=(b'"finishReason"',), breaks=(b'"error":',),
    ),
}  # fmt: skip

PROVIDERS: dict[str, tuple[str, str]] = {
    "openai_compatible": ("/v1", PROVIDER_KEY),
    "openai": ("/v1", PROVIDER_KEY),
    "anthropic": ("/v1", PROVIDER_KEY),
    "gemini": ("/v1beta", PROVIDER_KEY),
    "bedrock": ("", f"AKIDPROVIDER:{PROVIDER_KEY}"),
}
"""Kinds of provider: the path of the base URL and the secret of an account, which has the kind's name."""

PAIRS = [(caller, provider) for caller in CALLERS for provider in PROVIDERS]


class Heard(msgspec.Struct, frozen=True):
    """What an answer says."""

    text: str
    calls: list[tuple[str, Any]]
    """Names and arguments."""
    ids: list[str]
    stop: str
    thoughts: str = ""


def request(caller: str, model: str, *, stream: bool, **fields: Any) -> dict[str, Any]:
    """Return the arguments of `post` for a call."""
    row = CALLERS[caller]
    body = {**row.body, **fields}
    if "{model}" not in row.path:
        body |= {"model": model, "stream": stream}
    return {"url": row.path.format(model=model, verb=row.verbs[stream]), "json": body}


async def ask(client: httpx.AsyncClient, caller: str, model: str, *, stream: bool, **fields: Any) -> httpx.Response:
    """Return the answer to a small call in the caller's dialect."""
    return await client.post(**request(caller, model, stream=stream, **fields))


def ended(caller: str, content: bytes) -> bool:
    """Return whether a stream came to its proper end."""
    return any(mark in content for mark in CALLERS[caller].ends)


def broke(caller: str, content: bytes) -> bool:
    """Return whether a stream ends with an error."""
    return any(mark in content for mark in CALLERS[caller].breaks)


def read(caller: str, content: bytes, *, stream: bool) -> ChatReply:
    """Return an answer in the caller's dialect, a stream put together."""
    dialect = table.dialect(caller)
    assert isinstance(dialect.codec, ChatCodec)
    if stream:
        assert dialect.fold is not None
        content = dialect.fold(content)
    return dialect.codec.read_reply(content, NO_MEMO)


def used(caller: str, content: bytes, *, stream: bool) -> Usage | None:
    """Return the usage that an answer tells the caller."""
    return read(caller, content, stream=stream).usage


def heard(caller: str, content: bytes, *, stream: bool) -> Heard:
    """Return what an answer in the caller's dialect says."""
    choice = read(caller, content, stream=stream).choices[0]
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    return Heard(
        "".join(part.text for part in choice.parts if isinstance(part, Text)),
        [(call.name, json.loads(call.arguments or "{}")) for call in calls],
        [call.id for call in calls],
        choice.stop,
        "".join(part.text + "".join(part.summary) for part in choice.parts if isinstance(part, Reasoning)),
    )


@asynccontextmanager
async def house(folder: Path, **options: object) -> AsyncGenerator["Calls"]:
    """Run a gateway with an account at each kind of provider."""
    async with gateway(folder, **options) as running, running.client() as client:  # type: ignore[arg-type]
        running.accounts = []
        for kind, (path, secret) in PROVIDERS.items():
            sealed = running.box.seal(secret, f"account:{kind}", b"1" * 12)
            running.accounts.append(
                running.account(kind, running.fake.url + path, provider=kind, models=("m",), sealed_secret=sealed)
            )
        running.publish()
        yield Calls(running, client)


class Calls:
    """Makes calls one after the other and finds the record of each, and that it is the only one."""

    def __init__(self, running: Gateway, client: httpx.AsyncClient) -> None:
        self.running = running
        self.client = client
        self._count = 0

    async def __call__(
        self, caller: str, provider: str, script: Mapping[str, Any] | str, *, stream: bool, **fields: Any
    ) -> tuple[httpx.Response, CallRecord]:
        """Return what the caller gets when the provider answers as scripted, and the record."""
        self.running.fake.script(script)
        answer = await ask(self.client, caller, f"{provider}/m", stream=stream, **fields)
        return answer, await self.record()

    async def record(self) -> CallRecord:
        """Return the record of one more call."""
        self._count += 1
        return (await self.running.records(self._count))[-1]
