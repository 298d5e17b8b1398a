"""Runs as LangSmith's SDKs post and patch them, each operation as one patch of a span.

An operation states what it has a value for; null leaves a thing unsaid. A post counts as said when the run started, and
a patch when it came, so that a post that comes late does not undo the patch that overtook it.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from pilothouse.compat.kept import further
from pilothouse.compat.langsmith import conversation, ids, usage
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.span import SpanEvent, SpanKind, SpanStatus
from pilothouse.otlp import providers
from pilothouse.otlp.values import as_text, moment_ns, money, text
from pilothouse.protocols.loose import listing, mapping, objects, scalar

SOURCE = "langsmith"
POST, PATCH = "post", "patch"
DEFAULT_SESSION = "default"

ATTACHMENT = "langsmith.attachment."
"""Attributes that note an attachment by its name: type and size."""
DOTTED_ORDER = "langsmith.dotted_order"
EXTRA = "langsmith.extra"
INPUTS = "langsmith.inputs"
"""Attribute with the inputs as they came, where the span's input is them in another form."""
OUTPUTS = "langsmith.outputs"
RUN_TYPE = "langsmith.run_type"
SESSION_ID = "langsmith.session_id"
SESSION_NAME = "langsmith.session_name"
SERIALIZED = "langsmith.serialized"
EXAMPLE_ID = "langsmith.reference_example_id"
RAW = "langsmith."
"""Beginning of the attributes that keep fields as they came, so that a better reading can be run over them later."""
OWN = frozenset({
    DOTTED_ORDER, EXTRA, INPUTS, OUTPUTS, RUN_TYPE, SESSION_ID, SESSION_NAME, SERIALIZED, EXAMPLE_ID,
})  # fmt: skip
"""Attributes that are not such fields."""
_PLACED = frozenset({
    *(name.removeprefix(RAW) for name in OWN), "id", "trace_id", "parent_run_id", "name", "start_time", "end_time",
    "error", "events", "tags", "attachments", "attachment", "child_runs", "child_run_ids",
})  # fmt: skip
"""Fields that have a place of their own, and those that repeat what other runs say."""

KINDS = {
    "llm": SpanKind.LLM,
    "chain": SpanKind.CHAIN,
    "tool": SpanKind.TOOL,
    "retriever": SpanKind.RETRIEVER,
    "embedding": SpanKind.EMBEDDING,
    "prompt": SpanKind.OTHER,
    "parser": SpanKind.OTHER,
}
_OPERATIONS = {"embedding": "embeddings", "tool": "execute_tool", "retriever": "retrieval"}
_CALLS = frozenset({None, SpanKind.LLM, SpanKind.EMBEDDING})
"""Kinds whose tokens count; a patch may come without its run's kind."""
_OWN = ("ls_", "lc_hub_", "LANGSMITH_", "LANGCHAIN_")
"""Metadata that the SDK adds by itself; kept among the attributes."""
_FIRST_TOKEN = "new_token"
_MILLISECOND_NS = 10**6
_MOST_MS = 10**13
"""Beyond the year 2286 no number is a time in milliseconds."""
_STREAMING = ("stream", "streaming")
_ERROR_CLASS = re.compile(r"[A-Za-z_][\w.]{0,100}(?=\()")
_CANCELLATIONS = frozenset({"CancelledError", "KeyboardInterrupt", "GeneratorExit"})
_CANCELLED = "Cancelled"
"""An error's whole text where a stream was left before its end."""


