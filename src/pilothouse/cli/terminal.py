"""What commands share on the terminal: their common options, tables and JSON."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from pilothouse.errors import SettingsInvalid

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_line(text: str) -> None:
    """Print one line as it is, whatever the width of the terminal."""
    sys.stdout.write(text + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows under their headings, each cell as it is, or `empty` when there are none."""
    if not rows:
        print_line(empty)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    # a pipe has no width of its own: let columns be as wide as they need, so that scripts see whole values
    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 240)
    console.print(table)


def show_time(moment: datetime | None) -> str:
    """Return a time in the reader's own zone, to the second."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "–"


_SIGNIFICANT = 3
"""Digits of an amount below one dollar."""


def show_ms(milliseconds: float | None) -> str:
    """Return a duration with three significant digits and its unit."""
    if milliseconds is None:
        return "–"
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"


def show_money(amount: Decimal | None, *, unpriced: bool) -> str:
    """Return an amount in US dollars; without one, `unpriced` when tokens were used, else a dash."""
    if amount is None:
        return "unpriced" if unpriced else "–"
    if amount >= 1 or not amount:
        return f"${amount:.2f}" if amount else "$0"
    return f"${round(amount, _SIGNIFICANT - 1 - amount.adjusted()).normalize():f}"


@contextmanager
def writing(out: Path) -> Generator[None]:
    """Tell of a file that cannot be written as of a wrong setting."""
    try:
        yield
    except OSError as error:
        raise SettingsInvalid(f"cannot write {out}: {error.strerror}", param="out") from error
