"""Reads of Langfuse's API: pages, filters, ids of any text, and what is refused."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from pilothouse.compat.langfuse import ids
from pilothouse.domain.access import Permission
from tests.compat.pipeline import Pipeline
from tests.server.harness import Client

MINUTE = "2026-11-28T15:{:02d}:00Z"


async def sdk(line: Pipeline, *permissions: Permission) -> Client:
    client = line.run.client(params={"fromTimestamp": "2026-11-01T00:00:00Z", "toTimestamp": "2026-12-30T00:00:00Z"})
    wanted = permissions or (Permission.INGEST, Permission.READ)
    client.auth = httpx.BasicAuth("pk-lf-anything", await line.run.key(*wanted))
    return client


def event(kind: str, number: int, **body: Any) -> dict[str, Any]:
    return {"id": f"{kind}-{number}-{len(body)}", "type": kind, "timestamp": MINUTE.format(number), "body": body}


async def filled(line: Pipeline, traces: int) -> Client:
    """Return a client after traces were sent, a minute apart, each with an observation, of two users."""
    batch: list[dict[str, Any]] = []
    for number in range(traces):
        trace, at = f"trace/{number}", MINUTE.format(number)
        batch += [
            event("trace-create", number, id=trace, timestamp=at, name=f"n{number}", userId=f"u{number % 2}",
                  sessionId="s 1", input={"n": number}, metadata={"deep": {"x": 1}}),
            event("span-create", number, id=f"o{number}", traceId=trace, name="work", startTime=at, endTime=at),
            event("score-create", number, id=f"s{number}", traceId=trace, name="ok", value=1, dataType="BOOLEAN"),
        ]  # fmt: skip
    client = await sdk(line)
    answer = await client.post("/api/public/ingestion", json={"batch": batch})
    assert answer.json()["errors"] == []
    await line.drain()
    return client


async def test_pages_hold_every_trace_once(line: Pipeline) -> None:
    client = await filled(line, 5)
    seen: list[str] = []
    page, last = 1, 1
    while page <= last:
        answer = (await client.get("/api/public/traces", params={"page": page, "limit": 2})).json()
        seen += [one["id"] for one in answer["data"]]
        page, last = page + 1, answer["meta"]["totalPages"]
    assert seen == [f"trace/{number}" for number in (4, 3, 2, 1, 0)]
    assert answer["meta"] == {"page": 3, "limit": 2, "totalItems": 5, "totalPages": 3}
    beyond = (await client.get("/api/public/traces", params={"page": 9, "limit": 2})).json()
    assert beyond["data"] == []


async def test_filters_and_order(line: Pipeline) -> None:
    client = await filled(line, 4)
    of_user = (await client.get("/api/public/traces", params={"userId": "u1", "orderBy": "timestamp.asc"})).json()
    assert [one["id"] for one in of_user["data"]] == ["trace/1", "trace/3"]
    during = {"fromTimestamp": MINUTE.format(1), "toTimestamp": MINUTE.format(3)}
    found = (await client.get("/api/public/traces", params=during)).json()
    assert [one["id"] for one in found["data"]] == ["trace/2", "trace/1"]


@pytest.mark.parametrize(
    "asked", [{"fields": "all"}, {"filter": "[{}]"}, {"filter": "x"}, {"orderBy": "name.asc"}, {"page": "0"},
              {"limit": "x"}, {"page": "9999"}, {"fromTimestamp": "yesterday"}],
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused_not_ignored(line: Pipeline, asked: dict[str, str]) -> None:
    answer = await (await sdk(line)).get("/api/public/traces", params=asked)
    assert answer.status_code == 400
    assert next(iter(asked)) in answer.json()["message"] or "order" in answer.json()["message"]


async def test_one_trace_by_either_id(line: Pipeline) -> None:
    client = await filled(line, 1)
    one, other = await asyncio.gather(
        client.get("/api/public/traces/trace/0"), client.get(f"/api/public/traces/{ids.trace_id('trace/0')}")
    )
    assert one.json() == other.json()
    found = one.json()
    assert (found["id"], found["input"], found["metadata"]) == ("trace/0", {"n": 0}, {"deep": {"x": 1}})
    assert [(part["id"], part["type"], part["parentObservationId"]) for part in found["observations"]] == [
        ("o0", "SPAN", None)
    ]
    assert [(part["name"], part["value"], part["stringValue"]) for part in found["scores"]] == [("ok", 1, "True")]
    assert (await client.get("/api/public/traces/nowhere")).status_code == 404


async def test_observations_of_a_trace(line: Pipeline) -> None:
    client = await filled(line, 1)
    found = (await client.get("/api/public/observations", params={"traceId": "trace/0", "type": "SPAN"})).json()
    assert ([one["id"] for one in found["data"]], found["meta"]["totalItems"]) == (["o0"], 1)
    none = (await client.get("/api/public/observations", params={"traceId": "trace/0", "type": "GENERATION"})).json()
    assert none["data"] == []
    alone = (await client.get("/api/public/observations/o0")).json()
    assert (alone, alone["traceId"]) == (found["data"][0], "trace/0")
    assert (await client.get("/api/public/observations/nowhere")).status_code == 404


async def test_a_session_with_its_traces(line: Pipeline) -> None:
    client = await filled(line, 3)
    found = (await client.get("/api/public/sessions/s 1")).json()
    assert (found["id"], found["createdAt"], len(found["traces"])) == ("s 1", "2026-11-28T15:00:00.000Z", 3)
    assert (await client.get("/api/public/sessions/nobody")).status_code == 404


async def test_a_key_reads_only_its_own_project_and_only_when_it_may(line: Pipeline) -> None:
    await filled(line, 1)
    elsewhere = await line.run.parts.registry.create_project("other", actor="test")
    other = line.run.client()
    other.auth = httpx.BasicAuth("pk", await line.run.key(Permission.READ, project_id=elsewhere.id))
    assert (await other.get("/api/public/traces/trace/0")).status_code == 404
    writer = await sdk(line, Permission.INGEST)
    for path in ("traces", "traces/trace/0", "observations", "sessions/s"):
        assert (await writer.get(f"/api/public/{path}")).status_code == 403


async def test_traces_are_found_by_what_they_and_their_parts_say(line: Pipeline) -> None:
    client = await filled(line, 4)

    async def found(**asked: Any) -> list[str]:
        answer = await client.get("/api/public/traces", params=asked)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["data"]]

    assert await found(name="n1") == ["trace/1"]
    assert await found(name="work") == []
    assert await found(environment=["default", "other"]) == ["trace/3", "trace/2", "trace/1", "trace/0"]
    assert await found(environment="other") == []
    wanted = [{"type": "string", "column": "userId", "operator": "=", "value": "u1"},
              {"type": "string", "column": "name", "operator": "does not contain", "value": "3"}]  # fmt: skip
    assert await found(filter=json.dumps(wanted)) == ["trace/1"]
    one = (await client.get("/api/public/traces", params={"name": "n2", "fields": "core,metrics"})).json()["data"][0]
    assert (one["input"], one["observations"], one["scores"], one["latency"]) == (None, [], [], 0.0)


async def test_observations_of_all_traces_by_pages_and_by_cursor(line: Pipeline) -> None:
    client = await filled(line, 5)
    page = (await client.get("/api/public/observations", params={"userId": "u0", "limit": 2})).json()
    assert ([one["id"] for one in page["data"]], page["meta"]["totalPages"]) == (["o4", "o2"], 2)
    rest = (await client.get("/api/public/observations", params={"userId": "u0", "limit": 2, "page": 2})).json()
    assert ([one["id"] for one in rest["data"]], rest["meta"]["totalPages"]) == (["o0"], 2)
    seen: list[str] = []
    asked: dict[str, Any] = {"limit": 2, "fields": "basic,trace_context,io"}
    while True:
        answer = (await client.get("/api/public/v2/observations", params=asked)).json()
        seen += [one["id"] for one in answer["data"]]
        if "cursor" not in answer["meta"]:
            break
        asked["cursor"] = answer["meta"]["cursor"]
    assert seen == ["o4", "o3", "o2", "o1", "o0"]
    last = answer["data"][0]
    assert (last["traceId"], last["traceName"], last["userId"], last["sessionId"]) == ("trace/0", "n0", "u0", "s 1")
    assert (last["isRootObservation"], last["type"], "usageDetails" in last) == (True, "SPAN", False)


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"column": "type", "operator": "any of", "value": ["SPAN"]}, ["o1", "o0"]),
    ({"column": "type", "operator": "=", "value": "GENERATION"}, []),
    ({"column": "traceName", "operator": "starts with", "value": "n1"}, ["o1"]),
    ({"column": "traceId", "operator": "=", "value": "trace/0"}, ["o0"]),
    ({"column": "startTime", "operator": ">", "value": MINUTE.format(0)}, ["o1"]),
    ({"column": "latency", "operator": "<", "value": 0.5}, ["o1", "o0"]),
    ({"column": "level", "operator": "none of", "value": ["ERROR"]}, ["o1", "o0"]),
    ({"column": "id", "operator": "none of", "value": ["o1"]}, ["o0"]),
    ({"column": "userId", "operator": "none of", "value": ["u1"]}, ["o0"]),
    ({"column": "isRootObservation", "operator": "=", "value": True}, ["o1", "o0"]),
    ({"column": "parentObservationId", "operator": "is not null"}, []),
    ({"column": "sessionId", "operator": "is not null"}, ["o1", "o0"]),
]


async def test_conditions_on_observations(line: Pipeline) -> None:
    client = await filled(line, 2)
    for condition, expected in FILTERS:
        answer = await client.get("/api/public/v2/observations", params={"filter": json.dumps([condition])})
        assert answer.status_code == 200, (condition, answer.text)
        assert [one["id"] for one in answer.json()["data"]] == expected, condition


@pytest.mark.parametrize(
    "condition", [{"column": "inputCost", "operator": ">", "value": 1}, {"column": "type", "operator": "starts with",
                  "value": "S"}, {"column": "latency", "operator": "=", "value": "x"}, {"column": "name",
                  "operator": "like", "value": "x"}, {"column": "name", "operator": "any of", "value": []}, {}],
)  # fmt: skip
async def test_conditions_that_are_not_understood_are_refused(line: Pipeline, condition: dict[str, Any]) -> None:
    client = await sdk(line)
    answer = await client.get("/api/public/v2/observations", params={"filter": json.dumps([condition])})
    assert answer.status_code == 400


async def test_sessions_are_listed(line: Pipeline) -> None:
    client = await filled(line, 2)
    found = (await client.get("/api/public/sessions")).json()
    assert [(one["id"], one["createdAt"]) for one in found["data"]] == [("s 1", "2026-11-28T15:00:00.000Z")]
    assert found["meta"] == {"page": 1, "limit": 50, "totalItems": 1, "totalPages": 1}
    assert (await client.get("/api/public/sessions", params={"environment": "other"})).json()["data"] == []


async def test_scores_are_read_in_every_version_and_removed(line: Pipeline) -> None:
    client = await filled(line, 3)
    more = [
        {"id": "w", "name": "kind", "value": "great", "sessionId": "s 1", "metadata": {"by": "me"}},
        {"id": "n", "name": "quality", "value": 0.5, "traceId": "trace/1", "observationId": "o1"},
    ]
    assert (await client.post("/api/public/scores", json=more)).status_code == 202
    await line.drain()

    async def found(version: str, **asked: Any) -> list[str]:
        answer = await client.get(f"/api/public/{version}", params=asked)
        assert answer.status_code == 200, answer.text
        return sorted(one["id"] for one in answer.json()["data"])

    for version in ("scores", "v2/scores"):
        assert await found(version) == ["n", "s0", "s1", "s2", "w"]
        assert await found(version, dataType="BOOLEAN", userId="u1") == ["s1"]
        assert await found(version, operator=">", value="0.4", name="quality") == ["n"]
        assert await found(version, scoreIds="s0,w") == ["s0", "w"]
    by_metadata = json.dumps([{"column": "metadata", "key": "by", "operator": "=", "value": "me"}])
    assert await found("v2/scores", filter=by_metadata) == ["w"]
    assert await found("v2/scores", traceId="trace/1", observationId="o1") == ["n"]
    one = (await client.get("/api/public/v2/scores", params={"scoreIds": "n"})).json()["data"][0]
    assert (one["traceId"], one["observationId"], one["trace"]["userId"]) == ("trace/1", "o1", "u1")
    assert await found("v3/scores", dataType="NUMERIC", valueMin=0.2, valueMax=0.5) == ["n"]
    assert await found("v3/scores", dataType="categorical", value="great,bad") == ["w"]
    assert await found("v3/scores", dataType="BOOLEAN", value="true", traceId="trace/1,trace/2") == ["s1", "s2"]
    third = (await client.get("/api/public/v3/scores", params={"id": "n,s0,w", "fields": "subject"})).json()["data"]
    assert {one["id"]: (one["value"], one["subject"]) for one in third} == {
        "n": (0.5, {"kind": "observation", "id": "o1", "traceId": "trace/1"}),
        "s0": (True, {"kind": "trace", "id": "trace/0"}),
        "w": ("great", {"kind": "session", "id": "s 1"}),
    }
    assert (await client.get("/api/public/scores/n")).json()["value"] == 0.5
    assert (await client.delete("/api/public/scores/n")).status_code == 403
    editor = await sdk(line, Permission.WRITE)
    assert (await editor.delete("/api/public/scores/n")).status_code == 202
    assert (await client.get("/api/public/scores/n")).status_code == 404


@pytest.mark.parametrize(
    "asked", [{"fields": "all"}, {"limit": 101}, {"value": "1"}, {"valueMin": "1"}, {"dataType": "SOME"},
              {"observationId": "o"}, {"traceId": "t", "sessionId": "s"}, {"cursor": "zz"}],
)  # fmt: skip
async def test_scores_cannot_be_asked_for_so(line: Pipeline, asked: dict[str, Any]) -> None:
    assert (await (await sdk(line)).get("/api/public/v3/scores", params=asked)).status_code == 400


@pytest.mark.parametrize("asked", [{"filter": "x"}, {"filter": "{}"}, {"filter": "[1]"}, {"queueId": "q"},
                                   {"value": "1", "operator": "<>"}, {"value": "x"}])  # fmt: skip
async def test_scores_of_older_versions_cannot_be_asked_for_so(line: Pipeline, asked: dict[str, Any]) -> None:
    assert (await (await sdk(line)).get("/api/public/v2/scores", params=asked)).status_code == 400
