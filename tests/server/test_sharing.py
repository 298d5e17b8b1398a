"""Share links over HTTP: who makes them, what they show, and when they end."""

import hashlib
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from pilothouse.domain import shown
from pilothouse.domain.access import KeyKind, Permission, Role, mint
from pilothouse.domain.media import MediaLink
from pilothouse.domain.reading import ScoreDetail, SpanDetail
from pilothouse.domain.score import ScoreType
from pilothouse.domain.span import AttemptDetail, SpanEvent, SpanLink
from pilothouse.domain.telemetry import LogRecord
from pilothouse.domain.tree import TreePage, TreeSpan
from pilothouse.server.routes.shared import TOKEN_HEADER
from pilothouse.server.views import at
from tests.server.harness import Client, Running, summary

TRACE, SPAN = "a" * 32, "b" * 16
SECRETS = ("a secret question", "a secret answer", "ann@example.com", "account-7", "key-7", "agent/1", "host-7")


def detail(run: Running) -> SpanDetail:
    values: dict[str, Any] = {
        **dict.fromkeys(SpanDetail.__struct_fields__, ""), "metadata": {},
        "span_id": SPAN, "name": "chat", "kind": "llm", "source": "gateway", "started_at": at(run.clock.now_ns()),
        "start_ms": 0.0, "duration_ms": 5.0, "ttft_ms": None, "tokens_per_s": None, "overhead_ms": None,
        "status": "ok", "http_status": 200, "streamed": False, "input": "a secret question", "usage": None,
        "output": "a secret answer", "input_size_bytes": 17, "output_size_bytes": 15, "cost_usd": None,
        "cost_status": "unmetered", "account": "account-7", "key_id": "key-7", "user_id": "ann@example.com",
        "session_id": "session-7", "tags": ("beta",), "attributes": {"user.id": "ann@example.com", "kept": "yes"},
        "attempts": (AttemptDetail("account-7", "openai", "m", 0.0, 1.0, 5.0, 200),),
        "response_headers": {"server": "host-7"}, "running": False, "abandoned": False, "wrapper": False,
        "before_parent_ms": 0.0, "links": (), "events": (), "resource": {"host.name": "host-7"},
        "request_headers": {"user-agent": "agent/1"},
    }  # fmt: skip
    return msgspec.convert(values, SpanDetail)


@pytest.fixture
def traced(run: Running) -> Running:
    """A server whose store has one trace with one span."""
    row = summary(
        TRACE, run.clock, input_preview="a secret question", user_id="ann@example.com", key_ids=("key-7",),
        session_id="session-7",
    )  # fmt: skip
    light = TreeSpan(span_id=SPAN, name="chat", kind=detail(run).kind, start_ms=0.0, duration_ms=5.0)
    score = ScoreDetail(
        id="1", trace_id=TRACE, span_id="", session_id="", name="helpful", type=ScoreType.NUMERIC, number=1.0, text="",
        comment="a secret answer", source="api", author="ann@example.com", at=row.started_at, environment="",
        metadata={},
    )  # fmt: skip
    run.store.pages[TRACE] = TreePage(spans=[light], next_cursor=None, summary=row, scores=[score])
    run.store.details[SPAN] = detail(run)
    run.store.records = [
        LogRecord(project_id=run.project.id, id="l", surface="otlp", at_ns=1, observed_at_ns=1, body="a secret answer")
    ]
    return run


async def share(client: Client, **more: Any) -> dict[str, Any]:
    made = await client.post("/api/v1/shares", json={"trace_id": TRACE, "bodies": True, **more})
    assert made.status_code == 201, made.text
    return made.json()


async def read(run: Running, token: str, path: str = "") -> httpx.Response:
    return await run.client(headers={TOKEN_HEADER: token}).get(f"/api/v1/shared{path}")


