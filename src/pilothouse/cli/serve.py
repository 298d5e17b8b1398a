"""`pilothouse serve`: some of the roles in this process."""

from typing import Annotated

import typer

from pilothouse import settings
from pilothouse.plugins import load

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    roles: Annotated[
        str,
        typer.Option(help="Comma-separated: gateway, api, ingest, platform (api and ingest), store, local-model."),
    ],
    supervised: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run some of the processes in the foreground until SIGTERM, logging JSON lines to standard error.

    `store` and `local-model` each need a process of their own.
    """
    chosen = settings.load()
    load("pilothouse.wiring.roles:run")(chosen, load("pilothouse.wiring.roles:parse")(roles), supervised=supervised)
