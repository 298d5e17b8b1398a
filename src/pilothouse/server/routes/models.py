"""Models: every name that can be called, what stands behind it, and the prices in use."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from pilothouse.catalog.abilities import UNKNOWN, Abilities, in_common
from pilothouse.catalog.listing import (
    AppliedOverride,
    Entry,
    Price,
    Rate,
    applied,
    describe,
    newest_price_on,
    rates_of,
)
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.snapshot import Account, Alias, Target
from pilothouse.server.parts import Parts
from pilothouse.server.queries import PageDep, checked_text, cut
from pilothouse.server.views import at

_MAX_TEXT = 200


class ModelView(msgspec.Struct, frozen=True):
    """A name that can be sent as `model`."""

    name: str
    kind: Literal["account_model", "route"]
    account: str
    """Empty for a route."""
    provider: str
    """Empty for a route."""
    targets: list[str]
    """Where a route leads, as `account/model`; empty for a model of an account."""


class ModelList(msgspec.Struct, frozen=True):
    """Every callable name: routes first, then the models of enabled accounts."""

    items: list[ModelView]


class CatalogTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One place a route leads to, with what it costs there."""

    name: str
    """`account/model`."""
    account: str
    model: str
    provider: str
    """Empty when there is no such account."""
    weight: int
    enabled: bool
    """Whether the account takes calls."""
    context_tokens: int | None
    price: Price | None
    """None when there is no such account."""


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A name that can be sent as `model`, and what is known of it."""

    name: str
    kind: Literal["account_model", "route"]
    account: str
    """Empty for a route."""
    provider: str
    """Empty for a route."""
    model: str
    """The provider's name of it; empty for a route."""
    title: str
    """For people; empty when there is none."""
    enabled: bool
    """Whether a call of it can arrive anywhere."""
    listed: bool
    """Whether it stands in its account's list; others are callable where the account allows it."""
    abilities: Abilities
    """Of a route: what all its targets share."""
    context_tokens: int | None
    """The longest input; of a route that of its smallest target. None when not known."""
    deprecated: bool
    price: Price | None
    """None for a route with several targets, which has no single price."""
    targets: list[CatalogTarget]


class CatalogPage(msgspec.Struct, frozen=True):
    """A page of the catalog: routes first, then the models that accounts list, by name."""

    items: list[CatalogEntry]
    next_cursor: str | None


