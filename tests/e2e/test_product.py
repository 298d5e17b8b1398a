"""The product as a whole: starting, ending, healing, the local model, and how soon a call is seen."""

import asyncio
import signal
import time
from pathlib import Path

import httpx
import openai
import psutil
import pytest

from pilothouse.wiring.ports import pick
from tests.e2e.stack import Stack, chat, running_stack, say, until

ROLES = ("gateway", "platform", "store")


async def _recorded(stack: Stack, count: int) -> bool:
    return len(await stack.traces()) >= count


async def _another(stack: Stack, role: str, before: list[int]) -> bool:
    return any(process.pid not in before for process in stack.processes(role))


async def _answers(client: httpx.AsyncClient, body: dict[str, object]) -> bool:
    return (await client.post("/v1/chat/completions", json=body)).status_code != 503


async def test_the_second_start_is_fast_and_ctrl_c_ends_everything(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    try:
        first_s = await stack.start()
        key, processes = stack.key, [process for role in ("up", *ROLES) for process in stack.processes(role)]
        assert key
        assert stack.link
        assert len(processes) == 4
        began = time.monotonic()
        assert await asyncio.to_thread(stack.stop) == 0
        ended_s = time.monotonic() - began
        assert ended_s < 10
        assert [process for process in processes if process.is_running()] == []
        assert pick("127.0.0.1", stack.gateway_port) == stack.gateway_port

        second_s = await stack.start()
        say(f"first start {first_s:.1f} s, second {second_s:.1f} s, ended in {ended_s:.1f} s")
        assert second_s < 15
        assert stack.key == key, "the key is shown once, in the first start"
        assert stack.link, "nobody has signed in yet, so there is a new link"
        async with stack.gateway() as client:
            assert (await client.get("/v1/models")).status_code == 200
    finally:
        stack.kill_all()


async def test_ctrl_c_in_the_middle_of_a_start_leaves_nothing(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    starting = asyncio.create_task(stack.start())
    try:
        await until(lambda: asyncio.to_thread(lambda: bool(stack.processes("platform"))))
        children = [process for role in ROLES for process in stack.processes(role)]
        began = time.monotonic()
        stack.processes("up")[0].send_signal(signal.SIGINT)
        with pytest.raises(AssertionError, match="ended"):
            await starting
        assert time.monotonic() - began < 10
        assert [process for process in children if process.is_running()] == []
    finally:
        stack.kill_all()


@pytest.mark.timeout(90)
async def test_killed_children_come_back(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _):
        for role in ROLES:
            before = [process.pid for process in stack.processes(role)]
            await stack.kill(role)
            await until(lambda role=role, before=before: _another(stack, role, before))
            await stack.ready(stack.gateway_url)
            await stack.ready(stack.platform_url)
            async with stack.gateway() as client:
                assert (await client.post("/v1/chat/completions", json=chat())).status_code == 200
        await until(lambda: _recorded(stack, len(ROLES)))
        assert "was killed by signal 9" in stack.log.read_text()


async def test_children_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _):
        children = [process for role in ROLES for process in stack.processes(role)]
        await stack.kill("up")
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert alive == []


async def test_a_call_is_seen_within_a_second(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _), stack.gateway() as client, stack.api() as api:
        waits: list[float] = []
        for _ in range(5):
            answer = await client.post("/v1/chat/completions", json=chat())
            answered, trace_id = time.monotonic(), answer.headers["x-pilothouse-trace-id"]
            while trace_id not in (await api.get("/traces", params={"limit": "5"})).text:
                assert time.monotonic() - answered < 3
                await asyncio.sleep(0.02)
            waits.append(time.monotonic() - answered)
        say(f"seen after {', '.join(f'{wait:.2f}' for wait in waits)} s")
        assert min(waits) < 1


async def test_the_openai_sdk(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as (stack, _):
        url = f"{stack.gateway_url}/v1"
        # a client of our own: the SDK's default one would take a proxy from the environment
        transport = httpx.AsyncClient(trust_env=False)
        async with openai.AsyncOpenAI(base_url=url, api_key=stack.key, http_client=transport, max_retries=0) as client:
            assert "up/fake-chat" in [model.id async for model in client.models.list()]
            ask = {"messages": [{"role": "user", "content": "Hi"}]}
            whole = await client.chat.completions.create(model="up/fake-chat", **ask)
            assert whole.choices[0].message.content == "Hello from the fake provider."
            assert whole.usage is not None
            stream = await client.chat.completions.create(model="up/fake-chat", stream=True, **ask)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
            assert text == "Hello from the fake provider."
            tools = await client.chat.completions.create(model="up/fake-tools", **ask)
            assert [call.function.name for call in tools.choices[0].message.tool_calls or []] == [
                "get_weather",
                "get_time",
            ]
            vectors = await client.embeddings.create(model="up/fake-embed", input=["a", "b"])
            assert len(vectors.data) == 2
            with pytest.raises(openai.RateLimitError) as limited:
                await client.chat.completions.create(model="up/fake-429-seconds", **ask)
            assert limited.value.response.headers["retry-after"] == "7"
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(model="nobody/nothing", **ask)
            with pytest.raises(openai.BadRequestError) as too_long:
                await client.chat.completions.create(model="up/fake-context-length", **ask)
            assert too_long.value.code == "context_length_exceeded"
            with pytest.raises(openai.AuthenticationError):
                await client.with_options(api_key="ph_wrong").chat.completions.create(model="up/fake-chat", **ask)


@pytest.mark.local_model
@pytest.mark.timeout(180)
async def test_the_local_model_answers_through_default(tmp_path: Path) -> None:
    stack = Stack(tmp_path, PILOTHOUSE_LOCAL_MODEL__ENABLED="true", OPENAI_API_KEY="", ANTHROPIC_API_KEY="")
    try:
        await stack.start()
        said = stack.log.read_text()
        if "Without the local model" in said:
            pytest.skip("the local model is not installed: make test installs it")
        assert "default" in said
        ask = {"model": "default", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 12}
        async with stack.gateway() as client:
            client.timeout = httpx.Timeout(90)
            await until(lambda: _answers(client, ask), timeout_s=90, every_s=0.5)
            plain = await client.post("/v1/chat/completions", json=ask)
            assert plain.status_code == 200, plain.text
            assert plain.json()["choices"][0]["message"]["content"]
            assert plain.json()["usage"]["completion_tokens"] > 0
            streamed = await client.post("/v1/chat/completions", json={**ask, "stream": True})
            assert streamed.text.rstrip().endswith("data: [DONE]")
            assert streamed.text.count("data: ") > 3
            refused = await client.post("/v1/embeddings", json={"model": "default", "input": "harbour"})
            assert refused.status_code >= 400
            assert refused.json()["error"]["message"]
            assert refused.headers["x-pilothouse-error"]
        await until(lambda: _recorded(stack, 3))
        costs = {trace["cost_usd"] for trace in await stack.traces() if trace["status"] == "ok"}
        assert costs == {"0"}, "a model of one's own costs nothing, and that is known"
    finally:
        stack.kill_all()
