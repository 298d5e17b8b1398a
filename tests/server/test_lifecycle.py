"""Exports, retention and deletions over HTTP, on a real store."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pilothouse.domain.access import Permission, Role
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.client import Telemetry
from tests.embedded_store import StoreProcess
from tests.server.harness import Running, running
from tests.spans import BASE_NS, make_span

RANGE = {"from": "2026-09-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"}


@pytest.fixture
async def live(tmp_path: Path, store_process: StoreProcess, telemetry: Telemetry) -> AsyncIterator[Running]:
    """A running server over a real store."""
    archive = Archive(store_process.options())
    async with running(tmp_path, archive=archive, telemetry=telemetry) as found:
        yield found
    await archive.close()


async def key(run: Running, *permissions: Permission) -> Any:
    return run.client(await run.key(*permissions))


async def test_a_download_says_what_the_list_says_and_goes_on_behind_a_row(live: Running, telemetry: Telemetry) -> None:
    project = live.project.id
    spans = [make_span(project, started_at_ns=BASE_NS + n * 10**9, user_id="ada" if n % 2 else "") for n in range(7)]
    await telemetry.insert([*spans, make_span("another", user_id="ada")], project)
    reader = await key(live, Permission.READ)
    answer = await reader.get("/api/v1/exports/stream", params=RANGE)
    assert answer.headers["content-type"].startswith("application/jsonl")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["span_id"] for row in rows] == [span.span_id for span in spans]
    last = rows[2]
    after = json.dumps([last["started_at_ns"], last["trace_id"], last["span_id"]])
    rest = await reader.get("/api/v1/exports/stream", params={**RANGE, "after": after})
    assert [json.loads(line)["span_id"] for line in rest.text.splitlines()] == [span.span_id for span in spans[3:]]
    filtered = await reader.get("/api/v1/exports/stream", params={**RANGE, "user_id": "ada"})
    listed = (await reader.get("/api/v1/traces", params={**RANGE, "user_id": "ada"})).json()["items"]
    assert {json.loads(line)["trace_id"] for line in filtered.text.splitlines()} == {one["trace_id"] for one in listed}
    asked = await reader.get("/api/v1/exports/stream", params={**RANGE, "q": "user:ada"})
    assert asked.text == filtered.text
    parquet = await reader.get("/api/v1/exports/stream", params={**RANGE, "format": "parquet"})
    assert parquet.content[:4] == b"PAR1"


@pytest.mark.parametrize(
    ("given", "param"), [({"what": "x"}, "what"), ({"format": "csv"}, "format"), ({"after": "no"}, "after")]
)
async def test_a_download_refuses_what_it_does_not_know(live: Running, given: dict[str, str], param: str) -> None:
    answer = await (await key(live, Permission.READ)).get("/api/v1/exports/stream", params={**RANGE, **given})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == param


async def test_an_export_is_ordered_stopped_resumed_and_forgotten(live: Running) -> None:
    admin = await key(live, Permission.ADMIN, Permission.READ)
    body = {
        "name": "nightly", "what": "traces", "schedule": {"every": "day", "hour": 3},
        "target": {"type": "s3", "endpoint": "https://s3.example.com", "bucket": "mine"},
        "keys": {"access_key": "a", "secret_key": "0penSesame"},
    }  # fmt: skip
    made = await admin.post("/api/v1/exports", json=body)
    assert made.status_code == 201, made.text
    assert "0penSesame" not in made.text
    assert made.json()["has_keys"]
    address = f"/api/v1/exports/{made.json()['id']}"
    assert (await admin.post(f"{address}/stop")).json()["paused"]
    assert not (await admin.post(f"{address}/resume")).json()["paused"]
    assert (await admin.get(address)).json()["runs"] == []
    assert [one["name"] for one in (await admin.get("/api/v1/exports")).json()["items"]] == ["nightly"]
    again = await admin.post("/api/v1/exports", json=body)
    assert again.status_code == 409
    away = await admin.post("/api/v1/exports", json={"name": "x", "target": {"type": "folder", "path": "/etc"}})
    assert away.status_code == 400
    assert (await admin.delete(address)).status_code == 204
    assert (await admin.get(address)).status_code == 404


async def test_retention_is_shown_before_it_is_set(live: Running, telemetry: Telemetry) -> None:
    admin = await key(live, Permission.ADMIN, Permission.READ)
    project = live.project.id
    await telemetry.insert([make_span(project, started_at_ns=10**18)], project)
    assert (await admin.get("/api/v1/retention")).json()["retention"]["traces_days"] is None
    shown = await admin.post("/api/v1/retention/preview", json={"traces_days": 30})
    assert shown.json()["removed"]["spans"] == 1
    put = await admin.put("/api/v1/retention", json={"traces_days": 30})
    assert put.json()["retention"]["traces_days"] == 30
    assert (await admin.put("/api/v1/retention", json={"traces_days": 0})).status_code == 400


async def test_a_deletion_is_requested_once_and_its_receipt_holds_no_id(live: Running) -> None:
    admin = await key(live, Permission.ADMIN, Permission.READ)
    made = await admin.post("/api/v1/deletions", json={"user_id": "ada@example.com"})
    assert (made.status_code, made.json()["state"]) == (201, "waiting")
    assert "ada" not in made.text
    assert (await admin.post("/api/v1/deletions", json={"user_id": "ada@example.com"})).json()["id"] == made.json()[
        "id"
    ]
    page = await admin.get("/api/v1/deletions", params={"user_id": "ada@example.com"})
    assert [one["id"] for one in page.json()["items"]] == [made.json()["id"]]
    assert (await admin.get("/api/v1/deletions", params={"user_id": "bob"})).json()["items"] == []
    for body in ({}, {"user_id": "a", "trace_id": "b"}):
        assert (await admin.post("/api/v1/deletions", json=body)).status_code == 400


async def test_who_may_not_change_may_not_remove(live: Running) -> None:
    reader = await key(live, Permission.READ)
    for address, body in (("deletions", {"user_id": "a"}), ("exports", {"name": "a"})):
        assert (await reader.post(f"/api/v1/{address}", json=body)).status_code == 403
    assert (await reader.put("/api/v1/retention", json={})).status_code == 403
    viewer = await live.browser(Role.VIEWER)
    assert (await viewer.get("/api/v1/deletions")).status_code == 200


async def test_revisions_are_ordered_watched_stopped_and_resumed_by_admins(live: Running) -> None:
    admin, reader = await key(live, Permission.ADMIN, Permission.READ), await key(live, Permission.READ)
    body = {"kind": "reprice", "to_at": "2026-10-01T00:00:00Z", "q": "model:gpt-4o*", "dry_run": True}
    assert (await reader.post("/api/v1/revisions", json=body)).status_code == 403
    made = await admin.post("/api/v1/revisions", json=body)
    assert made.status_code == 201, made.text
    one = made.json()
    assert (one["state"], one["dry_run"], one["seen"], one["models"]) == ("waiting", True, 0, [])
    stopped = await admin.post(f"/api/v1/revisions/{one['id']}/stop")
    assert stopped.json()["state"] == "stopped"
    assert (await reader.post(f"/api/v1/revisions/{one['id']}/resume")).status_code == 403
    assert (await admin.post(f"/api/v1/revisions/{one['id']}/resume")).json()["state"] == "waiting"
    shown = (await reader.get(f"/api/v1/revisions/{one['id']}")).json()
    assert (shown["q"], shown["to_at"]) == ("model:gpt-4o*", "2026-10-01T00:00:00Z")
    live.clock.advance(1.0)
    await admin.post("/api/v1/revisions", json={"kind": "remap"})
    page = (await reader.get("/api/v1/revisions", params={"limit": 1})).json()
    assert [item["kind"] for item in page["items"]] == ["remap"]
    after = (await reader.get("/api/v1/revisions", params={"limit": 1, "cursor": page["next_cursor"]})).json()
    assert [item["id"] for item in after["items"]] == [one["id"]]
    assert after["next_cursor"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "reprice", "q": "status:"}, 400),
        ({"kind": "repaint"}, 400),
        ({"kind": "remap", "from_at": "2026-09-02T00:00:00Z", "to_at": "2026-09-01T00:00:00Z"}, 400),
    ],
)
async def test_a_revision_that_cannot_be_is_refused(live: Running, body: dict[str, str], status: int) -> None:
    admin = await key(live, Permission.ADMIN, Permission.READ)
    assert (await admin.post("/api/v1/revisions", json=body)).status_code == status
    assert (await admin.get("/api/v1/revisions/none")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("keys", {"name": "app", "expires_at": "2030-01-31T09:30:00"}, "/expires_at"),
        ("revisions", {"kind": "reprice", "from_at": "2026-01-31T09:30:00"}, "/from_at"),
        ("revisions", {"kind": "reprice", "to_at": "2026-01-31T09:30:00"}, "/to_at"),
        ("exports", {"name": "nightly", "from_at": "2026-01-31T09:30:00"}, "/from_at"),
        ("exports", {"name": "nightly", "to_at": "2026-01-31T09:30:00"}, "/to_at"),
    ],
)
async def test_a_time_without_a_zone_is_refused_not_guessed(
    live: Running, path: str, body: dict[str, str], pointer: str
) -> None:
    answer = await (await key(live, Permission.ADMIN)).post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["pointer"] == f"#{pointer}", answer.text
    assert "zone" in answer.text
