"""Every SDK calls every kind of provider through a real gateway, and hears the same."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from pilothouse.domain import access
from pilothouse.domain.access import KeyKind
from pilothouse.domain.call import CallRecord
from pilothouse.providers.fake import BEHAVIOURS
from tests.gateway.harness import Gateway
from tests.sdks.callers import PICTURE, Ask, Caller, Heard
from tests.sdks.conftest import PROVIDERS, Programs
from tests.sdks.outside import opened
from tests.sdks.relay import Opening
from tests.sdks.table import CALLERS, INSIDE

CALLS = [
    {"name": "get_weather", "arguments": '{"city": "Zürich", "days": 3}'},
    {"name": "get_time", "arguments": '{"zone":"Europe/Zurich"}'},
]
HEARD = [("get_weather", {"city": "Zürich", "days": 3}), ("get_time", {"zone": "Europe/Zurich"})]
COUNTS = {"prompt_tokens": 100, "cached_tokens": 60, "completion_tokens": 40}
COUNTED = {"prompt": 100, "cached": 60, "output": 40}

pytestmark = pytest.mark.asyncio(loop_scope="module")
FORMS = (False, True)
"""Whole and streamed."""
MARKS = {"openai": "openai", "anthropic": "anthropic", "bedrock": "anthropic", "gemini": "google"}
"""Whose mark the provider puts on its reasoning."""
_SELDOM = ("cohere", "mistral")
"""Providers that are called with the vendors' own SDKs only, which have all that there is to convert."""
_PASSED = {
    ("openai-chat", "mistral"): frozenset({"test_reasoning", "test_a_conversation_goes_on_after_tools"}),
}
"""Of providers that speak the SDK's own dialect: what passes as it is, thoughts in parts of no type it knows."""
_NUMBERS = itertools.count()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try each test with each SDK that does such a thing, at each kind of provider; some with vendors' own SDKs."""
    callers = [caller for caller, row in CALLERS.items() if metafunc.function.__name__ not in row.without]
    pairs = [
        (caller, provider)
        for caller, provider in itertools.product(callers, PROVIDERS)
        if provider not in _SELDOM or not CALLERS[caller].environment or caller.startswith(provider)
    ]
    pairs = [pair for pair in pairs if metafunc.function.__name__ not in _PASSED.get(pair, ())]
    metafunc.parametrize(("caller", "provider"), pairs, scope="module")


class Calling(msgspec.Struct, frozen=True):
    """A test's way through the gateway."""

    house: Gateway
    programs: Programs
    caller: str
    provider: str
    model: str

    async def sdk(self, key: str = "") -> Caller:
        """Return the SDK; without a key of its own it has the right one."""
        row = CALLERS[self.caller]
        opening = Opening(row.place, self.house.url, key or self.house.secret, self.model)
        if row.environment:
            return await opened(self.programs(row.environment), opening)
        return INSIDE[row.place](opening.url, opening.key, opening.model)

    async def records(self, count: int) -> list[CallRecord]:
        """Return the records of calls to a model of the test's own, once there are so many."""
        found: list[CallRecord] = []
        async with asyncio.timeout(10):
            while len(found) < count:
                batch = self.house.reader.read()
                if batch is None:
                    await asyncio.sleep(0.01)
                    continue
                records = [msgspec.msgpack.decode(item.payload, type=CallRecord) for item in batch.items]
                found += [record for record in records if record.model_requested == self.model]
                self.house.reader.ack(batch)
        return found


@pytest.fixture
def calling(house: Gateway, programs: Programs, caller: str, provider: str) -> Calling:
    """Give a provider that has forgotten the test before."""
    house.fake.reset()
    return Calling(house, programs, caller, provider, f"{provider}/m")


@asynccontextmanager
async def talking(calling: Calling, key: str = "") -> AsyncIterator[Caller]:
    """Open the SDK and close it."""
    sdk = await calling.sdk(key)
    try:
        yield sdk
    finally:
        await sdk.close()


def forms(sdk: Caller, what: str) -> tuple[bool, ...]:
    """Return whether to ask for it whole, and streamed."""
    return (False,) if what in sdk.unstreamed else FORMS


def told(sdk: Caller, heard: Heard, *, stream: bool = False, **expected: Any) -> None:
    """Check what was heard, as far as the SDK tells it."""
    hidden = sdk.untold | (sdk.unstreamed if stream else frozenset())
    wanted = {name: value for name, value in expected.items() if name not in hidden}
    assert {name: getattr(heard, name) for name in wanted} == wanted


async def test_text_stop_and_usage(calling: Calling) -> None:
    calling = msgspec.structs.replace(calling, model=f"{calling.provider}/m{next(_NUMBERS)}")
    async with talking(calling) as sdk:
        calling.house.fake.script({"text": "Grüße an 世界 🌍.", **COUNTS})
        for stream in FORMS:
            heard = await sdk.ask(Ask(stream=stream))
            assert "Say hello." in calling.house.fake.requests[-1].body.decode()
            told(sdk, heard, text="Grüße an 世界 🌍.", stop=sdk.stops["stop"], calls=[], stream=stream, **COUNTED)
        records = await calling.records(2)
    for record, stream in zip(records, FORMS, strict=True):
        usage = record.usage
        assert usage is not None
        assert (usage.input_tokens, usage.cache_read_tokens, usage.total) == (40, 60, 140)
        assert (record.streamed, record.provider) == (stream, calling.provider)


