"""Langfuse's API over HTTP: keys, bodies, answers, and what is durable when they come."""

import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pilothouse.compat.langfuse import ids
from pilothouse.domain.access import Permission
from pilothouse.domain.receipt import ReceiptOutcome
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.spool import SpoolOptions
from tests.compat.kept import kept
from tests.server.harness import Client, Running, running

V5 = {"x-langfuse-sdk-name": "python", "x-langfuse-sdk-version": "5.0.4"}


async def sdk(run: Running, *permissions: Permission) -> Client:
    """Return a client with a key pair, as the SDKs send it."""
    client = run.client(headers=V5)
    client.auth = httpx.BasicAuth("pk-lf-anything", await run.key(*(permissions or (Permission.INGEST,))))
    return client


def event(kind: str, **body: Any) -> dict[str, Any]:
    return {"id": f"e-{kind}", "type": kind, "timestamp": "2026-11-28T15:24:53.000001Z", "body": body}


async def test_a_batch_is_durable_and_owned_when_it_is_answered(run: Running, tmp_path: Path) -> None:
    batch = [
        event("trace-create", id="t", name="checkout"),
        event("generation-create", id="g", traceId="t", model="gpt-4o-mini"),
        event("score-create", traceId="t", name="quality", value=0.5),
    ]
    answer = await (await sdk(run)).post("/api/public/ingestion", json={"batch": batch, "metadata": {}})
    assert answer.status_code == 207
    assert answer.json() == {"successes": [{"id": one["id"], "status": 201} for one in batch], "errors": []}
    found = kept(tmp_path)
    assert {(one.project_id, bool(one.key_id)) for one in found.patches} == {(run.project.id, True)}
    assert [(one.name, one.project_id) for one in found.scores] == [("quality", run.project.id)]


async def test_what_is_wrong_with_one_event_is_told_of_it_alone(run: Running) -> None:
    batch = [event("unheard-of"), event("span-create", id="s", traceId="t")]
    answer = await (await sdk(run)).post("/api/public/ingestion", json={"batch": batch})
    told = answer.json()
    assert answer.status_code == 207
    assert [one["id"] for one in told["successes"]] == ["e-span-create"]
    assert [(one["id"], one["status"]) for one in told["errors"]] == [("e-unheard-of", 400)]


async def test_receipts_tell_what_became_of_events(run: Running) -> None:
    batch = [
        event("unheard-of"), event("span-create", id="s", traceId="t"),
        event("score-create", traceId="t", name="n", value=1),
    ]  # fmt: skip
    await (await sdk(run)).post("/api/public/ingestion", json={"batch": batch})
    await run.door.receipts.flush()
    assert run.parts.receipts is not None
    page = await run.parts.receipts.page(run.project.id, 0, run.clock.now_ns() + 1)
    assert {(one.surface, one.sdk_name, one.sdk_version, one.signal, one.outcome, one.items) for one in page} == {
        ("langfuse", "langfuse-python", "5.0.4", "traces", ReceiptOutcome.ACCEPTED, 1),
        ("langfuse", "langfuse-python", "5.0.4", "traces", ReceiptOutcome.REJECTED, 1),
        ("langfuse", "langfuse-python", "5.0.4", "scores", ReceiptOutcome.ACCEPTED, 1),
    }


async def test_compressed_bodies_and_values_that_json_does_not_have(run: Running, tmp_path: Path) -> None:
    odd = event("span-create", id="s", traceId="t", input=float("nan"), name="\ud800")
    body = json.dumps({"batch": [odd]})
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    answer = await (await sdk(run)).post("/api/public/ingestion", content=gzip.compress(body.encode()), headers=headers)
    assert len(answer.json()["successes"]) == 1, answer.text
    assert kept(tmp_path).patches[0].name == "\ufffd"


@pytest.mark.parametrize("body", [b"", b"no json", b"[1]", b'{"batch": 3}'])
async def test_a_body_that_is_no_batch_is_refused_in_the_sdks_form(run: Running, body: bytes) -> None:
    answer = await (await sdk(run)).post("/api/public/ingestion", content=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"message", "error"}


async def test_bad_keys_are_told_clearly(run: Running, tmp_path: Path) -> None:
    nobody, reader = run.client(), await sdk(run, Permission.READ)
    for client, status in ((nobody, 401), (reader, 403)):
        for path in ("ingestion", "scores"):
            answer = await client.post(f"/api/public/{path}", json={"batch": []})
            assert answer.status_code == status
            assert "key" in answer.json()["message"]
    assert kept(tmp_path).records == 0


async def test_every_route_checks_the_key_by_itself(run: Running) -> None:
    nobody = run.client()
    for method, path in run.app.routes.state["foreign"]:
        if path.startswith("/api/public") and path != "/api/public/health":
            url = path.replace("{", "").replace("}", "")
            answer = await nobody.request(method, url)
            assert answer.status_code == 401, (method, path)


