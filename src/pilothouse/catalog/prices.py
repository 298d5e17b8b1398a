"""Prices of model calls out of the price data that is installed with genai-prices."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from operator import attrgetter

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, TieredPrices

from pilothouse.catalog.facts import Facts
from pilothouse.catalog.overrides import Override, Overrides
from pilothouse.catalog.rates import counts_are_sound, rate
from pilothouse.domain.money import Cost, CostStatus
from pilothouse.domain.usage import Usage

NO_OVERRIDES = Overrides()
SELF_HOSTED = "self-hosted"
"""The price version of calls to models that the operator runs."""

FREE_PROVIDERS = frozenset({"local", "vllm", "tgi", "ollama", "llama_cpp", "sglang", "lm_studio"})

PRICED_PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "azure_openai": "azure",
    "bedrock": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "vertex": "google",
    "xai": "x-ai",
}
"""Our provider names to those of the price data. One that is in neither table is unpriced: an OpenAI-compatible server
may be anybody's, and a price found by the model's name alone would be a guess."""

_BUCKETS: dict[str, tuple[str, ...]] = {
    "input_tokens": ("input_text_mtok", "input_mtok"),
    "cache_read_tokens": ("cache_text_read_mtok", "cache_read_mtok", "input_text_mtok", "input_mtok"),
    "cache_write_5m_tokens": (
        "cache_text_write_5m_mtok", "cache_write_5m_mtok", "cache_text_write_mtok", "cache_write_mtok",
        "input_text_mtok", "input_mtok",
    ),
    "cache_write_1h_tokens": (
        "cache_text_write_1h_mtok", "cache_write_1h_mtok", "cache_text_write_mtok", "cache_write_mtok",
        "input_text_mtok", "input_mtok",
    ),
    "input_audio_tokens": ("input_audio_mtok", "input_mtok"),
    "input_image_tokens": ("input_image_mtok", "input_mtok"),
    "output_tokens": ("output_text_mtok", "output_mtok"),
    "reasoning_tokens": ("output_text_reasoning_mtok", "output_reasoning_mtok", "output_text_mtok", "output_mtok"),
    "output_audio_tokens": ("output_audio_mtok", "output_mtok"),
    "output_image_tokens": ("output_image_mtok", "output_mtok"),
}  # fmt: skip
"""Each bucket's prices, the most specific first; the first that the model has is the one that counts.

