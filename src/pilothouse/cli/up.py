"""`pilothouse up`: everything on this machine, and what the operator sees of it."""

import json
import time
from contextlib import suppress
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from pilothouse import __version__, settings
from pilothouse.plugins import load
from pilothouse.settings import Settings

app = typer.Typer(add_completion=False)

_STYLES = {"warning": "yellow", "error": "red", "critical": "red"}


@app.command()
def up() -> None:
    """Start gateway, platform, ingest, store and, with no provider key set, a small local model; Ctrl-C stops them all.

    Settings come from pilothouse.toml and the environment; everything is kept in the data folder.
    """
    began_at_s = time.monotonic()
    chosen = settings.load()
    view = _View(chosen, Console(highlight=False, soft_wrap=True))
    make_machine = load("pilothouse.wiring.machine:Machine")
    view.begin()
    machine = make_machine(chosen, view, began_at_s)
    view.machine = machine
    machine.run()
    view.say("stopped")


class _View:
    """Tells the operator what the supervisor reports: short lines, and one banner when all is up."""

    machine: Any

    def __init__(self, chosen: Settings, console: Console) -> None:
        self._chosen = chosen
        self._console = console

    def say(self, text: str, style: str = "dim") -> None:
        """Print one line of the supervisor's own."""
        self._console.print(f"[{style}]{escape(text)}[/]")

    def begin(self) -> None:
        """Say what starts, and on which data."""
        self._console.print(
            f"[bold]Pilothouse {__version__}[/] [dim]starting, data in {escape(str(self._chosen.data.absolute()))}[/]"
        )

    def line(self, role: str, line: bytes) -> None:
        """Show what a child logged when an operator must know it; the rest is in its log file."""
        text, level = line.decode(errors="replace"), "info"
        with suppress(ValueError, TypeError, KeyError):
            entry = json.loads(text)
            text, level = entry["message"], entry["level"]
        if level in _STYLES:
            self.say(f"{role}: {text}", _STYLES[level])

    def ready(self, role: str, seconds: float) -> None:
        """Say that a child is ready."""
        self.say(f"  {role} ready in {seconds:.1f} s")

    def ended(self, role: str, code: int, again_s: float) -> None:
        """Say that a child died and is started again."""
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self.say(f"{role} {how}; starting it again in {again_s:.1f} s, its log: {self._log(role)}", "yellow")

    def failed(self, role: str, detail: str) -> None:
        """Say that a child did not come up."""
        self.say(f"{role} did not start: {detail}; its log: {self._log(role)}", "red")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self.say("stopping; press Ctrl-C again to kill")

    def up(self, seconds: float) -> None:
        """Print the banner."""
        welcome = load("pilothouse.wiring.welcome:take")(self.machine.layout)
        self._console.print()
        self._console.print(f"[bold green]Pilothouse is up[/] [dim]in {seconds:.1f} s[/]")
        facts = self._facts(welcome)
        width = max(len(label) for label, _ in facts)
        for label, value in facts:
            self._console.print(f"  [bold]{label:<{width}}[/]  {escape(value)}")
        if self.machine.local_model_missing:
            self.say(f"  Without the local model: {self.machine.local_model_missing}", "yellow")
        if welcome is not None and welcome.unreadable_accounts:
            names = ", ".join(welcome.unreadable_accounts)
            self.say(
                f"  Enter the provider key again (secret.key is not the one it was sealed with): {names}", "yellow"
            )
        self._console.print("\n[bold]Try it[/]")
        self._console.print(escape(self._curl(welcome)))
        self._console.print()

    def _facts(self, welcome: Any) -> list[tuple[str, str]]:
        gateway = _address(self._chosen.gateway.host, self._chosen.gateway.port)
        platform = self._chosen.server.public_url or _address(self._chosen.server.host, self._chosen.server.port)
        facts = [("Web UI", platform), ("Gateway", f"{gateway}/v1")]
        if welcome is None:
            return facts
        if welcome.sign_in_token:
            facts.append(("Sign in, once", f"{platform.rstrip('/')}/first-run#token={welcome.sign_in_token}"))
        if welcome.first_key:
            facts.append(("Key, shown once", welcome.first_key))
        models = ", ".join(welcome.models) or "none yet: add a provider account in the web UI, or set OPENAI_API_KEY"
        return [*facts, ("Models", models)]

    def _curl(self, welcome: Any) -> str:
        gateway = _address(self._chosen.gateway.host, self._chosen.gateway.port)
        key = welcome.first_key if welcome and welcome.first_key else "$PILOTHOUSE_KEY"
        model = welcome.models[0] if welcome and welcome.models else "MODEL"
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello!"}]})
        return (
            f'curl {gateway}/v1/chat/completions -H "Authorization: Bearer {key}" '
            f"-H 'Content-Type: application/json' -d '{body}'"
        )

    def _log(self, role: str) -> str:
        return str(self.machine.layout.logs / f"{role}.log")


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "localhost"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
