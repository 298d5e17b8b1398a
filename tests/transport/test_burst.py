"""Writes of one turn of the loop go out together, in order, and never to a closed socket."""

import asyncio

from pilothouse.transport.burst import Burst


class Wire(asyncio.Transport):
    """A socket that notes what is written."""

    def __init__(self, log: list[tuple[str, bytes]], name: str) -> None:
        super().__init__()
        self.log = log
        self.name = name
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.log.append((self.name, bytes(data)))

    def is_closing(self) -> bool:
        return self.closed


async def test_writes_wait_for_the_end_of_the_turn_and_keep_their_order():
    log: list[tuple[str, bytes]] = []
    burst, a, b = Burst(), Wire(log, "a"), Wire(log, "b")
    burst.write(a, b"1")
    burst.write(b, b"2")
    burst.write(a, b"3")
    assert log == []
    await asyncio.sleep(0)
    assert log == [("a", b"1"), ("b", b"2"), ("a", b"3")]
    burst.write(b, b"4")
    await asyncio.sleep(0)
    assert log[-1] == ("b", b"4")


async def test_a_flush_does_not_wait_and_a_long_burst_neither():
    log: list[tuple[str, bytes]] = []
    burst, wire = Burst(), Wire(log, "a")
    burst.write(wire, b"1")
    burst.flush()
    assert len(log) == 1
    for number in range(1000):
        burst.write(wire, b"%d" % number)
    assert len(log) > 900
    await asyncio.sleep(0)
    assert [data for _, data in log[1:]] == [b"%d" % number for number in range(1000)]


async def test_what_was_to_go_to_a_socket_closed_meanwhile_is_passed_over():
    log: list[tuple[str, bytes]] = []
    burst, gone, here = Burst(), Wire(log, "gone"), Wire(log, "here")
    burst.write(gone, b"1")
    burst.write(here, b"2")
    gone.closed = True
    await asyncio.sleep(0)
    assert log == [("here", b"2")]
