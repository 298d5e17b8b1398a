"""Replies kept for idempotency keys."""

import asyncio

import pytest

from pilothouse.domain.clock import FakeClock
from pilothouse.domain.secret import SecretBox
from pilothouse.errors import Conflict, InvalidRequest
from pilothouse.registry.replies import Replies, Reply
from pilothouse.store.metadata.database import Metadata


@pytest.fixture
def replies(metadata: Metadata, clock: FakeClock) -> Replies:
    return Replies(metadata, SecretBox(b"k" * 32), clock)


async def test_a_repeat_gets_the_first_reply_for_a_day(replies: Replies, metadata: Metadata, clock: FakeClock) -> None:
    reply = Reply(201, '{"secret":"ph_1"}')
    assert await replies.claim("person:1 /keys", "a", b"{}") is None
    await replies.keep("person:1 /keys", "a", b"{}", reply)
    clock.advance(86_399)
    assert await replies.claim("person:1 /keys", "a", b"{}") == reply
    kept = await metadata.read(lambda tx: tx.replies.get("person:1 /keys", "a"))
    assert kept is not None
    assert b"ph_1" not in kept.sealed_reply
    assert await replies.claim("person:2 /keys", "a", b"{}") is None
    clock.advance(1)
    assert await replies.claim("person:1 /keys", "a", b"{}") is None


async def test_the_same_key_with_another_request_is_refused(replies: Replies) -> None:
    await replies.claim("s", "a", b"1")
    await replies.keep("s", "a", b"1", Reply(201, ""))
    with pytest.raises(Conflict, match="another request"):
        await replies.claim("s", "a", b"2")
    for junk in ("", "x" * 256, "a\nb"):
        with pytest.raises(InvalidRequest):
            await replies.claim("s", junk, b"1")


async def test_of_many_at_once_one_is_carried_out(replies: Replies) -> None:
    results = await asyncio.gather(*(replies.claim("s", "a", b"1") for _ in range(6)), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 5
    await replies.release("s", "a")
    assert await replies.claim("s", "a", b"1") is None
