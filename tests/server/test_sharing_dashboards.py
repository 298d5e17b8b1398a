"""Share links to dashboards over HTTP: what they show, of which time, and when they end."""

import asyncio
from typing import Any

import httpx
import pytest

from pilothouse.domain.access import Permission, Role
from pilothouse.domain.query.aggregate import Aggregate, Table
from pilothouse.domain.tree import TreePage
from pilothouse.errors import PilothouseError, QueryRefused, StoreUnavailable
from pilothouse.registry.changes import NewKey
from pilothouse.server.routes.shared import TOKEN_HEADER
from pilothouse.server.views import at
from tests.server.harness import Client, Running, summary

CHARTS = [
    {"title": "Failures", "kind": "number", "q": "user:ann@example.com status:error"},
    {"title": "Keys", "kind": "table", "group_by": "key", "measures": ["count"]},
    {"title": "Users", "kind": "table", "group_by": "metadata.user_id"},
]


async def dashboard(client: Client, charts: list[dict[str, Any]] = CHARTS) -> dict[str, Any]:
    made = await client.post("/api/v1/dashboards", json={"name": "Team", "description": "Ours", "charts": charts})
    assert made.status_code == 201, made.text
    return made.json()


async def share(client: Client, ident: str, **more: Any) -> dict[str, Any]:
    made = await client.post("/api/v1/shares", json={"dashboard_id": ident, "range": "24h", **more})
    assert made.status_code == 201, made.text
    return made.json()


async def read(run: Running, token: str, path: str = "") -> httpx.Response:
    return await run.client(headers={TOKEN_HEADER: token}).get(f"/api/v1/shared{path}")


def asked(run: Running) -> list[Aggregate]:
    return [one for one in run.store.asked if isinstance(one, Aggregate)]


async def test_a_link_shows_the_charts_and_not_what_they_ask(run: Running) -> None:
    editor = await run.browser(Role.EDITOR)
    token = (await share(editor, (await dashboard(editor))["id"], people=True))["token"]
    page = await read(run, token)
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    seen = page.json()
    assert (seen["kind"], seen["name"], seen["trace_id"]) == ("dashboard", "Team", "")
    assert (seen["dashboard"]["description"], seen["dashboard"]["range"]) == ("Ours", "24h")
    assert [one["title"] for one in seen["dashboard"]["charts"]] == ["Failures", "Keys", "Users"]
    figures = await read(run, token, "/figures")
    assert figures.status_code == 200
    assert [one["failure"] for one in figures.json()["items"]] == [""] * 3
    assert "ann@example.com" not in page.text + figures.text
    now = at(run.clock.now_ns())
    assert {(one.project_id, one.to_at, (now - one.from_at).days) for one in asked(run)} == {(run.project.id, now, 1)}
    assert asked(run)[0].query is not None
    listed = (await run.local().get("/api/v1/shares")).json()["items"]
    assert [(one["kind"], one["range"], one["opened"], one["status"]) for one in listed] == [
        ("dashboard", "24h", 1, "active")
    ]


