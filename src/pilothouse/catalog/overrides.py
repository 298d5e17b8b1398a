"""The operator's own prices and facts, which come before those of the price data and of `facts.toml`.

A TOML text of `[[facts]]` tables, as `facts` knows them, and of `[[price]]` tables. Each of these says for which calls
it holds (`account`, `provider`, `model`, all patterns with `*`, and `from`, the day it begins) and either its prices in
USD, or `like`, the model whose list price counts, or `multiplier`, what the list price is multiplied with. The first
one that fits wins.
"""

import hashlib
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from pilothouse.catalog.facts import FactsRow
from pilothouse.domain.usage import Usage
from pilothouse.errors import SettingsInvalid

_MILLION = Decimal(1_000_000)
_MINUTE_S = Decimal(60)
_HIGHEST_PER_MILLION = Decimal(100_000)
"""Above any price there is."""
_LOWEST_PER_MILLION = Decimal("0.001")
"""Below any price there is, and above every one there is for a single token: a smaller one was written per token."""


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file; prices per million tokens unless their name says otherwise."""

    model: str
    account: str = "*"
    provider: str = "*"
    from_: date = msgspec.field(default=date.min, name="from")
    like: str = ""
    """`provider/model` of the price data whose price counts: for fine-tunes and deployments with names of their own."""
    multiplier: Decimal = Decimal(1)
    input_usd: Decimal | None = None
    cache_read_usd: Decimal | None = None
    cache_write_5m_usd: Decimal | None = None
    cache_write_1h_usd: Decimal | None = None
    input_audio_usd: Decimal | None = None
    input_image_usd: Decimal | None = None
    output_usd: Decimal | None = None
    reasoning_usd: Decimal | None = None
    output_audio_usd: Decimal | None = None
    output_image_usd: Decimal | None = None
    request_usd: Decimal | None = None
    image_usd: Decimal | None = None
    audio_minute_usd: Decimal | None = None
    search_usd: Decimal | None = None
    page_usd: Decimal | None = None
    annotated_page_usd: Decimal | None = None

    @property
    def has_prices(self) -> bool:
        """Whether it names any price itself."""
        return any(value is not None for value in self._prices().values())

    def fits(self, account: str, provider: str, model: str, at: datetime) -> bool:
        """Return whether the call is one that this override is for."""
        return (
            fnmatchcase(account, self.account)
            and fnmatchcase(provider, self.provider)
            and fnmatchcase(model, self.model)
            and at.astimezone(UTC).date() >= self.from_
        )

    def amount(self, usage: Usage) -> Decimal:
        """Return the amount in USD; raises `LookupError` naming what has no price."""
        total = self.request_usd or Decimal(0)
        for name, bucket in _BUCKETS.items():
            count = getattr(usage, bucket)
            if not count:
                continue
            price = self._token_price(name)
            if price is None:
                raise LookupError(f"the override names no {name}")
            total += price * count / _MILLION
        return (total + self._units(usage)) * self.multiplier

    def _token_price(self, name: str) -> Decimal | None:
        price: Decimal | None = getattr(self, name)
        if price is not None:
            return price
        return self.output_usd if name.startswith(("output", "reasoning")) else self.input_usd

    def _units(self, usage: Usage) -> Decimal:
        total = Decimal(0)
        annotated_page_usd = self.page_usd if self.annotated_page_usd is None else self.annotated_page_usd
        for count, price in (
            (Decimal(usage.images), self.image_usd),
            (Decimal(str(usage.audio_s)) / _MINUTE_S, self.audio_minute_usd),
            (Decimal(usage.searches), self.search_usd),
            (Decimal(usage.pages), self.page_usd),
            (Decimal(usage.annotated_pages), annotated_page_usd),
        ):
            total += count * price if price is not None else 0
        unpriced = (usage.pages and self.page_usd is None) or (usage.annotated_pages and annotated_page_usd is None)
        if unpriced and self.request_usd is None:
            raise LookupError("the override names no page_usd")
        return total

    def by_bucket(self) -> dict[str, Decimal | None]:
        """Return the prices per million tokens that it gives, by the usage's buckets."""
        return {bucket: self._token_price(name) for name, bucket in _BUCKETS.items()}

    def _prices(self) -> dict[str, Decimal | None]:
        return {name: getattr(self, name) for name in self.__struct_fields__ if name.endswith("_usd")}


_BUCKETS = {
    "input_usd": "input_tokens", "cache_read_usd": "cache_read_tokens", "cache_write_5m_usd": "cache_write_5m_tokens",
    "cache_write_1h_usd": "cache_write_1h_tokens", "input_audio_usd": "input_audio_tokens",
    "input_image_usd": "input_image_tokens", "output_usd": "output_tokens", "reasoning_usd": "reasoning_tokens",
    "output_audio_usd": "output_audio_tokens", "output_image_usd": "output_image_tokens",
}  # fmt: skip


class Overrides(msgspec.Struct, frozen=True):
    """All overrides of one file."""

    rows: tuple[Override, ...] = ()
    version: str = ""
    """Changes with the file; stamped on every cost that an override gave."""
    facts: tuple[FactsRow, ...] = ()

    def find(self, account: str, provider: str, model: str, at: datetime) -> Override | None:
        """Return the first override that fits."""
        if not self.rows:
            return None
        return next((row for row in self.rows if row.fits(account, provider, model, at)), None)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    price: tuple[Override, ...] = ()
    facts: tuple[FactsRow, ...] = ()


def parse(text: str) -> Overrides:
    """Return the overrides of a file's text; raises `SettingsInvalid` that names the table and the field."""
    try:
        document: Any = tomllib.loads(text, parse_float=Decimal)
        file = msgspec.convert(document, _File, strict=False)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"the file of prices is not TOML: {error}", param="ingest.prices") from error
    except msgspec.ValidationError as error:
        raise SettingsInvalid(f"the file of prices: {error}", param="ingest.prices") from error
    for number, row in enumerate(file.price, 1):
        _check(number, row)
    for number, facts in enumerate(file.facts, 1):
        if problem := facts.problem():
            where = f"[[facts]] number {number} (model {facts.model!r})"
            raise SettingsInvalid(f"{where}: {problem}", param="ingest.prices")
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Overrides(file.price, f"override {digest}", file.facts)


def _check(number: int, row: Override) -> None:
    where = f"[[price]] number {number} (model {row.model!r})"
    prices = {name: getattr(row, name) for name in row.__struct_fields__ if name.endswith("_usd")}
    for name, price in prices.items():
        if price is not None and not 0 <= price <= _HIGHEST_PER_MILLION:
            raise SettingsInvalid(
                f"{where}: {name} = {price} cannot be right; prices are in USD per million tokens",
                param="ingest.prices",
            )
        if price and name in _BUCKETS and price < _LOWEST_PER_MILLION:
            raise SettingsInvalid(
                f"{where}: {name} = {price} looks like the price of one token; prices are in USD per million tokens",
                param="ingest.prices",
            )
    if row.multiplier < 0:
        raise SettingsInvalid(f"{where}: multiplier must not be negative", param="ingest.prices")
    if row.like and row.has_prices:
        raise SettingsInvalid(f"{where}: give either prices or 'like', not both", param="ingest.prices")
    if row.like and "/" not in row.like:
        raise SettingsInvalid(f"{where}: 'like' is written provider/model", param="ingest.prices")
    if not row.like and not row.has_prices and row.multiplier == 1:
        raise SettingsInvalid(f"{where}: names no price, no 'like' and no multiplier", param="ingest.prices")
