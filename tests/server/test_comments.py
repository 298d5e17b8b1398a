"""Comments over HTTP: beside what they stand, whose they are, and how many there are."""

from typing import Any

import httpx
import msgspec
import pytest

from pilothouse.domain.access import Permission, Role
from pilothouse.domain.reading import SpanDetail, SpanFilter, SpanPage
from pilothouse.server.views import at, to_ns
from tests.server.harness import Client, Running
from tests.server.test_sharing import detail

TRACE, SPAN = "a" * 32, "b" * 16


class WithSpans:
    """Finds one span of one trace, a day ago."""

    def __init__(self, span: SpanDetail) -> None:
        self.span = span
        self.asked: list[SpanFilter] = []

    async def spans(self, wanted: SpanFilter) -> SpanPage:
        self.asked.append(wanted)
        there = wanted.trace_ids == (TRACE,) and wanted.span_ids in ((), (SPAN,))
        return SpanPage([self.span], [TRACE], None) if there else SpanPage([], [], None)


@pytest.fixture
def traced(run: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """A server whose store has one span, of yesterday."""
    yesterday = at(run.clock.now_ns() - 86_400 * 10**9)
    found = WithSpans(msgspec.structs.replace(detail(run), started_at=yesterday))
    monkeypatch.setattr(run.store, "spans", found.spans)
    return run


async def write(client: Client, text: str = "Look at **this**.", **more: Any) -> httpx.Response:
    body = {"on": "trace", "subject_id": TRACE, "text": text, **more}
    return await client.post("/api/v1/comments", json=body)


async def test_a_comment_is_written_edited_resolved_and_deleted(traced: Running) -> None:
    editor = await traced.browser(Role.EDITOR)
    made = (await write(editor)).json()
    assert (made["author_name"], made["mine"], made["edited_at"], made["resolved_at"]) == ("Editor", True, None, None)
    kept = await traced.parts.library.comments.get(traced.project.id, made["id"])
    assert kept.subject_at_ns == to_ns(at(traced.clock.now_ns())) - 86_400 * 10**9
    url = f"/api/v1/comments/{made['id']}"
    edited = (await editor.patch(url, json={"text": "Seen."})).json()
    assert (edited["text"], edited["edited_at"] is None) == ("Seen.", False)
    resolved = (await editor.patch(url, json={"resolved": True})).json()
    assert (resolved["resolved_at"] is None, resolved["resolved_by"]) == (False, made["author"])
    assert (await editor.patch(url, json={"resolved": False})).json()["resolved_by"] == ""
    assert (await editor.delete(url)).status_code == 204
    assert (await editor.patch(url, json={"text": "x"})).status_code == 404


async def test_only_its_author_changes_a_comment_and_an_admin_may_delete_it(traced: Running) -> None:
    ann, bob, admin = [await traced.browser(role) for role in (Role.EDITOR, Role.REVIEWER, Role.ADMIN)]
    url = f"/api/v1/comments/{(await write(ann)).json()['id']}"
    assert (await bob.patch(url, json={"text": "No."})).status_code == 403
    assert (await bob.delete(url)).status_code == 403
    assert (await admin.patch(url, json={"text": "No."})).status_code == 403
    assert (await bob.patch(url, json={"resolved": True})).status_code == 200
    assert (await admin.delete(url)).status_code == 204


async def test_a_change_is_made_whole_or_not_at_all(traced: Running) -> None:
    ann, bob = [await traced.browser(role) for role in (Role.EDITOR, Role.REVIEWER)]
    made = (await write(ann)).json()
    url = f"/api/v1/comments/{made['id']}"
    assert (await bob.patch(url, json={"text": "No.", "resolved": True})).status_code == 403
    assert (await ann.patch(url, json={"text": " ", "resolved": True})).status_code == 400
    (kept,) = (await ann.get("/api/v1/comments", params={"subject_id": TRACE})).json()["items"]
    assert kept == made
    both = (await ann.patch(url, json={"text": "Done.", "resolved": True})).json()
    assert (both["text"], both["resolved_by"]) == ("Done.", made["author"])
    assert (await ann.patch(url, json={})).json() == both
    entries = await traced.parts.registry.list_audit(10)
    newest = next(one for one in entries if one.subject == made["id"])
    assert (newest.action, newest.detail) == ("comment.edit", {"resolved": True})


async def test_comments_of_a_trace_come_in_order_with_those_of_its_spans(traced: Running) -> None:
    local = traced.local()
    for number, more in enumerate(({}, {"on": "span", "part_id": SPAN}, {})):
        traced.clock.advance(1)
        assert (await write(local, f"number {number}", **more)).status_code == 201
    page = (await local.get("/api/v1/comments", params={"subject_id": TRACE, "limit": 2})).json()
    assert ([one["text"] for one in page["items"]], page["total"]) == (["number 0", "number 1"], 3)
    rest = {"subject_id": TRACE, "limit": 2, "cursor": page["next_cursor"]}
    assert [one["text"] for one in (await local.get("/api/v1/comments", params=rest)).json()["items"]] == ["number 2"]
    newest = (await local.get("/api/v1/comments", params={"on": "trace"})).json()
    assert [one["text"] for one in newest["items"]] == ["number 2", "number 0"]
    first = newest["items"][-1]["id"]
    await local.patch(f"/api/v1/comments/{first}", json={"resolved": True})
    counts = (await local.get("/api/v1/comments/counts", params={"subject_id": [TRACE, "c" * 32]})).json()
    assert counts["items"] == [
        {"subject_id": TRACE, "part_id": "", "count": 2, "open": 1},
        {"subject_id": TRACE, "part_id": SPAN, "count": 1, "open": 1},
    ]


async def test_what_is_not_there_has_no_comments(traced: Running) -> None:
    local = traced.local()
    missing = (
        {"subject_id": "c" * 32},
        {"on": "span", "part_id": "d" * 16},
        {"on": "session", "subject_id": "nobody"},
        {"on": "prompt", "subject_id": "nothing", "part_id": "1"},
        {"on": "dataset_item", "subject_id": "nothing", "part_id": "none"},
    )
    for place in missing:
        assert (await write(local, **place)).status_code == 404, place


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"text": "  "}, "#/text"),
        ({"text": "x" * 10_001}, "#/text"),
        ({"on": "span"}, "#/part_id"),
        ({"part_id": SPAN}, "#/part_id"),
        ({"on": "moon"}, "#/on"),
    ],
)
async def test_what_no_comment_could_be_is_refused_with_its_place(
    traced: Running, body: dict[str, Any], pointer: str
) -> None:
    answer = await write(traced.local(), **body)
    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_a_key_writes_under_its_name_and_a_viewer_only_reads(traced: Running) -> None:
    key = traced.client(await traced.key(Permission.READ, Permission.WRITE))
    made = (await write(key)).json()
    assert made["author_name"].startswith("key ")
    viewer = await traced.browser(Role.VIEWER)
    assert (await write(viewer)).status_code == 403
    seen = (await viewer.get("/api/v1/comments", params={"subject_id": TRACE})).json()["items"]
    assert [(one["text"], one["mine"]) for one in seen] == [("Look at **this**.", False)]


