"""Whole records redacted: a gateway's call, a span's patch, a score.

What was done is said by attributes of the span, `pilothouse.redacted.<rule>` with a count; never the value.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from pilothouse import instruments
from pilothouse.domain.call import Attempt, CallRecord
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.redaction.engine import Redactor, Tally
from pilothouse.domain.redaction.names import part_of
from pilothouse.domain.redaction.policy import Part
from pilothouse.domain.redaction.texts import REMOVED
from pilothouse.domain.score import Score
from pilothouse.domain.span import SpanEvent

REDACTED = "pilothouse.redacted."
"""Beginning of the attributes that say which rule took how much out of a span."""
_TAIL_BYTES = 256
"""Of a text that is cut, so much is left out at its end after it was redacted: half a value matches no rule."""
_LAST_BYTES = 16 * 1024
"""A stream that was cut while a text of it grew told more of that text in its last so many bytes."""
_any = msgspec.json.Decoder()

_CALL_TEXTS = (
    "error_detail", "path", "model_requested", "model_served", "finish_reason", "user_id", "session_id", "environment",
    "schema_check",
)  # fmt: skip
_PATCH_TEXTS = (
    "native_id", "name", "trace_name", "error_code", "error_detail", "operation", "provider", "model_requested",
    "model_served", "finish_reason", "user_id", "session_id", "environment", "release", "version", "prompt_name",
    "prompt_version",
)  # fmt: skip
_SCORE_TEXTS = ("session_id", "name", "text", "comment", "author", "environment", "config_id", "run_id")


class Bodies(msgspec.Struct, frozen=True):
    """What a call's record will hold of its bodies: whole ones, which are cut only after they were redacted."""

    request: bytes
    response: bytes
    withheld: bytes
    limit_bytes: int
    fold: Callable[[bytes], bytes] | None = None
    """Puts the pieces of a stream together."""


def call(record: CallRecord, bodies: Bodies, redactor: Redactor) -> CallRecord:
    """Return a call's record redacted; a streamed answer is kept as the whole that it came to."""
    tally: Tally = Counter()
    changes = _texts(record, _CALL_TEXTS, redactor, tally)
    response = folded(bodies.response, bodies.fold if record.streamed else None, tally)
    limit = bodies.limit_bytes
    return _counted(
        msgspec.structs.replace(
            record,
            **changes,
            request_body=_body(bodies.request, limit, Part.INPUT, redactor, tally),
            response_body=_body(response, limit, Part.OUTPUT, redactor, tally, _earlier(record, bodies)),
            withheld_body=_body(bodies.withheld, limit, Part.OUTPUT, redactor, tally),
            request_headers=_named(record.request_headers, Part.ATTRIBUTES, redactor, tally),
            response_headers=_named(record.response_headers, Part.ATTRIBUTES, redactor, tally),
            metadata=_named(record.metadata, Part.METADATA, redactor, tally),
            attempts=tuple(_attempt(attempt, redactor, tally) for attempt in record.attempts),
            losses=tuple(redactor.text(loss, tally) for loss in record.losses),
            fetched=tuple(redactor.text(note, tally) for note in record.fetched),
            whole=record.streamed and bool(bodies.response),
            cut=_cut(record, bodies),
        ),
        tally,
    )


def folded(response: bytes, fold: Callable[[bytes], bytes] | None, tally: Tally) -> bytes:
    """Return a recorded stream as one answer; nothing when that cannot be, since what it says may stand in pieces."""
    if fold is None or not response or response.lstrip()[:1] == b"{":
        return response
    try:
        return fold(response)
    except Exception:  # noqa: BLE001 - border: a dialect is a plug-in, and a stream it cannot fold must not be kept
        instruments.REDACTION_FAILURES.inc()
        tally["failed"] += 1
        return REMOVED.encode()


def patch(said: SpanPatch, redactor: Redactor) -> SpanPatch:
    """Return a span's patch redacted."""
    tally: Tally = Counter()
    changes = _texts(said, _PATCH_TEXTS, redactor, tally)
    redacted = msgspec.structs.replace(
        said,
        **changes,
        input=_part(said.input, Part.INPUT, redactor, tally),
        output=_part(said.output, Part.OUTPUT, redactor, tally),
        tags=tuple(redactor.text(tag, tally) for tag in said.tags),
        metadata=_named(said.metadata, Part.METADATA, redactor, tally),
        attributes=attributes(said.attributes, redactor, tally),
        resource=redactor.texts(said.resource, tally),
        events=_events(said.events, redactor, tally),
        links=tuple(
            msgspec.structs.replace(link, attributes=redactor.texts(link.attributes, tally)) for link in said.links
        ),
    )
    counted(tally)
    marks = {f"{REDACTED}{rule}": str(count) for rule, count in tally.items()}
    return msgspec.structs.replace(redacted, attributes={**redacted.attributes, **marks}) if marks else redacted


def score(given: Score, redactor: Redactor) -> Score:
    """Return a score redacted; it has no place to say so."""
    tally: Tally = Counter()
    changes = _texts(given, _SCORE_TEXTS, redactor, tally)
    made = msgspec.structs.replace(given, **changes, metadata=_named(given.metadata, Part.METADATA, redactor, tally))
    counted(tally)
    return made


