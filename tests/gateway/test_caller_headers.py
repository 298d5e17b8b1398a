"""What headers say is read once for a connection, and anew as soon as they say something else."""

from pathlib import Path

import httpx
import msgspec

from pilothouse.domain import access
from pilothouse.domain.access import KeyKind
from pilothouse.gateway import caller_headers
from tests.gateway.harness import Gateway, chat, gateway

LASTING = {b"authorization": b"Bearer ph_1", b"user-agent": b"agent", b"x-pilothouse-user-id": b"ann"}
OF_ONE_CALL = {b"content-length": b"1", b"traceparent": b"00-1", b"x-request-id": b"r"}


def test_headers_of_one_call_do_not_make_it_read_anew() -> None:
    first = caller_headers.read(LASTING | OF_ONE_CALL)
    assert caller_headers.read(LASTING | {b"content-length": b"2"}, first) is first
    assert caller_headers.recorded(LASTING | {b"traceparent": b"00-2"}, first) == {
        "user-agent": "agent", "x-pilothouse-user-id": "ann", "traceparent": "00-2",
    }  # fmt: skip
    assert "traceparent" not in caller_headers.recorded(LASTING, first)


def test_any_other_header_does() -> None:
    first = caller_headers.read(LASTING)
    for changed in (LASTING | {b"authorization": b"Bearer ph_2"}, LASTING | {b"x-new": b""}, {b"user-agent": b"agent"}):
        assert caller_headers.read(changed, first) == caller_headers.read(changed) != first


def test_no_secret_is_shown() -> None:
    assert "ph_1" not in repr(caller_headers.read(LASTING))


async def ask(client: httpx.AsyncClient, running: Gateway, **headers: str) -> int:
    """Return the status of one call on the client's one connection."""
    answer = await client.post("/v1/chat/completions", json=chat(), headers={**running.headers, **headers})
    return answer.status_code


async def test_a_connection_may_change_its_caller(tmp_path: Path) -> None:
    other = access.mint(KeyKind.VIRTUAL_KEY)
    async with gateway(tmp_path) as running, running.client(limits=httpx.Limits(max_connections=1)) as client:
        running.keys.append(running.key(other))
        running.publish()
        assert await ask(client, running) == 200
        assert await ask(client, running, authorization=f"Bearer {other}") == 200
        assert await ask(client, running, authorization="Bearer ph_wrong") == 401
        assert await ask(client, running, **{"x-pilothouse-user-id": "ann", "x-request-id": "one"}) == 200
        assert await ask(client, running, **{"x-pilothouse-user-id": "ann"}) == 200
        assert await ask(client, running) == 200
        records = await running.records(6)
    first, second = (key.id for key in running.keys)
    assert [record.key_id for record in records] == [first, second, "", first, first, first]
    assert [record.user_id for record in records] == ["", "", "", "ann", "ann", ""]
    assert [record.request_headers.get("x-request-id") for record in records] == [None, None, None, "one", None, None]


async def test_a_key_that_is_revoked_or_gone_is_refused_on_an_open_connection(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running, running.client(limits=httpx.Limits(max_connections=1)) as client:
        assert await ask(client, running) == 200
        running.keys = [msgspec.structs.replace(running.keys[0], revoked_at_ns=1)]
        running.publish()
        assert await ask(client, running) == 401
        running.keys = []
        running.publish()
        assert await ask(client, running) == 401
