"""`pilothouse shares`: links with which anybody reads one trace or dashboard."""

from datetime import datetime
from typing import Annotated

import msgspec
import typer

from pilothouse.cli.client import Api, command
from pilothouse.cli.terminal import print_json, print_line, print_table, show_time

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List and revoke share links.")


class ShareRow(msgspec.Struct):
    """A share link as the API shows it."""

    id: str
    hint: str
    kind: str
    trace_id: str
    dashboard_id: str
    name: str
    bodies: bool
    range: str
    range_from: datetime | None
    range_to: datetime | None
    status: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    opened: int


class ShareRows(msgspec.Struct):
    """The links of a project, newest first."""

    items: list[ShareRow]


@app.command("list")
@command
def list_shares(api: Api, as_json: bool) -> None:
    """List share links, those that are over too."""
    items = api.get("/shares", ShareRows).items
    if as_json:
        print_json(items)
        return
    rows = [
        (
            one.id,
            one.status,
            one.kind,
            one.name or f"a deleted {one.kind}",
            _shows(one),
            str(one.opened),
            show_time(one.expires_at),
            one.created_by,
        )
        for one in items
    ]
    print_table(("ID", "STATUS", "KIND", "NAME", "SHOWS", "OPENED", "ENDS", "MADE BY"), rows, "Nothing is shared.")


@app.command()
@command
def revoke(api: Api, as_json: bool, share_id: Annotated[str, typer.Argument(help="The link's id.")]) -> None:
    """End a share link at once."""
    share = api.delete(f"/shares/{share_id}", ShareRow)
    if as_json:
        print_json(share)
        return
    print_line(f"revoked {share.hint}")


def _shows(share: ShareRow) -> str:
    if share.kind == "trace":
        return "inputs and outputs" if share.bodies else "structure"
    if share.range_from is not None and share.range_to is not None:
        return f"{show_time(share.range_from)} to {show_time(share.range_to)}"
    return f"the last {share.range}" if share.range else "nothing"
