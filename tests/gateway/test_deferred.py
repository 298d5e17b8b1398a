"""Calls that nobody waits for at a socket pass the same pipeline and leave the same record."""

from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from pilothouse.domain.call import Outcome
from pilothouse.errors import EndpointUnknown
from pilothouse.gateway.deferred import Deferred, Work
from pilothouse.providers.fake import Answer
from tests.gateway.harness import Gateway, chat, gateway

CHAT = "/v1/chat/completions"


def work(running: Gateway, *, stream: bool = False) -> Work:
    return Work(CHAT, msgspec.json.encode(chat(stream=stream)), running.keys[0].id)


def deferred(running: Gateway) -> Deferred:
    assert running.deferred is not None
    return running.deferred


async def test_a_deferred_call_is_answered_and_recorded(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        done = await deferred(running).run(work(running))
        record = await running.record()
    assert (done.status, done.ending.outcome) == (200, Outcome.ANSWERED)
    assert msgspec.json.decode(done.body)["object"] == "chat.completion"
    assert (record.id, record.key_id, record.path) == (done.call_id, running.keys[0].id, CHAT)
    assert (record.outcome, record.response_body) == (Outcome.ANSWERED, done.body)


async def test_a_stream_is_collected_event_by_event(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        done = await deferred(running).run(work(running, stream=True))
        record = await running.record()
    assert done.body.endswith(b"data: [DONE]\n\n")
    assert record.usage is not None
    assert record.response_body == done.body


async def test_a_cut_stream_ends_with_the_error_and_is_recorded_as_cut(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        running.fake.script(Answer(chunks=4, cut_after=2))
        done = await deferred(running).run(work(running, stream=True))
        record = await running.record()
    assert done.ending.outcome is record.outcome is Outcome.CUT
    assert b'"error"' in done.body


async def test_a_stream_given_up_cancels_the_call(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        started = await deferred(running).start(work(running, stream=True))
        async with aclosing(started.events()) as events:
            await anext(events)
        assert (await running.record()).outcome is Outcome.CANCELLED


@pytest.mark.parametrize(("changes", "status"), [({"revoked_at_ns": 1}, 401), ({"expires_at_ns": 1}, 401)])
async def test_a_key_that_ended_meanwhile_refuses_the_call(
    tmp_path: Path, changes: dict[str, object], status: int
) -> None:
    async with gateway(tmp_path) as running:
        running.keys = [msgspec.structs.replace(running.keys[0], **changes)]
        running.publish()
        done = await deferred(running).run(work(running))
        assert done.status == status
        running.keys = []
        running.publish()
        unknown = await deferred(running).run(Work(CHAT, b"{}", "key-gone"))
        assert unknown.status == status
        assert {record.outcome for record in await running.records(2)} == {Outcome.REFUSED}


async def test_a_path_without_dialect_is_an_error(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        with pytest.raises(EndpointUnknown):
            await deferred(running).run(Work("/v1/nothing", b"{}", running.keys[0].id))