class Attached(msgspec.Struct, frozen=True):
    """A file beside a run."""

    content_type: str
    body: bytes


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One post or patch of a run, with all its parts."""

    verb: str
    """`POST` or `PATCH`."""
    run_id: UUID
    body: dict[str, Any]
    trace_id: UUID | None = None
    """Of a run that does not say its trace, when it is known from elsewhere."""
    attachments: dict[str, Attached] = {}
    """By their names."""
    notes: dict[str, dict[str, Any]] = {}
    """What is noted of each attachment by its name: type and size, and by what its body is found."""


def traced(operation: Operation) -> UUID | None:
    """Return the trace that an operation says its run belongs to; None when it does not."""
    body = operation.body
    said = ids.uuid_of(body.get("trace_id"))
    if said is not None:
        return said
    path = ids.path_of(body.get("dotted_order"))
    if path:
        return UUID(path[0].run_id)
    return operation.run_id if operation.verb == POST and body.get("parent_run_id") is None else None


def patch_of(operation: Operation, project_id: str, received_at_ns: int) -> SpanPatch:
    """Return what an operation says of its run; without any word of its trace it is taken for a root."""
    body, run_type = operation.body, scalar(operation.body.get("run_type")).lower()
    kind = KINDS.get(run_type, SpanKind.OTHER) if run_type else None
    path = ids.path_of(body.get("dotted_order"))
    started_ns = _moment(body.get("start_time"))
    started_ns = path[-1].started_at_ns if started_ns is None and path else started_ns
    ended_ns = _ended(body.get("end_time"), started_ns)
    events = tuple(_events(body.get("events")))
    said = _Said(body)
    error_code, error_detail, status = _outcome(body.get("error"), ended=ended_ns is not None)
    patch = SpanPatch(
        trace_id=ids.trace_id(traced(operation) or operation.trace_id or operation.run_id),
        span_id=ids.span_id(operation.run_id),
        project_id=project_id,
        source=SOURCE,
        at_ns=_said_at(operation.verb, (started_ns, ended_ns), received_at_ns),
        native_id=str(operation.run_id),
        parent_span_id=_parent(operation, path),
        name=text(body, "name"),
        kind=kind,
        started_at_ns=started_ns,
        ended_at_ns=ended_ns,
        first_token_at_ns=min((event.at_ns for event in events if event.name == _FIRST_TOKEN), default=None),
        status=status,
        error_code=error_code,
        error_detail=error_detail,
        operation=_operation(run_type, said.metadata),
        input=said.question or _document(body.get("inputs"), empty=operation.verb == POST),
        output=said.reply or _document(body.get("outputs"), empty=ended_ns is not None),
        cost_usd=_cost(body),
        user_id=text(said.metadata, "user_id", "ls_user_id"),
        session_id=text(said.metadata, "session_id", "thread_id", "conversation_id"),
        environment=text(said.metadata, "environment", "ls_environment"),
        release=text(said.metadata, "revision_id"),
        prompt_name=text(said.metadata, "lc_hub_repo"),
        prompt_version=text(said.metadata, "lc_hub_commit_hash"),
        tags=tuple(dict.fromkeys(tag for item in listing(body.get("tags")) if (tag := scalar(item)))),
        metadata={key: as_text(value) for key, value in said.metadata.items() if _applications_own(key, value)},
        attributes=_attributes(operation, said, project_id),
        events=events,
    )
    return _called(patch, said) if kind in _CALLS else patch


class _Said:
    """The parts of a run that several fields are read from."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.extra = mapping(body.get("extra"))
        self.metadata = mapping(self.extra.get("metadata"))
        self.invocation = mapping(self.extra.get("invocation_params"))
        self.inputs, self.outputs = mapping(body.get("inputs")), mapping(body.get("outputs"))
        self.question = conversation.question(self.inputs, self.invocation)
        self.reply = conversation.reply(self.outputs)


def _called(patch: SpanPatch, said: _Said) -> SpanPatch:
    """Return a patch with what is said of the call of a model."""
    used, cost = usage.of(said.outputs, said.metadata)
    model = text(said.metadata, "ls_model_name") or text(said.invocation, "model", "model_name", "model_id")
    streaming = any(said.invocation.get(name) is True for name in _STREAMING)
    return msgspec.structs.replace(
        patch,
        provider=_provider(said, model),
        model_requested=model,
        model_served=conversation.model_served(said.outputs),
        finish_reason=conversation.finish_reason(said.outputs),
        streamed=True if streaming or patch.first_token_at_ns is not None else None,
        usage=used,
        cost_usd=cost if cost is not None else patch.cost_usd,
    )


