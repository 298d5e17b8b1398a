"""`pilothouse version`."""

import platform

import typer

from pilothouse import __version__
from pilothouse.cli.terminal import Json, print_json, print_line

app = typer.Typer(add_completion=False)


@app.command()
def version(as_json: Json = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": __version__, "python": platform.python_version()})
    else:
        print_line(f"pilothouse {__version__} (Python {platform.python_version()})")
