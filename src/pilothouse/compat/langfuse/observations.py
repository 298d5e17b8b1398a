"""The events of Langfuse's ingestion API as span patches: traces, and the observations below them.

A trace is no span there, but has a name, a user, an input of its own. Here it is the root span, with an id that follows
from the trace's, and observations without a parent hang below it. Nothing says when a trace ends: it ends with the last
of its observations, so each end is also stated of the root, stamped with itself, and the latest one holds.
"""

from typing import Any

import msgspec

from pilothouse.compat.kept import further
from pilothouse.compat.langfuse import ids, usage
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.span import Level, SpanKind, SpanStatus
from pilothouse.otlp.providers import of_family, of_model
from pilothouse.otlp.values import as_text, moment_ns
from pilothouse.protocols.loose import listing, mapping, scalar

SOURCE = "langfuse"
MOST_ID_CHARS = 800
"""Longer ids are cut where they are shown; the hexadecimal one is of the whole."""

KINDS = {
    "GENERATION": SpanKind.LLM,
    "EMBEDDING": SpanKind.EMBEDDING,
    "AGENT": SpanKind.AGENT,
    "TOOL": SpanKind.TOOL,
    "CHAIN": SpanKind.CHAIN,
    "RETRIEVER": SpanKind.RETRIEVER,
    "GUARDRAIL": SpanKind.GUARD,
}
_EVENTS = ("span", "generation", "event", "observation", *(kind.lower() for kind in KINDS), "evaluator")
TYPES = frozenset(f"{kind}-{verb}" for kind in _EVENTS for verb in ("create", "update"))
"""Of events that are about an observation."""
TYPE = "langfuse.observation.type"
APP_ROOT = "langfuse.internal.is_app_root"
_LEVELS = {level.value.upper(): level for level in Level}
RAW, RAW_OF_TRACE = "langfuse.observation.", "langfuse.trace."
"""Beginnings of the attributes that keep fields as they came, so that a better reading can be run over them later."""
_OF_TRACE = frozenset({
    "id", "timestamp", "name", "input", "output", "userId", "sessionId", "environment", "release", "version", "tags",
    "metadata",
})  # fmt: skip
"""Fields that have a place of their own."""
_OF_OBSERVATION = frozenset({
    "id", "traceId", "parentObservationId", "type", "name", "startTime", "endTime", "completionStartTime", "model",
    "input", "output", "environment", "version", "metadata",
})  # fmt: skip


class Said(msgspec.Struct, frozen=True):
    """One event of a batch, and when and by whom it was said."""

    type: str
    """As the API calls it, such as `generation-create`."""
    body: dict[str, Any]
    at_ns: int
    event_id: str


def of_trace(said: Said) -> list[SpanPatch]:
    """Return the patches of a `trace-create`, which may be an update; raises `ValueError` when it names no trace."""
    body = said.body
    native = _id(body.get("id")) or said.event_id
    if not native:
        raise ValueError("the trace has no id")
    trace = ids.trace_id(native)
    started_ns = moment_ns(body.get("timestamp"))
    name = _text(body.get("name"))
    root = SpanPatch(
        trace_id=trace,
        span_id=ids.root_span_id(trace),
        source=SOURCE,
        at_ns=said.at_ns,
        native_id=native[:MOST_ID_CHARS],
        parent_span_id="",
        kind=SpanKind.OTHER,
        name=name,
        trace_name=name,
        started_at_ns=started_ns,
        input=_document(body.get("input")),
        output=_document(body.get("output")),
        user_id=_text(body.get("userId")),
        session_id=_text(body.get("sessionId")),
        environment=_text(body.get("environment")),
        release=_text(body.get("release")),
        version=_text(body.get("version")),
        tags=tuple(dict.fromkeys(tag for item in listing(body.get("tags")) if (tag := scalar(item)))),
        metadata=metadata(body.get("metadata")),
        attributes=further(RAW_OF_TRACE, body, _OF_TRACE),
    )
    return [root, _extent(trace, native, started_ns)] if started_ns is not None else [root]