async def test_charts_that_name_somebody_are_left_out_unless_wanted(run: Running) -> None:
    local = run.local()
    made = await dashboard(local)
    assert made["personal"] == [1, 2]
    token = (await share(local, made["id"]))["token"]
    assert [one["title"] for one in (await read(run, token)).json()["dashboard"]["charts"]] == ["Failures"]
    await read(run, token, "/figures")
    assert [one.groups for one in asked(run)] == [()]
    nothing = await local.post("/api/v1/dashboards", json={"name": "People", "charts": CHARTS[1:]})
    refused = await local.post("/api/v1/shares", json={"dashboard_id": nothing.json()["id"], "range": "1h"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "#/people")


async def test_keys_are_shown_by_their_names(run: Running) -> None:
    new = NewKey(project_id=run.project.id, name="Billing", permissions=(Permission.INFERENCE,))
    key, _ = await run.parts.registry.create_key(new, actor="test")
    rows: list[dict[str, Any]] = [{"key": key.id, "count": 3}, {"key": "gone", "count": 1}]

    run.store.answer = lambda _: Table(["key", "count"], rows, 0, more=False)
    token = (await share(run.local(), "cost", people=True))["token"]
    items = (await read(run, token, "/figures")).json()["items"]
    charts = (await read(run, token)).json()["dashboard"]["charts"]
    shown = next(one for one, chart in zip(items, charts, strict=True) if chart["group_by"] == "key")
    assert [row["key"] for row in shown["table"]["rows"]] == ["Billing", "gone"]


async def test_what_was_shared_stays_as_it_was(run: Running) -> None:
    local = run.local()
    made = await dashboard(local)
    token = (await share(local, made["id"]))["token"]
    charts = [{"title": "By user", "kind": "table", "group_by": "user"}]
    change = {"name": "Other", "charts": charts, "version": made["version"]}
    assert (await local.put(f"/api/v1/dashboards/{made['id']}", json=change)).status_code == 200
    seen = (await read(run, token)).json()
    assert (seen["name"], [one["title"] for one in seen["dashboard"]["charts"]]) == ("Team", ["Failures"])


async def test_figures_are_asked_for_once_in_a_while(run: Running) -> None:
    token = (await share(run.local(), "latency"))["token"]
    first, again = await asyncio.gather(read(run, token, "/figures"), read(run, token, "/figures"))
    count = len(asked(run))
    assert first.json() == again.json()
    run.clock.advance(29)
    assert (await read(run, token, "/figures")).json() == first.json()
    assert len(asked(run)) == count == len(first.json()["items"])
    run.clock.advance(2)
    later = (await read(run, token, "/figures")).json()
    assert len(asked(run)) == 2 * count
    assert later["to"] > first.json()["to"]


async def test_figures_that_took_long_are_kept_longer(run: Running) -> None:
    def slow(_: Aggregate) -> Table:
        run.clock.advance(1)
        return Table([], [], 0, more=False)

    run.store.answer = slow
    token = (await share(run.local(), "latency"))["token"]
    await read(run, token, "/figures")
    count = len(asked(run))
    assert count == 9
    run.clock.advance(10 * count - 1)
    await read(run, token, "/figures")
    assert len(asked(run)) == count
    run.clock.advance(2)
    await read(run, token, "/figures")
    assert len(asked(run)) == 2 * count


async def test_a_chart_that_fails_does_not_take_the_others_along(run: Running) -> None:
    def refuse_groups(wanted: Aggregate) -> Table | PilothouseError:
        if any(one.column is not None for one in wanted.groups):
            return QueryRefused("the query user:ann@example.com takes too long")
        return Table([], [], 0, more=False)

    run.store.answer = refuse_groups
    token = (await share(run.local(), "latency"))["token"]
    answer = await read(run, token, "/figures")
    failures = [one["failure"] for one in answer.json()["items"]]
    assert failures == [""] * 6 + [QueryRefused.title] * 3
    assert "ann@example.com" not in answer.text


async def test_a_store_that_is_away_is_asked_again(run: Running) -> None:
    token = (await share(run.local(), "latency"))["token"]
    run.store.error = StoreUnavailable("away")
    assert (await read(run, token, "/figures")).status_code == 503
    run.store.error = None
    assert (await read(run, token, "/figures")).status_code == 200


async def test_a_fixed_range_stays(run: Running) -> None:
    body = {"dashboard_id": "cost", "from": "2023-11-01T00:00:00Z", "to": "2023-11-02T00:00:00+01:00"}
    made = await run.local().post("/api/v1/shares", json=body)
    assert (made.json()["share"]["range"], made.json()["share"]["range_to"]) == ("", "2023-11-01T23:00:00Z")
    run.clock.advance(86_400)
    found = (await read(run, made.json()["token"], "/figures")).json()
    assert (found["from"], found["to"]) == ("2023-11-01T00:00:00Z", "2023-11-01T23:00:00Z")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"range": ""}, "range"),
        ({"range": "0d"}, "range"),
        ({"range": "367d"}, "range"),
        ({"range": "yesterday"}, "range"),
        ({"range": "24h", "from": "2023-11-01T00:00:00Z"}, "range"),
        ({"range": "", "from": "2023-11-01T00:00:00Z", "to": "2023-11-01T00:00:00Z"}, "range"),
        ({"range": "", "from": "2022-11-01T00:00:00Z", "to": "2023-11-03T00:00:00Z"}, "range"),
        ({"range": "", "from": "yesterday"}, "from"),
        ({"expires_days": 366}, "expires_days"),
        ({"trace_id": "a" * 32}, "trace_id"),
        ({"dashboard_id": ""}, "trace_id"),
    ],
)
async def test_what_a_link_may_be(run: Running, body: dict[str, Any], pointer: str) -> None:
    answer = await run.local().post("/api/v1/shares", json={"dashboard_id": "cost", "range": "24h", **body})
    assert answer.status_code == 400, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [f"#/{pointer}"]


