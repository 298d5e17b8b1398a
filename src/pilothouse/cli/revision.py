"""`pilothouse reprice` and `pilothouse remap`: an order, watched until it is done, and what it came to."""

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer

from pilothouse.cli.client import Api, command
from pilothouse.cli.lengths import length
from pilothouse.cli.terminal import print_json, print_line, print_table, show_money
from pilothouse.errors import InvalidRequest, PlatformError, SettingsInvalid

From = Annotated[
    str,
    typer.Option("--from", help="Begin of the range: how far back, such as 24h or 7d, or a time as 2026-11-01; `all`."),
]
To = Annotated[str, typer.Option("--to", help="End of the range, in the same forms; now when left out.")]
Asked = Annotated[str, typer.Option("--query", "--q", help="Which spans: conditions such as `model:gpt-4o*`.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]

_POLL_S = 0.5
_SHOWN = 30
_RESTING = ("stopped", "failed")


class _Change(msgspec.Struct):
    model: str
    calls_before: int
    calls_after: int
    cost_before_usd: Decimal
    cost_after_usd: Decimal
    became_priced: int
    became_unpriced: int


class _Revision(msgspec.Struct):
    id: str
    state: str
    dry_run: bool
    total: int | None
    seen: int
    changed: int
    left: int
    cost_before_usd: Decimal
    cost_after_usd: Decimal
    models: list[_Change]
    prices: str
    detail: str


def _app(kind: str, text: str) -> typer.Typer:
    """Return the command that orders one kind of revision."""
    app = typer.Typer(add_completion=False)

    @command
    def order(api: Api, as_json: bool, from_: From, to: To = "", q: Asked = "", dry_run: DryRun = False) -> None:
        body: dict[str, Any] = {"kind": kind, "q": q, "dry_run": dry_run}
        body |= {name: at for name, at in (("from_at", _time(from_)), ("to_at", _time(to))) if at}
        _carry_out(api, body, as_json=as_json)

    app.command(help=text)(order)
    return app


reprice = _app("reprice", "Compute the cost of kept spans anew with the prices of now, at the time of each span.")
remap = _app("remap", "Read anew what the raw attributes of kept spans mean, with the vocabularies of this version.")


def _carry_out(api: Api, body: dict[str, Any], *, as_json: bool) -> None:
    """Order a revision and show what it came to; interrupted, it goes on by itself."""
    found = api.post("/revisions", _Revision, body)
    told, pause = 0.0, threading.Event()
    while found.state != "done":
        if found.state in _RESTING:
            raise PlatformError(f"the revision {found.id} {found.state}: {found.detail or 'by somebody'}")
        pause.wait(_POLL_S)
        found = api.get(f"/revisions/{found.id}", _Revision)
        if not as_json and time.monotonic() - told >= 1.0 and found.state == "running":
            told = time.monotonic()
            typer.echo(f"{found.seen:,} of {_total(found)} spans", err=True)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: _Revision) -> None:
    changed = found.models[:_SHOWN]
    rows = [
        (
            one.model or "(none)", str(one.calls_before), str(one.calls_after), _usd(one.cost_before_usd),
            _usd(one.cost_after_usd), str(one.became_priced or ""), str(one.became_unpriced or ""),
        )
        for one in changed
    ]  # fmt: skip
    heads = ("MODEL", "CALLS", "CALLS AFTER", "COST", "COST AFTER", "PRICED", "UNPRICED")
    print_table(heads, rows, "No call in this range.")
    if len(found.models) > _SHOWN:
        print_line(f"… and {len(found.models) - _SHOWN} more models")
    would = "would change" if found.dry_run else "changed"
    print_line(f"{found.seen:,} spans looked at, {found.changed:,} {would}, {found.left:,} left as they are")
    print_line(f"cost {_usd(found.cost_before_usd)} -> {_usd(found.cost_after_usd)}, by {found.prices}")


def _total(found: _Revision) -> str:
    return "?" if found.total is None else f"{found.total:,}"


def _usd(amount: Decimal) -> str:
    return show_money(amount, unpriced=False)


def _time(text: str) -> str:
    """Return a point in time as RFC 3339; empty for the begin of all time, or for now."""
    if text in ("", "all"):
        return ""
    with suppress(ValueError):
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
    try:
        return (datetime.now(UTC) - length(text)).isoformat()
    except InvalidRequest as error:
        raise SettingsInvalid(f"{text!r} is neither a length such as 7d nor a time such as 2026-11-01") from error
