"""Scores on their way into the store; a later version of one replaces the earlier there, so nothing is merged here."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from pilothouse.domain import score
from pilothouse.domain.receipt import MINUTE_NS, REFUSED_BY_STORE, Receipt, ReceiptOutcome
from pilothouse.domain.score import Score
from pilothouse.spool import Item

SURFACE = "scores"


class ScoreSink(Protocol):
    """What this needs of the telemetry store."""

    async def insert_scores(self, rows: Sequence[Score], token: str) -> None:
        """Write scores; the same token again writes nothing twice. Raises `StoreUnavailable`, `QueryRefused`."""
        ...


class ScoreRead(msgspec.Struct, frozen=True):
    """One record of the spool, and the scores in it."""

    item: Item
    scores: tuple[Score, ...]

    def receipts(self, now_ns: int, error: Exception | None) -> Iterator[Receipt]:
        """Yield what became of the scores, by project and way in; `error` is why the store does not take them."""
        minute_ns = now_ns - now_ns % MINUTE_NS
        counts = Counter((one.project_id, one.surface or SURFACE) for one in self.scores)
        for (project_id, surface), items in counts.items():
            row = Receipt(
                project_id=project_id, minute_ns=minute_ns, surface=surface, signal=SURFACE,
                outcome=ReceiptOutcome.MERGED, items=items,
            )  # fmt: skip
            if error is not None:
                row = msgspec.structs.replace(
                    row, outcome=ReceiptOutcome.SET_ASIDE, reason=REFUSED_BY_STORE, sample=str(error)[:200]
                )
            yield row


def read(item: Item) -> ScoreRead:
    """Return the scores of a record; raises `msgspec.MsgspecError` for one that holds none."""
    return ScoreRead(item, tuple(score.decode(item.payload)))


async def insert(sink: ScoreSink, reads: Sequence[ScoreRead], token: str) -> None:
    """Insert all scores; raises `StoreUnavailable` and what else the store refuses with."""
    rows = [one for read in reads for one in read.scores]
    if rows:
        await sink.insert_scores(rows, f"{token}.scores")
