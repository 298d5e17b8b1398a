"""Prices: the same as the price data's own arithmetic, and visible reasons where there is none."""

import subprocess
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from genai_prices import Usage as InclusiveUsage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, TieredPrices
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.catalog.prices import FREE_PROVIDERS, PRICED_PROVIDERS, Catalog
from pilothouse.domain.money import CostStatus
from pilothouse.domain.usage import Usage

AT = datetime(2026, 11, 1, tzinfo=UTC)
CATALOG = Catalog()
BUCKETS = tuple(name for name in Usage.__struct_fields__ if name.endswith("_tokens") or "_tokens_" in name)
IDS = {ours: provider for ours, theirs in PRICED_PROVIDERS.items() for provider in get_snapshot().providers
       if provider.id == theirs}  # fmt: skip


def token_priced() -> list[tuple[str, ModelInfo]]:
    """Models that are found under their own id and sell tokens both ways."""
    found = [
        (ours, IDS[ours].find_model(model.id, all_providers=get_snapshot().providers))
        for ours in ("openai", "anthropic", "gemini", "deepseek", "xai")
        for model in IDS[ours].models
    ]
    return [
        (ours, model)
        for ours, model in found
        if model and model.get_prices(AT).input_mtok is not None and model.get_prices(AT).output_mtok is not None
    ]


TOKEN_PRICED = token_priced()

counts = st.one_of(st.integers(0, 50), st.integers(0, 400_000))
usages = st.builds(Usage, **dict.fromkeys(BUCKETS, counts))
text_usages = st.builds(
    Usage, **dict.fromkeys(("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens"), counts)
)


def inclusive(usage: Usage) -> InclusiveUsage:
    """The usage in the price data's own convention: every key holds what its more specific keys hold."""
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    text_out = usage.output_tokens + usage.reasoning_tokens
    zero = ("cache_audio_read", "cache_audio_write", "cache_audio_write_5m", "cache_audio_write_1h", "cache_image_read",
            "cache_image_write", "cache_image_write_5m", "cache_image_write_1h", "output_audio_reasoning",
            "output_image_reasoning")  # fmt: skip
    return InclusiveUsage(
        input_tokens=usage.input_total,
        output_tokens=usage.output_total,
        input_text_tokens=usage.input_tokens + usage.cache_read_tokens + written,
        output_text_tokens=text_out,
        cache_read_tokens=usage.cache_read_tokens,
        cache_text_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=written,
        cache_text_write_tokens=written,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_text_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        cache_text_write_1h_tokens=usage.cache_write_1h_tokens,
        input_audio_tokens=usage.input_audio_tokens,
        input_image_tokens=usage.input_image_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
        output_text_reasoning_tokens=usage.reasoning_tokens,
        output_audio_tokens=usage.output_audio_tokens,
        output_image_tokens=usage.output_image_tokens,
        **dict.fromkeys((f"{name}_tokens" for name in zero), 0),
    )


def amount(provider: str, model: str, usage: Usage) -> Decimal:
    cost = CATALOG.price(provider, model, usage, AT)
    assert cost.status is CostStatus.PRICED, cost
    assert cost.amount_usd is not None
    return cost.amount_usd