async def test_a_full_spool_tells_when_to_come_again(tmp_path: Path) -> None:
    async with running(tmp_path, spool=SpoolOptions(max_bytes=1)) as run:
        answer = await (await sdk(run)).post("/api/public/ingestion", json={"batch": [event("span-create", id="s")]})
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1


async def test_a_body_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, otlp=OtlpOptions(max_body_bytes=1000)) as run:
        answer = await (await sdk(run)).post("/api/public/ingestion", json={"batch": [], "more": "x" * 2000})
        assert answer.status_code == 413


async def test_a_large_batch_goes_into_records_of_bounded_size(run: Running, tmp_path: Path) -> None:
    batch = [event("span-create", id=f"s{index}", traceId="t") for index in range(1000)]
    answer = await (await sdk(run)).post("/api/public/ingestion", json={"batch": batch})
    assert len(answer.json()["successes"]) == 1000
    found = kept(tmp_path)
    assert len({one.span_id for one in found.patches}) == 1000
    assert found.records > 4


async def test_scores_as_a_list_and_alone(run: Running, tmp_path: Path) -> None:
    client = await sdk(run)
    good = {"id": "a", "traceId": "t", "name": "quality", "value": 0.9}
    assert (await client.post("/api/public/scores", json=[good, {**good, "id": "b"}])).json() == {"message": "Accepted"}
    answer = await client.post("/api/public/scores", json=[{**good, "id": "c"}, {"name": "no value"}])
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (207, 1, 1)
    alone = await client.post("/api/public/scores", json={"traceId": "t", "name": "quality", "value": 1})
    wrong = await client.post("/api/public/scores", json={"traceId": "t", "name": "quality"})
    assert (alone.status_code, wrong.status_code) == (200, 400)
    assert [one.id for one in kept(tmp_path).scores] == ["a", "b", "c", alone.json()["id"]]


async def test_the_project_of_the_key(run: Running) -> None:
    answer = await (await sdk(run)).get("/api/public/projects")
    assert [(one["id"], one["name"]) for one in answer.json()["data"]] == [(run.project.id, "default")]


async def test_health_needs_no_key(run: Running) -> None:
    assert (await run.client().get("/api/public/health")).json()["status"] == "OK"


async def test_what_is_not_served_says_so(run: Running) -> None:
    client = await sdk(run)
    read = await client.get("/api/public/models")
    write = await client.post("/api/public/annotation-queues", json={"name": "d"})
    assert (read.status_code, write.status_code) == (404, 501)
    assert "not served" in msgspec.json.decode(write.content)["message"]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/project/p1/traces/0af7651916cd43dd8448eb211c80319c", "/traces/0af7651916cd43dd8448eb211c80319c?project=p1"),
        ("/project/p1/traces/order%2F1", f"/traces/{ids.trace_id('order/1')}?project=p1"),
        ("/trace/order/1", f"/traces/{ids.trace_id('order/1')}"),
        ("/ops/trace/t", f"/ops/traces/{ids.trace_id('t')}"),
    ],
)
async def test_links_that_sdks_print_lead_to_the_trace(tmp_path: Path, path: str, place: str) -> None:
    async with running(tmp_path, public_url="http://127.0.0.1/ops") as run:
        answer = await run.client().get(path)
        assert answer.status_code == 302
        assert answer.url.join(answer.headers["location"]).raw_path.decode() == place


async def test_how_scores_are_to_be_is_kept_and_changed(run: Running) -> None:
    client = await sdk(run, Permission.READ, Permission.WRITE)
    bounded = {"name": "quality", "dataType": "NUMERIC", "minValue": 0, "maxValue": 1, "description": "d"}
    made = (await client.post("/api/public/score-configs", json=bounded)).json()
    assert (made["minValue"], made["maxValue"], made["isArchived"], made["categories"]) == (0, 1, False, None)
    worded = {"name": "mood", "dataType": "CATEGORICAL", "categories": [{"label": "good", "value": 1}]}
    assert (await client.post("/api/public/score-configs", json=worded)).status_code == 200
    address = f"/api/public/score-configs/{made['id']}"
    changed = (await client.patch(address, json={"isArchived": True, "maxValue": 5})).json()
    assert (changed["isArchived"], changed["maxValue"], changed["description"]) == (True, 5, "d")
    assert (await client.get(address)).json() == changed
    listed = (await client.get("/api/public/score-configs", params={"limit": 1})).json()
    assert ([one["name"] for one in listed["data"]], listed["meta"]["totalItems"]) == (["mood"], 2)
    for wrong in ({**worded, "categories": []}, {**bounded, "maxValue": -1}, {**bounded, "dataType": "SOME"},
                  {**bounded, "minValue": "x"}, {**bounded, "name": ""}):  # fmt: skip
        assert (await client.post("/api/public/score-configs", json=wrong)).status_code == 400, wrong
    assert (await client.get("/api/public/score-configs/nowhere")).status_code == 404
