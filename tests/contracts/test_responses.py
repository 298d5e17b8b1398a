"""What the gateway's port to kept responses promises, on SQLite and on PostgreSQL alike."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from pilothouse.domain.responses import BackgroundCall, EventGroup, KeptResponse
from pilothouse.errors import InvalidRequest, MetadataUnavailable, PreviousResponseNotFound
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_responses import KeptResponses
from pilothouse.store.metadata.options import MetadataOptions

FIRST = KeptResponse(
    project_id="p", id="resp_1", key_id="k", created_at_ns=2**60, expires_at_ns=2**61, account="openai",
    upstream_id="resp_x", status="completed", input='"héllo"'.encode(), document=b'{"id":"resp_1"}',
)  # fmt: skip
CALL = BackgroundCall(
    call_id="c", trace_id="t", parent_span_id="s", path="/v1/responses", headers={"user-agent": "x"}, body=b"{}" * 9
)
MUCH = 1 << 20


def other(response_id: str, **changes: object) -> KeptResponse:
    return msgspec.structs.replace(FIRST, id=response_id, **changes)


def queued(response_id: str = "resp_q", **changes: object) -> KeptResponse:
    return other(response_id, status="queued", background=True, account="", upstream_id="", **changes)


@pytest.fixture
async def opened(database_url: str) -> AsyncIterator[Metadata]:
    metadata = Metadata(MetadataOptions(url=database_url))
    await metadata.connect()
    await metadata.migrate()
    yield metadata
    await metadata.close()


@pytest.fixture
def kept(opened: Metadata) -> KeptResponses:
    return KeptResponses(opened)


async def test_a_response_comes_back_as_it_was_and_to_its_project_only(kept: KeptResponses) -> None:
    await kept.put(FIRST)
    assert await kept.get("p", "resp_1") == FIRST
    assert await kept.get("q", "resp_1") is None
    assert (await kept.status("p", "resp_1"), await kept.status("q", "resp_1")) == ("completed", None)
    await kept.put(other("resp_1", project_id="q", document=b"{}"))
    assert await kept.get("p", "resp_1") == FIRST
    await kept.put(other("resp_1", status="incomplete"))
    assert await kept.get("p", "resp_1") == other("resp_1", status="incomplete")
    assert await kept.delete("p", "resp_1")
    assert not await kept.delete("p", "resp_1")
    assert await kept.get("p", "resp_1") is None
    assert await kept.get("q", "resp_1") is not None


async def test_a_chain_comes_oldest_first_and_lives_as_long_as_its_last(kept: KeptResponses) -> None:
    chain = [FIRST, other("resp_2", previous_id="resp_1"), other("resp_3", previous_id="resp_2")]
    for response in chain:
        await kept.put(response)
    assert await kept.chain("p", "resp_3", MUCH) == chain
    await kept.put(other("resp_4", previous_id="resp_3", expires_at_ns=2**62))
    assert {item.expires_at_ns for item in await kept.chain("p", "resp_4", MUCH)} == {2**62}


async def test_a_broken_a_long_and_a_round_chain_are_refused(kept: KeptResponses) -> None:
    with pytest.raises(PreviousResponseNotFound, match="'resp_1' not found"):
        await kept.chain("p", "resp_1", MUCH)
    await kept.put(other("resp_2", previous_id="resp_1"))
    with pytest.raises(PreviousResponseNotFound, match=r"'resp_2'.*'resp_1'"):
        await kept.chain("p", "resp_2", MUCH)
    await kept.put(FIRST)
    with pytest.raises(InvalidRequest, match="too long"):
        await kept.chain("p", "resp_2", 40)
    await kept.put(other("resp_1", previous_id="resp_2"))
    with pytest.raises(InvalidRequest, match="none of them twice"):
        await kept.chain("p", "resp_2", MUCH)
    with pytest.raises(PreviousResponseNotFound):
        await kept.chain("q", "resp_2", MUCH)


async def test_what_is_over_is_purged_with_its_events(kept: KeptResponses) -> None:
    await kept.put(FIRST)
    await kept.put(queued(expires_at_ns=5), CALL, EventGroup(0, 1, b"x"))
    assert await kept.events("p", "resp_q", -1, 10) == [EventGroup(0, 1, b"x")]
    assert await kept.purge(5, 10) == 1
    assert await kept.purge(5, 10) == 0
    assert await kept.get("p", "resp_q") is None
    assert await kept.events("p", "resp_q", -1, 10) == []
    assert await kept.get("p", "resp_1") == FIRST


async def test_a_call_is_claimed_once_and_ended_by_its_owner_only(kept: KeptResponses) -> None:
    await kept.put(FIRST)
    await kept.put(queued(), CALL)
    claimed = await asyncio.gather(*(kept.claim(f"w{n}", 10, 20, 5) for n in range(4)))
    (claim,) = [item for found in claimed for item in found]
    owner = next(f"w{n}" for n, found in enumerate(claimed) if found)
    assert (claim.call, claim.tries, claim.last_event) == (CALL, 1, -1)
    assert claim.response == msgspec.structs.replace(queued(), status="in_progress")
    assert await kept.get("p", "resp_q") == claim.response
    done = msgspec.structs.replace(claim.response, status="completed", account="openai", document=b'{"output":[]}')
    assert not await kept.end(done, "somebody")
    assert await kept.end(done, owner)
    assert not await kept.end(done, owner)
    assert await kept.get("p", "resp_q") == done
    assert await kept.claim("w9", 2**62, 2**62, 5) == ()


async def test_a_lapsed_claim_passes_to_another(kept: KeptResponses) -> None:
    await kept.put(queued(), CALL)
    await kept.put(queued("resp_r", created_at_ns=1), CALL)
    assert [item.response.id for item in await kept.claim("a", 10, 20, 1)] == ["resp_r"]
    assert [item.response.id for item in await kept.claim("b", 10, 20, 5)] == ["resp_q"]
    assert await kept.renew("a", {("p", "resp_r"), ("p", "resp_q")}, 30) == {("p", "resp_r")}
    assert await kept.renew("a", set(), 30) == set()
    assert await kept.add_events("p", "resp_q", EventGroup(0, 4, b"x"), "b")
    (taken,) = await kept.claim("c", 25, 40, 5)
    assert (taken.response.id, taken.tries, taken.last_event) == ("resp_q", 2, 4)
    assert taken.call == msgspec.structs.replace(CALL, call_id="")
    assert await kept.renew("b", {("p", "resp_q")}, 50) == set()
    assert not await kept.add_events("p", "resp_q", EventGroup(5, 5, b"y"), "b")
    await kept.release("c", {("p", "resp_q")})
    (again,) = await kept.claim("d", 26, 40, 5)
    assert again.tries == 2


async def test_a_cancelled_call_is_nobodys(kept: KeptResponses) -> None:
    await kept.put(queued(), CALL)
    await kept.claim("a", 10, 20, 1)
    ended = await kept.cancel("p", "resp_q", lambda held: held + b" ")
    assert ended is not None
    assert (ended.status, ended.document) == ("cancelled", FIRST.document + b" ")
    assert await kept.cancel("p", "resp_q", lambda held: b"again") == ended
    assert await kept.cancel("q", "resp_q", lambda held: held) is None
    assert await kept.renew("a", {("p", "resp_q")}, 30) == set()
    assert await kept.claim("b", 2**62, 2**62, 5) == ()


async def test_events_come_in_order_from_anywhere(kept: KeptResponses) -> None:
    groups = [EventGroup(0, 1, b"ab"), EventGroup(2, 5, b"cdef"), EventGroup(6, 6, b"g")]
    await kept.put(queued(), CALL, groups[0])
    await kept.claim("a", 10, 20, 1)
    for group in groups[:0:-1]:
        await kept.add_events("p", "resp_q", group, "a")
    assert await kept.events("p", "resp_q", -1, 10) == groups
    assert await kept.events("p", "resp_q", 3, 10) == groups[1:]
    assert await kept.events("p", "resp_q", 1, 1) == groups[1:2]
    assert await kept.events("q", "resp_q", -1, 10) == []
    await kept.add_events("p", "resp_q", EventGroup(6, 7, b"gh"), "a")
    assert await kept.events("p", "resp_q", 5, 10) == [EventGroup(6, 7, b"gh")]
    await kept.drop_events("p", "resp_q", 1)
    assert await kept.events("p", "resp_q", -1, 10) == groups[:1]


async def test_a_database_without_the_tables_is_unavailable(database_url: str) -> None:
    metadata = Metadata(MetadataOptions(url=database_url))
    await metadata.connect()
    kept = KeptResponses(metadata)
    with pytest.raises(MetadataUnavailable, match="has not the form"):
        await kept.put(FIRST)
    with pytest.raises(MetadataUnavailable):
        await kept.get("p", "resp_1")
    await metadata.close()


async def test_text_that_cannot_be_stored_is_an_error_of_ours(kept: KeptResponses) -> None:
    with pytest.raises(InvalidRequest):
        await kept.put(other("resp_\ud800"))


async def test_many_at_once_are_all_kept_but_the_one_that_cannot_be(kept: KeptResponses) -> None:
    names = [f"resp_{number}" for number in range(200)]
    results = await asyncio.gather(
        *(kept.put(other(name)) for name in names), kept.put(other("resp_\ud800")), return_exceptions=True
    )
    assert [type(result) for result in results if result is not None] == [InvalidRequest]
    assert [await kept.status("p", name) for name in names] == ["completed"] * 200


async def test_a_caller_that_goes_away_does_not_stop_the_writing(kept: KeptResponses) -> None:
    tasks = [asyncio.create_task(kept.put(other(f"resp_{number}"))) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [await kept.status("p", f"resp_{number}") for number in range(3)] == ["completed"] * 3


async def test_a_closed_database_fails_all_that_wait(kept: KeptResponses, opened: Metadata) -> None:
    await opened.close()
    results = await asyncio.gather(*(kept.put(other(f"resp_{n}")) for n in range(5)), return_exceptions=True)
    assert {type(result) for result in results} == {MetadataUnavailable}