async def test_a_dashboard_of_another_project_cannot_be_shared(run: Running) -> None:
    other = await run.parts.registry.create_project("other", actor="test")
    made = await dashboard(run.local())
    headers = {"x-pilothouse-project": other.id}
    body = {"dashboard_id": made["id"], "range": "1h"}
    assert (await run.local().post("/api/v1/shares", json=body, headers=headers)).status_code == 404


@pytest.mark.parametrize(("role", "status"), [(Role.EDITOR, 201), (Role.REVIEWER, 403), (Role.VIEWER, 403)])
async def test_who_may_share(run: Running, role: Role, status: int) -> None:
    body = {"dashboard_id": "latency", "range": "24h"}
    assert (await (await run.browser(role)).post("/api/v1/shares", json=body)).status_code == status


async def test_links_end_with_their_dashboard_their_revocation_and_the_policy(run: Running) -> None:
    local = run.local()
    made = await dashboard(local)
    gone, ended, forbidden = [await share(local, ident) for ident in (made["id"], "cost", "latency")]
    for one in (gone, ended, forbidden):
        assert (await read(run, one["token"], "/figures")).status_code == 200
    assert (await local.delete(f"/api/v1/dashboards/{made['id']}")).status_code == 204
    await local.delete(f"/api/v1/shares/{ended['share']['id']}")
    for one, words in ((gone, "deleted"), (ended, "ended the link")):
        for path in ("", "/figures"):
            answer = await read(run, one["token"], path)
            assert (answer.status_code, words in answer.json()["detail"]) == (410, True)
    await local.put("/api/v1/shares/policy", json={"allowed": False})
    assert (await read(run, forbidden["token"], "/figures")).status_code == 410
    listed = {one["id"]: one for one in (await local.get("/api/v1/shares")).json()["items"]}
    row = listed[gone["share"]["id"]]
    assert (row["status"], row["name"], row["dashboard_id"], row["range"]) == ("revoked", "", "", "")


async def test_a_link_to_a_dashboard_opens_no_trace_and_the_other_way_round(run: Running) -> None:
    row = summary("a" * 32, run.clock)
    run.store.pages[row.trace_id] = TreePage(spans=[], next_cursor=None, summary=row)
    local = run.local()
    board = (await share(local, "cost"))["token"]
    before = len(run.store.asked)
    for path in ("/tree", "/spans/" + "b" * 16, "/matches?text=a", "/logs", "/media", "/media/x"):
        assert (await read(run, board, path)).status_code == 404, path
    assert len(run.store.asked) == before
    refused = await read(run, board, "/figures?from=2020-01-01T00:00:00Z")
    assert (refused.status_code, "no query parameter" in refused.json()["detail"]) == (400, True)
    trace = (await local.post("/api/v1/shares", json={"trace_id": row.trace_id})).json()["token"]
    assert [(await read(run, trace, path)).status_code for path in ("/tree", "/figures")] == [200, 404]
