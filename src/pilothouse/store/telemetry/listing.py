"""The trace list: pages that stay stable while spans come in.

By start time, newest first, it looks at the newest spans first and widens the window until the page is full, so that
a list over 30 days reads minutes. Any span of a trace starts no earlier than the trace, hence all traces not seen yet
start no later than the last candidate: what is above that line is final. Any other order groups the whole range.
"""

import msgspec

from pilothouse.domain.reading import SortField, TraceFilter, TracePage, TraceSummary
from pilothouse.errors import InvalidRequest
from pilothouse.store.telemetry import cursors, query_matches, summaries, trace_rows
from pilothouse.store.telemetry.conditions import Conditions, nanoseconds, of_spans, sound, within
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.figures import COUNTED, FIRST, INPUT_TOTAL, OUTPUT_TOTAL
from pilothouse.store.telemetry.query import condition_of, split
from pilothouse.store.telemetry.search import EXACT

MAX_LIMIT = 200
_FIRST_WINDOW_NS = 60 * 10**9
_WIDENING = 8
_WIDENING_OF_TEXTS = 512
"""To look for a text in a window takes about as long as in all that is merged together with it."""
_MOST_CARRIED = 24
"""Traces that a cursor names; each makes it 120 characters longer."""
_LAST = 2**62
"""Sorts a trace without the value behind every other."""

