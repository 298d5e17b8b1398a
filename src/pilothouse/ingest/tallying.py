"""What a piece of a revision comes to, by model, with each call counted once."""

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from pilothouse.domain.holding import Held
from pilothouse.domain.money import CostStatus
from pilothouse.domain.revision import ModelTally, Revision, Tally
from pilothouse.domain.span import Span
from pilothouse.ingest.recounting import Revised
from pilothouse.ingest.rows import CALLS

_ZERO = Decimal(0)


def tally_of(revised: Sequence[Revised]) -> Tally:
    """Return what revised rows come to."""
    tally = Tally()
    for one in revised:
        models = _models(one.held.span, one.fresh)
        tally = tally.merged(Tally(seen=1, changed=int(one.is_changed), left=int(one.is_left), models=models))
    return tally


def token_of(order: Revision, rows: Sequence[Held]) -> str:
    """Return the token of an insert of these rows; it says of which versions they were made."""
    digest = hashlib.blake2b(order.id.encode(), digest_size=16)
    for one in rows:
        digest.update(f"{one.span.trace_id}{one.span.span_id}{one.version}".encode())
    return f"revision-{digest.hexdigest()}"


def _models(before: Span, after: Span) -> dict[str, ModelTally]:
    models: dict[str, ModelTally] = {}
    if _counts(before):
        models[_model(before)] = ModelTally(calls_before=1, cost_before_usd=before.cost_usd or _ZERO)
    if _counts(after):
        name = _model(after)
        held = models.get(name, ModelTally())
        was, now = before.cost_status is CostStatus.PRICED, after.cost_status is CostStatus.PRICED
        models[name] = ModelTally(
            calls_before=held.calls_before,
            cost_before_usd=held.cost_before_usd,
            calls_after=1,
            cost_after_usd=after.cost_usd or _ZERO,
            became_priced=int(now and not was),
            became_unpriced=int(was and not now),
        )
    return models


def _counts(row: Span) -> bool:
    return not row.wrapper and (row.kind in CALLS or row.cost_usd is not None)


def _model(row: Span) -> str:
    return row.model_served or row.model_requested
