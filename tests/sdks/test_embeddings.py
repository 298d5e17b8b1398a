"""Vendors' own SDKs for embeddings, at every kind of account that has some."""

import pytest

from tests.gateway.harness import Gateway
from tests.sdks.callers import Ask
from tests.sdks.conftest import Programs
from tests.sdks.outside import opened
from tests.sdks.relay import Opening

ENVIRONMENTS = ("sdks", "sdks-previous", "sdks-older")
PLACES = ("tests.sdks.cohere_caller:Embed", "tests.sdks.mistral_caller:Embed")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("place", PLACES)
async def test_texts_become_vectors_everywhere(
    house: Gateway, programs: Programs, environment: str, place: str
) -> None:
    house.fake.reset()
    heard: dict[str, tuple[str, int | None]] = {}
    for provider in ("openai", "gemini", "cohere", "mistral"):
        sdk = await opened(programs(environment), Opening(place, house.url, house.secret, f"{provider}/m"))
        try:
            answer = await sdk.ask(Ask("harbour"))
        finally:
            await sdk.close()
        heard[provider] = answer.text, answer.prompt
    # Gemini's embeddings are not counted.
    assert heard == {**dict.fromkeys(heard, ("4,4", 2)), "gemini": ("4,4", 0)}
