"""What the running of batches is made of."""

import asyncio

import msgspec

from pilothouse.domain.batch import Batch
from pilothouse.gateway.batches.ports import BatchStore
from pilothouse.gateway.batches.room import Room
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.files.ports import FileStore
from pilothouse.gateway.pipeline import Parts


class Pace(msgspec.Struct, frozen=True):
    """How often things are looked at, and how long is waited before a thing is tried again; in seconds."""

    tick_s: float = 2.0
    """Between looks for batches that nobody holds, and for callers who cancel one."""
    lease_s: float = 20.0
    """After this time the batches of a gateway that died are taken over. Clocks may differ by a fraction of it."""
    poll_s: float = 5.0
    """Between the first looks at a native job; it grows twelvefold."""
    retry_s: float = 1.0
    """Before a failed call is made again; it grows sixtyfold."""

    def growing(self, base_s: float, tries: int, factor: float) -> float:
        """Return the wait after so many tries, twice as long each time, up to `factor` times the first."""
        return min(base_s * 2 ** min(tries, 16), base_s * factor)


class Works(msgspec.Struct, frozen=True):
    """The parts that every batch of this gateway shares."""

    store: BatchStore
    files: FileStore
    parts: Parts
    deferred: Deferred
    room: Room
    who: str
    """The name under which this gateway holds batches."""
    keep_days: float
    """Of output files of batches that say nothing else; 0 keeps them."""
    pace: Pace = Pace()
    handing: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    """Held while a job is handed over, which takes as much memory as the job is large."""

    def now_ns(self) -> int:
        """Return the wall time."""
        return self.parts.clock.now_ns()

    def over(self, batch: Batch) -> bool:
        """Whether the batch's window has ended."""
        return self.now_ns() >= batch.expires_at_ns
