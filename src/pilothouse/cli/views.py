"""`pilothouse views`: what lists show, kept under names."""

import msgspec
import typer

from pilothouse.cli.client import Api, command
from pilothouse.cli.terminal import print_json, print_table
from pilothouse.domain.saved_view import ListName, ViewState

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List saved views.")


class ViewRow(msgspec.Struct):
    """A saved view as the API shows it."""

    id: str
    list: ListName
    name: str
    shared: bool
    state: ViewState


class ViewRows(msgspec.Struct):
    """The project's views, then the caller's own."""

    items: list[ViewRow]


@app.callback()
def views() -> None:
    """List saved views."""


@app.command("list")
@command
def list_views(api: Api, as_json: bool) -> None:
    """List the saved views of the project, with the queries that `traces list --query` takes."""
    items = api.get("/views", ViewRows).items
    if as_json:
        print_json(items)
        return
    rows = [
        (one.name, one.list.value, "project" if one.shared else "own", _range(one.state), one.state.q) for one in items
    ]
    print_table(("NAME", "LIST", "WHOSE", "RANGE", "QUERY"), rows, "No saved views; make one on the page Traces.")


def _range(state: ViewState) -> str:
    if state.from_at is not None and state.to_at is not None:
        return f"{state.from_at.isoformat()} to {state.to_at.isoformat()}"
    return state.range or "–"