async def test_answers_that_are_too_long(calling: Calling) -> None:
    async with talking(calling) as sdk:
        calling.house.fake.script({"text": "Once upon", "finish_reason": "length"})
        for stream in FORMS:
            told(sdk, await sdk.ask(Ask(stream=stream)), text="Once upon", stop=sdk.stops["length"])


async def test_parallel_tools(calling: Calling) -> None:
    async with talking(calling) as sdk:
        calling.house.fake.script({"text": "Let me look.", "tool_calls": CALLS, **COUNTS})
        for stream in forms(sdk, "calls"):
            heard = await sdk.ask(Ask(stream=stream, tools=True))
            sent = calling.house.fake.requests[-1].body.decode()
            told(sdk, heard, text="Let me look.", calls=HEARD, stop=sdk.stops["tools"], stream=stream, **COUNTED)
            assert len(set(heard.ids)) == 2 or "ids" in sdk.untold
            assert '"get_weather"' in sent
            assert '"days"' in sent


async def test_a_conversation_goes_on_after_tools(calling: Calling) -> None:
    ask = Ask(tools=True, thinking=True)
    async with talking(calling) as sdk:
        calling.house.fake.script(
            {"reasoning": "Two things.", "text": "", "tool_calls": CALLS}, {"text": "Sunny, noon."}
        )
        heard = await sdk.ask(ask)
        after = await sdk.results(ask, heard, ["sunny-result", "noon-result"])
        request = calling.house.fake.requests[-1]
        told(sdk, heard, calls=HEARD)
        told(sdk, after, text="Sunny, noon.", stop=sdk.stops["stop"])
        sent = request.body.decode()
        assert sent.index("sunny-result") < sent.index("noon-result")
        # Arguments are text inside of text for some, and SDKs differ in what they escape.
        assert "Zürich" in sent or "u00fcrich" in sent
        vendor = MARKS.get(calling.provider, "")
        # Google's models mark calls, and every SDK keeps that.
        dropped = set[str]() if vendor == "google" else sdk.untold
        if vendor and not request.path.endswith("/chat/completions") and "marks" not in dropped:
            mark = base64.b64encode(f"fake signature of {vendor}".encode()).decode()
            assert mark in sent


async def test_reasoning(calling: Calling) -> None:
    async with talking(calling) as sdk:
        calling.house.fake.script({"reasoning": "Think a bit.", "text": "Done.", "reasoning_tokens": 15, **COUNTS})
        for stream in FORMS:
            heard = await sdk.ask(Ask(stream=stream, thinking=True))
            told(sdk, heard, reasoning="Think a bit.", text="Done.", stop=sdk.stops["stop"], stream=stream, **COUNTED)


async def test_structured_output(calling: Calling) -> None:
    async with talking(calling) as sdk:
        said = '{"capital":"Bern","people":134000}'
        call = {"name": sdk.schema_tool, "arguments": said}
        calling.house.fake.script({"text": "", "tool_calls": [call]} if sdk.schema_tool else {"text": said})
        for stream in forms(sdk, "schema"):
            heard = await sdk.ask(Ask(stream=stream, schema=True))
            assert json.loads(heard.text) == {"capital": "Bern", "people": 134000}
            told(sdk, heard, calls=[], stop=sdk.stops["stop"])
            assert "capital" in calling.house.fake.requests[-1].body.decode()


async def test_a_picture(calling: Calling) -> None:
    async with talking(calling) as sdk:
        heard = await sdk.ask(Ask(image=True))
        sent = calling.house.fake.requests[-1].body.decode()
    assert heard.text == "Hello from the fake provider."
    # Base64 has a second alphabet, which Google's SDK uses.
    assert PICTURE in sent.replace("-", "+").replace("_", "/")


async def test_errors(calling: Calling) -> None:
    async with talking(calling) as sdk:
        for name, status in (("400", 400), ("context-length", 400), ("429-seconds", 429)):
            calling.house.fake.script(name)
            for stream in FORMS:
                error = await failure(sdk, Ask(stream=stream))
                assert sdk.code(error) == status
        assert "wait" in sdk.untold or sdk.wait(error) == "7"
        assert calling.house.fake.hits == 6


async def test_a_key_that_nobody_knows(calling: Calling) -> None:
    async with talking(calling, access.mint(KeyKind.VIRTUAL_KEY)) as sdk:
        for stream in FORMS:
            assert sdk.code(await failure(sdk, Ask(stream=stream))) == sdk.refused
    assert calling.house.fake.hits == 0


async def test_streams_that_break_off(calling: Calling) -> None:
    async with talking(calling) as sdk:
        for script in ("error-in-stream", "error-event", "cut"):
            calling.house.fake.script({**msgspec.to_builtins(BEHAVIOURS[script]), "gap_s": 0.001})
            with pytest.raises(sdk.errors):
                await sdk.ask(Ask(stream=True))


async def failure(sdk: Caller, ask: Ask) -> Exception:
    """Return what the SDK raises."""
    with pytest.raises(Exception) as found:  # noqa: PT011
        await sdk.ask(ask)
    return found.value
