"""The command `pilothouse`: the list of command groups, and what a failure looks like."""

import json
import logging
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Never

import typer
from typer.core import TyperCommand, TyperGroup

from pilothouse.errors import (
    Blame,
    Forbidden,
    PilothouseError,
    SettingsInvalid,
    Unauthorized,
    Unreachable,
)
from pilothouse.plugins import load

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_NOT_ALLOWED = 4
EXIT_INTERRUPTED = 130


class Entry(NamedTuple):
    """Where a command or group lives, and what the list of commands says about it."""

    path: str
    help: str


COMMANDS: Mapping[str, Entry] = MappingProxyType(
    {
        "up": Entry("pilothouse.cli.up:app", "Start everything on this machine."),
        "serve": Entry("pilothouse.cli.serve:app", "Run some of its processes, for a cluster or a service manager."),
        "doctor": Entry("pilothouse.cli.doctor:app", "Check this installation and say how to mend it."),
        "keys": Entry("pilothouse.cli.keys:app", "Create, list and revoke virtual keys."),
        "traces": Entry("pilothouse.cli.traces:app", "List and show traces."),
        "views": Entry("pilothouse.cli.views:app", "List saved views."),
        "shares": Entry("pilothouse.cli.shares:app", "List and revoke share links."),
        "export": Entry("pilothouse.cli.export:app", "Download rows; list, stop and resume exports."),
        "reprice": Entry(
            "pilothouse.cli.revision:reprice", "Compute the cost of kept spans anew with the prices of now."
        ),
        "remap": Entry("pilothouse.cli.revision:remap", "Read anew what the raw attributes of kept spans mean."),
        "batches": Entry("pilothouse.cli.batches:app", "List, watch, cancel and download batches."),
        "models": Entry("pilothouse.cli.models:app", "List the models that can be called; install the local one."),
        "version": Entry("pilothouse.cli.version:app", "Print the version."),
    }
)
"""Every command, in the order of the help."""


class LazyGroup(TyperGroup):
    """Lists commands without importing them; the one that is called is loaded."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.help, callback=None))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the loaded command for the first argument."""
        name, stub, rest = super().resolve_command(ctx, args)
        if name is None or stub is None:
            return name, stub, rest
        command = typer.main.get_command(load(COMMANDS[name].path))
        command.name = name
        return name, command, rest


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def pilothouse() -> None:
    """Pilothouse: a self-hosted LLMOps platform.

    Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 Pilothouse is not running there, 4 the key or its
    permissions do not allow it, 130 interrupted.
    """


def run() -> None:
    """Run the command line; never shows a traceback, except with the log level `debug`."""
    try:
        app()
    except PilothouseError as error:
        _fail(error.code, error.detail, exit_code(error))
    except KeyboardInterrupt:
        _fail("interrupted", "interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.exit(EXIT_FAILED)
    except Exception as error:
        logging.getLogger(__name__).debug("the command failed inside", exc_info=True)
        _fail("internal_error", f"{type(error).__name__}: {error}; please report this", EXIT_FAILED)


def exit_code(error: PilothouseError) -> int:
    """Return the exit code that tells scripts what kind of failure it was."""
    if isinstance(error, Unreachable):
        return EXIT_UNREACHABLE
    if isinstance(error, Unauthorized | Forbidden):
        return EXIT_NOT_ALLOWED
    if isinstance(error, SettingsInvalid) or (error.blame is Blame.CALLER and error.status == 400):
        return EXIT_USAGE
    return EXIT_FAILED


def _fail(code: str, detail: str, status: int) -> Never:
    if "--json" in sys.argv:
        sys.stderr.write(json.dumps({"code": code, "detail": detail}) + "\n")
    else:
        sys.stderr.write(f"error [{code}]: {detail}\n")
    sys.exit(status)


if __name__ == "__main__":
    run()