async def test_a_link_shows_the_trace_to_somebody_without_an_account(traced: Running) -> None:
    made = await share(await traced.browser(Role.EDITOR))
    token = made["token"]
    assert made["path"] == f"/shared#{token}"
    assert token not in str(made["share"])
    page = await read(traced, token)
    assert (page.status_code, page.json()["trace_id"], page.json()["bodies"]) == (200, TRACE, True)
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    tree = (await read(traced, token, "/tree")).json()
    assert [one["span_id"] for one in tree["spans"]] == [SPAN]
    span = (await read(traced, token, f"/spans/{SPAN}")).json()
    assert (span["input"], span["output"], span["attributes"]) == (
        "a secret question",
        "a secret answer",
        {"kept": "yes"},
    )
    assert (await read(traced, token, "/matches?text=secret")).json()["span_ids"] == [SPAN]
    assert [one["body"] for one in (await read(traced, token, "/logs")).json()["items"]] == ["a secret answer"]
    everything = str(tree) + str(span)
    assert not [word for word in SECRETS[2:] if word in everything]
    listed = (await traced.local().get("/api/v1/shares")).json()["items"]
    assert [(one["status"], one["opened"]) for one in listed] == [("active", 1)]


async def test_without_bodies_nothing_that_was_said_leaves_the_house(traced: Running) -> None:
    token = (await share(traced.local(), bodies=False))["token"]
    answers = [await read(traced, token, path) for path in ("", "/tree", f"/spans/{SPAN}", "/logs", "/media")]
    assert [one.status_code for one in answers] == [200] * 5
    said = "".join(one.text for one in answers)
    assert not [word for word in SECRETS if word in said]
    assert (await read(traced, token, "/matches?text=secret")).status_code == 403
    assert answers[2].json()["duration_ms"] == 5.0


@pytest.mark.parametrize("kind", list(shown.ALWAYS))
def test_somebody_has_thought_of_every_field(kind: type[msgspec.Struct]) -> None:
    groups = (shown.ALWAYS[kind], shown.WITH_BODIES[kind], shown.NEVER[kind])
    assert frozenset().union(*groups) == set(kind.__struct_fields__)
    assert sum(map(len, groups)) == len(kind.__struct_fields__)


def test_events_and_links_say_nobody_either(run: Running) -> None:
    named = {"enduser.id": "ann", "langfuse.session.id": "s", "kept": "yes"}
    full = msgspec.structs.replace(
        detail(run), events=(SpanEvent(1, "e", named),), links=(SpanLink("c" * 32, "d" * 16, named),)
    )
    seen = shown.span(full, bodies=True)
    assert (seen.events[0].attributes, seen.links[0].attributes) == ({"kept": "yes"}, {})


async def test_a_link_ends_when_it_is_revoked_expires_or_its_trace_goes(traced: Running) -> None:
    local = traced.local()
    gone, lasting, deleted = [await share(local, expires_days=days) for days in (1, 9, 30)]
    ended = await local.delete(f"/api/v1/shares/{lasting['share']['id']}")
    assert ended.json()["status"] == "revoked"
    traced.clock.advance(2 * 86_400)
    del traced.store.pages[TRACE]
    answers = {
        "expired": await read(traced, gone["token"]),
        "ended the link": await read(traced, lasting["token"]),
        "no longer kept": await read(traced, deleted["token"], "/tree"),
    }
    for words, answer in answers.items():
        assert answer.status_code == 410
        assert words in answer.json()["detail"]


async def test_a_deleted_trace_is_forgotten_by_its_links(traced: Running) -> None:
    made = await share(traced.local())
    count = await traced.metadata.write(lambda tx: tx.shares.end_of_traces(traced.project.id, [TRACE], 1))
    answer = await read(traced, made["token"])
    assert (count, answer.status_code) == (1, 410)
    assert "deleted" in answer.json()["detail"]
    listed = (await traced.local().get("/api/v1/shares")).json()["items"]
    assert (listed[0]["trace_id"], listed[0]["name"]) == ("", "")


