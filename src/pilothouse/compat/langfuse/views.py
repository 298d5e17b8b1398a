"""Traces, observations and scores in the form in which Langfuse's API shows them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from pilothouse.compat.langfuse import ids
from pilothouse.compat.langfuse.observations import KINDS, TYPE
from pilothouse.domain.reading import ScoreDetail, SpanDetail, Trace
from pilothouse.domain.score import ScoreType
from pilothouse.domain.span import SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.otlp.values import loaded, unquoted

DEFAULT = "default"
"""The environment of what names none, and the level of what says none."""
TYPE_OF: Mapping[str, str] = {kind: name for name, kind in KINDS.items()}
"""The type of an observation by the kind of a span, where the application said none."""
_PUBLIC = "langfuse.trace.public"
_PARAMETERS = ("langfuse.observation.modelParameters", "langfuse.observation.model.parameters")
STATUS_MESSAGE = ("langfuse.observation.statusMessage", "langfuse.observation.status_message")
_DETAILS = {
    "input": "input_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "input_image_tokens": "input_image_tokens",
    "output": "output_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "output_image_tokens": "output_image_tokens",
}


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What spans and traces are called by their source, where that has ids of its own, and what is said of a trace."""

    project_id: str
    trace_id: str
    """As its source calls it."""
    spans: dict[str, str]
    """By the span's id."""
    whole: str = ""
    """The id of the span that stands for the trace as a whole; empty when there is none."""
    name: str = ""
    user_id: str = ""
    session_id: str = ""
    release: str = ""
    tags: tuple[str, ...] = ()
    environment: str = ""
    public: bool = False

    def of(self, span_id: str) -> str:
        """Return a span's own id."""
        return self.spans.get(span_id, span_id)


def root_of(trace_id: str, spans: Sequence[SpanDetail]) -> SpanDetail | None:
    """Return the span that stands for a trace as a whole, else the first of some that has none above it."""
    whole = ids.root_span_id(trace_id)
    found = next((span for span in spans if span.span_id == whole), None)
    return found or next((span for span in spans if not span.parent_span_id), None)


def names(project_id: str, trace_id: str, root: SpanDetail | None, spans: Iterable[SpanDetail]) -> Names:
    """Return what a trace and some of its spans are called, and what its root says of it."""
    own = {span.span_id: span.native_id for span in spans if span.native_id}
    if root is None:
        return Names(project_id=project_id, trace_id=trace_id, spans=own)
    whole = root.span_id if root.span_id == ids.root_span_id(trace_id) else ""
    return Names(
        project_id=project_id,
        trace_id=(root.native_id if whole else "") or trace_id,
        spans=own,
        whole=whole,
        name=root.trace_name or root.name,
        user_id=root.user_id,
        session_id=root.session_id,
        release=root.release,
        tags=root.tags,
        environment=root.environment,
        public=root.attributes.get(_PUBLIC) == "true",
    )


class Shown:
    """A trace, and which of its spans stands for the trace as a whole."""

    def __init__(self, trace: Trace, project_id: str) -> None:
        self._trace = trace
        self._project_id = project_id
        self._root = root_of(trace.summary.trace_id, trace.spans) or trace.spans[0]
        self._names = names(project_id, trace.summary.trace_id, self._root, trace.spans)

    @property
    def id(self) -> str:
        """The trace's id as its source calls it."""
        return self._names.trace_id

    def trace(self) -> dict[str, Any]:
        """Return the trace alone, without its parts."""
        summary, root = self._trace.summary, self._root
        at = said(summary.started_at)
        return {
            "id": self.id,
            "projectId": self._project_id,
            "timestamp": at,
            "createdAt": at,
            "updatedAt": at,
            "name": summary.name,
            "input": _document(root.input),
            "output": _document(root.output),
            "sessionId": summary.session_id or None,
            "userId": summary.user_id or None,
            "release": root.release or None,
            "version": root.version or None,
            "metadata": documents(root.metadata),
            "tags": list(root.tags),
            "public": self._names.public,
            "bookmarked": False,
            "externalId": root.attributes.get("langfuse.trace.externalId"),
            "environment": root.environment or DEFAULT,
            "htmlPath": f"/traces/{summary.trace_id}",
            "latency": summary.duration_ms / 1000,
            "totalCost": float(summary.cost_usd or 0),
        }

    def listed(self) -> dict[str, Any]:
        """Return the trace with the ids of its parts."""
        observations = [self._names.of(span.span_id) for span in self._spans()]
        return {**self.trace(), "observations": observations, "scores": [one.id for one in self._trace.scores]}

    def whole(self) -> dict[str, Any]:
        """Return the trace with all its parts."""
        return {**self.trace(), "observations": self.observations(), "scores": self.scores()}

    def observations(self) -> list[dict[str, Any]]:
        """Return the observations."""
        return [observation(span, self._names) for span in self._spans()]

    def scores(self) -> list[dict[str, Any]]:
        """Return the scores."""
        return [score(one, self._names) for one in self._trace.scores]

    def _spans(self) -> list[SpanDetail]:
        return [span for span in self._trace.spans if span.span_id != self._names.whole]


