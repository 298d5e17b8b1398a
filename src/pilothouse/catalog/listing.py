"""What the catalog tells of one model: what it costs and by whose word, what it can do, how much it reads."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

import msgspec
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, StartDateConstraint, TieredPrices, TimeOfDateConstraint
from msgspec.structs import replace

from pilothouse.catalog.abilities import Abilities, abilities
from pilothouse.catalog.overrides import Override
from pilothouse.catalog.prices import FREE_PROVIDERS, PRICED_PROVIDERS, SELF_HOSTED, Catalog, Tariff, service_tiers

_DIGITS = 12
"""Of a price that was divided or multiplied; none is written with more."""
_MINUTE_S = Decimal(60)
_MILLION = Decimal(1_000_000)
_ONE = Decimal(1)


class Per(StrEnum):
    """What an amount of a rate buys."""

    MILLION_TOKENS = "million_tokens"
    MILLION_CHARACTERS = "million_characters"
    REQUEST = "request"
    IMAGE = "image"
    MINUTE = "minute"
    SEARCH = "search"
    PAGE = "page"


class PriceStep(msgspec.Struct, frozen=True):
    """The amount when a call's whole input is longer; it then counts for all tokens of the call."""

    above_tokens: int
    usd: Decimal


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of input or output costs."""

    kind: str
    """A bucket of tokens without `_tokens`, such as `cache_read`; or `request`, `image`, `audio`, `search`, `text`."""
    per: Per
    usd: Decimal
    steps: tuple[PriceStep, ...]
    """Of long prompts, shortest first."""


class TierRates(msgspec.Struct, frozen=True):
    """All rates at one service tier."""

    name: str
    rates: tuple[Rate, ...]


class PriceStatus(StrEnum):
    """Whether calls of a model can be priced."""

    PRICED = "priced"
    FREE = "free"
    """The operator runs the model."""
    UNPRICED = "unpriced"


class PriceSource(StrEnum):
    """Who says what a model costs."""

    LIST = "list"
    OVERRIDE = "override"
    SELF_HOSTED = "self_hosted"
    NOBODY = "nobody"


class AppliedOverride(msgspec.Struct, frozen=True, kw_only=True):
    """The override that fits a model."""

    number: int
    """Of its `[[price]]` table in the file, from 1."""
    account: str
    provider: str
    model: str
    from_: date | None = msgspec.field(name="from")
    like: str
    multiplier: Decimal


class ListedPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What the price data says around a price."""

    model: str
    """The price data's own name of it, such as `openai/gpt-4o`."""
    since: date | None
    """The day this price began, where the price data has its history."""
    by_time_of_day: bool
    """Whether another price counts at other hours."""
    url: str
    """The provider's own page of prices; empty when not known."""
    note: str


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What calls of a model cost at one moment, and by whose word."""

    status: PriceStatus
    source: PriceSource
    version: str
    """As it is stamped on costs."""
    detail: str
    """Why there is no price."""
    rates: tuple[Rate, ...]
    """A kind that is not among them costs what `input` or `output` costs."""
    service_tiers: tuple[TierRates, ...]
    """Those that cost something else than the usual one."""
    override: AppliedOverride | None
    listed: ListedPrice | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model of an account."""

    title: str
    """The price data's name for people; empty when it does not know the model."""
    abilities: Abilities
    context_tokens: int | None
    """The longest input; None when not known."""
    deprecated: bool
    """Whether the price data says that its provider gives it up."""
    price: Price


def describe(catalog: Catalog, account: str, provider: str, model: str, at: datetime) -> Entry:
    """Return what is known of a model at the aware time `at`, exactly as calls are priced then."""
    override = catalog.overrides.find(account, provider, model, at)
    # One that is priced like another is another's fine-tune or deployment, and so can do what that can.
    known_as = override.like if override is not None and override.like else f"{provider}/{model}"
    their_provider, _, their_model = known_as.partition("/")
    found = catalog.listed(their_provider, their_model)
    return Entry(
        title=(found.name or "") if found else "",
        abilities=abilities(their_model, catalog.facts.of(their_provider, their_model, account)),
        context_tokens=found.context_window if found else None,
        deprecated=bool(found and found.deprecated),
        price=_price(catalog, override, (their_provider, their_model, found), at),
    )


def rates_of(override: Override) -> tuple[Rate, ...]:
    """Return the prices that an override names itself."""
    named = {
        name.removesuffix("_usd"): getattr(override, name) for name in override.__struct_fields__ if "_usd" in name
    }
    return tuple(
        _rate(_KINDS.get(name, name), _PER.get(name, Per.MILLION_TOKENS), usd * override.multiplier)
        for name, usd in named.items()
        if usd is not None
    )


def applied(catalog: Catalog, override: Override) -> AppliedOverride:
    """Return an override as the catalog shows it."""
    return AppliedOverride(
        number=catalog.overrides.rows.index(override) + 1,
        account=override.account,
        provider=override.provider,
        model=override.model,
        from_=None if override.from_ == date.min else override.from_,
        like=override.like,
        multiplier=override.multiplier,
    )


@lru_cache(maxsize=8)
def newest_price_on(today: date) -> date | None:
    """Return the newest day up to `today` that any price of the price data begins on: it is at least that new."""
    models = [model for provider in get_snapshot().providers for model in provider.models]
    prices = [item for model in models if isinstance(model.prices, list) for item in model.prices]
    variants = [item for model in models for item in model.price_variants or ()]
    begun = [item.constraint for item in (*prices, *variants) if isinstance(item.constraint, StartDateConstraint)]
    return max((each.start_date for each in begun if each.start_date <= today), default=None)


