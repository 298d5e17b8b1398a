"""Revisions: going over spans that are kept, to price them or to map them anew, and what came of it."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from pilothouse.domain.exporting import RowPlace

_ZERO = Decimal(0)
MAX_MODELS = 200
"""Told apart in one tally; what comes after goes together under `OTHER`."""
OTHER = "…"


class RevisionKind(StrEnum):
    """What is done to each span."""

    REPRICE = "reprice"
    """Its cost is computed anew, with the prices that hold now at the time of the span."""
    REMAP = "remap"
    """What its raw attributes mean is read anew, and its cost with it."""


class RevisionState(StrEnum):
    """How far a revision is."""

    WAITING = "waiting"
    """Another one is under way, or ingest has not come to it yet."""
    RUNNING = "running"
    STOPPED = "stopped"
    """By somebody; goes on where it was when resumed."""
    FAILED = "failed"
    """Given up after many tries; goes on when resumed."""
    DONE = "done"


class ModelTally(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one model, each counted once, as they were and as they are now."""

    calls_before: int = 0
    calls_after: int = 0
    """Differs from before where another model is read out of a span."""
    cost_before_usd: Decimal = _ZERO
    cost_after_usd: Decimal = _ZERO
    became_priced: int = 0
    became_unpriced: int = 0


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision has come to so far."""

    seen: int = 0
    """Spans that were looked at."""
    changed: int = 0
    """Spans that are different now; of a dry run, that would be."""
    left: int = 0
    """Spans that are not touched: their source says the cost, or there is nothing to read anew."""
    models: dict[str, ModelTally] = {}

    def merged(self, other: "Tally") -> "Tally":
        """Return both together."""
        models = dict(self.models)
        for name, more in other.models.items():
            key = name if name in models or len(models) < MAX_MODELS else OTHER
            models[key] = _sum(models.get(key, ModelTally()), more)
        return Tally(
            seen=self.seen + other.seen,
            changed=self.changed + other.changed,
            left=self.left + other.left,
            models=models,
        )


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """An order to go over the spans of a project in a range of time."""

    id: str
    project_id: str
    kind: RevisionKind
    dry_run: bool
    """Nothing is written, only told."""
    q: str = ""
    """Which spans, in the query language; empty means all."""
    from_ns: int
    to_ns: int
    state: RevisionState = RevisionState.WAITING
    requested_by: str
    requested_at_ns: int
    started_at_ns: int | None = None
    ended_at_ns: int | None = None
    total: int | None = None
    """Spans in the range when it began."""
    after: RowPlace | None = None
    """The last span that is surely done."""
    through: RowPlace | None = None
    """The last span that is in the tally. What lies between `after` and it may have been cut short, and is done again
    without being counted again."""
    tally: Tally = Tally()
    prices: str = ""
    """The price data and the operator's prices that were in force when it began."""
    tries: int = 0
    """Failures in a row."""
    detail: str = ""
    """Why it failed last."""


def _sum(one: ModelTally, other: ModelTally) -> ModelTally:
    return ModelTally(**{name: getattr(one, name) + getattr(other, name) for name in ModelTally.__struct_fields__})
