"""Token counts of any convention become disjoint buckets: none negative, none lost, none counted twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.catalog.prices import FREE_PROVIDERS, PRICED_PROVIDERS
from pilothouse.domain.usage import Usage
from pilothouse.otlp import providers
from pilothouse.otlp.gen_ai_counts import usage_of
from pilothouse.otlp.tokens import Counts, buckets, finest
from pilothouse.otlp.vocabularies import langfuse

ANY = st.none() | st.integers(-100, 10_000)
SOME = st.none() | st.integers(0, 1_000)
PARTS_IN = ("cache_read", "cache_write", "input_audio", "input_image")
PARTS_OUT = ("reasoning", "output_audio", "output_image")


def fields(usage: Usage) -> list[int]:
    return [getattr(usage, name) for name in usage.__struct_fields__ if name.endswith("_tokens")]


@given(st.builds(Counts, **dict.fromkeys(Counts.__struct_fields__, ANY)), st.booleans())
def test_no_bucket_is_negative(counts: Counts, inclusive: bool) -> None:
    usage = buckets(counts, inclusive=inclusive)
    if usage is not None:
        assert min(fields(usage)) >= 0


@given(
    st.fixed_dictionaries(dict.fromkeys((*PARTS_IN, *PARTS_OUT), SOME)), st.integers(0, 1_000), st.integers(0, 1_000)
)
def test_the_sum_is_kept_in_either_convention(parts: dict[str, int | None], more_in: int, more_out: int) -> None:
    into = sum(parts[name] or 0 for name in PARTS_IN)
    out = sum(parts[name] or 0 for name in PARTS_OUT)
    inside = buckets(Counts(input=into + more_in, output=out + more_out, **parts))
    apart = buckets(Counts(input=more_in, output=more_out, **parts), inclusive=False)
    assert inside == apart
    assert inside is not None
    assert (inside.input_total, inside.output_total, inside.inconsistent) == (into + more_in, out + more_out, False)


def test_a_total_tells_the_convention() -> None:
    anthropic = Counts(input=10, output=5, cache_read=90, total=105)
    assert buckets(anthropic) == Usage(input_tokens=10, cache_read_tokens=90, output_tokens=5)
    gemini = Counts(input=50, output=5, cache_read=20, reasoning=7, total=62)
    assert buckets(gemini) == Usage(input_tokens=30, cache_read_tokens=20, output_tokens=5, reasoning_tokens=7)
    openai = Counts(input=50, output=12, cache_read=20, reasoning=7, total=62)
    assert buckets(openai) == Usage(input_tokens=30, cache_read_tokens=20, output_tokens=5, reasoning_tokens=7)


def test_parts_greater_than_their_whole_are_inconsistent() -> None:
    usage = buckets(Counts(input=10, output=5, cache_read=30))
    assert usage == Usage(cache_read_tokens=30, output_tokens=5, inconsistent=True)


def test_cache_writes_are_told_apart_by_lifetime() -> None:
    usage = buckets(Counts(input=100, output=1, cache_write=30, cache_write_1h=20))
    assert usage is not None
    assert (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens, usage.input_tokens) == (10, 20, 70)


def test_nothing_said_is_no_usage() -> None:
    assert buckets(Counts()) is None
    assert buckets(Counts(total=7)) is not None


def test_the_finest_of_equal_figures_counts() -> None:
    plain, fine = (
        Usage(input_tokens=100, output_tokens=30),
        Usage(input_tokens=60, cache_read_tokens=40, output_tokens=30),
    )
    assert finest([plain, fine]) == finest([fine, plain]) == fine
    apart = Usage(input_tokens=100, cache_read_tokens=40, output_tokens=30)
    assert finest([plain, apart]) == apart
    assert finest([plain, Usage(input_tokens=7, output_tokens=30)]) == plain
    assert finest([]) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": "4"}, Usage(input_tokens=10, output_tokens=4)),
        (
            {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 4,
             "gen_ai.usage.cache_write.input_tokens": 6, "gen_ai.usage.reasoning.output_tokens": 3,
             "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 2},
            Usage(input_tokens=4, cache_write_5m_tokens=4, cache_write_1h_tokens=2, output_tokens=1,
                  reasoning_tokens=3),
        ),
        (
            {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 9, "gen_ai.usage.audio.input_tokens": 40,
             "gen_ai.usage.audio.cache_read.input_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 30,
             "gen_ai.usage.audio.output_tokens": 5},
            Usage(input_tokens=40, cache_read_tokens=30, input_audio_tokens=30, output_tokens=4, output_audio_tokens=5),
        ),
        (
            {"gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 4, "llm.usage.total_tokens": 14,
             "gen_ai.usage.input_token_details": "{'cache_read': 3}", "openai.response.service_tier": "flex"},
            Usage(input_tokens=7, cache_read_tokens=3, output_tokens=4, tier="flex"),
        ),
        ({"gen_ai.usage.input_tokens": "many"}, None),
        ({"gen_ai.request.model": "m"}, None),
    ],
)  # fmt: skip
def test_usage_of_the_conventions(said: dict[str, object], expected: Usage | None) -> None:
    assert usage_of(said) == expected


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"input": 10, "output": 5, "cache_read_input_tokens": 7, "total": 22},
         Usage(input_tokens=10, cache_read_tokens=7, output_tokens=5)),
        ({"input": 10, "output": 5, "output_reasoning_tokens": 2, "input_text": 3, "input_cached_tokens": 1},
         Usage(input_tokens=13, cache_read_tokens=1, output_tokens=5, reasoning_tokens=2)),
        ({"input_tokens": 50, "output_tokens": 12, "total_tokens": 62, "input_tokens_details": {"cached_tokens": 20},
          "output_tokens_details": {"reasoning_tokens": 2}},
         Usage(input_tokens=30, cache_read_tokens=20, output_tokens=10, reasoning_tokens=2)),
        ({"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 4},
         Usage(input_tokens=10, cache_read_tokens=90, cache_write_5m_tokens=4, output_tokens=5)),
        ({}, None),
        ("nonsense", None),
    ],
)  # fmt: skip
def test_usage_details_of_langfuse(details: object, expected: Usage | None) -> None:
    assert langfuse.usage_of(details) == expected


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("OpenAI", "openai"), ("az.ai.openai", "azure_openai"), ("azure.ai.inference", "azure_openai"),
        ("aws.bedrock", "bedrock"), ("amazon-bedrock", "bedrock"), ("vertex_ai", "vertex"), ("gcp.gemini", "gemini"),
        ("google.generative-ai", "gemini"), ("openai.responses", "openai"), ("anthropic.messages", "anthropic"),
        ("x_ai", "xai"), ("mistralai", "mistral"), ("langchain", None), ("", None), (None, None),
        ("Acme AI", "acme_ai"),
    ],
)  # fmt: skip
def test_providers_have_one_name(said: str | None, ours: str | None) -> None:
    assert providers.known(said) == ours


def test_a_provider_is_found_by_host_or_model() -> None:
    assert providers.of_host("https://api.openai.com/v1/") == "openai"
    assert providers.of_host("my-resource.openai.azure.com") == "azure_openai"
    assert providers.of_host("127.0.0.1") is None
    assert providers.of_model("openai/gpt-4o") == "openai"
    assert providers.of_model("meta-llama/Llama-3") is None
    assert providers.of_family("claude-sonnet-4-5") == "anthropic"
    assert providers.of_family("llama-3.3-70b") is None


def test_every_name_that_is_given_has_prices_or_needs_none() -> None:
    known = PRICED_PROVIDERS.keys() | FREE_PROVIDERS
    given_names = {*providers.NAMES.values(), *providers.HOSTS.values()}
    assert given_names - known == set()