def attributes(found: Mapping[str, str], redactor: Redactor, tally: Tally) -> dict[str, str]:
    """Return attributes redacted, those of a part that is left out with a mark for their text."""
    made: dict[str, str] = {}
    for name, value in found.items():
        part = part_of(name, redactor.off) if redactor.off else None
        if part is not None and not _number(value):
            tally[f"off.{part}"] += 1
            made[redactor.key(name, tally)] = REMOVED
        else:
            made[redactor.key(name, tally)] = str(redactor.value(name, value, tally))
    return made


def counted(tally: Tally) -> None:
    """Count what was done, for all projects together."""
    for rule, count in tally.items():
        instruments.REDACTIONS.inc(rule.partition(".")[0] if "." in rule else rule, by=count)


def _cut(record: CallRecord, bodies: Bodies) -> tuple[str, ...]:
    found: list[str] = []
    if len(bodies.request) > bodies.limit_bytes:
        found.append("input")
    if record.response_size_bytes > len(bodies.response) or len(bodies.response) > bodies.limit_bytes:
        found.append("output")
    return tuple(found)


def _counted(record: CallRecord, tally: Tally) -> CallRecord:
    counted(tally)
    return msgspec.structs.replace(record, redacted=dict(tally))


def _texts(held: msgspec.Struct, names: Sequence[str], redactor: Redactor, tally: Tally) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in names:
        text = getattr(held, name)
        if text:
            changes[name] = redactor.text(text, tally)
    return changes


def _body(
    body: bytes, limit: int, part: Part, redactor: Redactor, tally: Tally, earlier: Callable[[], bytes] | None = None
) -> bytes:
    if not body:
        return body
    if redactor.leaves_out(part, tally):
        return REMOVED.encode()
    if earlier is not None:
        return _without_ends(redactor.data(body, tally), body, earlier())[:limit]
    # what does not fit is not looked through; nor is half a value kept at the cut
    kept = redactor.data(body[:limit], tally)
    return kept[:limit] if len(body) <= limit else kept[:limit][:-_TAIL_BYTES]


def _earlier(record: CallRecord, bodies: Bodies) -> Callable[[], bytes] | None:
    """Return how to tell what a stream that was cut had come to shortly before, None for what was not cut."""
    response, fold = bodies.response, bodies.fold
    whole = record.response_size_bytes <= len(response)
    if whole or fold is None or not record.streamed or response.lstrip()[:1] == b"{":
        return None

    def fold_less() -> bytes:
        less = response[: len(response) - min(_LAST_BYTES, len(response) // 2)]
        try:
            return fold(less)
        except Exception:  # noqa: BLE001 - border: a dialect is a plug-in; then every text may have grown
            return b""

    return fold_less


def _without_ends(kept: bytes, now: bytes, before: bytes) -> bytes:
    """Return a cut stream's answer without the ends of the texts that were growing, which may hold half a value."""
    try:
        found = _short(_any.decode(kept), _any.decode(now), _any.decode(before) if before else None)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return kept[:-_TAIL_BYTES]
    return msgspec.json.encode(found)


def _short(kept: Any, now: Any, before: Any) -> Any:
    """Return what is kept; `now` is the same before it was redacted, `before` what it was some events earlier."""
    if isinstance(kept, str):
        return kept if now == before else kept[: max(0, len(kept) - _TAIL_BYTES)]
    if isinstance(kept, list) and isinstance(now, list):
        said = cast("list[Any]", before) if isinstance(before, list) else []
        pairs = zip(cast("list[Any]", kept), cast("list[Any]", now), strict=False)
        return [_short(one, held, said[n] if n < len(said) else None) for n, (one, held) in enumerate(pairs)]
    if isinstance(kept, dict) and isinstance(now, dict):
        told = cast("dict[str, Any]", before) if isinstance(before, dict) else {}
        # a name may have been redacted; their order stays
        both = zip(cast("dict[str, Any]", kept).items(), cast("dict[str, Any]", now).items(), strict=False)
        return {name: _short(one, held, told.get(own)) for (name, one), (own, held) in both}
    return cast("Any", kept)


def _part(text: str | None, part: Part, redactor: Redactor, tally: Tally) -> str | None:
    if not text:
        return text
    return REMOVED if redactor.leaves_out(part, tally) else redactor.text(text, tally)


def _named(found: Mapping[str, str], part: Part, redactor: Redactor, tally: Tally) -> dict[str, str]:
    if found and redactor.leaves_out(part, tally):
        return {}
    return redactor.texts(found, tally)


def _events(events: Sequence[SpanEvent], redactor: Redactor, tally: Tally) -> tuple[SpanEvent, ...]:
    if events and redactor.leaves_out(Part.EVENTS, tally):
        return ()
    return tuple(
        msgspec.structs.replace(
            event, name=redactor.text(event.name, tally), attributes=attributes(event.attributes, redactor, tally)
        )
        for event in events
    )


def _attempt(attempt: Attempt, redactor: Redactor, tally: Tally) -> Attempt:
    if not attempt.error_detail:
        return attempt
    return msgspec.structs.replace(attempt, error_detail=redactor.text(attempt.error_detail, tally))


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
