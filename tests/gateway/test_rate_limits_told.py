"""Converted answers tell rate limits and the call's id in the headers that the caller's SDK reads."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from tests.gateway.pairs import Calls, house, request

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPENAI = {
    "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "1m2s",
    "x-ratelimit-limit-tokens": "1000", "x-ratelimit-remaining-tokens": "0",
}  # fmt: skip
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "60", "anthropic-ratelimit-requests-remaining": "59",
    "anthropic-ratelimit-input-tokens-limit": "500", "anthropic-ratelimit-input-tokens-remaining": "7",
    "anthropic-ratelimit-output-tokens-limit": "90", "anthropic-ratelimit-output-tokens-remaining": "80",
}  # fmt: skip
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    async with house(tmp_path_factory.mktemp("gateway")) as made:
        yield made


async def told(calls: Calls, caller: str, provider: str, said: dict[str, str], *, stream: bool) -> dict[str, str]:
    calls.running.fake.script({"headers": list(said.items())})
    answer = await calls.client.post(**request(caller, f"{provider}/m", stream=stream))
    assert answer.status_code == 200
    await calls.record()
    return dict(answer.headers)


@both
async def test_callers_of_openai_read_anthropics_limits(calls: Calls, *, stream: bool) -> None:
    reset = (datetime.now(UTC) + timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {**ANTHROPIC, "anthropic-ratelimit-requests-reset": reset}
    headers = await told(calls, "openai_chat", "anthropic", said, stream=stream)
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("60", "59")
    assert headers["x-ratelimit-reset-requests"].startswith("1m")
    # What is scarcer stands for all tokens.
    assert (headers["x-ratelimit-limit-tokens"], headers["x-ratelimit-remaining-tokens"]) == ("500", "7")
    assert "x-ratelimit-reset-tokens" not in headers
    assert headers["anthropic-ratelimit-requests-limit"] == "60", "the provider's own words stay"


@both
async def test_callers_of_anthropic_read_openais_limits(calls: Calls, *, stream: bool) -> None:
    headers = await told(calls, "anthropic_messages", "openai", OPENAI, stream=stream)
    assert headers["anthropic-ratelimit-requests-limit"] == "60"
    assert headers["anthropic-ratelimit-tokens-remaining"] == "0"
    left = datetime.fromisoformat(headers["anthropic-ratelimit-requests-reset"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left < timedelta(seconds=63)


@both
@pytest.mark.parametrize(
    ("caller", "name"), [("anthropic_messages", "request-id"), ("bedrock_converse", "x-amzn-requestid")]
)
async def test_an_sdk_finds_the_id_of_its_call(calls: Calls, caller: str, name: str, *, stream: bool) -> None:
    headers = await told(calls, caller, "openai", {}, stream=stream)
    assert headers[name] == headers["x-request-id"]
    assert not [name for name in headers if "ratelimit" in name]


async def test_limits_that_are_no_numbers_are_not_told(calls: Calls) -> None:
    said = {"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "x"}
    headers = await told(calls, "anthropic_messages", "openai", said, stream=False)
    limits = {name: value for name, value in headers.items() if name.startswith("anthropic-ratelimit")}
    assert limits == {"anthropic-ratelimit-tokens-remaining": "5"}


@pytest.mark.parametrize("reset", ["1e300", "99999999999999999", "9" * 400 + "d", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize(("caller", "provider"), [("anthropic_messages", "openai"), ("openai_chat", "anthropic")])
async def test_limits_beyond_measure_do_not_cost_the_answer(
    calls: Calls, caller: str, provider: str, reset: str
) -> None:
    said = {
        "x-ratelimit-limit-requests": "9" * 5000, "x-ratelimit-remaining-requests": "5",
        "x-ratelimit-reset-requests": reset,
        "anthropic-ratelimit-tokens-remaining": "6", "anthropic-ratelimit-tokens-reset": reset,
    }  # fmt: skip
    headers = await told(calls, caller, provider, said, stream=False)
    own = {
        "openai_chat": ("x-ratelimit-remaining-tokens", "6"),
        "anthropic_messages": ("anthropic-ratelimit-requests-remaining", "5"),
    }  # fmt: skip
    name, value = own[caller]
    assert headers[name] == value


async def test_what_is_not_converted_keeps_its_headers(calls: Calls) -> None:
    headers = await told(calls, "anthropic_messages", "anthropic", ANTHROPIC, stream=False)
    assert {name: value for name, value in headers.items() if "ratelimit" in name} == ANTHROPIC
