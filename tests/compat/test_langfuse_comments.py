"""Comments over Langfuse's API: the same that people read and write beside traces."""

from typing import Any

import httpx
import pytest

from pilothouse.compat.langfuse import ids
from pilothouse.domain.access import Permission
from tests.compat.pipeline import Pipeline
from tests.server.harness import Client

AT = "2026-11-28T15:00:00Z"


async def sdk(line: Pipeline, *permissions: Permission) -> Client:
    client = line.run.client()
    wanted = permissions or (Permission.INGEST, Permission.READ, Permission.WRITE)
    client.auth = httpx.BasicAuth("pk-lf-anything", await line.run.key(*wanted))
    return client


async def traced(line: Pipeline, client: Client) -> None:
    """Send a trace with one observation, with ids of the application's own."""
    bodies = {
        "trace-create": {"id": "trace/1", "timestamp": AT, "name": "chat", "sessionId": "s 1"},
        "span-create": {"id": "work", "traceId": "trace/1", "name": "work", "startTime": AT, "endTime": AT},
    }
    batch = [{"id": kind, "type": kind, "timestamp": AT, "body": body} for kind, body in bodies.items()]
    answer = await client.post("/api/public/ingestion", json={"batch": batch})
    assert answer.json()["errors"] == []
    await line.drain()


async def comment(client: Client, kind: str, native: str, **more: Any) -> httpx.Response:
    body = {"projectId": "any", "objectType": kind, "objectId": native, "content": f"on {native}", **more}
    return await client.post("/api/public/comments", json=body)


async def test_comments_of_every_kind_are_written_and_read_back(line: Pipeline) -> None:
    client = await sdk(line)
    await traced(line, client)
    made = await client.post("/api/public/v2/prompts", json={"name": "greeting", "prompt": "Hi.", "type": "text"})
    prompt = made.json()["id"]
    places = (("TRACE", "trace/1"), ("OBSERVATION", "work"), ("SESSION", "s 1"), ("PROMPT", prompt))
    written: list[str] = []
    for kind, native in places:
        answer = await comment(client, kind, native, authorUserId="ann")
        assert answer.status_code == 200, answer.text
        written.append(answer.json()["id"])
    page = (await client.get("/api/public/comments", params={"limit": 3})).json()
    assert [(one["objectType"], one["objectId"]) for one in page["data"]] == list(reversed(places[1:]))
    assert page["meta"] == {"page": 1, "limit": 3, "totalItems": 4, "totalPages": 2}
    for (kind, native), ident in zip(places, written, strict=True):
        asked = {"objectType": kind, "objectId": native}
        found = (await client.get("/api/public/comments", params=asked)).json()["data"]
        assert [one["id"] for one in found] == [ident]
    one = (await client.get(f"/api/public/comments/{written[0]}")).json()
    said = (one["content"], one["authorUserId"], one["objectId"], one["projectId"])
    assert said == ("on trace/1", "ann", "trace/1", line.run.project.id)
    assert (await client.get("/api/public/comments", params={"authorUserId": "bob"})).json()["data"] == []


async def test_people_see_what_scripts_wrote(line: Pipeline) -> None:
    client = await sdk(line)
    await traced(line, client)
    await comment(client, "OBSERVATION", "work")
    params = {"subject_id": ids.trace_id("trace/1")}
    (seen,) = (await line.run.local().get("/api/v1/comments", params=params)).json()["items"]
    assert (seen["on"], seen["part_id"], seen["text"]) == ("span", ids.span_id("work"), "on work")
    assert seen["author_name"].startswith("key ")


async def test_a_trace_may_still_be_on_its_way_and_an_observation_may_not(line: Pipeline) -> None:
    client = await sdk(line)
    assert (await comment(client, "TRACE", "not yet")).status_code == 200
    late = await comment(client, "OBSERVATION", "not yet")
    assert (late.status_code, "arrived" in late.json()["message"]) == (404, True)
    assert (await comment(client, "PROMPT", "none-1")).status_code == 404


@pytest.mark.parametrize("body", [{"objectType": "MOON"}, {"objectId": ""}, {"content": " "}])
async def test_what_no_comment_could_be_is_refused(line: Pipeline, body: dict[str, str]) -> None:
    assert (await comment(await sdk(line), "TRACE", "trace/1", **body)).status_code == 400


async def test_what_a_project_redacts_is_redacted_in_comments_too(line: Pipeline) -> None:
    client = await sdk(line)
    policy = {"detectors": [{"detector": "email"}]}
    place = f"/api/v1/projects/{line.run.project.id}/redaction"
    answer = await line.run.local().put(place, json={"version": 0, "policy": policy})
    assert answer.status_code == 200, answer.text
    await line.run.door.keys.tick()
    who = "ada@example.com"
    made = await comment(client, "SESSION", f"of {who}", content=f"ask {who}", authorUserId=who)
    assert made.status_code == 200, made.text
    (seen,) = (await client.get("/api/public/comments")).json()["data"]
    assert who not in str(seen)
    assert (seen["content"][:4], seen["objectId"][:3]) == ("ask ", "of ")


async def test_reading_needs_its_permission(line: Pipeline) -> None:
    assert (await (await sdk(line, Permission.INGEST)).get("/api/public/comments")).status_code == 403
    refused = await (await sdk(line)).get("/api/public/comments", params={"objectId": "x"})
    assert refused.status_code == 400
