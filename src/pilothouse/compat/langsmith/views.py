"""Spans, scores and names as LangSmith's runs, feedback and projects."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pilothouse.compat.langsmith import attachments, feedback, ids
from pilothouse.compat.langsmith.asking import as_uuid, said_at
from pilothouse.compat.langsmith.attachments import AddressOf
from pilothouse.compat.langsmith.runs import (
    DOTTED_ORDER,
    EXAMPLE_ID,
    EXTRA,
    INPUTS,
    OUTPUTS,
    RUN_TYPE,
    SERIALIZED,
    SESSION_ID,
)
from pilothouse.domain.experiment import Experiment
from pilothouse.domain.reading import AttributeValue, ScoreDetail, SpanDetail
from pilothouse.domain.span import SpanEvent, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.otlp.values import loaded, unquoted
from pilothouse.protocols.loose import mapping

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SOURCES = {"api": "api", "eval": "model", "annotation": "app"}


def run(detail: SpanDetail, trace_id: str, address_of: AddressOf, own_id: str = "") -> dict[str, Any]:
    """Return a span as a run, with all fields that a run has; its id always a UUID."""
    attributes, usage = detail.attributes, detail.usage
    own = own_id or (detail.native_id if ids.uuid_of(detail.native_id) else as_uuid(trace_id, detail.span_id))
    path = ids.path_of(attributes.get(DOTTED_ORDER))
    parent = path[-2].run_id if len(path) > 1 else None
    first = detail.started_at + timedelta(milliseconds=detail.ttft_ms) if detail.ttft_ms is not None else None
    ended = None if detail.running else detail.started_at + timedelta(milliseconds=detail.duration_ms)
    failed = detail.status is not SpanStatus.OK
    return {
        "id": own,
        "name": detail.name,
        "run_type": attributes.get(RUN_TYPE) or detail.kind.value,
        "start_time": _said(detail.started_at),
        "end_time": _said(ended),
        "status": "error" if failed else "pending" if detail.running else "success",
        "inputs": _document(attributes.get(INPUTS) or detail.input, "input") or {},
        "outputs": _document(attributes.get(OUTPUTS) or detail.output, "output"),
        "error": (detail.error_detail or detail.error_code or None) if failed else None,
        "extra": _extra(detail),
        "serialized": loaded(attributes.get(SERIALIZED)),
        "events": [_event(event) for event in detail.events],
        "tags": list(detail.tags),
        "trace_id": str(UUID(trace_id)),
        "dotted_order": attributes.get(DOTTED_ORDER) or ids.step_of(_ns(detail.started_at), UUID(own)),
        "parent_run_id": parent,
        "parent_run_ids": [step.run_id for step in path[:-1]],
        "session_id": attributes.get(SESSION_ID),
        "thread_id": detail.session_id or None,
        "reference_example_id": attributes.get(EXAMPLE_ID),
        "first_token_time": _said(first),
        "total_cost": None if detail.cost_usd is None else str(detail.cost_usd),
        **_tokens(usage),
        "s3_urls": attachments.shown(attributes, address_of) or None,
        "feedback_stats": None,
        "app_path": f"/traces/{trace_id}",
    }


def session(project_id: str, found: AttributeValue) -> dict[str, Any]:
    """Return a name that runs give their project as one of LangSmith's projects."""
    return {
        "id": str(ids.session_id(project_id, found.value)),
        "name": found.value,
        "tenant_id": str(ids.tenant_id(project_id)),
        "start_time": _said(found.first_at),
        "end_time": None,
        "last_run_start_time": _said(found.last_at),
        "run_count": found.count,
        "reference_dataset_id": None,
        "description": None,
        "extra": {},
    }


def experiment(found: Experiment) -> dict[str, Any]:
    """Return an experiment as one of LangSmith's projects."""
    # an experiment that another product made may have another kind of id
    own = as_uuid(found.project_id, found.id)
    return {
        "id": own,
        "name": found.name,
        "tenant_id": str(ids.tenant_id(found.project_id)),
        "start_time": said_at(found.created_at_ns),
        "end_time": said_at(found.ended_at_ns),
        "last_run_start_time": said_at(found.updated_at_ns),
        "run_count": found.item_count,
        "reference_dataset_id": found.dataset_id or None,
        "description": found.description or None,
        "extra": {**mapping(found.details.get("extra")), "metadata": mapping(found.metadata)},
    }


def score(detail: ScoreDetail) -> dict[str, Any]:
    """Return a score as a feedback."""
    held = {
        name.removeprefix(feedback.PREFIX): unquoted(text) if name.endswith(_QUOTED) else loaded(text)
        for name, text in detail.metadata.items()
        if name.startswith(feedback.PREFIX)
    }
    number = detail.number
    root = str(UUID(detail.trace_id)) if detail.trace_id else None
    return {
        "id": detail.id,
        "key": detail.name,
        "score": number if number is None or detail.type != "boolean" else bool(number),
        "value": held.get("value") if held.get("value") is not None else detail.text or None,
        "comment": detail.comment or None,
        "correction": held.get("correction"),
        "run_id": held.get("run_id") or root,
        "trace_id": root,
        "session_id": held.get("session_id"),
        "created_at": _said(detail.at),
        "modified_at": _said(detail.at),
        "feedback_source": mapping(held.get("feedback_source")) or {"type": _SOURCES.get(detail.source, "api")},
        "feedback_group_id": held.get("feedback_group_id"),
        "comparative_experiment_id": held.get("comparative_experiment_id"),
        "extra": held.get("extra"),
    }


_QUOTED = ".correction"
"""End of the name of what may be JSON of any kind."""


def selected(runs: Iterable[dict[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """Return runs with no more than the fields that were asked for, and those without which a run is none."""
    wanted = {*names, "id", "name", "run_type", "start_time", "trace_id", "dotted_order"}
    return [{name: value for name, value in one.items() if name in wanted} for one in runs]


def _extra(detail: SpanDetail) -> dict[str, Any]:
    """Return `extra` as it was said last, with metadata that was said before and is not in it."""
    extra = mapping(loaded(detail.attributes.get(EXTRA)))
    metadata = {key: loaded(value) for key, value in detail.metadata.items()}
    return {**extra, "metadata": {**metadata, **mapping(extra.get("metadata"))}}


def _tokens(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
    into = {
        "cache_read": usage.cache_read_tokens,
        "cache_creation": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        "audio": usage.input_audio_tokens,
    }
    out = {"reasoning": usage.reasoning_tokens, "audio": usage.output_audio_tokens}
    return {
        "prompt_tokens": usage.input_total,
        "completion_tokens": usage.output_total,
        "total_tokens": usage.total,
        "prompt_token_details": {name: count for name, count in into.items() if count},
        "completion_token_details": {name: count for name, count in out.items() if count},
    }


def _event(event: SpanEvent) -> dict[str, Any]:
    at = _EPOCH + timedelta(microseconds=event.at_ns // 1000)
    return {"name": event.name, "time": _said(at), **{key: loaded(text) for key, text in event.attributes.items()}}


def _document(text: str, name: str) -> dict[str, Any] | None:
    """Return inputs or outputs, which are objects always."""
    if not text:
        return None
    value = unquoted(text)
    return mapping(value) if isinstance(value, dict) else {name: value}


def _said(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
