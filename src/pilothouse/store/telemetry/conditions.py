"""Filters as SQL conditions: fixed text and server-side parameters, never a value inside the text."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pilothouse.domain.query.nodes import Node
from pilothouse.domain.reading import OverviewFilter, TraceFilter
from pilothouse.store.telemetry.batches import LATEST_NS
from pilothouse.store.telemetry.clause import Conditions, sound
from pilothouse.store.telemetry.query import condition_of
from pilothouse.store.telemetry.search import SEARCHED, anywhere

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63 - 1
_WINDOWS_NS = (3_600 * 10**9, 86_400 * 10**9, 14 * 86_400 * 10**9)


def nanoseconds(at: datetime) -> int:
    """Return exact nanoseconds since 1970, within a signed 64-bit number; a time without zone is UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(-_INT64, min((aware - _EPOCH) // timedelta(microseconds=1) * 1000, _INT64))


def moment(ns: int) -> datetime:
    """Return the UTC time of nanoseconds since 1970, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def within(project_id: str, from_ns: int, to_ns: int) -> Conditions:
    """Return the conditions of one project and a time range that excludes its end; of rows, the span's last one counts.

    A row is replaced by another of the same five minutes, whose start may differ. So only those five minutes may decide
    which parts are read: by the start itself, the part with the last row could be left out and an earlier one shown.
    """
    return Conditions(
        (
            "project_id = {project_id:String}",
            "toStartOfFiveMinutes(started_at) >= toStartOfFiveMinutes(fromUnixTimestamp64Nano({from_ns:Int64}))",
            "toStartOfFiveMinutes(started_at) <= toStartOfFiveMinutes(fromUnixTimestamp64Nano({to_ns:Int64}))",
            "identity(started_at) >= fromUnixTimestamp64Nano({from_ns:Int64})",
            "identity(started_at) < fromUnixTimestamp64Nano({to_ns:Int64})",
            "NOT deleted",
        ),
        # Bounds outside what a span can have would overflow where the engine rounds them to look into the sort key.
        {"project_id": sound(project_id), "from_ns": _reachable(from_ns), "to_ns": _reachable(to_ns)},
    )


def between(project_id: str, from_ns: int, to_ns: int) -> Conditions:
    """Return the same for what has one time that never changes, `at`: scores, log records, data points."""
    return Conditions(
        (
            "project_id = {project_id:String}",
            "at >= fromUnixTimestamp64Nano({from_ns:Int64})",
            "at < fromUnixTimestamp64Nano({to_ns:Int64})",
        ),
        {"project_id": sound(project_id), "from_ns": _reachable(from_ns), "to_ns": _reachable(to_ns)},
    )


def floors(from_ns: int, newest_ns: int) -> Iterator[int]:
    """Yield where to begin to look for the newest, further back each time: most pages are full of the last hour."""
    for window_ns in _WINDOWS_NS:
        if newest_ns - window_ns > from_ns:
            yield newest_ns - window_ns
    yield from_ns


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
    if wanted.text:
        test, parameters = anywhere(SEARCHED, sound(wanted.text), "text", wild=False)
        found = found.plus(test, **parameters)
    asked = condition_of(wanted.query, wanted.project_id)
    traces = of_traces(wanted.of_traces, wanted.project_id)
    return found.plus(*asked.parts, *traces.parts, **asked.parameters, **traces.parameters)


def of_traces(wanted: Sequence[Node], project_id: str) -> Conditions:
    """Return that the trace of a row has, for each of some queries, a span that fulfils it."""
    found = Conditions((), {})
    for number, node in enumerate(wanted):
        asked = condition_of(node, project_id, prefix=f"of_trace_{number}")
        found = found.plus(_IN_TRACE.replace("%WHERE%", asked.sql), **asked.parameters)
    return found


def of_calls(wanted: OverviewFilter) -> Conditions:
    """Return what a span must fulfil to be counted in the overview, apart from project and time."""
    found = Conditions(("is_call", "NOT wrapper"), {})
    return found.plus(_MODELS, models=[sound(model) for model in wanted.models]) if wanted.models else found


_IN_TRACE = (
    "trace_id IN (SELECT trace_id FROM spans FINAL WHERE project_id = {project_id:String} AND NOT deleted AND %WHERE%)"
)
"""Beside a condition that gives `project_id`."""
_MODELS = "(has({models:Array(String)}, model_requested) OR has({models:Array(String)}, model_served))"
