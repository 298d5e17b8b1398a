"""The catalog says what calls are priced with: every rate that is shown is the one that a call pays."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.catalog.listing import (
    Entry,
    Per,
    PriceSource,
    PriceStatus,
    Rate,
    applied,
    describe,
    newest_price_on,
    rates_of,
)
from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import FREE_PROVIDERS, PRICED_PROVIDERS, Catalog
from pilothouse.domain.money import CostStatus
from pilothouse.domain.usage import Usage

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
MILLION = Decimal(1_000_000)
PLAIN = Catalog()
OWN = """
[[price]]
account = "azure-eu"
model = "support-bot"
like = "openai/gpt-4o"

[[price]]
provider = "openai"
model = "gpt-5*"
multiplier = 0.85

[[price]]
model = "llama-*"
from = 2026-10-01
input_usd = 0.1
output_usd = 0.3
request_usd = 0.001
multiplier = 2

[[price]]
account = "gpu"
model = "tiny"
like = "vllm/tiny"
"""
OVERRIDDEN = Catalog(parse(OWN))
BUCKETS = (
    "input", "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image", "output", "reasoning",
    "output_audio", "output_image",
)  # fmt: skip
LISTED = [
    (ours, model.id)
    for ours, theirs in PRICED_PROVIDERS.items()
    for provider in get_snapshot().providers
    if provider.id == theirs and ours not in {"openrouter", "vertex"}
    for model in provider.models
]


def rate(entry: Entry, kind: str, tier: str = "") -> Rate | None:
    """The rate that counts for a kind, by the rule that the catalog gives."""
    rates = entry.price.rates
    if tier:
        rates = next(each.rates for each in entry.price.service_tiers if each.name == tier)
    by_kind = {each.kind: each for each in rates}
    side = "output" if kind.startswith(("output", "reasoning")) else "input"
    return by_kind.get(kind) or by_kind.get(side)


def amount(one: Rate, count: int, whole_input: int) -> Decimal:
    """What so many tokens cost when the call's whole input is so long."""
    reached = [step.usd for step in one.steps if whole_input > step.above_tokens]
    return (reached[-1] if reached else one.usd) * count / MILLION


def flat(entry: Entry, tier: str = "") -> Decimal:
    found = entry.price.rates if not tier else next(t.rates for t in entry.price.service_tiers if t.name == tier)
    return next((each.usd for each in found if each.per is Per.REQUEST), Decimal(0))


@settings(max_examples=400, deadline=None)
@given(named=st.sampled_from(LISTED), kind=st.sampled_from(BUCKETS), count=st.sampled_from([1, 1000, 199_999, 500_000]))
def test_a_call_pays_the_rates_that_are_listed(named: tuple[str, str], kind: str, count: int) -> None:
    provider, model = named
    entry = describe(PLAIN, "acc", provider, model, AT)
    tiers = ["", *(each.name for each in entry.price.service_tiers)]
    for tier in tiers:
        usage = Usage(**{f"{kind}_tokens": count}, tier=tier)
        paid = PLAIN.price(provider, model, usage, AT)
        one = rate(entry, kind, tier) if entry.price.status is PriceStatus.PRICED else None
        if one is None or one.per is not Per.MILLION_TOKENS:
            assert paid.status is CostStatus.UNPRICED, (named, tier)
            continue
        assert paid.amount_usd == amount(one, count, usage.input_total) + flat(entry, tier), (named, tier)
        assert paid.price_version == entry.price.version


def test_a_long_prompt_has_steps_and_batch_has_its_own() -> None:
    entry = describe(PLAIN, "acc", "openai", "gpt-5.5", AT)
    into = rate(entry, "input")
    assert into is not None
    assert (str(into.usd), [(step.above_tokens, str(step.usd)) for step in into.steps]) == ("5", [(272_000, "10")])
    assert "batch" in [tier.name for tier in entry.price.service_tiers]
    batch = rate(entry, "output", "batch")
    assert batch is not None
    assert (str(batch.usd), str(batch.steps[0].usd)) == ("15", "22.5")
    assert (entry.context_tokens, entry.title, entry.deprecated) == (1_000_000, "GPT-5.5", False)


def test_list_prices_say_where_they_stand() -> None:
    entry = describe(PLAIN, "acc", "openai", "gpt-4o", AT)
    listed = entry.price.listed
    assert (entry.price.source, entry.price.override) == (PriceSource.LIST, None)
    assert entry.price.version.startswith("genai-prices ")
    assert listed is not None
    assert listed.model == "openai/gpt-4o"
    assert listed.url.startswith("https://")
    search = next(each for each in entry.price.rates if each.kind == "search")
    assert (str(search.usd), search.per) == ("0.01", Per.SEARCH)


