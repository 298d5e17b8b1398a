"""The operator's own prices: which calls they are for, what they come to, and what is refused."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.money import CostStatus
from pilothouse.domain.usage import Usage
from pilothouse.errors import SettingsInvalid

AT = datetime(2026, 11, 25, tzinfo=UTC)
TEXT = """
[[price]]
account = "eu-*"
model = "gpt-4o*"
from = 2026-01-01
input_usd = 2.1
output_usd = "8.4"
cache_read_usd = 1

[[price]]
model = "my-deployment"
like = "openai/gpt-4o"
multiplier = 0.5

[[price]]
provider = "vllm"
model = "*"
audio_minute_usd = 0.06
request_usd = 0.001
"""


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(parse(TEXT))


def test_own_prices_come_first_and_say_so(catalog: Catalog) -> None:
    usage = Usage(1_000_000, 1_000_000, output_tokens=500_000, reasoning_tokens=500_000)
    cost = catalog.price("openai", "gpt-4o-mini", usage, AT, "eu-1")
    assert cost.amount_usd == Decimal("2.1") + 1 + Decimal("8.4")
    assert cost.price_version == catalog.overrides.version
    assert catalog.price("openai", "gpt-4o-mini", usage, AT, "us-1").price_version == catalog.price_version
    before = datetime(2025, 12, 31, tzinfo=UTC)
    assert catalog.price("openai", "gpt-4o-mini", usage, before, "eu-1").price_version == catalog.price_version


def test_a_deployment_costs_what_another_model_does_less_a_discount(catalog: Catalog) -> None:
    usage = Usage(1000, output_tokens=10)
    listed = catalog.price("openai", "gpt-4o", usage, AT).amount_usd
    cost = catalog.price("azure_openai", "my-deployment", usage, AT)
    assert listed is not None
    assert cost.amount_usd == listed / 2
    assert "override" in cost.price_version
    assert catalog.price_version in cost.price_version


def test_own_hardware_may_have_a_price(catalog: Catalog) -> None:
    cost = catalog.price("vllm", "whisper", Usage(audio_s=90.0), AT)
    assert cost.amount_usd == Decimal("0.091")
    unpriced = catalog.price("vllm", "llama", Usage(5), AT)
    assert (unpriced.status, unpriced.amount_usd) == (CostStatus.UNPRICED, None)
    assert "input_usd" in unpriced.detail


def test_a_tier_has_its_own_price_or_none() -> None:
    catalog, usage = Catalog(), Usage(1_000_000, output_tokens=1_000_000)
    standard = catalog.price("openai", "gpt-4o", usage, AT)
    batch = catalog.price("openai", "gpt-4o", Usage(1_000_000, output_tokens=1_000_000, tier="batch"), AT)
    assert standard.amount_usd is not None
    assert batch.amount_usd == standard.amount_usd / 2
    assert catalog.price("openai", "gpt-4o", Usage(1, tier="default"), AT).status is CostStatus.PRICED
    unknown = catalog.price("openai", "gpt-4o", Usage(1, tier="platinum"), AT)
    assert (unknown.status, "platinum" in unknown.detail) == (CostStatus.UNPRICED, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[price]]\nmodel = 'a'\ninput_usd = 2500000", "input_usd"),
        ("[[price]]\nmodel = 'a'\ninput_usd = -1", "input_usd"),
        ("[[price]]\nmodel = 'a'\noutput_usd = 0.000015", "output_usd = 0.000015 looks like the price of one token"),
        ("[[price]]\nmodel = 'a'\ncache_read_usd = 6e-4", "per million"),
        ("[[price]]\nmodel = 'a'", "no price"),
        ("[[price]]\nmodel = 'a'\nlike = 'gpt-4o'", "provider/model"),
        ("[[price]]\nmodel = 'a'\nlike = 'openai/x'\ninput_usd = 1", "not both"),
        ("[[price]]\nmodel = 'a'\nmultiplier = -1", "multiplier"),
        ("[[price]]\nmodel = 'a'\nbudget = 1", "budget"),
        ("[[price]]\ninput_usd = 1", "model"),
        ("[[price", "TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said):
        parse(text)


@given(tokens=st.integers(0, 10**9), price=st.just(Decimal(0)) | st.decimals(Decimal("0.001"), 1000, places=6))
def test_money_is_exact(tokens: int, price: Decimal) -> None:
    catalog = Catalog(parse(f"[[price]]\nmodel = 'a'\ninput_usd = {price:f}"))
    assert catalog.price("x", "a", Usage(tokens), AT).amount_usd == price * tokens / 1_000_000


def test_prices_of_other_things_than_tokens_may_be_small() -> None:
    catalog = Catalog(parse("[[price]]\nmodel = 'a'\nrequest_usd = 0.00002\ninput_usd = 0"))
    assert catalog.price("x", "a", Usage(5), AT).amount_usd == Decimal("0.00002")
