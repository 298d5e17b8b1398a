"""`pilothouse doctor`: check this installation and say how to mend it."""

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from pilothouse import __version__, settings
from pilothouse.cli.terminal import Json, print_json
from pilothouse.errors import ExtraMissing, SettingsInvalid
from pilothouse.plugins import load
from pilothouse.wiring.findings import Finding, State

app = typer.Typer(add_completion=False)

_MARKS = {
    State.OK: "[green]✓[/]",
    State.WARNING: "[yellow]![/]",
    State.FAILED: "[red]✗[/]",
    State.SKIPPED: "[dim]–[/]",
}
_OLDEST_PYTHON = (3, 11)
_PACKAGES = (
    "uvicorn",
    "uvloop",
    "httptools",
    "litestar",
    "sqlalchemy",
    "clickhouse-connect",
    "chdb-core",
    "genai-prices",
)


@app.command()
def doctor(
    probe: Annotated[bool, typer.Option("--probe", help="Also call every provider account for real.")] = False,
    as_json: Json = False,
) -> None:
    """Check ports, disk, data folder, versions, store, spool, model, keys and clock; exit code 1 when one failed."""
    findings: list[Finding] = []
    console = Console(highlight=False, soft_wrap=True)
    for finding in _findings(probe=probe):
        findings.append(finding)
        if not as_json:
            mend = f" [yellow]→ {escape(finding.mend)}[/]" if finding.mend else ""
            console.print(f"{_MARKS[finding.state]} {escape(finding.name)}: {escape(finding.detail)}{mend}")
    if as_json:
        print_json(findings)
    if any(finding.state is State.FAILED for finding in findings):
        raise typer.Exit(1)


def _findings(*, probe: bool) -> Iterator[Finding]:
    yield _python()
    yield _packages()
    try:
        chosen = settings.load()
    except SettingsInvalid as error:
        yield Finding("settings", State.FAILED, error.detail, "correct it: the settings page lists every name")
        return
    yield Finding("settings", State.OK, f"from {chosen.source or 'the environment and defaults'}")
    try:
        checks: Any = load("pilothouse.wiring.checks:run")
    except ExtraMissing as error:
        yield Finding("server parts", State.FAILED, error.detail, "pip install 'pilothouse[server]'")
        return
    yield from checks(chosen, probe=probe)


def _python() -> Finding:
    text = f"{platform.python_version()} at {sys.executable}, Pilothouse {__version__}"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding("python", State.FAILED, text, "install Python 3.11 or newer")
    return Finding("python", State.OK, text)


def _packages() -> Finding:
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            mend = "pip install 'pilothouse[server]'"
            return Finding("packages", State.FAILED, f"{name} is not installed", mend)
    return Finding("packages", State.OK, ", ".join(f"{name} {number}" for name, number in found.items()))
