"""The running product: spans of an app and of the gateway are one trace."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Stack, running_stack, until

APP = """
import httpx, os, sys
from pilothouse import sdk
sdk.init()
with sdk.session("tour-1"), sdk.user("ada"), sdk.span("answer", kind="agent") as span:
    body = {"model": sys.argv[2], "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {os.environ['PILOTHOUSE_KEY']}", **sdk.headers()}
    httpx.post(f"{sys.argv[1]}/v1/chat/completions", json=body, headers=headers).raise_for_status()
    print(span.trace_id)
"""


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path) as (found, _):
        yield found


@pytest.mark.timeout(120)
async def test_an_app_and_the_gateway_tell_one_trace(stack: Stack) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", APP, stack.gateway_url, "up/fake-chat",
        env={"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", "PILOTHOUSE_URL": stack.platform_url,
             "PILOTHOUSE_KEY": stack.key},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    trace_id = (await process.communicate())[0].decode().strip()
    assert process.returncode == 0
    trace: dict[str, Any] = {}

    async def whole() -> bool:
        async with stack.api() as api:
            answer = await api.get(f"/traces/{trace_id}")
        trace.update(answer.json() if answer.status_code == 200 else {})
        return len(trace.get("spans", [])) == 2

    await until(whole)
    outer, inner = sorted(trace["spans"], key=lambda span: span["source"] == "gateway")
    assert (outer["name"], outer["kind"], outer["source"], inner["source"]) == ("answer", "agent", "gen_ai", "gateway")
    assert inner["parent_span_id"] == outer["span_id"]
    assert {span["session_id"] for span in (outer, inner)} == {"tour-1"}
    assert {span["user_id"] for span in (outer, inner)} == {"ada"}
