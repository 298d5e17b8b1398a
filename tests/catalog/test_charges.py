"""What callers are told is what stands on the trace: the quick way and the catalog's own give one amount."""

from datetime import UTC, datetime
from decimal import Decimal

from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.catalog.charges import Charges, Names, charge
from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import FREE_PROVIDERS, PRICED_PROVIDERS, Catalog
from pilothouse.domain.usage import Usage

AT_NS = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
DAY_NS = 86_400_000_000_000
OVERRIDES = parse("""
[[price]]
model = "own*"
input_usd = 1.37
output_usd = 11.1
cache_read_usd = 0.123
request_usd = 0.001
multiplier = 0.77

[[price]]
model = "halved*"
input_usd = 3
output_usd = 5
from = 2026-11-02

[[price]]
account = "discounted"
model = "*"
multiplier = 0.875

[[price]]
model = "tuned"
like = "anthropic/claude-sonnet-4-5"

[[price]]
model = "freely"
like = "vllm/any"
""")
PLAIN, OVERRIDDEN = Catalog(), Catalog(OVERRIDES)
QUICK = {id(catalog): Charges(catalog) for catalog in (PLAIN, OVERRIDDEN)}
BUCKETS = tuple(name for name in Usage.__struct_fields__ if name.endswith("_tokens") or "_tokens_" in name)
UNITS = ("images", "characters", "searches", "pages", "annotated_pages")
LISTED = [
    (ours, model.id)
    for ours, theirs in PRICED_PROVIDERS.items()
    for provider in get_snapshot().providers
    if provider.id == theirs
    for model in provider.models
]
counts = st.one_of(st.just(0), st.integers(0, 50), st.integers(0, 400_000))
usages = st.builds(
    Usage,
    **dict.fromkeys(BUCKETS, counts),
    **dict.fromkeys(UNITS, st.sampled_from([0, 0, 0, 3])),
    audio_s=st.sampled_from([0.0, 0.0, 1.5]),
    inconsistent=st.sampled_from([False, False, False, True]),
    tier=st.sampled_from(["", "", "batch", "flex", "priority", "default", "platinum"]),
)
odd = st.builds(Usage, input_tokens=st.integers(-5, 5), output_tokens=st.integers(-5, 5))
own = st.tuples(
    st.sampled_from(["openai", "vllm", "openai_compatible"]), st.sampled_from(["own-1", "halved", "tuned", "freely"])
)
accounts = st.sampled_from(["plain", "discounted"])
moments = st.integers(AT_NS - 800 * DAY_NS, AT_NS + 3 * DAY_NS)


def same(catalog: Catalog, provider: str, account: str, names: Names, call: tuple[Usage | None, int]) -> None:
    """Check that both ways give the same, the second time, too."""
    cost = charge(catalog, provider, account, names, call)
    for _ in range(2):
        told = QUICK[id(catalog)].of(provider, account, names, *call)
        assert told.why == cost.status
        assert told.price_version == cost.price_version
        assert (Decimal(told.amount_usd) if told.amount_usd else None) == cost.amount_usd
        assert told.amount_usd == "" or not told.amount_usd.endswith(".")
        assert QUICK[id(catalog)].cost(provider, account, names, call) == cost


@settings(max_examples=600)
@given(st.sampled_from(LISTED), accounts, st.one_of(usages, odd, st.none()), moments)
def test_any_usage_of_any_listed_model_is_told_as_it_is_priced(
    listed: tuple[str, str], account: str, usage: Usage | None, at_ns: int
) -> None:
    provider, model = listed
    for catalog in (PLAIN, OVERRIDDEN):
        same(catalog, provider, account, (model, "deployment", ""), (usage, at_ns))
        same(catalog, provider, account, ("", "nobody knows it", model), (usage, at_ns))