class OverrideView(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[price]]` table of the operator's file."""

    entry: AppliedOverride
    rates: tuple[Rate, ...]


class PriceBook(msgspec.Struct, frozen=True, kw_only=True):
    """The prices in use: the price data, and before it the operator's own."""

    version: str
    """Of the price data, as it is stamped on costs."""
    newest_price_on: date | None
    """The newest day a price in it begins on: it is at least that new."""
    overrides_version: str
    """Changes with the operator's file; empty without one."""
    overrides_problem: str
    """Why the newest state of the file is not in force; empty when it is."""
    overrides: list[OverrideView]


class Wanted(msgspec.Struct, frozen=True):
    """Which entries of the catalog."""

    name: str
    text: str
    provider: str


Name = Annotated[
    str,
    QueryParameter(name="name", description="Exactly this name; also one that an account takes without listing it."),
]
Text = Annotated[str, QueryParameter(name="text", description="Substring of the name, in any case.")]
Kind = Annotated[str, QueryParameter(name="provider", description="Kind of provider, such as `openai`.")]


async def wanted(name: Name = "", text: Text = "", provider: Kind = "") -> Wanted:
    """Read the conditions; raises `InvalidRequest` for an overlong text."""
    return Wanted(name, checked_text(text, most=_MAX_TEXT).lower(), provider)


WantedDep = NamedDependency[SkipValidation[Wanted]]


@get("/models", operation_id="listModels", summary="List callable models")
async def models(parts: Parts) -> ModelList:
    """Return every name that can be sent as `model`."""
    accounts = await parts.registry.list_accounts()
    routes = [_route_model(alias) for alias in await parts.registry.list_aliases()]
    return ModelList(routes + [one for account in accounts if account.enabled for one in _account_models(account)])


@get(
    "/catalog",
    operation_id="listCatalog",
    summary="List models with what they can do and cost",
    dependencies={"wanted": Provide(wanted)},
)
async def catalog(parts: Parts, page: PageDep, wanted: WantedDep) -> CatalogPage:
    """Return routes and models with abilities, context, and prices as calls are priced with now."""
    accounts = {account.name: account for account in await parts.registry.list_accounts()}
    book = _Book(parts.catalog, accounts, at(parts.clock.now_ns()))
    aliases = await parts.registry.list_aliases()
    found = _named(wanted.name, aliases, accounts) if wanted.name else _listed(aliases, accounts)
    items, next_cursor = cut([one for one in found if book.fits(one, wanted)], page, _id)
    return CatalogPage([book.entry(one) for one in items], next_cursor)


@get("/prices", operation_id="getPrices", summary="Get the prices in use")
async def prices(parts: Parts) -> PriceBook:
    """Return which price data is in use, and the operator's own prices in the order in which they are tried."""
    book = parts.catalog
    return PriceBook(
        version=book.price_version,
        newest_price_on=newest_price_on(at(parts.clock.now_ns()).date()),
        overrides_version=book.overrides.version,
        overrides_problem=book.overrides_problem,
        overrides=[OverrideView(entry=applied(book, row), rates=rates_of(row)) for row in book.overrides.rows],
    )


HANDLERS = (models, catalog, prices)

_One = Alias | tuple[Account, str]
"""A route, or a model of an account."""


def _id(one: _One) -> str:
    return f"route {one.name}" if isinstance(one, Alias) else f"model {one[0].name}/{one[1]}"


def _listed(aliases: Sequence[Alias], accounts: Mapping[str, Account]) -> list[_One]:
    own = sorted(aliases, key=lambda alias: alias.name)
    return [
        *own,
        *((accounts[name], model) for name in sorted(accounts) for model in sorted(set(accounts[name].models))),
    ]


def _named(name: str, aliases: Sequence[Alias], accounts: Mapping[str, Account]) -> list[_One]:
    own = [alias for alias in aliases if alias.name == name]
    if own:
        return [*own]
    account_name, _, model = name.partition("/")
    account = accounts.get(account_name)
    if account is None or not model or not (account.open_models or model in account.models):
        return []
    return [(account, model)]


class _Book:
    """Makes the entries of one answer, all of the same moment."""

    def __init__(self, catalog: Catalog, accounts: Mapping[str, Account], moment: datetime) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._moment = moment

    def fits(self, one: _One, wanted: Wanted) -> bool:
        """Return whether the entry is among those that are asked for."""
        if isinstance(one, Alias):
            known = [self._accounts.get(target.account) for target in one.targets]
            kinds = {account.provider for account in known if account is not None}
            name = one.name
        else:
            kinds, name = {one[0].provider}, f"{one[0].name}/{one[1]}"
        return wanted.text in name.lower() and (not wanted.provider or wanted.provider in kinds)

    def entry(self, one: _One) -> CatalogEntry:
        """Return the entry with everything that is known of it."""
        return self._route(one) if isinstance(one, Alias) else self._model(*one)

    def _model(self, account: Account, model: str) -> CatalogEntry:
        known = self._known(account, model)
        return CatalogEntry(
            name=f"{account.name}/{model}",
            kind="account_model",
            account=account.name,
            provider=account.provider,
            model=model,
            title=known.title,
            enabled=account.enabled,
            listed=model in account.models,
            abilities=known.abilities,
            context_tokens=known.context_tokens,
            deprecated=known.deprecated,
            price=known.price,
            targets=[],
        )

    def _route(self, alias: Alias) -> CatalogEntry:
        accounts = [self._accounts.get(target.account) for target in alias.targets]
        known = [
            self._known(account, target.model) if account is not None else None
            for account, target in zip(accounts, alias.targets, strict=True)
        ]
        targets = [_target(*each) for each in zip(alias.targets, accounts, known, strict=True)]
        sizes = [target.context_tokens for target in targets]
        return CatalogEntry(
            name=alias.name,
            kind="route",
            account="",
            provider="",
            model="",
            title="",
            enabled=any(target.enabled for target in targets),
            listed=True,
            abilities=in_common([one.abilities if one is not None else UNKNOWN for one in known]),
            context_tokens=None if None in sizes else min((size for size in sizes if size is not None), default=None),
            deprecated=any(one is not None and one.deprecated for one in known),
            price=targets[0].price if len(targets) == 1 else None,
            targets=targets,
        )

    def _known(self, account: Account, model: str) -> Entry:
        return describe(self._catalog, account.name, account.provider, model, self._moment)


def _target(target: Target, account: Account | None, known: Entry | None) -> CatalogTarget:
    return CatalogTarget(
        name=f"{target.account}/{target.model}",
        account=target.account,
        model=target.model,
        provider=account.provider if account is not None else "",
        weight=target.weight,
        enabled=account is not None and account.enabled,
        context_tokens=known.context_tokens if known is not None else None,
        price=known.price if known is not None else None,
    )


def _route_model(alias: Alias) -> ModelView:
    targets = [f"{target.account}/{target.model}" for target in alias.targets]
    return ModelView(name=alias.name, kind="route", account="", provider="", targets=targets)


def _account_models(account: Account) -> list[ModelView]:
    return [
        ModelView(
            name=f"{account.name}/{model}",
            kind="account_model",
            account=account.name,
            provider=account.provider,
            targets=[],
        )
        for model in account.models
    ]
