"""What the operations of LangSmith's API that a kept run came from say by the mapping of today."""

from typing import Any
from uuid import UUID

import msgspec

from pilothouse.compat.kept import Event, as_sent, events_of, heard, reread
from pilothouse.compat.langsmith import ids
from pilothouse.compat.langsmith.runs import (
    DOTTED_ORDER,
    EXAMPLE_ID,
    EXTRA,
    INPUTS,
    OUTPUTS,
    OWN,
    PATCH,
    POST,
    RAW,
    RUN_TYPE,
    SERIALIZED,
    SESSION_ID,
    SESSION_NAME,
    SOURCE,
    Operation,
    patch_of,
)
from pilothouse.domain.fold import Fold
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.rereading import Heard
from pilothouse.domain.span import Span
from pilothouse.protocols.loose import mapping

_MARKS = (RUN_TYPE, DOTTED_ORDER, SESSION_ID)
"""Of these attributes each run has one, and no span that came over OpenTelemetry has any."""
_FROM_RAW = {INPUTS: "input", OUTPUTS: "output"}
_TEXTS = {
    "run_type": RUN_TYPE, "dotted_order": DOTTED_ORDER, "reference_example_id": EXAMPLE_ID,
    "session_id": SESSION_ID, "session_name": SESSION_NAME,
}  # fmt: skip
_EMPTY = "{}"


def reading(row: Span, fold: Fold) -> list[Heard]:
    """Return what each of the run's operations says, the earliest first; nothing of a span that came another way."""
    if row.source != SOURCE or ids.uuid_of(row.native_id) is None or not any(name in row.attributes for name in _MARKS):
        return []
    own = [one for one in events_of(fold) if not fold.resource or any(name.startswith(RAW) for name in one.attributes)]
    if not own:
        return []
    streamed = fold.said.get("first_token_at_ns")
    eventful_ns = own[-1].at_ns if streamed is None else streamed[0]
    return heard([_operation(one, row, fold, events=one.at_ns == eventful_ns) for one in own])


def _operation(event: Event, row: Span, fold: Fold, *, events: bool) -> SpanPatch:
    attributes = event.attributes
    inputs, outputs = _document(event, INPUTS), _document(event, OUTPUTS)
    body: dict[str, Any] = {
        **{name[len(RAW) :]: as_sent(text) for name, text in attributes.items() if _is_further(name)},
        **{name: attributes.get(key) for name, key in _TEXTS.items()},
        "run_type": attributes.get(RUN_TYPE) or _later(RUN_TYPE, event, fold),
        "name": event.said.get("name"),
        "start_time": event.moment("started_at_ns"),
        "end_time": event.moment("ended_at_ns"),
        "inputs": inputs,
        "outputs": outputs,
        "error": event.said.get("error_detail"),
        "extra": _extra(event, fold),
        "serialized": as_sent(attributes.get(SERIALIZED)),
        "tags": list(row.tags),
        "events": [_event(one.at_ns, one.name, one.attributes) for one in row.events] if events else None,
    }
    # of what a patch says an empty object is nothing
    verb = POST if event.said.get("input") == _EMPTY else PATCH
    said = patch_of(Operation(verb=verb, run_id=UUID(row.native_id), body=body), row.project_id, event.at_ns)
    carried = ["cost_usd", *(field for key, field in _FROM_RAW.items() if _is_marked(event, key))]
    own = {name: text for name, text in attributes.items() if name not in _FROM_RAW or _is_marked(event, name)}
    return reread(said, row, msgspec.structs.replace(event, attributes=own), carried)


def _is_further(name: str) -> bool:
    return name.startswith(RAW) and name not in OWN


def _is_marked(event: Event, key: str) -> bool:
    """Whether a mark stands for inputs or outputs that were left out."""
    return key in event.attributes and not isinstance(as_sent(event.attributes[key]), dict)


def _document(event: Event, key: str) -> Any:
    if _is_marked(event, key):
        return None
    return as_sent(event.attributes[key]) if key in event.attributes else event.document(_FROM_RAW[key])


def _extra(event: Event, fold: Fold) -> Any:
    """Return what the operation said besides; where a later one replaced it, the call's parameters by that."""
    if EXTRA in event.attributes or INPUTS not in event.attributes:
        return as_sent(event.attributes.get(EXTRA))
    parameters = mapping(as_sent(_later(EXTRA, event, fold))).get("invocation_params")
    return {"invocation_params": parameters} if parameters else None


def _later(name: str, event: Event, fold: Fold) -> str | None:
    """Return an attribute that an operation may have had, too, before a later one replaced it."""
    at_ns, value = fold.attributes.get(name, (0, None))
    return value if at_ns > event.at_ns else None


def _event(at_ns: int, name: str, attributes: dict[str, str]) -> dict[str, Any]:
    time = Event(at_ns, {"at_ns": at_ns}).moment("at_ns")
    return {
        **{key: as_sent(text) for key, text in attributes.items()},
        "name": name,
        "time": time if time is not None else at_ns / 1e6,
    }
