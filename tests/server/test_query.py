"""The query language over HTTP, over a real telemetry store."""

import time
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pilothouse.domain.access import Permission
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.money import CostStatus
from pilothouse.domain.query.nodes import Is
from pilothouse.domain.score import Score, ScoreType
from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.store.telemetry.client import Telemetry
from tests.server.harness import Client, Running, running
from tests.spans import make_span


@pytest.fixture
async def client(tmp_path: Path, telemetry: Telemetry) -> AsyncIterator[Client]:
    """A reader of a project with four spans in three traces."""
    async with running(tmp_path, telemetry=telemetry, clock=SystemClock()) as run:
        spans = _spans(run.project.id)
        await telemetry.insert(spans, uuid.uuid4().hex)
        await telemetry.insert_scores([_score(run.project.id, spans[0], 0.2)], uuid.uuid4().hex)
        yield run.client(await run.key(Permission.READ))


def _spans(project: str) -> list[Span]:
    now_ns = time.time_ns()
    plain = {"kind": SpanKind.LLM, "model_served": "gpt-4o", "started_at_ns": now_ns - 10 * 10**9}
    return [
        make_span(project, **plain, trace_id="a" * 32, user_id="ada", input="a refund please", usage=Usage(100),
                  cost_usd=Decimal("0.5"), cost_status=CostStatus.PRICED, metadata={"plan": "pro"}, tags=("beta",)),
        make_span(project, **{**plain, "kind": SpanKind.CHAIN}, trace_id="a" * 32, user_id="ada", wrapper=True,
                  usage=Usage(100), cost_usd=Decimal("0.5"), cost_status=CostStatus.PRICED),
        make_span(project, **{**plain, "model_served": "claude"}, trace_id="b" * 32, user_id="bob",
                  status=SpanStatus.ERROR, error_detail="timeout", duration_ns=3 * 10**9, metadata={"plan": "free"}),
        make_span(project, **plain, trace_id="c" * 32, user_id="cy", output="no refunds", duration_ns=2 * 10**9),
    ]  # fmt: skip


def _score(project: str, span: Span, number: float) -> Score:
    now_ns = time.time_ns()
    return Score(
        id="s", project_id=project, trace_id=span.trace_id, span_id=span.span_id, name="helpfulness",
        type=ScoreType.NUMERIC, number=number, source="api", at_ns=now_ns, stated_at_ns=now_ns,
    )  # fmt: skip


FOUND = [
    ("refund", "ac"), ("REFUND please", "a"), ('"no refunds"', "c"), ("refund -user:ada", "c"),
    ("model:gpt-*", "ac"),
    ("model:(claude OR x)", "b"), ("cost_usd>0.1", "a"), ("status:error latency:>2s", "b"), ("has:error", "b"),
    ("metadata.plan:pro OR metadata.plan:free", "ab"), ("scores.helpfulness<0.5", "a"), ("tag:beta", "a"),
    ("started_at>-1h", "abc"), ("started_at<-1h", ""), ("-refund", "b"),
    ("-status:error", "ac"), ("-has:user", ""), ("(-refund)", "b"), ("(-refund OR -refund)", "ab"),
    ("error:TIMEOUT", "b"), ("tokens:50..150", "a"),
]  # fmt: skip


async def test_traces_are_found(client: Client) -> None:
    for q, traces in FOUND:
        for sort in ("started_at", "cost"):
            found = (await client.get("/api/v1/traces", params={"q": q, "sort": sort})).json()
            assert {item["trace_id"][0] for item in found["items"]} == set(traces), q


async def test_the_place_of_the_text_is_shown(client: Client) -> None:
    for q, matches in (
        ("refunds", ["no refunds"]),
        ("input:REF*", ["a refund please"]),
        ("-refund", [""]),
        ("ada", [""]),
    ):
        found = (await client.get("/api/v1/traces", params={"q": q})).json()
        assert [item["match"] for item in found["items"]] == matches