_Found = tuple[str, str, ModelInfo | None]


def _price(catalog: Catalog, override: Override | None, named: _Found, at: datetime) -> Price:
    provider, _, _ = named
    if override is not None and override.has_prices:
        price = _bare(PriceStatus.PRICED, PriceSource.OVERRIDE, catalog.overrides.version)
        price = replace(price, rates=rates_of(override))
    elif provider in FREE_PROVIDERS:
        price = _bare(PriceStatus.FREE, PriceSource.SELF_HOSTED, SELF_HOSTED)
    else:
        price = _list_price(catalog, named, override.multiplier if override is not None else _ONE, at)
    if override is None:
        return price
    if price.source is PriceSource.LIST:
        version = f"{price.version}, {catalog.overrides.version}"
        price = replace(price, source=PriceSource.OVERRIDE, version=version)
    return replace(price, override=applied(catalog, override))


def _bare(status: PriceStatus, source: PriceSource, version: str, detail: str = "") -> Price:
    return Price(
        status=status, source=source, version=version, detail=detail, rates=(), service_tiers=(), override=None,
        listed=None,
    )  # fmt: skip


def _list_price(catalog: Catalog, named: _Found, factor: Decimal, at: datetime) -> Price:
    provider, model, found = named
    rates = _rates(catalog.tariff(found, "", at), factor) if found is not None else ()
    if found is None or not rates:
        why = _why(provider, model, found)
        return _bare(PriceStatus.UNPRICED, PriceSource.NOBODY, catalog.price_version, why)
    tiers = [TierRates(name, _rates(catalog.tariff(found, name, at), factor)) for name in service_tiers(found)]
    return replace(
        _bare(PriceStatus.PRICED, PriceSource.LIST, catalog.price_version),
        rates=rates,
        service_tiers=tuple(tier for tier in tiers if tier.rates != rates),
        listed=_listed(provider, found, at),
    )


def _why(provider: str, model: str, found: ModelInfo | None) -> str:
    if found is not None:
        return f"The price data has no price of {model!r} that calls are counted by."
    if provider not in PRICED_PROVIDERS:
        return f"The price data knows no provider of the kind {provider!r}."
    return f"The price data does not know {model!r} of {provider!r}."


def _listed(provider: str, found: ModelInfo, at: datetime) -> ListedPrice:
    theirs = PRICED_PROVIDERS[provider]
    urls = next((each.pricing_urls for each in get_snapshot().providers if each.id == theirs), None)
    since: date | None = None
    prices = found.prices if isinstance(found.prices, list) else []
    now = found.get_prices(at)
    for item in prices:
        if item.prices is now and isinstance(item.constraint, StartDateConstraint) and item.constraint.active(at):
            since = item.constraint.start_date
    return ListedPrice(
        model=f"{theirs}/{found.id}",
        since=since,
        by_time_of_day=any(isinstance(item.constraint, TimeOfDateConstraint) for item in prices),
        url=(urls or [""])[0],
        note=found.price_comments or "",
    )


def _rates(tariff: Tariff, factor: Decimal) -> tuple[Rate, ...]:
    base = {"input": tariff.known["input_tokens"], "output": tariff.known["output_tokens"]}
    found: list[Rate] = []
    for bucket, price in tariff.known.items():
        kind = bucket.removesuffix("_tokens")
        side = "output" if kind.startswith(("output", "reasoning")) else "input"
        if price is not None and (kind == side or price != base[side]):
            found.append(_token_rate(kind, price, factor))
    if tariff.request_usd:
        found.append(_rate("request", Per.REQUEST, tariff.request_usd * factor))
    for unit, (kind, per, size) in _UNITS.items():
        each = tariff.units[unit]
        if each is not None:
            found.append(_rate(kind, per, each * size * factor))
    return tuple(found)


def _token_rate(kind: str, price: Decimal | TieredPrices, factor: Decimal) -> Rate:
    if isinstance(price, Decimal):
        return _rate(kind, Per.MILLION_TOKENS, price * factor)
    steps = tuple(PriceStep(tier.start, _tidy(tier.price * factor)) for tier in price.tiers)
    return replace(_rate(kind, Per.MILLION_TOKENS, price.base * factor), steps=steps)


def _rate(kind: str, per: Per, usd: Decimal) -> Rate:
    return Rate(kind=kind, per=per, usd=_tidy(usd), steps=())


_UNITS: Mapping[str, tuple[str, Per, Decimal]] = {
    "searches": ("search", Per.SEARCH, _ONE),
    "audio_s": ("audio", Per.MINUTE, _MINUTE_S),
    "characters": ("text", Per.MILLION_CHARACTERS, _MILLION),
    "images": ("image", Per.IMAGE, _ONE),
    "pages": ("page", Per.PAGE, _ONE),
    "annotated_pages": ("annotated_page", Per.PAGE, _ONE),
}
_KINDS = {"audio_minute": "audio"}
_PER = {
    "request": Per.REQUEST,
    "image": Per.IMAGE,
    "audio_minute": Per.MINUTE,
    "search": Per.SEARCH,
    "page": Per.PAGE,
    "annotated_page": Per.PAGE,
}


def _tidy(usd: Decimal) -> Decimal:
    """Return the amount without the digits that a division left, written out as people do."""
    if not usd:
        return Decimal(0)
    rounded = round(usd, _DIGITS - 1 - usd.adjusted())
    return Decimal(f"{rounded.normalize():f}")
