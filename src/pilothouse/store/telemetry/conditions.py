"""Filters as SQL conditions: fixed text and server-side parameters, never a value inside the text."""

import json
from datetime import UTC, datetime, timedelta

import msgspec

from pilothouse.domain.reading import OverviewFilter, TraceFilter
from pilothouse.store.telemetry.batches import LATEST_NS
from pilothouse.store.telemetry.connection import Parameter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63 - 1
_SEARCHED_PAYLOADS = ("input", "output")
_SEARCHED = (
    "input",
    "output",
    "error_detail",
    "error_code",
    "trace_id",
    "request_id",
    "model_requested",
    "model_served",
    "name",
)


class Conditions(msgspec.Struct, frozen=True):
    """Conditions that all must hold, and their parameters."""

    parts: tuple[str, ...]
    parameters: dict[str, Parameter]

    @property
    def sql(self) -> str:
        """The text after `WHERE`."""
        return " AND ".join(self.parts)

    def plus(self, *parts: str, **parameters: Parameter) -> "Conditions":
        """Return these conditions and more."""
        return Conditions((*self.parts, *parts), {**self.parameters, **parameters})


def nanoseconds(at: datetime) -> int:
    """Return exact nanoseconds since 1970, within a signed 64-bit number; a time without zone is UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(-_INT64, min((aware - _EPOCH) // timedelta(microseconds=1) * 1000, _INT64))


def moment(ns: int) -> datetime:
    """Return the UTC time of nanoseconds since 1970, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def within(project_id: str, from_ns: int, to_ns: int) -> Conditions:
    """Return the conditions of one project and a time range that excludes its end."""
    return Conditions(
        (
            "project_id = {project_id:String}",
            "started_at >= fromUnixTimestamp64Nano({from_ns:Int64})",
            "started_at < fromUnixTimestamp64Nano({to_ns:Int64})",
        ),
        # Bounds outside what a span can have would overflow where the engine rounds them to look into the sort key.
        {"project_id": sound(project_id), "from_ns": _reachable(from_ns), "to_ns": _reachable(to_ns)},
    )


def _reachable(ns: int) -> int:
    return max(0, min(ns, LATEST_NS + 1))


def of_spans(wanted: TraceFilter) -> Conditions:
    """Return what a span must fulfil for its trace to be shown, apart from project and time."""
    found = Conditions((), {})
    if wanted.models:
        found = found.plus(_MODELS, models=[sound(model) for model in wanted.models])
    if wanted.statuses:
        found = found.plus(
            "has({statuses:Array(String)}, status)", statuses=[str(status) for status in wanted.statuses]
        )
    if wanted.key_ids:
        found = found.plus("has({key_ids:Array(String)}, key_id)", key_ids=[sound(key) for key in wanted.key_ids])
    if wanted.user_id:
        found = found.plus("user_id = {user_id:String}", user_id=sound(wanted.user_id))
    if wanted.session_id:
        found = found.plus("session_id = {session_id:String}", session_id=sound(wanted.session_id))
    if wanted.min_duration_ms is not None:
        found = found.plus("duration_ns >= {min_duration_ns:Float64}", min_duration_ns=wanted.min_duration_ms * 1e6)
    return _text(found, sound(wanted.text)) if wanted.text else found


def of_calls(wanted: OverviewFilter) -> Conditions:
    """Return what a span must fulfil to be counted in the overview, apart from project and time."""
    found = Conditions(("is_call",), {})
    return found.plus(_MODELS, models=[sound(model) for model in wanted.models]) if wanted.models else found


def sound(text: str) -> str:
    """Return the text as the store can take it: a lone surrogate becomes a question mark, as at insert."""
    return text.encode("utf-8", "replace").decode()


def _text(found: Conditions, text: str) -> Conditions:
    """Add the substring search; payloads that are JSON hold the text in its escaped form."""
    tests = [f"positionCaseInsensitiveUTF8({column}, {{text:String}}) > 0" for column in _SEARCHED]
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    if escaped != text:
        tests += [f"positionCaseInsensitiveUTF8({column}, {{escaped:String}}) > 0" for column in _SEARCHED_PAYLOADS]
        found = found.plus(escaped=escaped)
    return found.plus(f"({' OR '.join(tests)})", text=text)


_MODELS = "(has({models:Array(String)}, model_requested) OR has({models:Array(String)}, model_served))"
