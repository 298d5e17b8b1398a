"""Scores: what somebody, or something, thinks of a span or a trace."""

import logging
import math
import uuid
from datetime import UTC, datetime

from pilothouse.sdk.capture import as_text
from pilothouse.sdk.process import PROCESS
from pilothouse.sdk.sending import ScoreItem
from pilothouse.sdk.spans import current

_log = logging.getLogger("pilothouse.sdk")
_SCORE_CHARS = 300
"""What a score takes without its texts."""


def score(name: str, value: float | bool | str, *, comment: str = "", trace_id: str = "", span_id: str = "") -> bool:
    """Score the span that is open here, or a trace or span by its ids; returns whether the score was queued.

    A number makes a numeric score, a truth value a boolean one, text a categorical one. `trace_id` alone scores the
    whole trace; the ids are those of `Span`, or of the gateway's `traceparent`. Never raises.
    """
    outbox = PROCESS.outbox
    if outbox is None:
        return False
    if not trace_id:
        open_here = current()
        trace_id, span_id = open_here.trace_id, open_here.span_id
        if trace_id and not open_here.inner.get_span_context().trace_flags.sampled:
            return False
    refusal = _refusal(name, value, trace_id)
    if refusal:
        _log.warning("the score %r is not sent: %s", name, refusal)
        return False
    item = ScoreItem(
        id=uuid.uuid4().hex,
        name=name.strip(),
        value=value if isinstance(value, str) else float(value),
        data_type="CATEGORICAL" if isinstance(value, str) else "BOOLEAN" if isinstance(value, bool) else "NUMERIC",
        timestamp=datetime.now(UTC).isoformat(),
        trace_id=trace_id,
        observation_id=span_id,
        comment=as_text(comment),
    )
    outbox.put(item, _SCORE_CHARS + len(item.comment) + len(item.name))
    return True


def _refusal(name: object, value: object, trace_id: str) -> str:
    if not isinstance(name, str) or not name.strip():
        return "it has no name"
    if not isinstance(value, int | float | str):
        return "its value is neither a number, nor true or false, nor text"
    if not isinstance(value, str) and not math.isfinite(value):
        return "its value is no finite number"
    return "" if trace_id else "no span is open here, and there is no trace_id"
