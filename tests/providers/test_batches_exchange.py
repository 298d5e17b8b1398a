"""Results are read line by line however they are cut up, and never without bound."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.clock import FakeClock
from pilothouse.errors import UpstreamProtocol
from pilothouse.providers.base import AccountOptions, WeightedKey
from pilothouse.providers.batches import Exchange
from pilothouse.providers.batches.exchange import MAX_LINE_BYTES, on_one_line
from pilothouse.providers.keyed import Auth, KeyedAccount
from pilothouse.providers.keys import KeyRing
from pilothouse.transport.base import Origin, Request

RING = KeyRing([WeightedKey("sk-a")], FakeClock())
ORIGIN = Origin("http", "127.0.0.1", 9)
ACCOUNT = KeyedAccount(AccountOptions("acc", secret="sk-a"), FakeClock(), needs_secret=True)
EXCHANGE = Exchange(ACCOUNT, RING, ORIGIN, Auth.BEARER, ())


class Pieces:
    """An answer that comes in these pieces."""

    status = 200
    reused = False

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.closed = False
        self._pieces = pieces

    async def read(self, limit_bytes: int) -> bytes:
        return b"".join(self._pieces)[:limit_bytes]

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def close(self) -> None:
        self.closed = True

    async def send(self, request: Request) -> "Pieces":
        assert request.method == b"GET"
        return self

    async def lines(self) -> list[bytes]:
        return [line async for line in EXCHANGE.lines(self.send, RING.pick(), "/results")]


@given(st.lists(st.text(alphabet="ab{} \r🌍").map(str.encode), max_size=6), st.data())
def test_any_cut_gives_the_same_lines(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    edges = [0, *cuts, len(whole)]
    answer = Pieces([whole[start:end] for start, end in itertools.pairwise(edges)])
    assert asyncio.run(answer.lines()) == [line for line in lines if line.strip()]
    assert answer.closed


async def test_a_line_without_end_is_given_up() -> None:
    taken = 0

    def endless() -> Iterable[bytes]:
        nonlocal taken
        yield b'{"a":1}\n'
        while True:
            taken += 1
            yield b"x" * 1_000_000

    answer = Pieces(endless())
    with pytest.raises(UpstreamProtocol):
        await answer.lines()
    assert taken <= MAX_LINE_BYTES // 1_000_000 + 1
    assert answer.closed


def test_line_breaks_stand_between_tokens_only() -> None:
    body = b'{\r\n  "a": "x\\ny",\n  "b": 1\n}'
    assert on_one_line(body) == b'{    "a": "x\\ny",   "b": 1 }'
    plain = b'{"a":1}'
    assert on_one_line(plain) is plain