def test_a_price_that_came_later_says_since_when() -> None:
    found = [
        (entry.price.listed.since, model)
        for provider, model in LISTED
        if (entry := describe(PLAIN, "acc", provider, model, AT)).price.listed is not None
        and entry.price.listed.since is not None
    ]
    assert found
    assert all(since <= AT.date() for since, _ in found)


@pytest.mark.parametrize("provider", sorted(FREE_PROVIDERS))
def test_models_on_own_hardware_are_free(provider: str) -> None:
    price = describe(PLAIN, "gpu", provider, "qwen3-32b", AT).price
    assert (price.status, price.source, price.rates) == (PriceStatus.FREE, PriceSource.SELF_HOSTED, ())


@pytest.mark.parametrize(
    ("provider", "model", "words"),
    [
        ("openai_compatible", "gpt-4o", "openai_compatible"),
        ("openai", "no-such-model", "no-such-model"),
        ("openai", "", "''"),
    ],
)
def test_what_nobody_prices_is_unpriced_and_says_why(provider: str, model: str, words: str) -> None:
    price = describe(PLAIN, "acc", provider, model, AT).price
    assert (price.status, price.source, price.rates) == (PriceStatus.UNPRICED, PriceSource.NOBODY, ())
    assert words in price.detail


def test_a_model_priced_like_another_is_shown_as_that_one() -> None:
    entry = describe(OVERRIDDEN, "azure-eu", "azure_openai", "support-bot", AT)
    same = describe(PLAIN, "acc", "openai", "gpt-4o", AT)
    assert entry.price.rates == same.price.rates
    assert (entry.context_tokens, entry.abilities) == (same.context_tokens, same.abilities)
    assert entry.price.source is PriceSource.OVERRIDE
    assert entry.price.override is not None
    assert (entry.price.override.number, entry.price.override.like) == (1, "openai/gpt-4o")
    paid = OVERRIDDEN.price("azure_openai", "support-bot", Usage(input_tokens=1), AT, "azure-eu")
    assert paid.price_version == entry.price.version
    free = describe(OVERRIDDEN, "gpu", "openai_compatible", "tiny", AT).price
    assert (free.status, free.override is not None) == (PriceStatus.FREE, True)


def test_a_discount_counts_for_every_rate_and_step() -> None:
    entry = describe(OVERRIDDEN, "acc", "openai", "gpt-5.5", AT)
    into = rate(entry, "input")
    assert into is not None
    assert (str(into.usd), str(into.steps[0].usd)) == ("4.25", "8.5")
    batch = rate(entry, "input", "batch")
    assert batch is not None
    assert str(batch.usd) == "2.125"
    paid = OVERRIDDEN.price("openai", "gpt-5.5", Usage(input_tokens=1_000_000, tier="batch"), AT, "acc")
    assert paid.amount_usd == batch.steps[0].usd
    unknown = describe(OVERRIDDEN, "acc", "openai", "gpt-5-no-such", AT).price
    assert unknown.status is PriceStatus.UNPRICED
    assert unknown.override is not None


def test_own_prices_begin_on_their_day_and_are_multiplied() -> None:
    entry = describe(OVERRIDDEN, "acc", "vllm", "llama-3", AT)
    assert {each.kind: str(each.usd) for each in entry.price.rates} == {
        "input": "0.2",
        "output": "0.6",
        "request": "0.002",
    }
    assert entry.price.override is not None
    assert entry.price.override.from_ == date(2026, 10, 1)
    paid = OVERRIDDEN.price("vllm", "llama-3", Usage(input_tokens=1_000_000, output_tokens=500_000), AT, "acc")
    assert paid.amount_usd == Decimal("0.502")
    before = describe(OVERRIDDEN, "acc", "vllm", "llama-3", datetime(2026, 9, 30, tzinfo=UTC))
    assert before.price.status is PriceStatus.FREE


def test_overrides_are_numbered_as_in_the_file() -> None:
    rows = OVERRIDDEN.overrides.rows
    assert [applied(OVERRIDDEN, row).number for row in rows] == [1, 2, 3, 4]
    assert [len(rates_of(row)) for row in rows] == [0, 0, 3, 0]


def test_the_price_data_is_at_least_as_new_as_its_newest_price() -> None:
    day = newest_price_on(AT.date())
    assert day is not None
    assert date(2026, 1, 1) < day <= AT.date()
    assert newest_price_on(date(2000, 1, 1)) is None


@pytest.mark.parametrize(("written", "shown"), [("1000", "1000"), ("0.10", "0.1"), ("0", "0"), ("12.5", "12.5")])
def test_amounts_are_written_as_people_do(written: str, shown: str) -> None:
    (row,) = parse(f"[[price]]\nmodel = 'a'\ninput_usd = {written}\n").rows
    assert [str(each.usd) for each in rates_of(row)] == [shown]
