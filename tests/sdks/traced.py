"""What tests of traced applications share: the product that they tell, the answers of its provider, the trace."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.providers.fake import Answer, FakeProvider, ToolCall
from tests.e2e.stack import Stack, running_stack, until
from tests.sdks.outside import ROOT

House = tuple[Stack, FakeProvider]
MODEL, EMBEDDING = "priced/gpt-4o-mini", "text-embedding-3-small"
INPUT, OUTPUT = 40, 12
CALL_USD = INPUT * Decimal("0.15e-6") + OUTPUT * Decimal("0.60e-6")
"""By the list price of gpt-4o-mini."""
_NODE = ROOT / "tests" / "sdks" / "node"
_NOWHERE = "http://127.0.0.1:9"
_QUIET = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "TRACELOOP_TELEMETRY": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "CREWAI_TESTING": "true",  # asks nobody whether to send the run to CrewAI
    "HF_HUB_OFFLINE": "1",
}
ANSWER = Answer(text="It is sunny in Paris.", prompt_tokens=INPUT, completion_tokens=OUTPUT, model="gpt-4o-mini")


def calling(name: str, arguments: str) -> Answer:
    """Return an answer that calls a tool."""
    return msgspec.structs.replace(ANSWER, text="", tool_calls=(ToolCall(name, arguments, f"call_{name}"),))


WEATHER = calling("weather", '{"city":"Paris"}')


@contextlib.asynccontextmanager
async def tracing_house(folder: Path) -> AsyncIterator[House]:
    """Run the product with an account whose models have a price."""
    async with running_stack(folder) as (stack, fake):
        await stack.add_account(
            "priced", fake.base_url, provider="openai", secret="sk-fake", models=["gpt-4o-mini", EMBEDDING]
        )
        yield stack, fake


async def told(house: House, story: str, environment: str, folder: Path) -> str:
    """Let an application run to its end, such as `tracing_stories.dspy`; return the id of its trace."""
    python = ROOT / ".venv" / environment / "bin/python"
    module, _, name = story.partition(".")
    return await _told(house, python, [str(python), "-W", "ignore", "-m", f"tests.sdks.{module}", name], folder)


async def told_by_node(house: House, story: str, folder: Path) -> str:
    """Let one of the applications in `node/traced.mjs` run to its end; return the id of its trace."""
    there = _NODE / "node_modules" / "ai" / "package.json"
    return await _told(house, there, [str(ROOT / ".venv/node/node"), str(_NODE / "traced.mjs"), story], folder)


async def _told(house: House, there: Path, command: list[str], folder: Path) -> str:
    stack, _ = house
    _be_there(there)
    process = await asyncio.create_subprocess_exec(
        *command, stack.platform_url, stack.gateway_url, stack.key, MODEL,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), "TMPDIR": str(folder),
             "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, "NO_PROXY": "127.0.0.1", **_QUIET},
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    return json.loads(out.decode().splitlines()[-1])["trace"]


def _be_there(path: Path) -> None:
    if not path.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{path} is missing; `make test` installs it")


async def trace_of(stack: Stack, trace_id: str, spans: int) -> dict[str, Any]:
    """Return a trace once it has that many spans."""
    found: dict[str, Any] = {}

    async def whole() -> bool:
        async with stack.api() as api:
            answer = await api.get(f"/traces/{trace_id}")
        if answer.status_code != 200:
            return False
        found.update(answer.json())
        return len(found["spans"]) >= spans

    await until(whole)
    return found
