"""The command line against a running installation, as a person and a script use it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from pilothouse.wiring.ports import pick
from tests.e2e.stack import Ended, Stack, chat, pilothouse, running_stack, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """An installation with a few calls in it."""
    async with running_stack(tmp_path_factory.mktemp("cli")) as (one, _):
        yield one


async def _run(stack: Stack, *arguments: str) -> Ended:
    return await pilothouse(stack.environment, *arguments)


async def test_a_key_is_made_used_listed_and_revoked(stack: Stack) -> None:
    made = await _run(stack, "keys", "create", "script", "--expires", "1d", "--model", "up/*")
    assert made.code == 0, made
    secret = made.out.strip()
    assert await stack.knows(secret) < 1
    async with stack.gateway() as client:
        headers = {"authorization": f"Bearer {secret}"}
        assert (await client.post("/v1/chat/completions", json=chat(), headers=headers)).status_code == 200

        shown = await _run(stack, "keys", "list")
        assert "script" in shown.out
        assert secret not in shown.out
        (key,) = [each for each in (await _run(stack, "keys", "list", "--json")).json if each["name"] == "script"]
        assert (key["status"], key["models"], key["permissions"]) == ("active", ["up/*"], ["inference"])

        assert (await _run(stack, "keys", "revoke", key["id"])).code == 0
        (key,) = [each for each in (await _run(stack, "keys", "list", "--json")).json if each["name"] == "script"]
        assert key["status"] == "revoked"
        refused = await client.post("/v1/chat/completions", json=chat(), headers=headers)
        assert refused.headers["x-pilothouse-error"] == "key_revoked"


async def test_traces_are_listed_and_shown(stack: Stack) -> None:
    async with stack.gateway() as client:
        body = chat(messages=[{"role": "user", "content": "A question from [red]the command line[/red]"}])
        answer = await client.post("/v1/chat/completions", json=body)
        failed = await client.post("/v1/chat/completions", json={**body, "model": "up/fake-500"})
    trace_id, failed_id = (each.headers["x-pilothouse-trace-id"] for each in (answer, failed))

    async def both() -> bool:
        return len((await _run(stack, "traces", "list", "--text", "the command line", "--json")).json) == 2

    await until(both)
    listed = await _run(stack, "traces", "list", "--since", "1h")
    assert trace_id in listed.out
    assert "upstream_fault" in listed.out
    only = await _run(stack, "traces", "list", "--text", "the command line", "--model", "fake-chat", "--json")
    assert [each["trace_id"] for each in only.json] == [trace_id]

    shown = await _run(stack, "traces", "show", trace_id)
    assert shown.code == 0
    assert "A question from [red]the command line[/red]" in shown.out
    assert "Hello from the fake provider." in " ".join(shown.out.split())
    trace = (await _run(stack, "traces", "show", trace_id, "--json")).json
    assert trace["summary"]["trace_id"] == trace_id
    assert trace["spans"][0]["usage"]["input_tokens"] == 10
    assert "[upstream_fault]" in (await _run(stack, "traces", "show", failed_id)).out
    nothing = await _run(stack, "traces", "show", "0" * 32)
    assert (nothing.code, nothing.out) == (1, "")
    assert "error [not_found]" in nothing.err


async def test_doctor_finds_a_healthy_installation(stack: Stack) -> None:
    done = await _run(stack, "doctor", "--json", "--probe")
    assert done.code == 0, done
    states = {each["name"]: each["state"] for each in done.json}
    assert "failed" not in states.values()
    assert {"python", "settings", "data folder", "gateway"} <= set(states)
    assert (await _run(stack, "doctor")).code == 0


async def test_models_and_version(stack: Stack) -> None:
    assert "up/fake-chat" in (await _run(stack, "models", "list")).out
    assert (await _run(stack, "version", "--json")).json["version"]


async def test_exit_codes_tell_failures_apart(stack: Stack, tmp_path: Path) -> None:
    inference = (await _run(stack, "keys", "create", "inference only")).out.strip()
    nobody = f"http://127.0.0.1:{pick('127.0.0.1')}"
    for arguments, code, error in (
        (("keys", "list", "--url", nobody), 3, "unreachable"),
        (("keys", "list", "--url", "http://[oops"), 3, "unreachable"),
        (("keys", "list", "--url", stack.gateway_url), 3, "unreachable"),
        (("keys", "list", "--key", f"ph_{'x' * 46}"), 4, "key_unknown"),
        (("keys", "list", "--key", inference), 4, "permission_missing"),
        (("keys", "create", "bad", "--expires", "soon"), 2, "invalid_request"),
        (("keys", "revoke", "none"), 1, "not_found"),
    ):
        plain = await _run(stack, *arguments)
        assert (plain.code, plain.out) == (code, ""), (arguments, plain)
        assert f"error [{error}]" in plain.err, plain
        told = json.loads((await _run(stack, *arguments, "--json")).err)
        assert told["code"] == error
        assert told["detail"]
    usage = await _run(stack, "keys", "create")
    assert usage.code == 2
    assert "Missing argument" in usage.err
    # on another machine there is no data folder, and so no token
    elsewhere = {**stack.environment, "PILOTHOUSE_DATA": str(tmp_path / "none"), "PILOTHOUSE_URL": stack.platform_url}
    missing = await pilothouse(elsewhere, "keys", "list")
    assert missing.code == 4
    assert "--key" in missing.err
