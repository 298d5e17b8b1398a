"""`pilothouse keys`: virtual keys."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from pilothouse.cli.client import Api, command
from pilothouse.cli.lengths import length
from pilothouse.cli.terminal import print_json, print_line, print_table, show_time
from pilothouse.domain.access import Permission

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Create, list and revoke virtual keys.")


class KeyView(msgspec.Struct):
    """A virtual key as the API shows it."""

    id: str
    project_id: str
    name: str
    hint: str
    permissions: list[str]
    models: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    status: str


class KeyPage(msgspec.Struct):
    """A page of keys."""

    items: list[KeyView]
    next_cursor: str | None = None


class KeyCreated(msgspec.Struct):
    """A new key and its secret."""

    key: KeyView
    secret: str


@app.command()
@command
def create(
    api: Api,
    as_json: bool,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    permission: Annotated[
        list[Permission] | None, typer.Option(help="May be given again; `inference` if not given.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Pattern of models it may call, `*` for any part; may be given again.")
    ] = None,
    expires: Annotated[str, typer.Option(help="Time it lives, such as 12h, 30d or 8w; never ends if not given.")] = "",
) -> None:
    """Create a key and print its secret, which is shown this once."""
    body = {
        "name": name,
        "permissions": permission or [Permission.INFERENCE],
        "models": model or [],
        "expires_at": datetime.now(UTC) + length(expires) if expires else None,
    }
    made = api.post("/keys", KeyCreated, body)
    if as_json:
        print_json(made)
    else:
        print_line(made.secret)


@app.command("list")
@command
def list_keys(api: Api, as_json: bool) -> None:
    """List the project's keys, newest first."""
    page = api.get("/keys", KeyPage)
    items = page.items
    while page.next_cursor:
        page = api.get("/keys", KeyPage, {"cursor": page.next_cursor})
        items += page.items
    if as_json:
        print_json(items)
        return
    rows = [
        (item.id, item.name, item.hint, item.status, ", ".join(item.permissions), ", ".join(item.models) or "all",
         show_time(item.created_at), show_time(item.expires_at))
        for item in items
    ]  # fmt: skip
    headings = ("ID", "NAME", "KEY", "STATUS", "PERMISSIONS", "MODELS", "CREATED", "EXPIRES")
    print_table(headings, rows, "No keys yet; make one with: pilothouse keys create NAME")


@app.command()
@command
def revoke(
    api: Api,
    as_json: bool,
    key_id: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")],
) -> None:
    """End a key at once."""
    ended = api.delete(f"/keys/{key_id}", KeyView)
    if as_json:
        print_json(ended)
    else:
        print_line(f"revoked {ended.name} ({ended.hint})")