@pytest.mark.parametrize("usage", [
    Usage(1000, output_tokens=500),
    Usage(1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
    Usage(150_000, 60_000, 7_000, 9_000, 11, 13, 1_234, 555, 17, 19),
    Usage(1_999_999, 999_999, output_tokens=70_000),
])  # fmt: skip
def test_every_model_costs_what_the_price_data_says(usage):
    """Over every model of five providers, so that odd tariffs (tiers, audio, cache by time to live) are among them."""
    assert len(TOKEN_PRICED) > 150
    for ours, model in TOKEN_PRICED:
        expected = model.calc_price(inclusive(usage), IDS[ours], genai_request_timestamp=AT).total_price
        assert amount(ours, model.id, usage) == expected, (ours, model.id)


@settings(max_examples=200, deadline=None)
@given(usage=usages, pick=st.integers(0, 10_000))
def test_random_usage_costs_what_the_price_data_says(usage, pick):
    ours, model = TOKEN_PRICED[pick % len(TOKEN_PRICED)]
    expected = model.calc_price(inclusive(usage), IDS[ours], genai_request_timestamp=AT).total_price
    assert amount(ours, model.id, usage) == expected


@settings(max_examples=100, deadline=None)
@given(usage=usages, model=st.sampled_from(["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5", "gpt-audio"]))
def test_the_whole_is_the_sum_of_its_buckets(usage, model):
    parts = [Usage(**{name: getattr(usage, name)}) for name in BUCKETS]
    assert amount("openai", model, usage) == sum(amount("openai", model, part) for part in parts)


@settings(max_examples=200, deadline=None)
@given(usage=usages, bucket=st.sampled_from(BUCKETS), more=counts, pick=st.integers(0, 10_000))
def test_one_more_token_never_costs_less(usage, bucket, more, pick):
    ours, model = TOKEN_PRICED[pick % len(TOKEN_PRICED)]
    grown = msgspec.structs.replace(usage, **{bucket: getattr(usage, bucket) + more})
    assert amount(ours, model.id, grown) >= amount(ours, model.id, usage)


@settings(max_examples=200, deadline=None)
@given(usage=text_usages, pick=st.integers(0, 10_000))
def test_a_cached_prompt_is_never_dearer_than_a_cold_one(usage, pick):
    ours, model = TOKEN_PRICED[pick % len(TOKEN_PRICED)]
    cold = msgspec.structs.replace(
        usage, input_tokens=usage.input_tokens + usage.cache_read_tokens, cache_read_tokens=0
    )
    assert amount(ours, model.id, usage) <= amount(ours, model.id, cold)


def test_known_amounts():
    assert amount("openai", "gpt-4o", Usage(1000, output_tokens=500)) == Decimal("0.0075")
    assert amount("openai", "gpt-4o-2024-11-20", Usage(0, 1000)) == Decimal("0.00125")
    assert amount("anthropic", "claude-sonnet-4-5", Usage(0, 1_000_000 // 10)) == Decimal("0.03")
    assert amount("anthropic", "claude-sonnet-4-5", Usage(cache_write_5m_tokens=100_000)) == Decimal("0.375")
    assert amount("anthropic", "claude-sonnet-4-5", Usage(cache_write_1h_tokens=100_000)) == Decimal("0.6")


def test_a_long_prompt_pays_the_higher_tier_for_all_of_it():
    tiered = next(
        (ours, model) for ours, model in TOKEN_PRICED
        if isinstance(model.get_prices(AT).input_mtok, TieredPrices)
    )  # fmt: skip
    price = tiered[1].get_prices(AT).input_mtok
    start = price.tiers[0].start
    assert amount(tiered[0], tiered[1].id, Usage(start)) == price.base * start / 1_000_000
    assert amount(tiered[0], tiered[1].id, Usage(start - 1, 2)) > amount(tiered[0], tiered[1].id, Usage(start - 1, 1))
    assert amount(tiered[0], tiered[1].id, Usage(start + 1)) == price.tiers[0].price * (start + 1) / 1_000_000


@pytest.mark.parametrize(("provider", "model", "usage", "status"), [
    ("openai", "gpt-4o", None, CostStatus.UNMETERED),
    ("", "", None, CostStatus.UNMETERED),
    ("openai", "no-such-model", Usage(1), CostStatus.UNPRICED),
    ("openai", "", Usage(1), CostStatus.UNPRICED),
    ("openai_compatible", "gpt-4o", Usage(1), CostStatus.UNPRICED),
    ("nobody", "gpt-4o", Usage(1), CostStatus.UNPRICED),
    ("openai", "whisper-1", Usage(10, output_tokens=3), CostStatus.UNPRICED),
    ("openai", "gpt-4o", Usage(10, 20, inconsistent=True), CostStatus.INCONSISTENT),
    ("openai", "gpt-4o", Usage(-1), CostStatus.INCONSISTENT),
    ("openai", "\x00\ud800", Usage(1), CostStatus.UNPRICED),
])  # fmt: skip
def test_what_has_no_price_says_why_and_has_no_amount(provider, model, usage, status):
    cost = CATALOG.price(provider, model, usage, AT)
    assert (cost.status, cost.amount_usd) == (status, None)
    assert cost.detail


@pytest.mark.parametrize("provider", sorted(FREE_PROVIDERS))
def test_self_hosted_models_cost_nothing(provider):
    for usage in (None, Usage(10, output_tokens=5)):
        cost = CATALOG.price(provider, "gpt-4o", usage, AT)
        assert (cost.status, cost.amount_usd, cost.price_version) == (CostStatus.PRICED, Decimal(0), "self-hosted")


def test_every_priced_provider_is_in_the_price_data():
    known = {provider.id for provider in get_snapshot().providers}
    assert set(PRICED_PROVIDERS.values()) <= known
    assert not FREE_PROVIDERS & set(PRICED_PROVIDERS)


def test_the_price_version_names_the_data():
    assert CATALOG.price("openai", "gpt-4o", Usage(1), AT).price_version == "genai-prices 0.2.3"
    assert CATALOG.price("openai", "nope", Usage(1), AT).price_version == "genai-prices 0.2.3"


def test_nothing_is_fetched_and_no_thread_is_started():
    assert get_snapshot().from_auto_update is False
    assert not [thread for thread in threading.enumerate() if "price" in thread.name.lower()]


def test_importing_and_pricing_opens_no_socket_and_no_file_of_its_own():
    code = (
        "import sys\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, args: seen.append((event, args[:1])) if event.startswith('socket.') "
        "or (event == 'open' and 'w' in str(args[1])) else None)\n"
        "import threading\n"
        "from datetime import UTC, datetime\n"
        "from pilothouse.catalog.prices import Catalog\n"
        "from pilothouse.domain.usage import Usage\n"
        "assert 'genai_prices.data' not in sys.modules, 'price data was read at import'\n"
        "cost = Catalog().price('openai', 'gpt-4o', Usage(1000), datetime.now(UTC))\n"
        "assert cost.amount_usd, cost\n"
        "assert not seen, seen\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-B", "-c", code], check=True, timeout=30)
