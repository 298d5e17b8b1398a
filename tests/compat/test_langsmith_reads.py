"""Reads of LangSmith's API: the language of filters, and attachments."""

import hashlib
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.compat.langsmith import expressions, filters
from pilothouse.compat.langsmith.expressions import Call, Name
from pilothouse.domain.access import Permission
from pilothouse.domain.query.nodes import And, Compare, Has, Is, Not
from pilothouse.errors import InvalidRequest
from tests.compat.pipeline import Pipeline
from tests.compat.test_langsmith_http import FORM, form
from tests.server.harness import Client

SECOND = "2026-11-28T15:24:{:02d}.000000Z"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20


async def sdk(line: Pipeline, *permissions: Permission) -> Client:
    wanted = permissions or (Permission.INGEST, Permission.READ)
    return line.run.client(headers={"x-api-key": await line.run.key(*wanted)})


def made(number: int, parent: UUID | None = None, **more: Any) -> dict[str, Any]:
    run = UUID(int=(0x0199AAAA00007000 << 64) + (8 << 60) + number)
    root = parent or run
    return {
        "id": str(run), "trace_id": str(root), "name": f"n{number}", "run_type": "chain",
        "start_time": SECOND.format(number), "end_time": SECOND.format(number + 1),
        "parent_run_id": str(parent) if parent else None, **more,
    }  # fmt: skip


async def filled(line: Pipeline) -> tuple[Client, list[dict[str, Any]]]:
    """Return a client, and the runs that it sent: two traces, each with a call below its root."""
    first = made(1, tags=["a", "b"], extra={"metadata": {"plan": "pro", "n": 3}}, inputs={"q": "about refunds"})
    second = made(5, extra={"metadata": {"thread_id": "t-1"}}, error="ValueError('bad')", session_name="other")
    meta = {"metadata": {"ls_model_name": "gpt-4o"}}
    runs = [
        first, second,
        made(2, UUID(first["id"]), run_type="llm", extra=meta),
        made(6, UUID(second["id"]), run_type="tool", end_time=SECOND.format(16)),
    ]  # fmt: skip
    client = await sdk(line)
    assert (await client.post("/runs/batch", json={"post": runs, "patch": []})).status_code == 202
    score = {"id": str(uuid4()), "key": "quality", "score": 0.5, "run_id": first["id"], "trace_id": first["id"]}
    assert (await client.post("/feedback", json=score)).status_code == 200
    await line.drain()
    return client, runs


FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({"filter": 'eq(name, "n1")'}, {"n1"}),
    ({"filter": 'and(eq(run_type, "llm"), gt(latency, "500ms"))'}, {"n2"}),
    ({"filter": "gt(latency, 5)"}, {"n6"}),
    ({"filter": 'or(has(tags, "a"), eq(run_type, "tool"))'}, {"n1", "n6"}),
    ({"filter": "neq(error, null)"}, {"n5"}),
    ({"filter": 'like(error, "%bad%")'}, {"n5"}),
    ({"filter": 'like(inputs, "%refunds%")'}, {"n1"}),
    ({"filter": 'like(tags, "a%")'}, {"n1"}),
    ({"filter": 'eq(status, "success")'}, {"n1", "n2", "n6"}),
    ({"filter": 'search("REFUNDS")'}, {"n1"}),
    ({"filter": 'has(metadata, \'{"plan": "pro"}\')'}, {"n1"}),
    ({"filter": 'and(eq(metadata_key, "plan"), eq(metadata_value, "pro"))'}, {"n1"}),
    ({"filter": 'and(eq(metadata_key, "n"), gte(metadata_value, 3))'}, {"n1"}),
    ({"filter": 'has(metadata, \'{"ls_model_name": "gpt-4o"}\')'}, {"n2"}),
    ({"filter": 'and(eq(feedback_key, "quality"), lt(feedback_score, 0.6))'}, {"n1"}),
    ({"filter": 'and(eq(feedback_key, "quality"), gt(feedback_score, 0.6))'}, set()),
    ({"filter": 'eq(thread_id, "t-1")'}, {"n5"}),
    ({"filter": f'gte(start_time, "{SECOND.format(5)}")'}, {"n5", "n6"}),
    ({"filter": 'like(name, "n%")', "trace_filter": 'eq(name, "n5")'}, {"n5", "n6"}),
    ({"filter": 'not(in(name, ["n1", "n2"]))'}, {"n5", "n6"}),
    ({"tree_filter": 'eq(run_type, "llm")'}, {"n1", "n2"}),
    ({"filter": "eq(is_root, false)", "trace_filter": "has(tags, 'b')"}, {"n2"}),
]


async def test_runs_are_found_by_filters_of_themselves_their_root_and_their_tree(line: Pipeline) -> None:
    client, runs = await filled(line)
    for asked, expected in FILTERS:
        answer = await client.post("/runs/query", json=asked)
        assert answer.status_code == 200, (asked, answer.text)
        assert {one["name"] for one in answer.json()["runs"]} == expected, asked
    by_id = f'in(id, ["{runs[0]["id"]}", "{runs[3]["id"]}"])'
    found = (await client.post("/runs/query", json={"filter": by_id})).json()["runs"]
    assert {one["name"] for one in found} == {"n1", "n6"}


