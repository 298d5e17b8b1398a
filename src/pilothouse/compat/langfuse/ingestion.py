"""One batch of Langfuse's ingestion API: each event taken or refused by itself."""

from collections.abc import Callable
from typing import Any

import msgspec

from pilothouse.compat.arrival import LATER_NS, owned
from pilothouse.compat.langfuse import observations, scores
from pilothouse.compat.langfuse.observations import Said
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.score import Score
from pilothouse.errors import InvalidRequest
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import listing, mapping, scalar

_CREATED, _BAD = 201, 400
_TRACE, _SCORE, _LOG = "trace-create", "score-create", "sdk-log"


class Success(msgspec.Struct, frozen=True):
    """An event that was taken."""

    id: str
    status: int = _CREATED


class Failure(msgspec.Struct, frozen=True):
    """An event that was not, and why."""

    id: str
    status: int
    message: str
    error: str


class Answer(msgspec.Struct, frozen=True):
    """What is told of each event."""

    successes: list[Success]
    errors: list[Failure]


class Taken(msgspec.Struct, frozen=True):
    """What a batch says, in our words."""

    patches: list[SpanPatch]
    scores: list[Score]
    answer: Answer


def batch_of(body: Any) -> list[Any]:
    """Return the events of a body; raises `InvalidRequest` when it is no batch at all."""
    batch = mapping(body).get("batch")
    if not isinstance(batch, list):
        raise InvalidRequest('the body must be an object with a list of events, {"batch": [...]}', param="batch")
    return listing(batch)


def read(batch: list[Any], key: VirtualKey, received_at_ns: int) -> Taken:
    """Return the patches and scores of a batch's events, and what is told of each."""
    patches: list[SpanPatch] = []
    found: list[Score] = []
    successes: list[Success] = []
    errors: list[Failure] = []
    for index, item in enumerate(batch):
        event_id = scalar(mapping(item).get("id"))
        try:
            said = _said(item, event_id, index, received_at_ns)
            if said.type == _SCORE:
                found.append(scores.of(said.body, said.at_ns, event_id))
            elif said.type != _LOG:
                patches += _reader(said.type)(said)
        except ValueError as error:
            errors.append(Failure(event_id, _BAD, str(error), "InvalidRequestError"))
        else:
            successes.append(Success(event_id))
    return Taken(owned(observations.folded_extents(patches), key), owned(found, key), Answer(successes, errors))


def _said(item: Any, event_id: str, index: int, received_at_ns: int) -> Said:
    event = mapping(item)
    kind, body = scalar(event.get("type")), event.get("body")
    if not kind:
        raise ValueError("an event must be an object with a type")
    if not isinstance(body, dict):
        raise ValueError(f"the event of type '{kind[:80]}' has no body")
    at_ns = moment_ns(event.get("timestamp")) or received_at_ns
    return Said(kind, mapping(body), at_ns + min(index, LATER_NS), event_id)


def _reader(kind: str) -> Callable[[Said], list[SpanPatch]]:
    if kind == _TRACE:
        return observations.of_trace
    if kind in observations.TYPES:
        return observations.of_observation
    raise ValueError(f"there is no event of type '{kind[:80]}'")