def of_observation(said: Said) -> list[SpanPatch]:
    """Return the patches of a span, generation, event or other observation, new or updated.

    Raises `ValueError` when nothing names the observation.
    """
    body, kind = said.body, _type(said)
    native = _id(body.get("id")) or ("" if said.type.endswith("-update") else said.event_id)
    if not native:
        raise ValueError("the observation has no id")
    native_trace = _id(body.get("traceId")) or native
    trace = ids.trace_id(native_trace)
    started_ns, ended_ns = moment_ns(body.get("startTime")), moment_ns(body.get("endTime"))
    if kind == "EVENT":
        ended_ns = started_ns = started_ns if started_ns is not None else _unless_update(said)
    level = _LEVELS.get(scalar(body.get("level")).upper())
    failed = level is Level.ERROR
    model = _text(body.get("model"))
    patch = SpanPatch(
        trace_id=trace,
        span_id=ids.span_id(native),
        source=SOURCE,
        at_ns=said.at_ns,
        native_id=native[:MOST_ID_CHARS],
        parent_span_id=_parent(said, trace),
        kind=KINDS.get(kind, SpanKind.OTHER) if kind else None,
        name=_text(body.get("name")),
        started_at_ns=started_ns,
        ended_at_ns=ended_ns,
        first_token_at_ns=moment_ns(body.get("completionStartTime")),
        status=SpanStatus.ERROR if failed else None,
        level=level,
        error_detail=_text(body.get("statusMessage")) if failed else None,
        model_requested=model,
        provider=of_model(model) or of_family(model) if model else None,
        input=_document(body.get("input")),
        output=_document(body.get("output")),
        usage=usage.of(body),
        cost_usd=usage.cost(body),
        environment=_text(body.get("environment")),
        version=_text(body.get("version")),
        prompt_name=_text(body.get("promptName")),
        prompt_version=_text(body.get("promptVersion")),
        metadata=metadata(body.get("metadata")),
        attributes=further(RAW, body, _OF_OBSERVATION) | ({TYPE: kind} if kind else {}) | _rooted(said),
    )
    edges = (edge for edge in (started_ns, ended_ns) if edge is not None)
    return [patch, *(_extent(trace, native_trace, edge) for edge in edges)]


def folded_extents(patches: list[SpanPatch]) -> list[SpanPatch]:
    """Return the patches with only the latest extent of each root: a batch states many, and one of them holds."""
    latest: dict[tuple[str, str], SpanPatch] = {}
    others: list[SpanPatch] = []
    for patch in patches:
        if patch.at_ns == patch.ended_at_ns and patch.name is None and patch.kind is None:
            held = latest.get((patch.trace_id, patch.span_id))
            if held is None or held.at_ns < patch.at_ns:
                latest[patch.trace_id, patch.span_id] = patch
        else:
            others.append(patch)
    return [*others, *latest.values()]


def metadata(value: Any) -> dict[str, str]:
    """Return the metadata of anything as texts; what is no object stands under `metadata`."""
    held = mapping(value)
    if held or value is None or value == {}:
        return {key: as_text(item) for key, item in held.items() if item is not None}
    return {"metadata": as_text(value)}


def _extent(trace: str, native: str, at_ns: int) -> SpanPatch:
    return SpanPatch(
        trace_id=trace, span_id=ids.root_span_id(trace), source=SOURCE, at_ns=at_ns, native_id=native[:MOST_ID_CHARS],
        parent_span_id="", ended_at_ns=at_ns,
    )  # fmt: skip


def _type(said: Said) -> str:
    head = said.type.partition("-")[0].upper()
    return scalar(said.body.get("type")).upper() if head == "OBSERVATION" else head


def _unless_update(said: Said) -> int | None:
    return None if said.type.endswith("-update") else said.at_ns


def _parent(said: Said, trace: str) -> str | None:
    """Return the parent: the trace's root for an observation that is made without one, unsaid for an update."""
    native = _id(said.body.get("parentObservationId"))
    if native:
        return ids.span_id(native)
    return None if said.type.endswith("-update") else ids.root_span_id(trace)


def _rooted(said: Said) -> dict[str, str]:
    """Return the mark by which observations below the trace itself are found, as newer SDKs set it."""
    if _id(said.body.get("parentObservationId")):
        return {APP_ROOT: "false"}
    return {} if said.type.endswith("-update") else {APP_ROOT: "true"}


def _document(value: Any) -> str | None:
    return None if value is None else as_text(value)


def _text(value: Any) -> str | None:
    return scalar(value) or None


def _id(value: Any) -> str:
    return scalar(value).strip()