@settings(max_examples=300)
@given(own, accounts, st.one_of(usages, odd, st.none()), moments)
def test_the_operators_own_prices_are_told_as_they_count(
    priced: tuple[str, str], account: str, usage: Usage | None, at_ns: int
) -> None:
    provider, model = priced
    for catalog in (PLAIN, OVERRIDDEN):
        same(catalog, provider, account, (model, "", "gpt-4o"), (usage, at_ns))


def test_prices_by_the_hour_are_those_of_the_hour() -> None:
    by_hour = [
        (provider, model)
        for provider, model in LISTED
        if (found := PLAIN.listed(provider, model)) is not None
        and len({id(found.get_prices(datetime(2025, 3, 1, hour, tzinfo=UTC))) for hour in range(24)}) > 1
    ]
    assert by_hour
    start_ns = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
    for provider, model in by_hour:
        for hour in range(24):
            usage = Usage(1000, output_tokens=50)
            same(PLAIN, provider, "a", (model, "", ""), (usage, start_ns + hour * DAY_NS // 24))


def test_new_prices_of_the_operator_count_at_once() -> None:
    catalog = Catalog()
    charges = Charges(catalog)
    names = ("gpt-4o", "", "")
    before = charges.of("openai", "a", names, Usage(1_000_000), AT_NS)
    catalog.overrides = parse('[[price]]\nmodel = "gpt-4o"\ninput_usd = 7\n')
    after = charges.of("openai", "a", names, Usage(1_000_000), AT_NS)
    assert (before.amount_usd, after.amount_usd) == ("2.5", "7")
    assert after.price_version == catalog.overrides.version


def test_what_the_operator_runs_is_free_and_what_has_no_price_says_so() -> None:
    charges = QUICK[id(PLAIN)]
    for provider in FREE_PROVIDERS:
        assert charges.of(provider, "a", ("m", "", ""), Usage(5), AT_NS).amount_usd == "0"
    told = charges.of("openai_compatible", "a", ("m", "", ""), Usage(5), AT_NS)
    assert (told.amount_usd, told.why) == ("", "unpriced")
    assert charges.of("openai", "a", ("gpt-4o", "", ""), None, AT_NS).why == "unmetered"


def test_long_prompts_reach_the_same_tier_to_the_token() -> None:
    for total in (199_999, 200_000, 200_001):
        same(PLAIN, "gemini", "a", ("gemini-2.5-pro", "", ""), (Usage(total, output_tokens=3), AT_NS))


def test_a_document_is_priced_by_its_pages() -> None:
    names = ("mistral-ocr-2505", "", "")
    assert QUICK[id(PLAIN)].of("mistral", "a", names, Usage(pages=1000), AT_NS).amount_usd == "1"
    assert QUICK[id(PLAIN)].of("mistral", "a", names, Usage(annotated_pages=1000), AT_NS).amount_usd == "3"
    priced = Catalog(parse('[[price]]\nmodel = "*"\npage_usd = 0.002\n'))
    assert Charges(priced).of("mistral", "a", names, Usage(pages=5), AT_NS).amount_usd == "0.01"
    annotated = Catalog(parse('[[price]]\nmodel = "*"\nannotated_page_usd = 0.003\n'))
    assert Charges(annotated).of("mistral", "a", names, Usage(annotated_pages=5), AT_NS).amount_usd == "0.015"
    assert Charges(annotated).of("mistral", "a", names, Usage(pages=5), AT_NS).why == "unpriced"
    free = Catalog(parse('[[price]]\nmodel = "*"\npage_usd = 0.002\nannotated_page_usd = 0\n'))
    assert Charges(free).of("mistral", "a", names, Usage(annotated_pages=5), AT_NS).amount_usd == "0"
    unpriced = Catalog(parse('[[price]]\nmodel = "*"\ninput_usd = 1\n'))
    assert Charges(unpriced).of("mistral", "a", names, Usage(pages=5), AT_NS).why == "unpriced"


def test_remembering_has_an_end() -> None:
    charges = Charges(PLAIN)
    for number in range(5000):
        assert charges.of("openai", "a", ("gpt-4o", "", f"alias-{number}"), Usage(4), AT_NS).amount_usd == "0.00001"