async def test_a_project_may_forbid_links(traced: Running) -> None:
    admin = await traced.browser(Role.ADMIN)
    before = await share(admin)
    assert (await admin.put("/api/v1/shares/policy", json={"allowed": False})).json()["allowed"] is False
    refused = await admin.post("/api/v1/shares", json={"trace_id": TRACE, "bodies": False})
    assert (refused.status_code, (await read(traced, before["token"])).status_code) == (403, 410)
    await admin.put("/api/v1/shares/policy", json={"allowed": True})
    assert (await read(traced, before["token"])).status_code == 200
    assert (await admin.get("/api/v1/shares/policy")).json()["changed_by"].startswith("person:")


@pytest.mark.parametrize(
    ("role", "status"), [(Role.OWNER, 201), (Role.EDITOR, 201), (Role.REVIEWER, 403), (Role.VIEWER, 403)]
)
async def test_who_may_share(traced: Running, role: Role, status: int) -> None:
    answer = await (await traced.browser(role)).post("/api/v1/shares", json={"trace_id": TRACE, "bodies": False})
    assert answer.status_code == status


async def test_what_a_link_may_be(traced: Running) -> None:
    local = traced.local()
    for body in ({"expires_days": 0}, {"expires_days": 366}, {"trace_id": "c" * 32}):
        answer = await local.post("/api/v1/shares", json={"trace_id": TRACE, "bodies": False, **body})
        assert answer.status_code in (400, 404), body
        if "expires_days" in body:
            assert [one["pointer"] for one in answer.json()["errors"]] == ["#/expires_days"]
    made = (await share(local))["share"]
    assert made["expires_at"].startswith(str((at(traced.clock.now_ns()) + timedelta(days=7)).date()))


async def test_guessing_is_slowed_down_and_a_typo_is_told_apart(traced: Running) -> None:
    token = (await share(traced.local()))["token"]
    assert "incomplete" in (await read(traced, token[:-1])).json()["detail"]
    codes = [(await read(traced, mint(KeyKind.SHARE_LINK))).status_code for _ in range(12)]
    assert codes == [404] * 9 + [429] * 3
    assert (await read(traced, token)).status_code == 429
    traced.clock.advance(61)
    assert (await read(traced, token)).status_code == 200


async def test_a_token_opens_nothing_else(traced: Running) -> None:
    token = (await share(traced.local()))["token"]
    elsewhere = traced.client(token, headers={TOKEN_HEADER: token})
    for path in (f"/api/v1/traces/{TRACE}", "/api/v1/shares", "/api/v1/projects", "/api/v1/comments"):
        assert (await elsewhere.get(path)).status_code == 401, path
    assert (await traced.client(await traced.key(Permission.READ)).get("/api/v1/shared")).status_code == 404


async def test_media_of_the_trace_come_through_the_token_and_no_other(traced: Running) -> None:
    library, project = traced.parts.library.media, traced.project.id
    inside = await library.keep(project, b"picture", "image/png")
    outside = await library.keep(project, b"other", "image/png")
    link = MediaLink(project_id=project, trace_id=TRACE, span_id=SPAN, field="input", media_id="")
    await library.announce(project, hashlib.sha256(b"picture").digest(), "image/png", 7, link)
    token = (await share(traced.local()))["token"]
    items = (await read(traced, token, "/media")).json()["items"]
    assert [(one["id"], one["span_id"], one["size_bytes"]) for one in items] == [(inside.id, SPAN, 7)]
    answer = await read(traced, token, f"/media/{inside.id}")
    assert (answer.content, answer.headers["content-type"]) == (b"picture", "image/png")
    assert (await read(traced, token, f"/media/{outside.id}")).status_code == 404
    beside = msgspec.structs.replace(link, field="attachment.photo.png")
    await library.announce(project, hashlib.sha256(b"picture").digest(), "image/png", 7, beside)
    places = [(one["field"], one["name"]) for one in (await read(traced, token, "/media")).json()["items"]]
    assert sorted(places) == [("attachment", "photo.png"), ("input", "")]
    bare = (await share(traced.local(), bodies=False))["token"]
    assert (await read(traced, bare, f"/media/{inside.id}")).status_code == 404