def observation(span: SpanDetail, names: Names) -> dict[str, Any]:
    """Return a span as an observation."""
    parent = None if span.parent_span_id in ("", names.whole) else span.parent_span_id
    cost = None if span.cost_usd is None else float(span.cost_usd)
    first = None if span.ttft_ms is None else span.started_at + timedelta(milliseconds=span.ttft_ms)
    ended = None if span.running else span.started_at + timedelta(milliseconds=span.duration_ms)
    return {
        "id": span.native_id or span.span_id,
        "traceId": names.trace_id,
        "projectId": names.project_id,
        "type": _type(span),
        "name": span.name,
        "startTime": said(span.started_at),
        "endTime": None if ended is None else said(ended),
        "completionStartTime": None if first is None else said(first),
        "createdAt": said(span.started_at),
        "updatedAt": said(ended or span.started_at),
        "model": span.model_served or span.model_requested or None,
        "modelId": None,
        "internalModelId": None,
        "modelParameters": _document(_attribute(span, _PARAMETERS)),
        "input": _document(span.input),
        "output": _document(span.output),
        "metadata": documents(span.metadata),
        "version": span.version or None,
        "level": span.level.upper() or ("ERROR" if span.status is SpanStatus.ERROR else "DEFAULT"),
        "statusMessage": span.error_detail or _attribute(span, STATUS_MESSAGE) or None,
        "parentObservationId": None if parent is None else names.of(parent),
        "promptId": None,
        "promptName": span.prompt_name or None,
        "promptVersion": int(span.prompt_version) if span.prompt_version.isdecimal() else None,
        "environment": span.environment or names.environment or DEFAULT,
        **_counted(span.usage, cost),
        "calculatedTotalCost": cost,
        "latency": span.duration_ms / 1000,
        "timeToFirstToken": None if span.ttft_ms is None else span.ttft_ms / 1000,
    }


def score(one: ScoreDetail, names: Names) -> dict[str, Any]:
    """Return a score."""
    at = said(one.at)
    return {
        "id": one.id,
        "traceId": names.trace_id or None,
        "observationId": names.of(one.span_id) or None,
        "sessionId": one.session_id or None,
        "datasetRunId": one.run_id or None,
        "name": one.name,
        "source": one.source.upper(),
        "dataType": one.type.value.upper(),
        # SDKs of the generations 3 and 4 want a number of words too
        "value": 0 if one.number is None else one.number,
        **_in_words(one),
        "comment": one.comment or None,
        "authorUserId": one.author or None,
        "configId": one.config_id or None,
        "queueId": None,
        "environment": one.environment or DEFAULT,
        "metadata": documents(one.metadata),
        "timestamp": at,
        "createdAt": at,
        "updatedAt": at,
    }


def _type(span: SpanDetail) -> str:
    return span.attributes.get(TYPE, "").upper() or TYPE_OF.get(span.kind, "SPAN")


def _counted(usage: Usage | None, cost: float | None) -> dict[str, Any]:
    details: dict[str, int] = {}
    if usage is not None:
        details = {name: count for name, field in _DETAILS.items() if (count := getattr(usage, field))}
        written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        details |= {"cache_creation_input_tokens": written} if written else {}
        details["total"] = usage.total
    totals = {"input": 0, "output": 0, "total": 0} if usage is None else {
        "input": usage.input_total, "output": usage.output_total, "total": usage.total,
    }  # fmt: skip
    return {
        "usage": {**totals, "unit": "TOKENS", "totalCost": cost},
        "usageDetails": details,
        "costDetails": {} if cost is None else {"total": cost},
    }


def _in_words(score: ScoreDetail) -> dict[str, str]:
    match score.type:
        case ScoreType.NUMERIC:
            return {}
        case ScoreType.BOOLEAN:
            return {"stringValue": "True" if score.number else "False"}
        case ScoreType.CATEGORICAL | ScoreType.TEXT:
            return {"stringValue": score.text}


def _attribute(span: SpanDetail, names: tuple[str, ...]) -> str:
    return next((span.attributes[name] for name in names if name in span.attributes), "")


def _document(text: str) -> Any:
    return unquoted(text) if text else None


def documents(held: dict[str, str]) -> dict[str, Any]:
    """Return metadata."""
    return {key: loaded(value) for key, value in held.items()}


def said(at: datetime) -> str:
    """Return a time as answers say it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
