"""Batches whose lines run one by one, from the upload to the output files."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.domain import access
from pilothouse.domain.access import KeyKind
from pilothouse.domain.call import Outcome
from pilothouse.domain.clock import FakeClock
from pilothouse.errors import MetadataUnavailable
from pilothouse.gateway.batches.ports import BatchStore
from pilothouse.providers.fake import Answer
from tests.gateway.batching import CHAT, PACE, Batching, batching, jsonl, line, until
from tests.gateway.harness import chat


class Away:
    """A store that keeps no answers at first."""

    def __init__(self, store: BatchStore, refusals: int) -> None:
        self.refusals = refusals
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def settle(self, *args: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise MetadataUnavailable("away")
        await self._store.settle(*args)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Batching]:
    async with batching(tmp_path) as running:
        yield running


async def test_a_batch_runs_to_its_end(at: Batching) -> None:
    made = await at.make([line("a"), line("b", model="default"), line("c")], metadata={"job": "nightly"})
    assert (made["object"], made["status"], made["metadata"]) == ("batch", "validating", {"job": "nightly"})
    assert made["expires_at"] - made["created_at"] == 86_400
    batch = await at.end(made["id"])
    assert (batch["status"], batch["request_counts"]) == ("completed", {"total": 3, "completed": 3, "failed": 0})
    assert batch["error_file_id"] is None
    assert batch["errors"] is None
    assert batch["created_at"] <= batch["in_progress_at"] <= batch["finalizing_at"] <= batch["completed_at"]
    output, _ = await at.results(batch)
    records = await at.gateway.records(3)
    by_call = {record.id: record for record in records}
    assert set(output) == {"a", "b", "c"}
    for item in output.values():
        record = by_call[item["response"]["request_id"]]
        assert (item["response"]["status_code"], item["error"]) == (200, None)
        assert item["response"]["body"] == json.loads(record.response_body)
        assert item["id"].startswith("batch_req_")
    assert {record.batch_id for record in records} == {batch["id"]}
    assert {record.usage.tier for record in records if record.usage} == {""}
    file = (await at.client.get(f"/v1/files/{batch['output_file_id']}")).json()
    assert (file["purpose"], file["filename"]) == ("batch_output", f"{batch['id']}_output.jsonl")
    assert file["expires_at"] - file["created_at"] == 30 * 86_400


async def test_lines_that_fail_stand_in_the_error_file(at: Batching) -> None:
    lines = [
        line("good"),
        line("bad", model="up/fake-400"),
        line("odd", model="up/fake-404"),
    ]
    batch = await at.end((await at.make(lines))["id"])
    assert (batch["status"], batch["request_counts"]) == ("completed", {"total": 3, "completed": 1, "failed": 2})
    output, errors = await at.results(batch)
    assert (set(output), set(errors)) == ({"good"}, {"bad", "odd"})
    response = errors["bad"]["response"]
    assert (response["status_code"], response["body"]["error"]["type"]) == (400, "invalid_request_error")
    assert errors["bad"]["error"] is None


async def test_a_batch_of_nothing_but_failures_has_no_output_file(at: Batching) -> None:
    batch = await at.end((await at.make([line("bad", model="up/fake-400")]))["id"])
    assert (batch["status"], batch["output_file_id"]) == ("completed", None)
    assert set((await at.results(batch))[1]) == {"bad"}


@pytest.mark.parametrize(
    ("endpoint", "body", "field"),
    [
        ("/v1/responses", {"input": "hi"}, "output"),
        ("/v1/embeddings", {"input": "hi"}, "data"),
        ("/v1/completions", {"prompt": "hi"}, "choices"),
        ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}, "content"),
        ("/v1/moderations", {"input": "hi"}, "results"),
    ],
)
async def test_every_endpoint(at: Batching, endpoint: str, body: dict[str, Any], field: str) -> None:
    batch = await at.end((await at.make([line("a", url=endpoint, **body)], endpoint))["id"])
    output, errors = await at.results(batch)
    assert errors == {}
    assert field in output["a"]["response"]["body"]


FAULTS: list[tuple[bytes, str, int | None, str | None]] = [
    (b"", "empty_file", None, None),
    (b"\n  \n", "empty_file", None, None),
    (jsonl([line("a")]) + b"{nope\n", "invalid_json_line", 2, None),
    (b"\xff\xfe\n", "invalid_json_line", 1, None),
    (b"[1]\n", "invalid_request", 1, None),
    (jsonl([line("a"), line("b"), line("a")]), "duplicate_custom_id", 3, "custom_id"),
    (jsonl([{**line("a"), "custom_id": ""}]), "missing_required_parameter", 1, "custom_id"),
    (jsonl([{**line("a"), "custom_id": "x" * 513}]), "invalid_custom_id", 1, "custom_id"),
    (jsonl([{**line("a"), "method": "GET"}]), "invalid_method", 1, "method"),
    (b'{"custom_id":"a","url":"/v1/chat/completions","body":{}}', "missing_required_parameter", 1, "method"),
    (jsonl([line("a", url="/v1/embeddings")]), "url_mismatch", 1, "url"),
    (b'{"custom_id":"a","method":"POST","body":{}}', "missing_required_parameter", 1, "url"),
    (b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions"}', "missing_required_parameter", 1, "body"),
    (jsonl([{**line("a"), "body": 3}]), "invalid_request", 1, "body"),
    (jsonl([{**line("a"), "body": {}}]), "missing_required_parameter", 1, "body.model"),
    (jsonl([line("a", model="nobody/knows")]), "model_not_found", 1, "body.model"),
    (jsonl([line("a", stream=True)]), "stream_not_supported", 1, "body.stream"),
]


async def test_a_file_that_cannot_be_worked_on_fails_the_batch(at: Batching) -> None:
    for content, code, number, param in FAULTS:
        batch = await at.end((await at.make(content))["id"])
        assert (batch["status"], bool(batch["failed_at"])) == ("failed", True), content
        assert batch["errors"]["object"] == "list"
        [fault] = batch["errors"]["data"]
        assert (fault["code"], fault["line"], fault["param"]) == (code, number, param), content
        assert fault["message"]
    assert at.fake.hits == 0


async def test_the_last_line_needs_no_line_feed_and_blank_lines_do_not_count(at: Batching) -> None:
    content = b"\r\n".join([json.dumps(line("a")).encode(), b"", json.dumps(line("b")).encode()])
    batch = await at.end((await at.make(content))["id"])
    assert batch["request_counts"] == {"total": 2, "completed": 2, "failed": 0}


async def test_a_key_may_only_call_its_models(at: Batching) -> None:
    at.gateway.keys[0] = msgspec.structs.replace(at.gateway.keys[0], models=("default",))
    at.gateway.publish()
    batch = await at.end((await at.make([line("a", model="up/secret"), line("b", model="default")]))["id"])
    assert [(fault["code"], fault["line"]) for fault in batch["errors"]["data"]] == [("model_forbidden", 1)]


async def test_rate_limits_are_waited_out_and_faults_are_tried_again(at: Batching) -> None:
    at.fake.script(
        Answer(status=429, headers=(("retry-after", "0.05"),), error_message="slow down"),
        Answer(status=503, error_message="overloaded"),
        Answer(status=500, error_message="oops"),
        Answer(text="at last"),
    )
    batch = await at.end((await at.make([line("a")]))["id"])
    output, _ = await at.results(batch)
    assert output["a"]["response"]["body"]["choices"][0]["message"]["content"] == "at last"
    assert len({record.trace_id for record in await at.gateway.records(4)}) == 1


async def test_a_fault_that_stays_is_given_up_after_three_more_tries(at: Batching) -> None:
    at.fake.script(Answer(status=500, error_message="oops"))
    batch = await at.end((await at.make([line("a")]))["id"])
    _, errors = await at.results(batch)
    assert errors["a"]["response"]["status_code"] == 502
    assert at.fake.hits == 4


async def test_no_more_calls_at_once_than_allowed_and_callers_come_first(tmp_path: Path) -> None:
    async with batching(tmp_path, batch_concurrency=3) as at:
        at.fake.script("hang")
        made = await at.make([line(str(number)) for number in range(9)])
        await at.fake.wait_for_hits(3)
        await at.end(made["id"], "in_progress")
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            live = group.create_task(at.client.post(CHAT, json=chat()))
            await at.fake.wait_for_hits(4)
            assert at.fake.hits == 4
            live.cancel()
        await at.client.post(f"/v1/batches/{made['id']}/cancel")
        assert (await at.end(made["id"]))["status"] == "cancelled"


async def test_a_cancelled_batch_keeps_what_was_answered(tmp_path: Path) -> None:
    async with batching(tmp_path, batch_concurrency=2) as at:
        at.fake.script(Answer(), Answer(), Answer(), "hang")
        made = await at.make([line(str(number)) for number in range(8)])
        await at.fake.wait_for_hits(5)
        asked = (await at.client.post(f"/v1/batches/{made['id']}/cancel")).json()
        assert asked["status"] in ("cancelling", "cancelled")
        assert asked["cancelling_at"]
        batch = await at.end(made["id"])
        assert (batch["status"], batch["request_counts"]) == ("cancelled", {"total": 8, "completed": 3, "failed": 0})
        output, errors = await at.results(batch)
        assert (len(output), len(errors)) == (3, 5)
        assert {item["error"]["code"] for item in errors.values()} == {"batch_cancelled"}
        records = await at.gateway.records(5)
        assert sorted(record.outcome for record in records) == sorted([Outcome.ANSWERED] * 3 + [Outcome.CANCELLED] * 2)
        again = await at.client.post(f"/v1/batches/{made['id']}/cancel")
        assert again.status_code == 200  # it is cancelled, as asked
        done = await at.end((await at.make([line("x", model="up/fake-chat")]))["id"], "in_progress", "completed")
        assert done["status"]


async def test_what_is_over_cannot_be_cancelled(at: Batching) -> None:
    made = await at.make([line("a")])
    await at.end(made["id"])
    refused = await at.client.post(f"/v1/batches/{made['id']}/cancel")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")


async def test_what_is_not_done_when_the_window_ends_expires(tmp_path: Path) -> None:
    clock = FakeClock()
    async with batching(tmp_path, clock) as at:
        at.fake.script(Answer(), "hang")
        made = await at.make([line(str(number)) for number in range(6)], completion_window="2h")
        await at.fake.wait_for_hits(5)
        clock.advance(7201)
        batch = await at.end(made["id"])
        assert (batch["status"], batch["completed_at"]) == ("expired", None)
        assert batch["expired_at"] >= batch["expires_at"]
        output, errors = await at.results(batch)
        assert (len(output), {item["error"]["code"] for item in errors.values()}) == (1, {"batch_expired"})
        assert [item["response"] for item in errors.values()] == [None] * 5


async def test_a_claim_that_ran_out_while_the_process_stood_still_starts_no_second_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unnoticed() -> None:
        """Stand still between this step and the next."""

    clock = FakeClock()
    async with batching(tmp_path, clock) as at:
        at.fake.script("hang")
        made = await at.make([line("a")])
        await at.fake.wait_for_hits(1)
        monkeypatch.setattr(at.desk.runner, "_renew", unnoticed)
        clock.advance(PACE.lease_s + 1)
        await at.desk.runner.tick()
        runs = [task for task in asyncio.all_tasks() if task.get_name() == f"batch:{made['id']}"]
        assert len(runs) == 1


async def test_lists_and_strangers(at: Batching) -> None:
    ids = [(await at.make([line("a")]))["id"] for _ in range(3)]
    first = (await at.client.get("/v1/batches?limit=2")).json()
    assert ([item["id"] for item in first["data"]], first["has_more"]) == ([ids[2], ids[1]], True)
    rest = (await at.client.get(f"/v1/batches?after={first['last_id']}")).json()
    assert ([item["id"] for item in rest["data"]], rest["has_more"]) == ([ids[0]], False)
    other = access.mint(KeyKind.VIRTUAL_KEY)
    at.gateway.keys.append(msgspec.structs.replace(at.gateway.key(other), id="other", project_id="other"))
    at.gateway.publish()
    at.client.headers["authorization"] = f"Bearer {other}"
    assert (await at.client.get("/v1/batches")).json()["data"] == []
    for method, path in (("GET", ids[0]), ("POST", f"{ids[0]}/cancel")):
        assert (await at.client.request(method, f"/v1/batches/{path}")).status_code == 404


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"endpoint": "/v1/nothing"}, "endpoint"),
    ({"endpoint": "/v1/audio/speech"}, "endpoint"),
    ({"completion_window": "soon"}, "completion_window"),
    ({"completion_window": "15d"}, "completion_window"),
    ({"input_file_id": "file-nope"}, "input_file_id"),
    ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
    ({"metadata": {"a": "x" * 513}}, "metadata"),
    ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "output_expires_after.seconds"),
    ({"output_expires_after": {"anchor": "x", "seconds": 3600}}, "output_expires_after.anchor"),
]


async def test_a_batch_that_makes_no_sense_is_refused(at: Batching) -> None:
    usual = {"input_file_id": await at.upload(b"{}"), "endpoint": CHAT, "completion_window": "24h"}
    for changes, param in NONSENSE:
        refused = await at.client.post("/v1/batches", json={**usual, **changes})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


async def test_a_file_for_something_else_is_no_input(at: Batching) -> None:
    wanted = {"input_file_id": await at.upload(b"{}", "vision"), "endpoint": CHAT, "completion_window": "24h"}
    assert (await at.client.post("/v1/batches", json=wanted)).json()["error"]["param"] == "input_file_id"
    assert (await at.client.post("/v1/batches", content=b"{")).json()["error"]["code"] == "invalid_json"
    assert (await at.client.post("/v1/batches", json={})).status_code == 400


async def test_output_files_are_kept_as_long_as_asked(at: Batching) -> None:
    after = {"anchor": "created_at", "seconds": 7200}
    batch = await at.end((await at.make([line("a")], output_expires_after=after))["id"])
    file = (await at.client.get(f"/v1/files/{batch['output_file_id']}")).json()
    assert file["expires_at"] - file["created_at"] == 7200


async def test_lines_leave_nothing_behind(at: Batching) -> None:
    made = await at.make([line(str(number)) for number in range(30)])
    await at.end(made["id"])

    async def gone() -> bool:
        return not await at.metadata.read(lambda tx: tx.batch_work.kept(made["id"], -1, 10**9))

    await until(gone)
    assert await at.metadata.read(lambda tx: tx.batch_work.littered()) == ""


async def test_while_the_database_is_away_answers_wait_to_be_kept(at: Batching) -> None:
    runner = at.desk.runner
    store = Away(runner._works.store, refusals=3)  # type: ignore[attr-defined]
    runner._works = msgspec.structs.replace(runner._works, store=store)  # type: ignore[attr-defined]
    batch = await at.end((await at.make([line(str(number)) for number in range(4)]))["id"])
    assert (batch["request_counts"]["completed"], at.fake.hits, store.refusals) == (4, 4, 0)


async def test_without_a_database_batches_are_away_and_calls_go_on(at: Batching) -> None:
    await at.metadata.close()
    refused = await at.client.get("/v1/batches")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "metadata_unavailable")
    assert (await at.client.post(CHAT, json=chat())).status_code == 200

    async def noticed() -> bool:
        return "not open" in (at.desk.runner.ping() or "")

    await until(noticed)


class Faulty:
    """A store that is away now and then."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*args: Any) -> Any:
            self._calls += 1
            if self._calls % 9 == 0:
                raise MetadataUnavailable("away")
            return await found(*args)

        return call


async def test_a_database_that_comes_and_goes_costs_no_line_and_no_second_call(at: Batching) -> None:
    runner = at.desk.runner
    works = runner._works  # type: ignore[attr-defined]
    faulty = msgspec.structs.replace(works, store=Faulty(works.store), files=Faulty(works.files))
    runner._works = faulty  # type: ignore[attr-defined]
    batch = await at.end((await at.make([line(str(number)) for number in range(30)]))["id"])
    assert batch["request_counts"] == {"total": 30, "completed": 30, "failed": 0}
    assert at.fake.hits == 30