async def test_the_runs_below_one_are_found_in_its_project(line: Pipeline) -> None:
    client, runs = await filled(line)
    found = (await client.get(f"/runs/{runs[1]['id']}")).json()
    below = {"is_root": False, "session_id": found["session_id"], "trace": runs[1]["id"]}
    # the run below says nothing of its project, and so belongs to the usual one
    (child,) = (await client.post("/runs/query", json={"is_root": False, "trace": runs[1]["id"]})).json()["runs"]
    assert (await client.post("/runs/query", json=below)).json()["runs"] == []
    same = {**below, "session_id": child["session_id"]}
    assert [one["name"] for one in (await client.post("/runs/query", json=same)).json()["runs"]] == ["n6"]


async def test_runs_come_oldest_first_where_that_is_asked_for(line: Pipeline) -> None:
    client, _ = await filled(line)
    found: list[str] = []
    cursor: str | None = None
    while not found or cursor is not None:
        asked = {"order": "asc", "limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await client.post("/runs/query", json=asked)).json()
        found += [one["name"] for one in page["runs"]]
        cursor = page["cursors"]["next"]
    assert found == ["n1", "n2", "n5", "n6"]
    assert (await client.post("/runs/query", json={"order": "asc", "cursor": "ff"})).status_code == 400


async def test_figures_are_of_the_runs_that_are_asked_for(line: Pipeline) -> None:
    client, _ = await filled(line)

    async def stats(**asked: str) -> tuple[int, list[str]]:
        found = (await client.post("/runs/stats", json=asked)).json()
        return found["run_count"], sorted(found["feedback_stats"])

    assert await stats() == (2, ["quality"])
    assert await stats(trace_filter='eq(name, "n1")') == (1, ["quality"])
    assert await stats(trace_filter='eq(name, "n5")') == (1, [])


@pytest.mark.parametrize(
    "text",
    ["", "eq", "eq(name)", 'eq(name, "a"', 'eq(name, "a") x', 'near(name, "a")', 'eq(shoe, "a")', "gt(latency, x)",
     "and()", "in(name, [])", 'gt(name, "a")', 'eq(status, "fine")', 'like(name, "a*")', "eq(id, 5)", "(" * 50,
     'gt(tags, "a")', 'lte(inputs, "a")',
     "not(" * 40 + "x" + ")" * 40],
)  # fmt: skip
def test_filters_that_are_not_understood_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        filters.of(text, "filter")


def test_keys_and_values_that_stand_apart_are_one_condition() -> None:
    assert filters.of('and(eq(feedback_key, "k"), eq(feedback_value, "v"))', "f") == Is("scores", "k", "v")
    assert filters.of('eq(feedback_key, "k")', "f") == Has("scores", "k")
    assert filters.of('and(eq(metadata_key, "k"), neq(metadata_value, "v"))', "f") == Not(Is("metadata", "k", "v"))
    assert filters.of('and(eq(metadata_key, "k"), eq(feedback_key, "a"))', "f") == And(
        (Has("metadata", "k"), Has("scores", "a"))
    )
    assert filters.of("gt(total_tokens, 5)", "f") == Compare("tokens", "", ">", 5.0)


@given(st.lists(st.one_of(st.text(), st.integers(-(10**9), 10**9), st.booleans(), st.none()), max_size=5))
def test_values_are_read_as_they_are_written(values: list[Any]) -> None:
    text = f"in(name, {json.dumps(values)})"
    if len(text) < 20_000:
        assert expressions.read(text, "filter") == Call("in", [Name("name"), values])


async def test_attachments_are_kept_once_and_given_back(line: Pipeline) -> None:
    client = await sdk(line)
    body = made(1)
    run = body["id"]
    post = form({f"post.{run}": body}).removesuffix(b"--b0undary--\r\n")
    for name in ("photo.png", "copy"):
        post += form({f"attachment.{run}.{name}": PICTURE}, "image/png; length=5128").removesuffix(b"--b0undary--\r\n")
    answer = await client.post("/runs/multipart", content=post + b"--b0undary--\r\n", headers=FORM)
    assert (answer.status_code, "errors" in answer.json()) == (202, False), answer.text
    await line.drain()
    found = (await client.get(f"/runs/{run}")).json()["s3_urls"]
    assert set(found) == {"attachment.photo.png", "attachment.copy"}
    assert found["attachment.photo.png"] == found["attachment.copy"]
    address = found["attachment.copy"]["presigned_url"]
    assert address.endswith(hashlib.sha256(PICTURE).hexdigest())
    sent = await line.run.client().get(address)
    assert (sent.content, sent.headers["content-type"]) == (PICTURE, "image/png")
    held = await line.run.parts.library.media.of_trace(line.run.project.id, UUID(run).hex)
    assert sorted(link.field for link, _ in held) == ["attachment.copy", "attachment.photo.png"]
    listed = (await client.post("/runs/query", json={"id": [run], "select": ["s3_urls"]})).json()["runs"]
    assert set(listed[0]["s3_urls"]) == set(found)