def _moment(value: Any) -> int | None:
    """Return the nanoseconds since 1970 of a time: ISO 8601, or milliseconds as the JavaScript SDK says them."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value * _MILLISECOND_NS) if 0 < value < _MOST_MS else None
    return moment_ns(value)


def _ended(value: Any, started_ns: int | None) -> int | None:
    ended_ns = _moment(value)
    if ended_ns is None or started_ns is None or isinstance(value, str):
        return ended_ns
    # whole milliseconds of an end lie before microseconds of the start in the same millisecond
    return started_ns if 0 < started_ns - ended_ns < _MILLISECOND_NS else ended_ns


def _said_at(verb: str, times: tuple[int | None, int | None], received_at_ns: int) -> int:
    known = [at_ns for at_ns in times if at_ns is not None]
    if verb == POST:
        return max(known, default=received_at_ns)
    return max([received_at_ns, *known])


def _parent(operation: Operation, path: list[ids.Step]) -> str | None:
    """Return the parent's id, empty of a root; None where neither is said."""
    parent = ids.uuid_of(operation.body.get("parent_run_id"))
    if parent is None and len(path) > 1:
        parent = UUID(path[-2].run_id)
    if parent is not None:
        return ids.span_id(parent)
    return "" if operation.verb == POST or len(path) == 1 else None


def _outcome(error: Any, *, ended: bool) -> tuple[str | None, str | None, SpanStatus | None]:
    told = as_text(error) if error is not None and error != "" else ""
    if not told:
        return None, None, SpanStatus.OK if ended else None
    found = _ERROR_CLASS.match(told)
    code = found.group().rpartition(".")[2] if found else None
    cancelled = told == _CANCELLED or code in _CANCELLATIONS
    return code, told, SpanStatus.CANCELLED if cancelled else SpanStatus.ERROR


def _operation(run_type: str, metadata: dict[str, Any]) -> str | None:
    if run_type == "llm":
        return "text_completion" if metadata.get("ls_model_type") == "llm" else "chat"
    return _OPERATIONS.get(run_type)


def _provider(said: _Said, model: str | None) -> str | None:
    named = providers.known(text(said.metadata, "ls_provider"))
    return named or (providers.of_model(model) or providers.of_family(model) if model else None)


def _events(value: Any) -> Iterable[SpanEvent]:
    for event in objects(value):
        at_ns = _moment(event.get("time"))
        if at_ns is None:
            continue
        told = {key: as_text(item) for key, item in event.items() if key not in ("name", "time") and item is not None}
        yield SpanEvent(at_ns, scalar(event.get("name")) or "event", told)


def _cost(body: dict[str, Any]) -> Decimal | None:
    total = money(body.get("total_cost"))
    halves = [found for name in ("prompt_cost", "completion_cost") if (found := money(body.get(name))) is not None]
    return total if total is not None else sum(halves, Decimal(0)) if halves else None


def _attributes(operation: Operation, said: _Said, project_id: str) -> dict[str, str]:
    body = operation.body
    found = {
        DOTTED_ORDER: body.get("dotted_order"),
        RUN_TYPE: body.get("run_type"),
        EXAMPLE_ID: body.get("reference_example_id"),
        EXTRA: said.extra or None,
        SERIALIZED: body.get("serialized") or None,
        INPUTS: body.get("inputs") if said.question is not None else None,
        OUTPUTS: body.get("outputs") if said.reply is not None else None,
        **_session(operation, project_id),
        **{f"{ATTACHMENT}{name}": held for name, held in operation.notes.items()},
    }
    kept = {key: as_text(value) for key, value in found.items() if value is not None and value != ""}
    return further(RAW, body, _PLACED) | kept


def _session(operation: Operation, project_id: str) -> dict[str, str]:
    """Return LangSmith's project of a run; a patch mostly does not repeat it."""
    body = operation.body
    name, said_id = scalar(body.get("session_name")), ids.uuid_of(body.get("session_id"))
    if not name and (said_id is not None or operation.verb == PATCH):
        return {SESSION_ID: str(said_id)} if said_id is not None else {}
    name = name or DEFAULT_SESSION
    return {SESSION_NAME: name, SESSION_ID: str(said_id or ids.session_id(project_id, name))}


def _applications_own(key: str, value: Any) -> bool:
    return value is not None and key != "usage_metadata" and not key.startswith(_OWN)


def _document(value: Any, *, empty: bool) -> str | None:
    """Return inputs or outputs as text; an object without anything in it stands for none as long as none can be."""
    return None if value is None or (value == {} and not empty) else as_text(value)