async def test_spans_sessions_and_users_are_found(client: Client) -> None:
    spans = (await client.get("/api/v1/spans", params={"q": "kind:llm", "limit": "2"})).json()
    more = (await client.get("/api/v1/spans", params={"q": "kind:llm", "cursor": spans["next_cursor"]})).json()
    assert [len(spans["items"]), len(more["items"])] == [2, 1]
    users = (await client.get("/api/v1/users", params={"q": "status:error"})).json()
    assert [user["user_id"] for user in users["items"]] == ["bob"]


async def test_a_query_that_cannot_be_read_is_refused_at_its_place(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    answer = await client.get("/api/v1/traces", params={"q": "refund modl:gpt"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")
    (error,) = answer.json()["errors"]
    assert (error["parameter"], error["position"], error["length"], error["expected"]) == ("q", 7, 4, ["model"])


CASES: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({}, [{"count": 4}]),
    ({"group_by": "user", "measure": ["count", "sum(cost_usd)"], "order": "user"},
     [{"user": "ada", "count": 2, "sum(cost_usd)": 0.5}, {"user": "bob", "count": 1, "sum(cost_usd)": None},
      {"user": "cy", "count": 1, "sum(cost_usd)": None}]),
    ({"q": "kind:llm", "group_by": "model", "measure": ["count", "error_rate", "max(latency_ms)"]},
     [{"model": "gpt-4o", "count": 2, "error_rate": 0, "max(latency_ms)": 2000},
      {"model": "claude", "count": 1, "error_rate": 1, "max(latency_ms)": 3000}]),
    ({"group_by": "metadata.plan", "q": "has:metadata.plan", "order": "-metadata.plan"},
     [{"metadata.plan": "pro", "count": 1}, {"metadata.plan": "free", "count": 1}]),
    ({"source": "traces", "measure": ["count", "error_rate", "uniq(user)", "sum(tokens)", "p50(latency_ms)"]},
     [{"count": 3, "error_rate": 1 / 3, "uniq(user)": 3, "sum(tokens)": 100, "p50(latency_ms)": 2000}]),
    ({"source": "traces", "q": "status:error", "group_by": "user"}, [{"user": "bob", "count": 1}]),
    ({"source": "scores", "group_by": "score", "measure": "avg(value)"}, [{"score": "helpfulness", "avg(value)": 0.2}]),
    ({"source": "scores", "q": "user:bob"}, [{"count": 0}]),
    ({"source": "traces", "q": "-status:error -user:cy", "group_by": "user"}, [{"user": "ada", "count": 1}]),
]  # fmt: skip


async def test_figures(client: Client) -> None:
    for asked, rows in CASES:
        found = (await client.get("/api/v1/query", params=asked)).json()["rows"]
        assert [row.keys() for row in found] == [row.keys() for row in rows], asked
        for row, wanted in zip(found, rows, strict=True):
            assert row == pytest.approx(wanted)


async def test_figures_by_time_are_bounded(client: Client) -> None:
    found = (await client.get("/api/v1/query", params={"group_by": "time:1h"})).json()
    assert found["step_s"] == 3600
    assert sum(row["count"] for row in found["rows"]) == 4
    assert all(row["time:1h"].endswith(":00:00Z") for row in found["rows"])
    few = (await client.get("/api/v1/query", params={"group_by": "user", "limit": "1"})).json()
    assert (len(few["rows"]), few["more"]) == (1, True)
    assert (await client.get("/api/v1/query", params={"group_by": "time:1s"})).status_code == 400


async def test_questions_of_one_time_are_answered_together(client: Client) -> None:
    questions = [
        {"measure": ["count"], "group_by": ["model"]},
        {"q": "("},
        {"measure": ["count"], "group_by": ["time:1h", "model"], "top": 1},
        {"source": "scores", "measure": ["avg(value)"]},
        {"group_by": ["time:1s"]},
        {"group_by": ["model"], "top": 1},
    ]
    answer = await client.post("/api/v1/query/together", json={"questions": questions})
    assert answer.status_code == 200
    tables = [item["table"] for item in answer.json()["items"]]
    problems = [item["problem"] for item in answer.json()["items"]]
    assert [table is None for table in tables] == [False, True, False, False, True, True]
    assert tables[0]["rows"] == [{"model": "gpt-4o", "count": 3}, {"model": "claude", "count": 1}]
    assert problems[1]["code"] == "invalid_query"
    assert problems[1]["errors"][0]["pointer"] == "#/q"
    assert ([row["model"] for row in tables[2]["rows"]], tables[2]["more"]) == (["gpt-4o"], True)
    assert tables[3]["rows"] == [{"avg(value)": pytest.approx(0.2)}]
    assert [problems[4]["status"], problems[5]["status"]] == [400, 400]
    many: dict[str, list[dict[str, str]]] = {"questions": [{}] * 101}
    assert (await client.post("/api/v1/query/together", json=many)).status_code == 400


NO_SENSE: list[dict[str, Any]] = [
    {"source": "logs"}, {"measure": "median(latency_ms)"}, {"measure": "sum(model)"}, {"measure": "count(model)"},
    {"measure": "sum"}, {"group_by": "latency_ms"}, {"group_by": "input"}, {"group_by": "metadata"},
    {"order": "model"},
    {"limit": "0"}, {"limit": "5000"}, {"group_by": ["model", "user", "key", "name"]},
    {"group_by": ["model", "model"]}, {"top": "1"}, {"top": "x"}, {"group_by": ["time", "model"], "top": "51"},
    {"source": "traces", "group_by": "kind"}, {"source": "scores", "measure": "sum(tokens)"}, {"q": "("},
]  # fmt: skip


async def test_figures_that_make_no_sense_are_refused(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    for asked in NO_SENSE:
        assert (await client.get("/api/v1/query", params=asked)).status_code == 400, asked


COMPLETED = [
    ("", None, 0, "model:"), ("sta", None, 0, "status:"), ("refund lat", None, 7, "latency_ms>"),
    ("status:", None, 7, "ok"), ("status:er", None, 7, "error"), ("-user:a", None, 6, "ada"),
    ("model:(claude OR g", None, 17, "gpt-4o"), ("metadata.pl", None, 0, "metadata.plan:"),
    ("tag:", None, 4, "beta"),
    ("metadata.plan:f", None, 14, "free"), ("scores.he", None, 0, "scores.helpfulness"),
    ("has:er", None, 4, "error"),
    ("has:scores.", None, 4, "scores.helpfulness"), ("streamed:", None, 9, "true"), ("user:bob sta", 8, 5, "bob"),
]  # fmt: skip


async def test_completions(client: Client) -> None:
    for q, at, begin, first in COMPLETED:
        asked = {"q": q} if at is None else {"q": q, "at": at}
        found = (await client.get("/api/v1/query/completions", params=asked)).json()
        assert (found["begin"], found["items"][0]["text"]) == (begin, first), q
    assert (await client.get("/api/v1/query/completions", params={"q": 'say "sta'})).json()["items"] == []


async def test_fields_are_listed(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    fields = (await client.get("/api/v1/query/fields")).json()["items"]
    assert fields[0] == {
        "name": "model", "kind": "text", "unit": "", "about": "Requested or served model", "example": "model:gpt-4o",
        "choices": [], "aliases": [],
    }  # fmt: skip


async def test_a_query_reaches_the_store_with_the_other_conditions(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    assert (await client.get("/api/v1/traces", params={"q": "user:ada", "status": "ok"})).status_code == 200
    (wanted,) = run.store.asked
    assert (wanted.query, wanted.statuses) == (Is("user", "", "ada"), (SpanStatus.OK,))


async def test_a_long_query_is_asked_for_in_a_body(client: Client) -> None:
    long = " OR ".join(f"user:nobody-{number}" for number in range(90)) + " OR user:ada"
    body = {"q": long, "group_by": ["user"], "measure": ["count"], "limit": 5}
    found = await client.post("/api/v1/query", json=body)
    assert (found.status_code, found.json()["rows"]) == (200, [{"user": "ada", "count": 2}])
    assert (await client.post("/api/v1/query", json={"no": 1})).status_code == 400
    for wrong, param in (
        ({"source": "x"}, "source"),
        ({"limit": 0}, "limit"),
        ({"from": "x"}, "from"),
        ({"no": 1}, "no"),
    ):
        answer = await client.post("/api/v1/query", json=wrong)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, f"#/{param}")
