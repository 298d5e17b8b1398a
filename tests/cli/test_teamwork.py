"""Saved views and share links on the command line."""

import json
from typing import Any

from tests.cli.conftest import Cli, Platform

VIEW: dict[str, Any] = {
    "id": "v1", "list": "traces", "name": "Fails", "shared": True, "opens_first": False, "version": 1,
    "state": {"q": "status:error", "range": "7d"}, "changed_by": "local", "created_at": "2026-01-02T03:04:05Z",
    "updated_at": "2026-01-02T03:04:05Z",
}  # fmt: skip
SHARE: dict[str, Any] = {
    "id": "s1", "hint": "phv_abcd…", "kind": "trace", "trace_id": "0af7", "dashboard_id": "", "name": "chat",
    "bodies": False, "range": "", "range_from": None, "range_to": None, "status": "active",
    "created_by": "local", "created_at": "2026-01-02T03:04:05Z", "expires_at": "2026-01-09T03:04:05Z",
    "revoked_at": None, "opened": 3, "opened_at": None,
}  # fmt: skip


def test_views_are_listed_with_their_queries(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/views"] = (200, {"items": [VIEW]})
    assert cli("views", "list").stdout.splitlines()[1].split() == ["Fails", "traces", "project", "7d", "status:error"]
    assert json.loads(cli("views", "list", "--json").stdout)[0]["state"] == VIEW["state"]


def test_names_and_queries_are_shown_as_they_are(cli: Cli, platform: Platform) -> None:
    view = {**VIEW, "name": "[red]Fails[/]:smile:", "state": {"q": "metadata.[b]:x"}}
    platform.answers["GET", "/api/v1/views"] = (200, {"items": [view]})
    shown = cli("views", "list").stdout.splitlines()[1].split()
    assert (shown[0], shown[-1]) == (view["name"], "metadata.[b]:x")


def test_share_links_are_listed_and_revoked(cli: Cli, platform: Platform) -> None:
    board = {**SHARE, "id": "s2", "kind": "dashboard", "trace_id": "", "dashboard_id": "cost", "name": "Cost"}
    fixed = {"range_from": "2026-01-01T00:00:00Z", "range_to": "2026-01-02T00:00:00Z"}
    items = [SHARE, {**board, "range": "7d"}, {**board, **fixed}, {**board, "name": "", "dashboard_id": ""}]
    platform.answers["GET", "/api/v1/shares"] = (200, {"items": items})
    platform.answers["DELETE", "/api/v1/shares/s1"] = (200, {**SHARE, "status": "revoked"})
    rows = [" ".join(line.split()) for line in cli("shares", "list").stdout.splitlines()[1:]]
    begun = ("s1 active trace chat structure 3", "s2 active dashboard Cost the last 7d 3",
             "s2 active dashboard Cost 2026-01-01", "s2 active dashboard a deleted dashboard nothing 3")  # fmt: skip
    for row, wanted in zip(rows, begun, strict=True):
        assert row.startswith(wanted)
    assert cli("shares", "revoke", "s1").stdout == "revoked phv_abcd…\n"
    platform.answers["GET", "/api/v1/shares"] = (200, {"items": []})
    assert cli("shares", "list").stdout == "Nothing is shared.\n"
