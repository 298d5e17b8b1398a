"""A process that reads OpenTelemetry requests for ingest, as long as ingest holds the other end of its socket.

`python -m pilothouse.ingest.side_reader FD`; a frame is its length in 8 bytes and a list as MessagePack: payloads one
way, what they bring the other.
"""

import gc
import logging
import signal
import socket
import sys

import msgspec

from pilothouse.ingest.requests import RequestRead, read_request
from pilothouse.instruments import VOCABULARY_FAILURES

_HEAD_BYTES = 8
_MOST_BYTES = 2**32
_MOST_NEWS = 20


class Reply(msgspec.Struct, array_like=True):
    """What came of a list of payloads."""

    reads: list[RequestRead | None]
    """In the payloads' order; None where what was read cannot be sent on."""
    failures: dict[str, float] = {}
    """Spans that a vocabulary failed to read, by its name."""
    news: list[str] = []
    """What was logged."""


_encoder = msgspec.msgpack.Encoder()
_payloads = msgspec.msgpack.Decoder(list[bytes])


def send(connection: socket.socket, frame: bytes) -> None:
    """Send a frame; raises `OSError`."""
    connection.sendall(len(frame).to_bytes(_HEAD_BYTES, "little"))
    connection.sendall(frame)


def receive(connection: socket.socket) -> bytearray | None:
    """Return the next frame, None when the other end is closed; raises `OSError`."""
    head = _exactly(connection, _HEAD_BYTES)
    if head is None:
        return None
    size_bytes = int.from_bytes(head, "little")
    if size_bytes > _MOST_BYTES:
        raise OSError(f"a frame of {size_bytes} bytes")
    return _exactly(connection, size_bytes)


def _exactly(connection: socket.socket, size_bytes: int) -> bytearray | None:
    found = bytearray(size_bytes)
    rest = memoryview(found)
    while rest:
        taken = connection.recv_into(rest)
        if not taken:
            return None
        rest = rest[taken:]
    return found


def serve(connection: socket.socket) -> None:
    """Read what comes until the other end is closed."""
    news = _News()
    logging.getLogger().addHandler(news)
    while (frame := receive(connection)) is not None:
        before = dict(VOCABULARY_FAILURES.values)
        reads = [read_request(payload) for payload in _payloads.decode(frame)]
        failures = {
            name: count - before.get((name,), 0)
            for (name,), count in VOCABULARY_FAILURES.values.items()
            if count != before.get((name,), 0)
        }
        send(connection, _encoded(reads, failures, news.taken()))


def _encoded(reads: list[RequestRead], failures: dict[str, float], news: list[str]) -> bytes:
    try:
        return _encoder.encode(Reply(list(reads), failures, news))
    except UnicodeEncodeError:
        return _encoder.encode(Reply([one if _can_be_sent(one) else None for one in reads], failures, news))


def _can_be_sent(one: RequestRead) -> bool:
    try:
        _encoder.encode(one)
    except UnicodeEncodeError:
        return False
    return True


class _News(logging.Handler):
    """Keeps a little of what is logged here, for the log of ingest, which leaves secrets out."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._texts) < _MOST_NEWS:
            self._texts.append(record.getMessage().encode("utf-8", "replace").decode())

    def taken(self) -> list[str]:
        texts, self._texts = self._texts, []
        return texts


def main() -> None:
    """Serve the socket that the parent left open."""
    # Ctrl-C reaches the whole group; this process ends when ingest has.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
