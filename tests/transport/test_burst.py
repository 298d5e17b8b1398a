"""Writes of one turn of the loop go out together, in order, and never to a closed socket."""

import asyncio

import pytest

from pilothouse.transport.burst import Burst

Log = list[tuple[str, bytes]]


class Wire(asyncio.Transport):
    """A socket that notes what is written."""

    def __init__(self, log: Log, name: str) -> None:
        super().__init__()
        self.log = log
        self.name = name
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.log.append((self.name, bytes(data)))

    def is_closing(self) -> bool:
        return self.closed


@pytest.fixture
def log() -> Log:
    return []


@pytest.fixture
async def busy() -> Burst:
    """A burst that has seen a turn with several writes."""
    burst = Burst()
    burst.write(Wire([], "before"), b"0")
    burst.write(Wire([], "before"), b"0")
    await asyncio.sleep(0)
    return burst


async def test_writes_wait_for_the_end_of_the_turn_and_keep_their_order(busy, log):
    a, b = Wire(log, "a"), Wire(log, "b")
    for _ in range(2):
        log.clear()
        busy.write(a, b"1")
        busy.write(b, b"2")
        busy.write(a, b"3")
        assert log == []
        await asyncio.sleep(0)
        assert log == [("a", b"1"), ("b", b"2"), ("a", b"3")]


async def test_writes_that_come_one_by_one_do_not_wait(log):
    burst, wire = Burst(), Wire(log, "a")
    for number in range(3):
        burst.write(wire, b"%d" % number)
        assert len(log) == number + 1
        await asyncio.sleep(0)
    burst.write(wire, b"alone so far")
    burst.write(wire, b"in the same turn")
    assert [data for _, data in log[3:]] == [b"alone so far"]
    await asyncio.sleep(0)
    assert log[-1] == ("a", b"in the same turn")


async def test_after_a_turn_with_several_writes_the_next_waits_and_after_one_alone_none(busy, log):
    wire = Wire(log, "a")
    busy.write(wire, b"1")
    assert len(log) == 0
    await asyncio.sleep(0)
    assert len(log) == 1
    busy.write(wire, b"2")
    assert len(log) == 2


async def test_a_flush_does_not_wait_and_a_long_burst_neither(busy, log):
    wire = Wire(log, "a")
    busy.write(wire, b"first")
    busy.flush()
    assert len(log) == 1
    for number in range(1000):
        busy.write(wire, b"%d" % number)
    assert len(log) > 900
    await asyncio.sleep(0)
    assert [data for _, data in log[1:]] == [b"%d" % number for number in range(1000)]


async def test_what_was_to_go_to_a_socket_closed_meanwhile_is_passed_over(busy, log):
    gone, here = Wire(log, "gone"), Wire(log, "here")
    busy.write(gone, b"1")
    busy.write(here, b"2")
    gone.closed = True
    await asyncio.sleep(0)
    assert log == [("here", b"2")]
