"""Usage as servers report it, as disjoint buckets."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.usage import Usage
from pilothouse.protocols import openai_usage

CASES: dict[str, tuple[dict[str, object], Usage | None]] = {
    "plain": ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(10, output_tokens=5)),
    "cached and reasoning are parts": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10, "cache_write_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 5, "accepted_prediction_tokens": 1},
        },
        Usage(25, 60, 5, 0, 10, 0, 15, 30, 5),
    ),
    "DeepSeek": (
        {"prompt_tokens": 20, "completion_tokens": 1, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 12},
        Usage(12, 8, output_tokens=1),
    ),
    "Moonshot": ({"prompt_tokens": 20, "completion_tokens": 1, "cached_tokens": 8}, Usage(12, 8, output_tokens=1)),
    "SGLang": (
        {"prompt_tokens": 2, "completion_tokens": 9, "reasoning_tokens": 4, "total_tokens": 11},
        Usage(2, output_tokens=5, reasoning_tokens=4),
    ),
    "xAI leaves reasoning out of the completion": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 115,
            "completion_tokens_details": {"reasoning_tokens": 100},
        },
        Usage(10, output_tokens=5, reasoning_tokens=100),
    ),
    "vLLM: no details": (
        {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": None},
        Usage(3, output_tokens=4),
    ),
    "embeddings": ({"prompt_tokens": 3, "total_tokens": 3}, Usage(3)),
    "cached audio counted twice": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 0,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 6},
        },
        Usage(0, 8, input_audio_tokens=2),
    ),
    "more cached than there is": (
        {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}},
        Usage(5, 9, output_tokens=1, inconsistent=True),
    ),
    "more reasoning than output": (
        {"prompt_tokens": 5, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 9}},
        Usage(5, output_tokens=1, reasoning_tokens=9, inconsistent=True),
    ),
    "negative": ({"prompt_tokens": -5, "completion_tokens": 1}, Usage(-5, output_tokens=1, inconsistent=True)),
    "nothing counted": ({"total_tokens": 5}, None),
    "empty": ({}, None),
    "not numbers": ({"prompt_tokens": "many"}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_usage_in_every_known_form(name: str) -> None:
    raw, expected = CASES[name]
    assert openai_usage.read(raw) == expected


@pytest.mark.parametrize("raw", [None, 3, "x", [], [1]])
def test_what_is_no_usage_object_is_no_usage(raw: object) -> None:
    assert openai_usage.read(raw) is None


COUNTS = st.none() | st.integers(min_value=0, max_value=2000)


@given(
    prompt=st.integers(min_value=0, max_value=1000),
    completion=st.integers(min_value=0, max_value=1000),
    into=st.builds(openai_usage.PromptDetails, COUNTS, COUNTS, COUNTS, COUNTS),
    out=st.builds(openai_usage.CompletionDetails, COUNTS, COUNTS, COUNTS),
)
def test_buckets_add_up_to_the_whole_unless_flagged(
    prompt: int, completion: int, into: openai_usage.PromptDetails, out: openai_usage.CompletionDetails
) -> None:
    usage = openai_usage.buckets(openai_usage.RawUsage(prompt, completion, None, into, out))
    assert usage is not None
    if not usage.inconsistent:
        assert (usage.input_total, usage.output_total) == (prompt, completion)
        assert min(v for v in msgspec.structs.astuple(usage) if not isinstance(v, bool | str)) >= 0


@pytest.mark.parametrize(
    ("tier", "word"), [("", ""), ("flex", "flex"), ("batch", "default"), ("standard", "default"), ("auto", "auto")]
)
def test_tiers_of_others_are_told_in_openais_words(tier: str, word: str) -> None:
    assert openai_usage.tier_word(tier) == word
