"""What a call costs, by the names that its model goes by: what its caller is told and what stands on its trace."""

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from genai_prices.types import ModelInfo, StartDateConstraint

from pilothouse.catalog.overrides import Override
from pilothouse.catalog.prices import FREE_PROVIDERS, NO_OVERRIDES, NO_PRICE, SELF_HOSTED, Catalog
from pilothouse.catalog.rates import Rates, counts_are_sound, rates
from pilothouse.domain.money import Cost, CostStatus
from pilothouse.domain.usage import Usage

_DAY_NS = 86_400_000_000_000
_REMEMBERED = 4096
_ONE = Decimal(1)

Names = tuple[str, ...]
"""What a model is called, the most telling first; empty ones are passed over."""
_Key = tuple[str, str, Names, str, int]
"""Provider, account, names, tier, and the day."""


class Charge(msgspec.Struct, frozen=True, gc=False):
    """The cost of a call as it is told."""

    amount_usd: str = ""
    """Exact decimal digits; empty when there is no amount."""
    price_version: str = ""
    """Names the prices that gave the amount."""
    why: str = CostStatus.PRICED
    """The status that the cost has on the trace."""


_FREE = Charge("0", SELF_HOSTED)


class Charges:
    """Prices calls with a catalog: the same amounts as the catalog's own, several times as fast; of one thread.

    What a model's names lead to is remembered for the day: rates, or the one charge of a model that is free or has no
    price. Whatever is out of the ordinary the catalog prices itself.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._overrides = NO_OVERRIDES
        self._plans: dict[_Key, Rates | Charge | None] = {}

    def of(self, provider: str, account: str, names: Names, usage: Usage | None, started_at_ns: int) -> Charge:
        """Return what the call costs, or why that is not known; never raises."""
        if usage is not None:
            plan = self._known(provider, account, names, usage, started_at_ns)
            if isinstance(plan, Rates):
                total = plan.total(usage)
                if total is not None:
                    return Charge(plan.text(total), plan.version)
            elif plan is not None and counts_are_sound(usage):
                return plan
        return _told(charge(self._catalog, provider, account, names, (usage, started_at_ns)))

    def cost(self, provider: str, account: str, names: Names, call: tuple[Usage | None, int]) -> Cost:
        """Return the same as `charge`."""
        usage, started_at_ns = call
        if usage is not None:
            plan = self._known(provider, account, names, usage, started_at_ns)
            if isinstance(plan, Rates):
                total = plan.total(usage)
                if total is not None:
                    return Cost(CostStatus.PRICED, plan.amount(total), plan.version)
        return charge(self._catalog, provider, account, names, call)

    def _known(
        self, provider: str, account: str, names: Names, usage: Usage, started_at_ns: int
    ) -> Rates | Charge | None:
        if self._overrides is not self._catalog.overrides:
            self._overrides, self._plans = self._catalog.overrides, {}
        key = (provider, account, names, usage.tier, started_at_ns // _DAY_NS)
        try:
            return self._plans[key]
        except KeyError:
            return self._remember(key, started_at_ns)

    def _remember(self, key: _Key, started_at_ns: int) -> Rates | Charge | None:
        plan = self._first_plan(key, started_at_ns)
        if len(self._plans) >= _REMEMBERED:
            self._plans = {}
        self._plans[key] = plan
        return plan

    def _first_plan(self, key: _Key, started_at_ns: int) -> Rates | Charge | None:
        provider, account, names, tier, _ = key
        at = _moment(started_at_ns)
        for name in filter(None, names):
            with contextlib.suppress(*NO_PRICE):
                return self._plan(provider, account, name, (tier, at))
        # Without a price by any name the counts do not matter, as long as they are sound.
        return _told(charge(self._catalog, provider, account, names, (Usage(tier=tier), started_at_ns)))

    def _plan(self, provider: str, account: str, name: str, when: tuple[str, datetime]) -> Rates | Charge | None:
        """Return the rates of a model by one of its names, or its one charge; None when it has none for all day.

        Raises one of `NO_PRICE` when it has no price by the name.
        """
        (tier, at), catalog = when, self._catalog
        override = self._overrides.find(account, provider, name, at)
        if override is not None and override.has_prices:
            request = override.request_usd or Decimal(0)
            return rates(override.by_bucket(), request, override.multiplier, self._overrides.version)
        if override is not None and override.like:
            provider, _, name = override.like.partition("/")
        if provider in FREE_PROVIDERS:
            return _FREE
        found = catalog.listed(provider, name)
        if found is None:
            raise LookupError(name)
        if not _holds_all_day(found):
            return None
        tariff = catalog.tariff(found, tier, at)
        multiplier, version = _listed(override, catalog, self._overrides.version)
        return rates(tariff.known, tariff.request_usd, multiplier, version)


def charge(catalog: Catalog, provider: str, account: str, names: Iterable[str], call: tuple[Usage | None, int]) -> Cost:
    """Return the cost of a call of a usage, begun at so many nanoseconds; never raises.

    The first of its model's names that is said counts, or a later one where that has no price.
    """
    usage, at = call[0], _moment(call[1])
    said = [name for name in names if name] or [""]
    cost = catalog.price(provider, said[0], usage, at, account)
    if cost.status is not CostStatus.UNPRICED:
        return cost
    costs = (catalog.price(provider, name, usage, at, account) for name in said[1:])
    return next((other for other in costs if other.status is CostStatus.PRICED), cost)


def _told(cost: Cost) -> Charge:
    if cost.amount_usd is None:
        return Charge("", cost.price_version, cost.status)
    text = f"{cost.amount_usd:f}"
    return Charge(text.rstrip("0").rstrip(".") if "." in text else text, cost.price_version)


def _listed(override: Override | None, catalog: Catalog, stamp: str) -> tuple[Decimal, str]:
    if override is None:
        return _ONE, catalog.price_version
    return override.multiplier, f"{catalog.price_version}, {stamp}"


def _holds_all_day(found: ModelInfo) -> bool:
    """Return whether a model's prices are the same all day."""
    prices = found.prices if isinstance(found.prices, list) else []
    limits = [item.constraint for item in (*prices, *(found.price_variants or ()))]
    return all(limit is None or isinstance(limit, StartDateConstraint) for limit in limits)


def _moment(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / 1e9, UTC)