The price data counts inclusively (`input` holds what was cached) and subtracts; with disjoint buckets the most specific
price is the same thing, told in one step and fifteen times as fast.
"""

_UNITS = ("searches", "audio_s", "characters", "images", "pages", "annotated_pages")
"""What a usage counts besides tokens."""
_tokens_of: Callable[[Usage], tuple[int, ...]] = attrgetter(*_BUCKETS)
_units_of: Callable[[Usage], tuple[float, ...]] = attrgetter(*_UNITS)
_MILLION = Decimal(1_000_000)
_THOUSAND = Decimal(1_000)
_ZERO = Decimal(0)
_HOUR_S = Decimal(3600)
_STANDARD_TIERS = frozenset({"", "auto", "default", "standard", "standard_only", "on_demand", "scale"})
"""Tiers at the list price, or at one that was paid beforehand."""
NO_PRICE = (LookupError, ValueError, TypeError, ArithmeticError)
"""What is raised where there is no price, or the price data are such that none can be made of them."""


class Tariff:
    """The prices of one model at one time, by bucket."""

    def __init__(self, prices: ModelPrice) -> None:
        self.known = {bucket: _first(prices, keys) for bucket, keys in _BUCKETS.items()}
        self.request_usd = _each(prices.requests_kcount, _THOUSAND) or _ZERO
        self.units = {
            "searches": _each(prices.web_searches_kcount, _THOUSAND),
            "audio_s": _each(prices.audio_hours or prices.input_audio_hours, _HOUR_S),
            "characters": _each(prices.input_mchars, _MILLION),
            "images": None,
            "pages": _each(prices.input_document_kpages, _THOUSAND),
            "annotated_pages": _each(prices.input_annotated_document_kpages, _THOUSAND),
        }

    def amount(self, usage: Usage) -> Decimal:
        """Return the amount in USD; raises `LookupError` naming the tokens that have no price."""
        total = self.request_usd
        input_total = usage.input_total
        for count, (bucket, price) in zip(_tokens_of(usage), self.known.items(), strict=True):
            if count == 0:
                continue
            if price is None:
                raise LookupError(f"no price for {bucket.replace('_', ' ')}")
            total += rate(price, input_total) * count / _MILLION
        return total + self._counted(usage) if any(_units_of(usage)) else total

    def _counted(self, usage: Usage) -> Decimal:
        total = _ZERO
        for unit, price in self.units.items():
            count: float = getattr(usage, unit)
            # Pictures and sound that are billed in tokens have their tokens in the usage too.
            if count and price is not None:
                total += price * Decimal(str(count))
            elif count and not usage.total:
                raise LookupError(f"no price for {unit.removesuffix('_s')}")
        return total


class Catalog:
    """Prices from the installed price data, never from the network; safe from any thread."""

    def __init__(self, overrides: Overrides = NO_OVERRIDES) -> None:
        self.overrides = overrides
        """The operator's own prices and facts; may be replaced at any time."""
        self._facts = overrides, Facts(overrides.facts)
        self.overrides_problem = ""
        """Why the newest state of the operator's file is not in force; empty when it is."""
        providers = get_snapshot().providers
        self.price_version = f"genai-prices {version('genai-prices')}"
        self._providers = {provider.id: provider for provider in providers}
        self._all = providers
        self.listed = lru_cache(maxsize=4096)(self._find_model)
        """Returns what the price data says of a provider's model; None when it does not know it."""
        # By identity: price objects live as long as the price data, and comparing their values costs more than pricing.
        self._tariffs: dict[tuple[int, str], Tariff] = {}

    @property
    def facts(self) -> Facts:
        """What is known of models, by the operator's word first."""
        overrides, facts = self._facts
        if overrides is not self.overrides:
            overrides = self.overrides
            facts = Facts(overrides.facts)
            self._facts = overrides, facts
        return facts

    def price(self, provider: str, model: str, usage: Usage | None, at: datetime, account: str = "") -> Cost:
        """Return what a call of `usage` at the aware time `at` costs, or why that is not known; never raises.

        The operator's own prices come first. A long prompt moves all its tokens to the tier that the whole input
        reaches.
        """
        override = self.overrides.find(account, provider, model, at)
        if override is None and provider in FREE_PROVIDERS:
            return Cost(CostStatus.PRICED, _ZERO, SELF_HOSTED)
        if usage is None:
            return Cost(CostStatus.UNMETERED, detail="the call has no usage")
        if not counts_are_sound(usage):
            return Cost(CostStatus.INCONSISTENT, detail="the provider's token counts contradict each other")
        if override is None:
            return self._list_price(provider, model, usage, at)
        return self._own_price(override, provider, model, usage, at)

    def _list_price(self, provider: str, model: str, usage: Usage, at: datetime) -> Cost:
        try:
            found = self.listed(provider, model)
            if found is None:
                return self._unpriced(f"no price is known for {model!r} of {provider!r}")
            amount = self.tariff(found, usage.tier, at).amount(usage)
        except NO_PRICE as error:
            return self._unpriced(f"{model!r} of {provider!r}: {error}")
        return Cost(CostStatus.PRICED, amount, self.price_version)

    def _own_price(self, override: Override, provider: str, model: str, usage: Usage, at: datetime) -> Cost:
        stamp = self.overrides.version
        if override.has_prices:
            try:
                return Cost(CostStatus.PRICED, override.amount(usage), stamp)
            except LookupError as error:
                return Cost(CostStatus.UNPRICED, price_version=stamp, detail=f"{model!r}: {error}")
        if override.like:
            provider, _, model = override.like.partition("/")
        if provider in FREE_PROVIDERS:
            return Cost(CostStatus.PRICED, _ZERO, SELF_HOSTED)
        listed = self._list_price(provider, model, usage, at)
        if listed.amount_usd is None:
            return listed
        return Cost(CostStatus.PRICED, listed.amount_usd * override.multiplier, f"{listed.price_version}, {stamp}")

    def _unpriced(self, detail: str) -> Cost:
        return Cost(CostStatus.UNPRICED, price_version=self.price_version, detail=detail)

    def _find_model(self, provider: str, model: str) -> ModelInfo | None:
        found = self._providers.get(PRICED_PROVIDERS.get(provider, ""))
        return found.find_model(model, all_providers=self._all) if found and model else None

    def tariff(self, found: ModelInfo, tier: str, at: datetime) -> Tariff:
        """Return a model's prices at a service tier; raises `LookupError` when the tier has none."""
        standard = found.get_prices(at)
        tier = "" if tier in _STANDARD_TIERS else tier
        tariff = self._tariffs.get((id(standard), tier))
        if tariff is not None:
            return tariff
        if not tier:
            tariff = self._tariffs[id(standard), tier] = Tariff(standard)
            return tariff
        variants = [item for item in found.price_variants or () if _is_of_tier(item, tier)]
        if not variants:
            raise LookupError(f"no price for the service tier {tier!r}")
        tariff = Tariff(found.get_prices(at, _context(tier)))
        if all(item.constraint is None for item in variants):
            self._tariffs[id(standard), tier] = tariff
        return tariff


def service_tiers(found: ModelInfo) -> list[str]:
    """Return the service tiers that a model has prices of its own for, by name."""
    named = {value for item in found.price_variants or () for key, value in item.when.items() if key in _context("")}
    return sorted(
        tier for tier in named - _STANDARD_TIERS if any(_is_of_tier(item, tier) for item in found.price_variants or ())
    )


def _context(tier: str) -> dict[str, str]:
    return {"processing": tier, "service_tier": tier, "speed": tier}


def _is_of_tier(variant: PriceVariant, tier: str) -> bool:
    context = _context(tier)
    return all(context.get(key) == value for key, value in variant.when.items())


def _each(price: Decimal | TieredPrices | None, per: Decimal) -> Decimal | None:
    return price / per if isinstance(price, Decimal) else None


def _first(prices: ModelPrice, keys: tuple[str, ...]) -> Decimal | TieredPrices | None:
    for key in keys:
        value: Decimal | TieredPrices | None = getattr(prices, key)
        if value is not None:
            return value
    return None
