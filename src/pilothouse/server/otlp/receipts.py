"""The ledger's first page: what came of each request, counted in memory and written down every second."""

import logging
from collections.abc import Sequence
from typing import Protocol

from pilothouse import instruments
from pilothouse.domain.clock import Clock
from pilothouse.domain.receipt import MINUTE_NS, Receipt, ReceiptOutcome
from pilothouse.errors import PilothouseError
from pilothouse.loops import Loop

_log = logging.getLogger(__name__)
_EVERY_S = 1.0
_MOST_ROWS = 2_000
_FORGET_EVERY_NS = 3_600 * 10**9
_KEEP_NS = 30 * 86_400 * 10**9
_OTHERS = "others"

_Key = tuple[str, int, str, str, str, str, ReceiptOutcome, str]
_Sum = tuple[int, int, str]


class ReceiptBook(Protocol):
    """Keeps receipts; every method may raise `MetadataUnavailable` or `DiskFull`."""

    async def add(self, receipts: Sequence[Receipt]) -> None:
        """Add the counts to those that are there."""
        ...

    async def page(self, project_id: str, from_ns: int, to_ns: int) -> list[Receipt]:
        """Return the counts of a project by minute, newest first."""
        ...

    async def forget(self, before_ns: int) -> None:
        """Remove what is older."""
        ...


class Receipts(Loop):
    """Counts what came of requests; the counts of at most a second are lost when the process is killed."""

    def __init__(self, book: ReceiptBook, clock: Clock) -> None:
        super().__init__("receipts")
        self._book = book
        self._clock = clock
        self._open: dict[_Key, _Sum] = {}
        self._forgot_at_ns = 0

    def note(self, receipt: Receipt) -> None:
        """Count what came of a request, or of items in it."""
        instruments.TELEMETRY_ITEMS.inc(receipt.signal, receipt.outcome, by=receipt.items)
        crowded = len(self._open) >= _MOST_ROWS
        key = (
            receipt.project_id,
            receipt.minute_ns - receipt.minute_ns % MINUTE_NS,
            receipt.surface,
            receipt.signal,
            _OTHERS if crowded else receipt.sdk_name,
            "" if crowded else receipt.sdk_version,
            receipt.outcome,
            receipt.reason,
        )
        requests, items, sample = self._open.get(key, (0, 0, ""))
        self._open[key] = requests + receipt.requests, items + receipt.items, receipt.sample or sample

    @property
    def pending(self) -> int:
        """Rows that are counted and not written down yet."""
        return len(self._open)

    async def tick(self) -> float:
        """Write down what was counted."""
        await self.flush()
        now_ns = self._clock.now_ns()
        if now_ns - self._forgot_at_ns > _FORGET_EVERY_NS:
            await self._book.forget(now_ns - _KEEP_NS)
            self._forgot_at_ns = now_ns
        return _EVERY_S

    async def flush(self) -> None:
        """Write down what was counted since the last time; what cannot be written is kept for the next."""
        taken, self._open = self._open, {}
        if not taken:
            return
        try:
            await self._book.add([_receipt(key, counted) for key, counted in taken.items()])
        except PilothouseError:
            for key, (requests, items, sample) in taken.items():
                newer = self._open.get(key, (0, 0, ""))
                self._open[key] = newer[0] + requests, newer[1] + items, newer[2] or sample
            raise

    async def stop(self, grace_s: float = 5.0) -> None:
        """Stop, and write down the rest."""
        await super().stop(grace_s)
        try:
            await self.flush()
        except PilothouseError as error:
            _log.warning("the last receipts are not written down: %s", error.detail)


def _receipt(key: _Key, counted: _Sum) -> Receipt:
    project_id, minute_ns, surface, signal, sdk_name, sdk_version, outcome, reason = key
    return Receipt(
        project_id=project_id, minute_ns=minute_ns, surface=surface, signal=signal, sdk_name=sdk_name,
        sdk_version=sdk_version, outcome=outcome, reason=reason, requests=counted[0], items=counted[1],
        sample=counted[2],
    )  # fmt: skip
