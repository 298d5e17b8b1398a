"""The place in input or output where a listed trace holds what was searched for."""

import re
from collections.abc import Sequence

import msgspec

from pilothouse.domain.query.fields import BY_NAME, Kind
from pilothouse.domain.query.nodes import And, Is, Node, Or, Words
from pilothouse.domain.reading import TraceFilter, TraceSummary
from pilothouse.store.telemetry.clause import sound
from pilothouse.store.telemetry.conditions import nanoseconds, within
from pilothouse.store.telemetry.connection import Connection, Query
from pilothouse.store.telemetry.summaries import REACH_NS

_BEFORE, _LENGTH = 40, 160
_SQL = "\n".join((
    "SELECT trace_id, argMin(part, (started_at, span_id)) AS part FROM (",
    "SELECT trace_id, started_at, span_id,",
    "positionCaseInsensitiveUTF8(input, {wanted:String}) AS in_input,",
    "positionCaseInsensitiveUTF8(output, {wanted:String}) AS in_output,",
    "multiIf(in_input > 0, substringUTF8(input, greatest(toInt64(in_input) - {before:UInt8}, 1), {length:UInt8}),",
    "in_output > 0, substringUTF8(output, greatest(toInt64(in_output) - {before:UInt8}, 1), {length:UInt8}), '')",
    "AS part",
    "FROM spans FINAL WHERE %WHERE%",
    ") WHERE part != '' GROUP BY trace_id",
))  # fmt: skip
_ESCAPES = re.compile(r"\\[nrt]|\s+")


class _Row(msgspec.Struct):
    trace_id: str
    part: str


async def shown(connection: Connection, wanted: TraceFilter, traces: Sequence[TraceSummary]) -> list[TraceSummary]:
    """Return the summaries with the place where each holds the text of the search, where it is in a body."""
    text = text_of(wanted)
    if not text or not traces:
        return list(traces)
    starts = [nanoseconds(trace.started_at) for trace in traces]
    where = within(wanted.project_id, min(starts), max(starts) + REACH_NS).plus(
        "has({trace_ids:Array(String)}, trace_id)", trace_ids=[sound(trace.trace_id) for trace in traces],
        wanted=sound(text), before=_BEFORE, length=_LENGTH,
    )  # fmt: skip
    rows = await connection.select(Query("matches", _SQL.replace("%WHERE%", where.sql), where.parameters), _Row)
    parts = {row.trace_id: _ESCAPES.sub(" ", row.part).strip() for row in rows}
    return [msgspec.structs.replace(trace, match=parts.get(trace.trace_id, "")) for trace in traces]


def text_of(wanted: TraceFilter) -> str:
    """Return the text that is looked for, empty where there is none."""
    return wanted.text or _text(wanted.query)


def _text(node: Node | None) -> str:
    """Return the first text that is asked for, of one with `*` its longest piece."""
    match node:
        case And(nodes) | Or(nodes):
            return next((text for text in map(_text, nodes) if text), "")
        case Words(text, wild):
            return max(text.split("*"), key=len) if wild else text
        case Is(field, _, text, wild) if BY_NAME[field].kind is Kind.BODY:
            return max(text.split("*"), key=len) if wild else text
        case _:
            return ""
