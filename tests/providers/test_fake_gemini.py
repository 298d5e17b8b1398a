"""The fake provider speaks Gemini's API: Google's own SDK reads it, and raw calls show what an SDK hides."""

import json
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from pilothouse.providers.fake import FakeProvider
from tests.providers.fake_calls import EVERYTHING, events, served

MARK = b"fake signature of google"
CONTENTS: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": "hi"}]}]
VERBS = "/v1beta/models/m:"


def sdk(fake: FakeProvider) -> Any:
    # With a transport of httpx the SDK does without aiohttp, whose deprecations it runs into.
    options = types.HttpOptions(base_url=fake.url, async_client_args={"transport": httpx.AsyncHTTPTransport()})
    return genai.Client(api_key="k", http_options=options).aio


async def test_googles_own_sdk_reads_a_whole_answer() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script(EVERYTHING)
        answer = await client.models.generate_content(model="m", contents="hi")
    thought, text, first, second = answer.candidates[0].content.parts
    assert (thought.text, thought.thought, text.text) == ("Think a bit.", True, "Grüße an alle.")
    assert (first.function_call.name, first.function_call.args) == ("get_weather", {"city": "Zürich", "days": 3})
    assert (first.thought_signature, second.thought_signature) == (MARK, None)
    assert (first.function_call.id, second.function_call.id) == (None, "given_7")
    usage = answer.usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count, usage.total_token_count) == (100, 60, 140)
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (25, 15)
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP


async def test_googles_own_sdk_reads_a_stream() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script(EVERYTHING)
        chunks = [chunk async for chunk in await client.models.generate_content_stream(model="m", contents="hi")]
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert "".join(part.text or "" for part in parts if part.thought) == "Think a bit."
    assert "".join(part.text or "" for part in parts if not part.thought) == "Grüße an alle."
    calls = [part.function_call.args for part in parts if part.function_call]
    assert calls == [{"city": "Zürich", "days": 3}, {"zone": "Europe/Zurich"}]
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[0].usage_metadata.candidates_token_count is None
    assert chunks[-1].usage_metadata.total_token_count == 140


async def test_counts_vectors_and_models() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script({"prompt_tokens": 17})
        counted = await client.models.count_tokens(model="m", contents="hi")
        batch = await client.models.embed_content(model="m", contents=["a", "b"], config={"output_dimensionality": 4})
        listed = await client.models.list()
        async with httpx.AsyncClient(base_url=fake.url) as raw:
            one = (await raw.post(VERBS + "embedContent", json={"content": CONTENTS[0]})).json()
    assert counted.total_tokens == 17
    assert [len(item.values) for item in batch.embeddings] == [4, 4]
    assert batch.embeddings[0].values != batch.embeddings[1].values
    assert len(one["embedding"]["values"]) == 8
    assert listed[0].name == "models/fake-chat"


async def test_the_same_stream_as_one_array() -> None:
    async with served() as (fake, client):
        fake.script(EVERYTHING)
        as_events = await client.post(VERBS + "streamGenerateContent?alt=sse", json={"contents": CONTENTS})
        as_array = await client.post(VERBS + "streamGenerateContent", json={"contents": CONTENTS})
        fake.script({"chunks": 10, "error_after": 3, "error_message": "Broke.", "error_type": "overloaded_error"})
        broken = await client.post(VERBS + "streamGenerateContent", json={"contents": CONTENTS})
        fake.script("429-seconds")
        refused = await client.post(VERBS + "streamGenerateContent", json={"contents": CONTENTS})
    assert b"\r\n\r\n" in as_events.content
    assert [data for _, data in events(as_events.content)] == as_array.json()
    assert as_array.headers["content-type"].startswith("application/json")
    assert len(broken.json()) == 4
    assert broken.json()[-1]["error"] == {"code": 503, "message": "Broke.", "status": "UNAVAILABLE"}
    assert refused.json()[0]["error"]["details"][0]["retryDelay"] == "7s"


@pytest.mark.parametrize(
    ("name", "status"),
    [("400", "INVALID_ARGUMENT"), ("401", "UNAUTHENTICATED"), ("403", "PERMISSION_DENIED"), ("404", "NOT_FOUND"),
     ("429", "RESOURCE_EXHAUSTED"), ("500", "INTERNAL"), ("503", "UNAVAILABLE")],
)  # fmt: skip
async def test_errors_have_googles_form(name: str, status: str) -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script(name)
        with pytest.raises(errors.APIError) as found:
            await client.models.generate_content(model="m", contents="hi")
    assert (found.value.code, found.value.status) == (int(name), status)


async def test_finishes_marks_and_counts_on_demand() -> None:
    async with FakeProvider() as fake, sdk(fake) as client:
        fake.script(
            {"refusal": "No.", "text": ""}, {"finish_reason": "length"}, {"reasoning": "r"}, {"usage": "missing"}
        )
        config = types.GenerateContentConfig(candidate_count=2)
        answers = [await client.models.generate_content(model="m", contents="hi", config=config) for _ in range(4)]
    assert [item.candidates[1].finish_reason.name for item in answers] == ["SAFETY", "MAX_TOKENS", "STOP", "STOP"]
    assert answers[2].candidates[0].content.parts[-1].thought_signature == MARK
    assert answers[3].usage_metadata is None


CALL = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"contents": []}, "contents is not specified"),
    ({"seed": 1}, 'Unknown name "seed"'),
    ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role"),
    ({"contents": [{"role": "user", "parts": []}]}, "must not be empty"),
    ({"contents": [*CONTENTS, CALL, *CONTENTS]}, "number of function response parts"),
]


@pytest.mark.parametrize(("fields", "told"), WRONG)
async def test_what_google_refuses_is_refused(fields: dict[str, Any], told: str) -> None:
    async with served() as (_, client):
        answer = await client.post(VERBS + "generateContent", json={"contents": CONTENTS, **fields})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert told in answer.json()["error"]["message"]


async def test_keys_paths_and_spellings() -> None:
    async with FakeProvider(expect_key="k") as fake, httpx.AsyncClient(base_url=fake.url) as client:
        body = {"contents": CONTENTS, "generation_config": {"candidate_count": 2}, "system_instruction": CONTENTS[0]}
        path = "/v1/projects/p/locations/eu/publishers/google/models/fake-echo:generateContent"
        wrong = await client.post(path, json=body)
        right = [
            await client.post(path, json=body, headers={"x-goog-api-key": "k"}),
            await client.post(path, json=body, headers={"authorization": "Bearer k"}),
            await client.post(f"{path}?key=k", json=body),
        ]
        assert json.loads(fake.requests[-1].body) == body
    assert wrong.json()["error"]["status"] == "UNAUTHENTICATED"
    assert [answer.json()["candidates"][1]["content"]["parts"][0]["text"] for answer in right] == ["hi"] * 3
    assert right[0].json()["modelVersion"] == "fake-echo"
