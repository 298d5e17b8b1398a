"""Writes the reference pages from the code: `python -m pilothouse.cli.reference docs/reference`.

A test writes them again and compares, so that no setting, command, error or metric goes undocumented.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import typer

from pilothouse import errors, instruments, settings
from pilothouse.cli.compatibility import compatibility_page
from pilothouse.cli.equivalents import equivalents_page
from pilothouse.cli.main import COMMANDS
from pilothouse.cli.provider_table import providers_page
from pilothouse.cli.query_page import query_page
from pilothouse.plugins import load
from pilothouse.settings import Row

_NOTE = "<!-- Generated from the code by `make docs`; edits here are lost. -->\n\n"


def settings_page() -> str:
    """Return the page of every setting, by section."""
    lines = ["# Settings", "", *textwrap.wrap(_intro(settings.__doc__ or ""), 118)]
    section = None
    for row in settings.rows():
        prefix = row.key.rpartition(".")[0]
        if prefix != section:
            section = prefix
            lines += ["", f"## `[{section}]`" if section else "## At the top of the file", ""]
            if section:
                lines += [_first_sentence(row.owner.__doc__ or ""), ""]
            lines += ["| setting | type | default | meaning |", "|---|---|---|---|"]
        names = ", ".join(f"`{name}`" for name in row.env)
        meaning = _cell(field_doc(row.owner, row.field))
        lines.append(f"| `{row.field}`<br>{names} | {_type(row.kind)} | {_default(row)} | {meaning} |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Return the page of every command and its options."""
    main: Any = load("pilothouse.cli.main:pilothouse")
    lines = ["# Command line", "", inspect.cleandoc(main.__doc__), "", "Every command takes `--help`."]
    for name, entry in COMMANDS.items():
        command: Any = typer.main.get_command(load(entry.path))
        inner: dict[str, Any] = getattr(command, "commands", {})
        for path, one in {f"{name} {key}": one for key, one in inner.items()}.items() if inner else [(name, command)]:
            lines += ["", f"## `pilothouse {path}`", "", inspect.cleandoc(one.help or entry.help), ""]
            shown = [parameter for parameter in one.params if not getattr(parameter, "hidden", False)]
            lines += [f"- {_parameter(parameter)}" for parameter in shown if parameter.name != "help"]
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Return the page of every error code."""
    lines = [
        "# Error codes",
        "",
        "Every error carries one of these codes, in every dialect, in metrics and on the command line.",
        "",
        "| code | HTTP status | title | who has to act | may a retry help | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for kind in errors.kinds():
        meaning = _cell(_first_sentence(kind.__doc__ or ""))
        retry = "yes" if kind.retry is errors.Retry.TRANSIENT else "no"
        cells = (
            f'<a id="{kind.code}"></a>`{kind.code}`',
            str(kind.status),
            kind.title,
            str(kind.blame),
            retry,
            meaning,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Return the page of every metric."""
    lines = [
        "# Metrics",
        "",
        "`/metrics` of the gateway and of the platform, in Prometheus text format. Each process reports its own; the "
        "platform's answer holds those of ingest too, with the label `process`.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for metric in instruments.METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {_cell(metric.help_text)} |")
    return "\n".join(lines) + "\n"


PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "settings.md": settings_page,
        "cli.md": cli_page,
        "errors.md": errors_page,
        "metrics.md": metrics_page,
        "compatibility.md": compatibility_page,
        "equivalents.md": equivalents_page,
        "provider-dialects.md": providers_page,
        "query.md": query_page,
    }
)
"""File name to what makes its text."""


def render(name: str) -> str:
    """Return the whole text of one page."""
    return _NOTE + PAGES[name]()


def field_doc(owner: type, name: str) -> str:
    """Return the text that stands under a field in its class, empty when there is none."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    body = cast("ast.ClassDef", tree.body[0]).body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.target.id == name
        ):
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                return inspect.cleandoc(str(following.value.value))
            return ""
    return ""


def main() -> None:
    """Write all pages into the folder that is the only argument."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        (folder / name).write_text(render(name), encoding="utf-8")


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`: {parameter.help}"
    default = parameter.default
    shown = f" Default: `{default}`." if isinstance(default, int | str) and default not in ("", False) else ""
    return f"`{', '.join(parameter.opts)}`: {parameter.help}{shown}"


def _default(row: Row) -> str:
    value = row.default
    if value in ("", (), None):
        return "–"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in cast("tuple[object, ...]", value))
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(kind: Any) -> str:
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}
    if kind in names:
        return names[kind]
    text = str(kind)
    if "Literal" in text:
        return "one of " + ", ".join(f"`{one}`" for one in kind.__args__)
    return "list of texts" if "tuple" in text else " or ".join(names.get(one, "none") for one in kind.__args__)


def _intro(text: str) -> str:
    return " ".join(inspect.cleandoc(text).partition("\n\n")[2].split())


def _first_sentence(text: str) -> str:
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