async def test_other_projects_do_not_see_them(traced: Running) -> None:
    other = await traced.parts.registry.create_project("other", actor="test")
    made = (await write(traced.local())).json()
    there = {"x-pilothouse-project": other.id}
    local = traced.local()
    assert (await local.get("/api/v1/comments", headers=there)).json()["total"] == 0
    assert (await local.delete(f"/api/v1/comments/{made['id']}", headers=there)).status_code == 404


async def test_comments_go_with_the_version_of_a_prompt_or_the_dataset(run: Running) -> None:
    local = run.local()
    for text in ("Hi.", "Hello."):
        made = await local.post("/api/v1/prompts", json={"name": "greeting", "content": text})
    prompt = made.json()["prompt_id"]
    dataset = (await local.post("/api/v1/datasets", json={"name": "questions"})).json()["id"]
    item = {"id": "one", "input": "?"}
    assert (await local.post(f"/api/v1/datasets/{dataset}/items", json={"items": [item]})).status_code < 300
    places = (("prompt", prompt, "1"), ("prompt", prompt, "2"), ("dataset_item", dataset, "one"))
    for on, subject, part in places:
        assert (await write(local, on=on, subject_id=subject, part_id=part)).status_code == 201

    async def left() -> list[str]:
        return [one["part_id"] for one in (await local.get("/api/v1/comments")).json()["items"]]

    assert sorted(await left()) == ["1", "2", "one"]
    await local.delete(f"/api/v1/prompts/{prompt}/versions/1")
    await local.delete(f"/api/v1/datasets/{dataset}")
    assert await left() == ["2"]
    await local.delete(f"/api/v1/prompts/{prompt}")
    assert await left() == []
