"""LangSmith's feedback as scores, and scores as feedback."""

import math
from typing import Any

from pilothouse.compat.langsmith import ids
from pilothouse.compat.langsmith.runs import SOURCE
from pilothouse.domain.score import Score, ScoreType
from pilothouse.otlp.values import as_text, moment_ns
from pilothouse.protocols.loose import mapping, scalar

_SOURCES = {"api": "api", "model": "eval", "app": "annotation"}
_KEPT = (
    "value", "correction", "feedback_source", "feedback_config", "feedback_group_id", "comparative_experiment_id",
    "extra", "error", "run_id", "session_id",
)  # fmt: skip
"""Fields that are kept as they came, in the score's metadata, so that they can be read back."""
PREFIX = "langsmith."


def of(body: dict[str, Any], received_at_ns: int, trace_id: str = "") -> Score:
    """Return the score that a feedback says; raises `ValueError` with what is wrong with it.

    `trace_id` stands in where it names only a run; without it that run is taken for a root.
    """
    key = scalar(body.get("key")).strip()
    if not key:
        raise ValueError("the feedback has no key")
    found = ids.uuid_of(body.get("id"))
    if found is None:
        raise ValueError(f"the id of the feedback '{key[:80]}' is no UUID")
    run, trace = ids.uuid_of(body.get("run_id")), ids.uuid_of(body.get("trace_id"))
    session = ids.uuid_of(body.get("session_id"))
    if run is None and trace is None and session is None:
        raise ValueError(f"the feedback '{key[:80]}' names no run, no trace and no project")
    kind, number, told = _value(key, body)
    source = mapping(body.get("feedback_source"))
    root = trace or run
    return Score(
        id=str(found),
        surface=SOURCE,
        trace_id=ids.trace_id(trace) if trace else trace_id or (ids.trace_id(root) if root else ""),
        span_id=ids.span_id(run) if run else "",
        run_id=str(session) if root is None else "",
        name=key,
        type=kind,
        number=number,
        text=told,
        comment=scalar(body.get("comment")),
        source=_SOURCES.get(scalar(source.get("type")).lower(), "api"),
        author=scalar(source.get("user_id")),
        at_ns=moment_ns(body.get("created_at")) or received_at_ns,
        stated_at_ns=max(received_at_ns, moment_ns(body.get("modified_at")) or 0),
        metadata={f"{PREFIX}{name}": as_text(body[name]) for name in _KEPT if body.get(name) not in (None, {}, "")},
    )


def _value(key: str, body: dict[str, Any]) -> tuple[ScoreType, float | None, str]:
    score, value = body.get("score"), body.get("value")
    told = as_text(value) if value is not None else ""
    if isinstance(score, bool):
        return ScoreType.BOOLEAN, float(score), told
    if score is not None:
        return ScoreType.NUMERIC, _number(key, score), told
    if isinstance(value, bool):
        return ScoreType.BOOLEAN, float(value), ""
    if isinstance(value, int | float):
        return ScoreType.NUMERIC, _number(key, value), ""
    if told:
        return ScoreType.CATEGORICAL if isinstance(value, str) else ScoreType.TEXT, None, told
    return ScoreType.TEXT, None, as_text(body["correction"]) if body.get("correction") is not None else ""


def finite(value: Any) -> float | None:
    """Return a number, said as such or as a text; None for anything else, and for one without end."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _number(key: str, value: Any) -> float:
    found = finite(value)
    if found is None:
        raise ValueError(f"the score of the feedback '{key[:80]}' must be a number, not {scalar(value)[:40]!r}")
    return found
