"""Reading OpenTelemetry requests beside ingest: what they mean is found out in another process, on another core.

Reading is pure and takes longer than all that has to be done in order, so it is what is given away. Few requests are
not worth the way there, and without the process everything is read here.
"""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec

from pilothouse import instruments
from pilothouse.domain.envelope import OTLP_TRACES
from pilothouse.ingest.requests import RequestRead
from pilothouse.ingest.side_reader import Reply, receive, send
from pilothouse.spool import Item

_log = logging.getLogger(__name__)
_WORTH_BYTES = 256 * 1024
_ANSWER_S = 60.0
_PAUSE_S = 30.0
"""How long nothing is given away after the process failed."""
_encoder = msgspec.msgpack.Encoder()
_replies = msgspec.msgpack.Decoder(Reply)


class SideReader:
    """Owns the process; the first load that is worth it starts it, and it ends with `close` or with this process."""

    def __init__(self, *, enabled: bool, worth_bytes: int = _WORTH_BYTES) -> None:
        self._enabled = enabled and (os.cpu_count() or 1) > 1
        self._worth_bytes = worth_bytes
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="side-reader")
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._again_at = 0.0

    async def read(self, items: Sequence[Item]) -> Mapping[int, RequestRead]:
        """Return what OpenTelemetry requests among records bring, by place; what is left out is to be read here."""
        wanted = {place: item.payload for place, item in enumerate(items) if item.kind == OTLP_TRACES}
        size_bytes = sum(map(len, wanted.values()))
        if not self._enabled or size_bytes < self._worth_bytes or time.monotonic() < self._again_at:
            return {}
        ask = partial(self._ask, list(wanted.values()))
        reply = await asyncio.get_running_loop().run_in_executor(self._thread, ask)
        if reply is None:
            return {}
        for name, count in reply.failures.items():
            instruments.VOCABULARY_FAILURES.inc(name, by=count)
        for text in reply.news:
            _log.warning("%s", text)
        return {place: found for place, found in zip(wanted, reply.reads, strict=True) if found is not None}

    async def close(self) -> None:
        """End the process, whatever it is doing."""
        self._enabled = False
        if self._process is not None:
            self._process.kill()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
        self._thread.shutdown(wait=False)

    def _ask(self, payloads: list[bytes]) -> Reply | None:
        try:
            connection = self._connection or self._start()
            send(connection, _encoder.encode(payloads))
            frame = receive(connection)
            if frame is None:
                raise EOFError("it ended")
            reply = _replies.decode(frame)
        except (OSError, EOFError, msgspec.MsgspecError) as error:
            if self._enabled:
                _log.warning("requests of OpenTelemetry are read here for now, the process for it failed: %s", error)
            self._end()
            self._again_at = time.monotonic() + _PAUSE_S
            return None
        return reply if len(reply.reads) == len(payloads) else None

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "pilothouse.ingest.side_reader", str(theirs.fileno())]
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
                )
            except BaseException:
                ours.close()
                raise
        ours.settimeout(_ANSWER_S)
        self._connection = ours
        return ours

    def _end(self) -> None:
        connection, process = self._connection, self._process
        self._connection = self._process = None
        if connection is not None:
            connection.close()
        if process is not None:
            try:
                process.wait(2.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
