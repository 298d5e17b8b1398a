"""What waits to be sent: bounded, and emptied by one thread that the app never waits for."""

import logging
import multiprocessing.util
import os
import threading
import time
import weakref
from collections import deque
from typing import Final

import msgspec
from opentelemetry.sdk.trace import ReadableSpan

from pilothouse.sdk.sending import Outcome, ScoreItem, Wire

MOST_ITEMS: Final = 10_000
MOST_CHARS: Final = 64 * 1024**2
"""Of all texts that wait; about the memory that they take."""
BATCH_ITEMS: Final = 512
BATCH_CHARS: Final = 4 * 1024**2
LINGER_S: Final = 1.0
"""How long the first item waits for others."""
EXIT_S: Final = 5.0
"""How long the end of a process may wait for the rest to be sent."""
_LONGEST_WAIT_S: Final = 30.0
_log = logging.getLogger("pilothouse.sdk")
Item = ReadableSpan | ScoreItem


class _Held(msgspec.Struct, frozen=True):
    item: Item
    chars: int


class Outbox:
    """A queue in front of one platform. All methods may be called from any thread, and none of them raises.

    A child process begins with an empty one; what its parent held is the parent's to send.
    """

    def __init__(self, wire: Wire) -> None:
        self.dropped = 0
        """Items that are lost: there was no room, they were refused, or the process ended before they were sent."""
        self._wire = wire
        self._told: set[str] = set()
        self._closed = False
        self._begin()
        weak = weakref.WeakMethod(self._reborn)

        def after_fork() -> None:
            reborn = weak()
            if reborn is not None:
                reborn()

        os.register_at_fork(after_in_child=after_fork)
        # its children end without the exit handlers of Python
        multiprocessing.util.register_after_fork(self, Outbox._end_with_child)

    @property
    def wire(self) -> Wire:
        """The way to the platform, for its address and key alone: its connections are the sending thread's."""
        return self._wire

    def put(self, item: Item, chars: int) -> None:
        """Add an item, whose texts have about that many characters; drops it when there is no room."""
        with self._changed:
            if self._closed or len(self._queue) >= MOST_ITEMS or self._chars + chars > MOST_CHARS:
                self.dropped += 1
                full = not self._closed
            else:
                self._queue.append(_Held(item, chars))
                self._chars += chars
                full = False
                self._start()
                if len(self._queue) == 1 or len(self._queue) >= BATCH_ITEMS or self._chars >= BATCH_CHARS:
                    self._changed.notify_all()
        if full:
            self._tell("the queue is full")

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that is queued was sent or lost; False when the time was not enough."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._hurry += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._queue and not self._busy, deadline - time.monotonic())
            finally:
                self._hurry -= 1

    def close(self, timeout_s: float = EXIT_S) -> None:
        """Send what is left, wait no longer than that, and take nothing more; a second time does nothing.

        Where the platform does not answer, the rest is given up at the first failure.
        """
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        else:
            self._run()
        with self._changed:
            left = len(self._queue) + self._busy
            self._give_up()
        if left:
            self._tell(f"the process ended before {self._wire.url} took what was left")

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._queue: deque[_Held] = deque()
        self._chars = 0
        self._busy = 0
        self._hurry = 0
        self._thread: threading.Thread | None = None

    def _reborn(self) -> None:
        # a lock may have been held by a thread that the child does not have
        self._wire = self._wire.renewed()
        self._begin()

    def _end_with_child(self) -> None:
        multiprocessing.util.Finalize(self, self.close, exitpriority=0)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pilothouse-sdk", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:
                # the interpreter is ending; `close` sends it
                self._thread = None

    def _run(self) -> None:
        failures = 0
        while batch := self._next(min(_LONGEST_WAIT_S, 2.0 ** min(failures, 6) / 2) if failures else 0.0):
            again = self._sent(batch)
            failures = failures + 1 if again else 0
            with self._changed:
                self._queue.extendleft(reversed(again))
                self._chars += sum(one.chars for one in again)
                self._busy = 0
                self._changed.notify_all()
                if again and self._closed:
                    return

    def _next(self, wait_s: float) -> list[_Held]:
        """Return what is to be sent next, once there is enough or it has waited; nothing at the end."""
        with self._changed:
            if wait_s:
                self._changed.wait_for(lambda: self._closed, wait_s)
            self._changed.wait_for(lambda: self._queue or self._closed)
            self._changed.wait_for(
                lambda: self._closed or self._hurry or len(self._queue) >= BATCH_ITEMS or self._chars >= BATCH_CHARS,
                LINGER_S,
            )
            batch: list[_Held] = []
            chars = 0
            while self._queue and len(batch) < BATCH_ITEMS:
                held = self._queue[0]
                if batch and (type(held.item) is not type(batch[0].item) or chars + held.chars > BATCH_CHARS):
                    break
                batch.append(self._queue.popleft())
                chars += held.chars
            self._chars -= chars
            self._busy = len(batch)
            return batch

    def _sent(self, batch: list[_Held]) -> list[_Held]:
        """Send a batch, in halves where it is too large; returns what is to be sent again later."""
        outcome = self._send([one.item for one in batch])
        if outcome is Outcome.LARGE and len(batch) > 1:
            middle = len(batch) // 2
            return [*self._sent(batch[:middle]), *self._sent(batch[middle:])]
        if outcome is Outcome.LATER:
            self._tell(f"{self._wire.url} does not take it now; what fits into the queue is sent later")
            return batch
        if outcome is not Outcome.TAKEN:
            with self._changed:
                self.dropped += len(batch)
            self._tell(
                f"{self._wire.url} refuses it; is the key right, and may it `ingest`?"
                if outcome is Outcome.REFUSED
                else "a span is too large, or holds what cannot be encoded"
            )
        return []

    def _send(self, items: list[Item]) -> Outcome:
        spans = [item for item in items if isinstance(item, ReadableSpan)]
        scores = [item for item in items if isinstance(item, ScoreItem)]
        try:
            return self._wire.spans(spans) if spans else self._wire.scores(scores)
        except Exception as error:  # noqa: BLE001 - border: a background loop; it must live on for what comes after
            _log.debug("cannot encode: %r", error)
            # in halves only what is broken itself is lost
            return Outcome.LARGE

    def _give_up(self) -> None:
        self.dropped += len(self._queue) + self._busy
        self._queue.clear()
        self._chars = self._busy = 0

    def _tell(self, why: str) -> None:
        """Log a reason once in the life of the process."""
        if why not in self._told:
            self._told.add(why)
            _log.warning("telemetry is not sent: %s (dropped so far: %s; said once)", why, self.dropped)
