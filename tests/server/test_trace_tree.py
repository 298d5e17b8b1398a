"""The pieces of a trace's page over the API."""

from datetime import UTC, datetime

from pilothouse.domain.access import Permission
from pilothouse.domain.span import SpanKind
from pilothouse.domain.tree import TreePage, TreeSpan
from tests.server.harness import Running

PLAIN = TreeSpan(span_id="s", name="step", kind=SpanKind.OTHER, start_ms=0, duration_ms=1)


async def test_a_tree_comes_in_pages_and_leaves_out_what_is_empty(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    run.store.pages["t"] = TreePage(spans=[PLAIN], next_cursor="more")
    found = (await client.get("/api/v1/traces/t/tree", params={"at": "2026-01-01T00:00:00Z"})).json()
    assert found["spans"] == [{"span_id": "s", "name": "step", "kind": "other", "start_ms": 0.0, "duration_ms": 1.0}]
    assert run.store.asked[-1] == ("tree", run.project.id, "t", datetime(2026, 1, 1, tzinfo=UTC))
    assert (await client.get("/api/v1/traces/t/tree", params={"cursor": "more"})).json()["spans"] == []
    assert run.store.asked[-1] == ("tree after", run.project.id, "t", "more")


async def test_what_is_not_there_is_not_found(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    for path in ("/api/v1/traces/no/tree", "/api/v1/traces/no/spans/s"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_search_needs_a_text_of_bounded_length(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    assert (await client.get("/api/v1/traces/t/matches", params={"text": "x"})).json() == {
        "span_ids": [], "more": False,
    }  # fmt: skip
    assert run.store.asked[-1] == ("matches", run.project.id, "t", "x", None)
    for text in ("", "x" * 1_001):
        assert (await client.get("/api/v1/traces/t/matches", params={"text": text})).status_code == 400
