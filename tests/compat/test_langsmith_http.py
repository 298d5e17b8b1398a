"""LangSmith's API over HTTP: keys, bodies, answers, and what is durable when they come."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from backports.zstd import compress

from pilothouse.compat.langsmith import ids
from pilothouse.domain import envelope, score
from pilothouse.domain.access import Permission
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.receipt import ReceiptOutcome
from pilothouse.domain.score import Score
from pilothouse.errors import InvalidRequest, StoreUnavailable
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.spool import SpoolOptions, SpoolReader
from tests.server.harness import Client, Running, running

RUN, ROOT = "0199aaaa-0000-7000-8000-000000000002", "0199aaaa-0000-7000-8000-000000000001"
ORDER = f"20261128T152453000001Z{ROOT}.20261128T152453000002Z{RUN}"
BOUNDARY = "b0undary"


async def sdk(run: Running, *permissions: Permission) -> Client:
    """Return a client with a key, as the SDKs send it."""
    secret = await run.key(*(permissions or (Permission.INGEST,)))
    return run.client(headers={"x-api-key": secret, "user-agent": "langsmith-py/0.15.1"})


def form(parts: Mapping[str, Any], content_type: str = "application/json") -> bytes:
    """Return the body of a form as the SDKs write it."""
    found = b""
    for name, value in parts.items():
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        found += (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {content_type}\r\n'
            f"Content-Length: {len(data)}\r\n\r\n"
        ).encode()
        found += data + b"\r\n"
    return found + f"--{BOUNDARY}--\r\n".encode()


FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def kept(run: Running, folder: Path) -> tuple[list[SpanPatch], list[Score]]:
    """Return the patches and scores in the spool, and take them out."""
    patches: list[SpanPatch] = []
    scores: list[Score] = []
    reader = SpoolReader(folder / "spool" / "platform")
    try:
        while batch := reader.read(64 * 1024**2, 10_000, 0.0):
            for item in batch.items:
                if item.kind == envelope.PATCHES:
                    patches += envelope.decode_patches(item.payload)
                elif item.kind == score.SCORES:
                    scores += score.decode(item.payload)
            reader.ack(batch)
    finally:
        reader.close()
    return patches, scores


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
async def test_a_form_is_durable_and_owned_when_it_is_answered(run: Running, tmp_path: Path, prefix: str) -> None:
    parts = {
        f"post.{RUN}": {"id": RUN, "trace_id": ROOT, "dotted_order": ORDER, "name": "ask", "run_type": "llm"},
        f"post.{RUN}.inputs": {"messages": [{"role": "user", "content": "hi"}]},
        f"post.{RUN}.extra": {"metadata": {"ls_model_name": "gpt-4o", "ls_provider": "openai"}},
        f"attachment.{RUN}.photo": b"\x00\r\n\r\n--b0und\xff",
        f"feedback.{uuid4()}": {"key": "quality", "score": 0.5, "run_id": RUN, "trace_id": ROOT},
    }
    body = compress(form(parts))
    answer = await (await sdk(run)).post(
        f"{prefix}/runs/multipart", content=body, headers={**FORM, "content-encoding": "zstd"}
    )
    assert answer.status_code == 202, answer.text
    (patch,), (feedback,) = kept(run, tmp_path)
    assert (patch.project_id, bool(patch.key_id), patch.native_id) == (run.project.id, True, RUN)
    assert (patch.trace_id, patch.parent_span_id) == (UUID(ROOT).hex, ids.span_id(UUID(ROOT)))
    assert (patch.name, patch.model_requested, patch.provider) == ("ask", "gpt-4o", "openai")
    assert json.loads(patch.attributes["langsmith.attachment.photo"])["size_bytes"] == 13
    assert (feedback.trace_id, feedback.span_id) == (patch.trace_id, patch.span_id)
    assert (feedback.name, feedback.number, feedback.project_id) == ("quality", 0.5, run.project.id)
    assert feedback.surface == "langsmith"


async def test_info_makes_sdks_send_forms_with_zstd_and_read_by_version_1_unless_told(run: Running) -> None:
    for path in ("/info", "/api/v1/info"):
        found = (await run.client().get(path)).json()
        assert found["batch_ingest_config"]["use_multipart_endpoint"] is True
        assert found["instance_flags"]["zstd_compression_enabled"] is True
        assert found["version"] == "0.18.0"
        assert "sdb_query_enabled" not in found["instance_flags"]


async def test_a_browser_gets_the_page_and_an_sdk_the_answer_at_the_same_address(run: Running) -> None:
    page = await run.client().get("/settings", headers={"accept": "text/html,*/*"})
    assert "langsmith" not in page.headers.get("x-pilothouse-error", "")
    assert page.headers["content-type"].startswith("text/html")
    answer = await (await sdk(run)).get("/settings")
    assert answer.json()["display_name"] == "default"


async def test_bad_items_cost_no_other(run: Running, tmp_path: Path) -> None:
    good = {"id": RUN, "name": "a", "run_type": "chain", "start_time": "2026-11-28T15:24:53Z"}
    batch: dict[str, list[Any]] = {"post": [good, {"id": "no"}, 7], "patch": [{}]}
    answer = await (await sdk(run)).post("/runs/batch", json=batch)
    assert answer.status_code == 202
    assert len(answer.json()["errors"]) == 3
    assert [patch.name for patch in kept(run, tmp_path)[0]] == ["a"]
    parts = {f"post.{RUN}": b"{", f"patch.{ROOT}": {"outputs": 1}, "post.no": {}, "other": {}}
    answer = await (await sdk(run)).post("/runs/multipart", content=form(parts), headers=FORM)
    assert answer.status_code == 202
    assert len(answer.json()["errors"]) == 3
    assert [patch.native_id for patch in kept(run, tmp_path)[0]] == [ROOT]
    await run.door.receipts.flush()
    receipts = await run.parts.receipts.page(run.project.id, 0, 2**62) if run.parts.receipts else []
    counts = {(one.outcome, one.surface, one.sdk_name, one.sdk_version): one.items for one in receipts}
    assert counts == {
        (ReceiptOutcome.ACCEPTED, "langsmith", "langsmith-py", "0.15.1"): 2,
        (ReceiptOutcome.REJECTED, "langsmith", "langsmith-py", "0.15.1"): 6,
    }


async def test_a_run_that_is_posted_and_patched_at_once_counts_as_the_one_span_it_is(run: Running) -> None:
    made = {"id": ROOT, "name": "a", "run_type": "chain", "start_time": "2026-11-28T15:24:53Z"}
    update = {"id": ROOT, "trace_id": ROOT, "end_time": "2026-11-28T15:24:54Z"}
    await (await sdk(run)).post("/runs/batch", json={"post": [made], "patch": [update]})
    await run.door.receipts.flush()
    assert run.parts.receipts is not None
    receipts = await run.parts.receipts.page(run.project.id, 0, 2**62)
    assert [(one.outcome, one.signal, one.items) for one in receipts] == [(ReceiptOutcome.ACCEPTED, "traces", 1)]


async def test_single_runs_are_posted_and_patched(run: Running, tmp_path: Path) -> None:
    client = await sdk(run)
    made = {"id": ROOT, "name": "a", "run_type": "tool", "start_time": "2026-11-28T15:24:53Z", "session_name": "s"}
    assert (await client.post("/runs", json=made)).status_code == 202
    update = {"end_time": "2026-11-28T15:24:54Z", "outputs": {"x": 1}, "trace_id": ROOT}
    assert (await client.patch(f"/runs/{ROOT}", json=update)).status_code == 202
    first, second = kept(run, tmp_path)[0]
    assert (first.trace_id, first.span_id) == (second.trace_id, second.span_id)
    assert (first.parent_span_id, second.parent_span_id) == ("", None)
    assert second.output == '{"x":1}'
    assert first.at_ns < second.at_ns
    refused = await client.patch("/runs/no", json={})
    assert (refused.status_code, "UUID" in refused.json()["detail"]) == (400, True)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "lsv2_pt_1"}, {"authorization": "Bearer ph_x"}])
async def test_bad_keys_are_refused_in_the_sdks_form(run: Running, headers: dict[str, str]) -> None:
    for path in ("/runs/batch", "/runs/multipart", "/feedback"):
        answer = await run.client(headers=headers).post(path, json={})
        assert answer.status_code == 401
        assert answer.json()["detail"]


async def test_a_key_may_come_as_bearer_and_needs_the_permission(run: Running) -> None:
    secret = await run.key(Permission.INGEST)
    assert (await run.client(secret).post("/runs/batch", json={})).status_code == 202
    assert (await (await sdk(run, Permission.READ)).post("/runs/batch", json={})).status_code == 403


async def test_a_full_spool_is_told_so_that_sdks_of_every_age_send_again(tmp_path: Path) -> None:
    async with running(tmp_path, spool=SpoolOptions(max_bytes=1)) as run:
        client = await sdk(run)
        answer = await client.post("/runs/batch", json={"post": [{"id": RUN, "name": "a" * 2_000}]})
        assert (answer.status_code, answer.headers["x-pilothouse-error"]) == (429, "spool_full")
        assert int(answer.headers["retry-after"]) >= 1


async def test_a_large_body_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, otlp=OtlpOptions(max_body_bytes=1_000)) as run:
        answer = await (await sdk(run)).post("/runs/batch", json={"post": [{"id": RUN, "name": "a" * 2_000}]})
        assert answer.status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"--b0undary\r\n", form({f"post.{RUN}": {}})[:-20], b"--other\r\n\r\n\r\n--other--"]
)
async def test_what_is_no_form_is_refused(run: Running, body: bytes) -> None:
    answer = await (await sdk(run)).post("/runs/multipart", content=body, headers=FORM)
    assert answer.status_code == 400, answer.text


async def test_feedback_is_kept(run: Running, tmp_path: Path) -> None:
    client = await sdk(run)
    given = {"key": "correct", "score": True, "run_id": ROOT, "comment": "c", "feedback_source": {"type": "model"}}
    answer = await client.post("/feedback", json=given)
    assert answer.status_code == 200
    (found,) = kept(run, tmp_path)[1]
    assert (found.id, found.trace_id, found.source) == (answer.json()["id"], UUID(ROOT).hex, "eval")
    assert (found.type, found.number, found.comment) == ("boolean", 1.0, "c")
    assert (await client.post("/feedback", json={"key": "x", "score": 1})).status_code == 400


async def test_what_is_not_served_is_said(run: Running) -> None:
    client = await sdk(run)
    assert (await client.get("/comments", params={"name": "d"})).status_code == 404
    for path in ("/comments", "/charts", "/api/v1/workspaces"):
        answer = await client.post(path, json={"name": "d"})
        assert (answer.status_code, "not served" in answer.json()["detail"]) == (501, True)


async def test_runs_have_no_public_links_and_it_is_said_where_traces_are_shared(run: Running) -> None:
    client = await sdk(run, Permission.READ, Permission.WRITE)
    for below in ("", "/api/v2"):
        found = await client.get(f"{below}/runs/{RUN}/share")
        assert (found.status_code, found.json()) == (200, None)
        for method in ("PUT", "POST", "DELETE"):
            answer = await client.request(method, f"{below}/runs/{RUN}/share", json={"share_token": ROOT})
            assert (answer.status_code, "/api/v1/shares" in answer.json()["detail"]) == (501, True)
    assert (await (await sdk(run, Permission.READ)).put(f"/runs/{RUN}/share", json={})).status_code == 403


async def test_where_an_address_is_also_ours_the_header_of_the_key_tells(run: Running) -> None:
    secret = await run.key(Permission.READ)
    theirs = await run.client(headers={"x-api-key": secret}).get("/api/v1/sessions")
    ours = await run.client(secret).get("/api/v1/sessions")
    assert (theirs.status_code, theirs.json()) == (200, [])
    assert (ours.status_code, ours.json()["items"]) == (200, [])
    assert (await run.client(secret).get("/api/v1/settings")).json()["display_name"] == "default"


@pytest.mark.parametrize(
    "body",
    [
        {"filter": 'near(name, "x")'},
        {"query": "a"},
        {"id": ["no"]},
        {"trace": "no"},
        {"run_type": "other"},
        {"start_time": "soon"},
        {"cursor": "zz"},
    ],
)
async def test_queries_that_are_not_understood_are_refused(run: Running, body: dict[str, Any]) -> None:
    if "cursor" in body:
        run.store.error = InvalidRequest("the cursor is not valid")
    answer = await (await sdk(run, Permission.READ)).post("/runs/query", json=body)
    assert (answer.status_code, bool(answer.json()["detail"])) == (400, True)


async def test_queries_become_filters(run: Running) -> None:
    client = await sdk(run, Permission.READ)
    body = {
        "session": [RUN],
        "is_root": True,
        "error": False,
        "run_type": "llm",
        "limit": 7,
        "trace": ROOT,
        "id": [RUN],
    }
    assert (await client.post("/runs/query", json=body)).json() == {"runs": [], "cursors": {"next": None}}
    wanted = run.store.asked[-1]
    assert (wanted.project_id, wanted.source, wanted.limit) == (run.project.id, "langsmith", 7)
    assert (wanted.trace_ids, wanted.span_ids) == ((UUID(ROOT).hex,), (ids.span_id(UUID(RUN)),))
    assert (wanted.parent_span_id, wanted.statuses) == ("", ("ok",))
    assert wanted.attributes == {"langsmith.session_id": (RUN,), "langsmith.run_type": ("llm",)}


async def test_a_project_without_runs_is_as_good_as_deleted(run: Running) -> None:
    client = await sdk(run, Permission.READ, Permission.WRITE)
    (named,) = (await client.get("/sessions", params={"name": "shop"})).json()
    assert (await client.delete(f"/sessions/{named['id']}")).json() == {"message": "No run belongs to the project"}
    assert run.store.asked[-1].attributes == {"langsmith.session_id": (named["id"],)}
    assert (await client.delete("/sessions/no")).status_code == 400


async def test_reads_need_the_permission_and_tell_what_is_not_there(run: Running) -> None:
    client = await sdk(run, Permission.READ)
    assert (await client.get(f"/runs/{RUN}")).status_code == 404
    assert (await client.get("/runs/no")).status_code == 400
    assert (await client.get(f"/sessions/{RUN}")).status_code == 404
    assert (await client.get("/feedback")).status_code == 400
    assert (await client.get("/feedback", params={"run": RUN})).json() == []
    assert (await (await sdk(run)).get(f"/runs/{RUN}")).status_code == 403


async def test_a_project_is_there_as_soon_as_it_is_named(run: Running) -> None:
    client = await sdk(run)
    (named,) = (await client.get("/sessions", params={"name": "shop"})).json()
    made = (await client.post("/sessions", json={"name": "shop", "description": "d"})).json()
    assert (made["id"], made["name"], made["description"]) == (named["id"], "shop", "d")
    assert (await client.post("/sessions", json={})).status_code == 400
    refused = await client.post("/sessions", json={"name": "x", "reference_dataset_id": RUN})
    assert (refused.status_code, "no dataset" in refused.json()["detail"]) == (404, True)


async def test_a_store_that_is_down_costs_no_run(run: Running, tmp_path: Path) -> None:
    run.store.error = StoreUnavailable("down")
    client = await sdk(run)
    assert (await client.patch(f"/runs/{RUN}", json={"outputs": {"a": 1}})).status_code == 202
    assert [patch.trace_id for patch in kept(run, tmp_path)[0]] == [UUID(RUN).hex]
    assert (await client.post("/feedback", json={"key": "k", "score": 1, "run_id": RUN})).status_code == 200