_KEYS: dict[SortField, str] = {
    "started_at": "toUnixTimestamp64Nano(min(started_at))",
    "duration": (
        "max(toUnixTimestamp64Nano(started_at) + toInt64(duration_ns)) - toUnixTimestamp64Nano(min(started_at))"
    ),
    "ttft": f"toInt64(argMinIf(first_token_ns, {FIRST}, is_call AND first_token_ns IS NOT NULL))",
    "tokens": f"toInt64(sumIf({INPUT_TOTAL} + {OUTPUT_TOTAL}, {COUNTED}))",
    "cost": f"toInt64(toFloat64(sumIf(cost_usd, {COUNTED} AND cost_status = 'priced')) * 1e9)",
}


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Where a page ended: sort key and id of its last trace, and from where the next one has to look."""

    sort: str
    descending: bool
    key: int
    trace_id: str
    upper_ns: int
    carried: tuple[tuple[str, int], ...] = ()
    """Traces that were met above that place and begin below it, with the start by which they were met."""


class _Candidate(msgspec.Struct):
    trace_id: str
    key: int


class _Id(msgspec.Struct):
    trace_id: str


class _Found(msgspec.Struct):
    started_ns: int
    newest_ns: int
    """The latest start of a matching span."""
    summary: TraceSummary


_KEYS_OF_ROWS: dict[SortField, str] = {
    "started_at": "first_ns",
    "duration": "ended_ns - first_ns",
    "ttft": "toInt64(ttft_ns)",
    "tokens": "toInt64(arraySum(tokens))",
    "cost": "toInt64(toFloat64(cost) * 1e9)",
}
_ROW_COLUMNS: dict[SortField, frozenset[str]] = {
    "started_at": frozenset({"first_ns"}),
    "duration": frozenset({"first_ns", "ended_ns"}),
    "ttft": frozenset({"ttft_ns"}),
    "tokens": frozenset({"tokens"}),
    "cost": frozenset({"cost"}),
}
_SORTED_SPANS = "\n".join((
    "SELECT trace_id, ifNull(%KEY%, %MISSING%) AS key FROM spans FINAL WHERE %WHERE%",
    "GROUP BY trace_id HAVING countIf(%LACKS%) = 0 AND %AFTER%",
    "ORDER BY key %ORDER%, trace_id %ORDER% LIMIT {limit:UInt32}", EXACT,
))  # fmt: skip
_SORTED_ROWS = "\n".join((
    "SELECT trace_id, ifNull(%KEY%, %MISSING%) AS key FROM (%SOURCE%) WHERE %AFTER%",
    "ORDER BY key %ORDER%, trace_id %ORDER% LIMIT {limit:UInt32}",
))  # fmt: skip
_TRACES_WITH = "trace_id IN (SELECT trace_id FROM spans FINAL WHERE %WHERE%)"
_cursors = msgspec.json.Decoder(_Cursor)


async def fetch(connection: Connection, wanted: TraceFilter) -> TracePage:
    """Return one page; raises `InvalidRequest` for a cursor that is not from the same list."""
    cursor = _read_cursor(wanted)
    newest_first = wanted.sort == "started_at" and wanted.descending
    page = await (_Scan(connection, wanted, cursor).page() if newest_first else _sorted(connection, wanted, cursor))
    return TracePage(await query_matches.shown(connection, wanted, page.items), page.next_cursor)


class _Scan:
    """The walk from the newest spans back."""

    def __init__(self, connection: Connection, wanted: TraceFilter, cursor: _Cursor | None) -> None:
        self._connection = connection
        self._wanted = wanted
        self._cursor = cursor
        self._limit = _limit(wanted)
        self._conditions, self._lacks = _conditions(wanted)
        self._from_ns, self._to_ns = nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)
        self._upper_ns = min(self._to_ns, cursor.upper_ns if cursor else _LAST)
        self._pool: dict[str, _Found] = {}
        self._searches = query_matches.text_of(wanted) != ""

    async def page(self) -> TracePage:
        """Return the page; each window takes one query for candidates and one for the summaries of new ones."""
        window_ns = _FIRST_WINDOW_NS
        floor_ns = max(self._from_ns, self._upper_ns - window_ns)
        settled_ns = self._upper_ns
        last: _Candidate | None = None
        if self._cursor is not None and self._cursor.carried:
            await self._take([_Candidate(*one) for one in self._cursor.carried])
        while self._upper_ns > self._from_ns and len(self._settled(settled_ns)) < self._limit:
            last = await self._step(floor_ns, last)
            if last is not None:
                # Others may start in the same nanosecond, so it stays in the range and is not settled yet.
                settled_ns = self._upper_ns = last.key + 1
                continue
            settled_ns = self._upper_ns = floor_ns
            window_ns *= _WIDENING_OF_TEXTS if self._searches else _WIDENING
            floor_ns = max(self._from_ns, floor_ns - window_ns)
        exhausted = self._upper_ns <= self._from_ns
        ready = self._settled(-_LAST if exhausted else settled_ns)
        ready.sort(key=_place, reverse=True)
        page = ready[: self._limit]
        more = len(ready) > len(page) or not exhausted
        return TracePage([found.summary for found in page], self._next(page) if more and page else None)

    async def _step(self, floor_ns: int, after: _Candidate | None) -> _Candidate | None:
        """Take the next candidates of the window into the pool; returns the last one when there may be more."""
        project_id, limit = self._wanted.project_id, self._limit + 1
        where = within(project_id, floor_ns, self._upper_ns)
        where = where.plus(*self._conditions.parts, **self._conditions.parameters)
        found = await _candidates(self._connection, where, after, limit)
        fresh = [one for one in found if one.trace_id not in self._pool]
        if fresh:
            await self._take(fresh)
        return found[-1] if len(found) == limit else None

    async def _take(self, fresh: list[_Candidate]) -> None:
        """Put those into the pool that are wanted by the last rows of their spans."""
        project_id, ids = self._wanted.project_id, [one.trace_id for one in fresh]
        low_ns = min(one.key for one in fresh) - summaries.REACH_NS
        high_ns = max(one.key for one in fresh) + summaries.REACH_NS
        known = await summaries.fetch(self._connection, project_id, ids, low_ns, high_ns)
        during_ns = max(low_ns, self._from_ns), min(high_ns, self._to_ns)
        # The first span of a trace is one that is there, so only other conditions have to be looked at again.
        sure = {one for one, (start_ns, _) in known.items() if during_ns[0] <= start_ns < during_ns[1]}
        asked = [one for one in known if self._conditions.parts or one not in sure]
        fits = sure if not asked else await self._like(asked, during_ns, self._conditions)
        if not self._conditions.parts:
            fits |= sure
        if self._lacks.parts:
            fits -= await self._like(ids, (low_ns, high_ns), self._lacks)
        for one in fresh:
            if one.trace_id in fits:
                start_ns, summary = known[one.trace_id]
                self._pool[one.trace_id] = _Found(start_ns, one.key, summary)

    async def _like(self, ids: list[str], times_ns: tuple[int, int], conditions: Conditions) -> set[str]:
        """Return which traces have a span that fulfils conditions."""
        where = within(self._wanted.project_id, *times_ns).plus(
            "has({trace_ids:Array(String)}, trace_id)", *conditions.parts,
            **conditions.parameters, trace_ids=[sound(one) for one in ids],
        )  # fmt: skip
        sql = " ".join(("SELECT DISTINCT trace_id FROM spans FINAL WHERE", where.sql, EXACT))
        return {row.trace_id for row in await self._connection.select(Query("fitting", sql, where.parameters), _Id)}

    def _settled(self, above_ns: int) -> list[_Found]:
        """Return the traces below the cursor that no unseen trace can come before."""
        end = (self._cursor.key, self._cursor.trace_id) if self._cursor else (_LAST, "")
        return [found for found in self._pool.values() if found.started_ns >= above_ns and _place(found) < end]

    def _next(self, page: list[_Found]) -> str:
        last = page[-1]
        shown = {found.summary.trace_id for found in page}
        end = _place(last)
        seen_ns = max(last.started_ns, self._upper_ns)
        pending = [
            (found.newest_ns, found.summary.trace_id)
            for found in self._pool.values()
            if found.summary.trace_id not in shown and _place(found) < end and found.newest_ns > seen_ns
        ]
        # One long trace that began long ago must not have every page look through all that was shown before.
        pending.sort(reverse=True)
        carried = tuple((trace_id, newest_ns) for newest_ns, trace_id in pending[:_MOST_CARRIED])
        upper_ns = max([seen_ns, *(newest_ns for newest_ns, _ in pending[_MOST_CARRIED:])]) + 1
        place = _Cursor("started_at", True, last.started_ns, last.summary.trace_id, upper_ns, carried)
        return cursors.write(place)


def _conditions(wanted: TraceFilter) -> tuple[Conditions, Conditions]:
    """Return what one span of a trace has to fulfil, and what none of them may."""
    fits, lacks = split(wanted.query)
    return (
        of_spans(msgspec.structs.replace(wanted, query=fits)),
        condition_of(lacks, wanted.project_id, prefix="lacks"),
    )


async def _candidates(
    connection: Connection, where: Conditions, after: _Candidate | None, limit: int
) -> list[_Candidate]:
    """Return traces with a matching row by the latest start of one, from behind `after` on.

    Rows that were replaced count here: to merge rows takes three times as long as to read them, and whoever asks looks
    at the few that are found again.
    """
    where = where.plus(limit=limit)
    having = ""
    if after is not None:
        where = where.plus(after_key=after.key, after_id=after.trace_id)
        having = "HAVING (key, trace_id) < ({after_key:Int64}, {after_id:String})"
    sql = "\n".join((
        "SELECT trace_id, toUnixTimestamp64Nano(max(started_at)) AS key FROM spans",
        "WHERE", where.sql,
        "GROUP BY trace_id", having,
        "ORDER BY key DESC, trace_id DESC LIMIT {limit:UInt32}",
    ))  # fmt: skip
    return await connection.select(Query("candidates", sql, where.parameters), _Candidate)


async def _sorted(connection: Connection, wanted: TraceFilter, cursor: _Cursor | None) -> TracePage:
    limit = _limit(wanted)
    range_ns = nanoseconds(wanted.from_at), nanoseconds(wanted.to_at)
    conditions, lacks = _conditions(wanted)
    if conditions.parts or lacks.parts:
        sql, parameters = _sorted_spans(wanted, range_ns, conditions, lacks)
    else:
        rows = await trace_rows.source(connection, wanted.project_id, range_ns, _ROW_COLUMNS[wanted.sort])
        sql, parameters = rows.statement(_SORTED_ROWS.replace("%KEY%", _KEYS_OF_ROWS[wanted.sort])), rows.parameters
    order, beyond, missing = ("DESC", "<", -_LAST) if wanted.descending else ("ASC", ">", _LAST)
    after = "1"
    if cursor is not None:
        parameters = {**parameters, "cursor_key": cursor.key, "cursor_id": sound(cursor.trace_id)}
        after = f"(key, trace_id) {beyond} ({{cursor_key:Int64}}, {{cursor_id:String}})"
    sql = sql.replace("%ORDER%", order).replace("%MISSING%", str(missing)).replace("%AFTER%", after)
    found = await connection.select(Query("sorted", sql, {**parameters, "limit": limit + 1}), _Candidate)
    reach_ns = summaries.REACH_NS
    known = await summaries.fetch(
        connection,
        wanted.project_id,
        [one.trace_id for one in found[:limit]],
        range_ns[0] - reach_ns,
        range_ns[1] + reach_ns,
    )
    items = [known[one.trace_id][1] for one in found[:limit] if one.trace_id in known]
    if len(found) <= limit:
        return TracePage(items, None)
    last = found[limit - 1]
    return TracePage(items, _write_cursor(wanted, last.key, last.trace_id, 0))


def _sorted_spans(
    wanted: TraceFilter, range_ns: tuple[int, int], conditions: Conditions, lacks: Conditions
) -> tuple[str, dict[str, Parameter]]:
    where = within(wanted.project_id, *range_ns).plus(**conditions.parameters, **lacks.parameters)
    having = where
    if conditions.parts:
        having = having.plus(_TRACES_WITH.replace("%WHERE%", where.plus(*conditions.parts).sql))
    sql = _SORTED_SPANS.replace("%KEY%", _KEYS[wanted.sort]).replace("%WHERE%", having.sql)
    return sql.replace("%LACKS%", lacks.sql if lacks.parts else "0"), having.parameters


def _place(found: _Found) -> tuple[int, str]:
    return found.started_ns, found.summary.trace_id


def _limit(wanted: TraceFilter) -> int:
    return max(1, min(wanted.limit, MAX_LIMIT))


def _write_cursor(wanted: TraceFilter, key: int, trace_id: str, upper_ns: int) -> str:
    return cursors.write(_Cursor(wanted.sort, wanted.descending, key, trace_id, upper_ns))


def _read_cursor(wanted: TraceFilter) -> _Cursor | None:
    if not wanted.cursor:
        return None
    cursor = cursors.read(wanted.cursor, _cursors)
    if (cursor.sort, cursor.descending) != (wanted.sort, wanted.descending):
        raise InvalidRequest("the cursor is from a list in another order", param="cursor")
    return cursor
