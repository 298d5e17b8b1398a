"""Langfuse's scores, in the forms in which its SDKs send them."""

import math
from typing import Any

from pilothouse.compat.langfuse import ids
from pilothouse.compat.langfuse.observations import MOST_ID_CHARS, SOURCE, metadata
from pilothouse.domain.score import Score, ScoreType
from pilothouse.otlp.values import as_text, moment_ns
from pilothouse.protocols.loose import scalar

_TYPES = {kind.value.upper(): kind for kind in ScoreType} | {"CORRECTION": ScoreType.TEXT}
_TRUTHS = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}


def of(body: dict[str, Any], at_ns: int, otherwise_id: str) -> Score:
    """Return the score that a body says; raises `ValueError` with what is wrong with it.

    `at_ns` is when it was sent, and stands in for a time that it does not say; `otherwise_id` for an id.
    """
    name, value = scalar(body.get("name")).strip(), body.get("value")
    if not name:
        raise ValueError("the score has no name")
    if value is None:
        raise ValueError(f"the score '{name[:80]}' has no value")
    trace, session, run = (scalar(body.get(field)).strip() for field in ("traceId", "sessionId", "datasetRunId"))
    if not trace and not session and not run:
        raise ValueError(f"the score '{name[:80]}' names no trace, no session and no experiment")
    kind, number, text = _value(name, value, scalar(body.get("dataType")).upper())
    span = scalar(body.get("observationId")).strip()
    return Score(
        id=(scalar(body.get("id")).strip() or otherwise_id)[:MOST_ID_CHARS],
        trace_id=ids.trace_id(trace) if trace else "",
        span_id=ids.span_id(span) if span else "",
        session_id=session,
        run_id=run,
        name=name,
        type=kind,
        number=number,
        text=text,
        comment=scalar(body.get("comment")),
        surface=SOURCE,
        source=(scalar(body.get("source")) or "api").lower(),
        config_id=scalar(body.get("configId")),
        author=scalar(body.get("authorUserId")),
        at_ns=moment_ns(body.get("timestamp")) or at_ns,
        stated_at_ns=at_ns,
        environment=scalar(body.get("environment")),
        metadata=metadata(body.get("metadata")),
    )


def _value(name: str, value: Any, said: str) -> tuple[ScoreType, float | None, str]:
    kind = _TYPES.get(said)
    if said and kind is None:
        raise ValueError(f"the score '{name[:80]}' has an unknown dataType {said[:40]!r}")
    if kind is None:
        # an unsaid type follows from the value, as the SDKs' own documentation has it
        kind = ScoreType.CATEGORICAL if isinstance(value, str) else ScoreType.NUMERIC
    match kind:
        case ScoreType.NUMERIC:
            return kind, _number(name, value), ""
        case ScoreType.BOOLEAN:
            truth = _TRUTHS.get(_plain(value))
            if truth is None:
                raise ValueError(f"the boolean score '{name[:80]}' must be 1 or 0, not {_plain(value)[:40]!r}")
            return kind, truth, ""
        case ScoreType.CATEGORICAL | ScoreType.TEXT:
            return kind, None, as_text(value)


def _plain(value: Any) -> str:
    text = scalar(value).lower()
    return text.removesuffix(".0")


def _number(name: str, value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"the numeric score '{name[:80]}' must be a number, not {scalar(value)[:40]!r}")
    return found
