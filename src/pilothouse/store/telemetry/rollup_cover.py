"""What of a range of time rollups tell, and what has to be read from the spans."""

import asyncio
from collections.abc import Collection

import msgspec

from pilothouse.store.telemetry import rollup_parts
from pilothouse.store.telemetry.batches import LATEST_NS
from pilothouse.store.telemetry.clause import sound
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.rollup_parts import listed
from pilothouse.store.telemetry.rollup_tables import DAY_S, FIVE_S, HOUR_S, MINUTE_S

SETTLED = (
    "SELECT max(greatest(toInt64(touched_us) - if(unit_s = 1, 0, 90000000), 0)) FROM rollup_marks WHERE project_id = ''"
)
"""The time of insertion before which all was in the store when it was last looked through for changes. Earlier versions
noted the time of their look, and gave inserts 90 s."""
MAX_RAW = 3000
"""Five minutes to read from spans; with more of them all is read from spans."""

_LATE = "\n".join((
    "SELECT arrayJoin([toUInt32(60), toUInt32(300)]) AS unit_s, at FROM (",
    "SELECT toStartOfFiveMinutes(started_at) AS at FROM spans WHERE %RANGE%",
    "AND inserted_at >= fromUnixTimestamp64Micro(ifNull(settled_us, 0))",
    "GROUP BY at)",
))  # fmt: skip
_DIRTY = "\n".join((
    f"WITH ({SETTLED}) AS settled_us",
    "SELECT unit_s, toUnixTimestamp(at) AS at_s FROM (",
    "SELECT unit_s, at, toUInt64(-1) AS touched_us, toUInt64(0) AS built FROM (", _LATE, ")",
    "UNION ALL SELECT unit_s, at, touched_us, 0 FROM rollup_marks WHERE %AT%",
    "UNION ALL SELECT unit_s, at, 0, build FROM rollup_builds WHERE %AT%",
    "%MINUTES%",
    # Stores that can keep what a statement reads several times say so by a unit of no length.
    "UNION ALL SELECT 0, toDateTime(0, 'UTC'), 1, 1 FROM system.settings WHERE name = 'enable_materialized_cte'",
    ") GROUP BY unit_s, at HAVING max(touched_us) >= max(built)",
))  # fmt: skip
_MINUTES = (
    "UNION ALL SELECT toUInt32(60), at, touched_us, 0 FROM rollup_marks WHERE %AT% AND unit_s = 300"
    " UNION ALL SELECT toUInt32(60), at, 1, 0 FROM rollup_builds WHERE %AT% AND unit_s = 300"
)
"""Minutes are marked by their five, and lacking where only these were built."""
PROJECT = "project_id = {project_id:String}"
AT = f"{PROJECT} AND at >= toDateTime({{low_s:UInt32}}, 'UTC') AND at < toDateTime({{high_s:UInt32}}, 'UTC')"
RANGE = (
    f"{PROJECT} AND toStartOfFiveMinutes(started_at) >= toDateTime({{low_s:UInt32}}, 'UTC')"
    " AND toStartOfFiveMinutes(started_at) < toDateTime({high_s:UInt32}, 'UTC')"
)
CURRENT = " ".join(("SELECT unit_s, at, max(build) FROM rollup_builds WHERE", AT, "GROUP BY unit_s, at"))


def among(name: str) -> str:
    """Return that something is in a list of numbers."""
    # A plain list is looked up in the sort key; what is made of one is not.
    return f"IN {{{name}:Array(UInt32)}}"


_SINGLE = "\n".join((
    "SELECT toUInt32(300) AS unit_s, toUnixTimestamp(five) AS at_s FROM (",
    "SELECT toStartOfFiveMinutes(started_at) AS five, count() AS there, toUInt64(0) AS counted FROM spans",
    f"WHERE {PROJECT} AND toStartOfFiveMinutes(started_at) {among('fives')} AND NOT deleted GROUP BY five",
    "UNION ALL SELECT at, 0, sum(requests) FROM rollup_figures",
    f"WHERE {PROJECT} AND aspect = 0 AND unit_s = 300 AND at {among('fives')} AND (unit_s, at, build) IN ({CURRENT})",
    "GROUP BY at) GROUP BY five HAVING sum(there) = sum(counted)",
))  # fmt: skip
"""Five minutes that hold, and have as many rows as spans: each of their rows counts, and none has to be merged."""


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a project's time, without its end."""

    project_id: str
    from_ns: int
    to_ns: int
    cuts_ns: tuple[int, ...] = ()
    """Where times are told apart, beside whole steps."""
    whole_before_ns: int = 0
    """One of the cuts before which steps do not matter; 0 where there is none."""


class Dirty(msgspec.Struct):
    """A unit that has no rollup which holds."""

    unit_s: int
    at_s: int


class Cover(msgspec.Struct, frozen=True):
    """Which parts of a range come from where, in seconds since 1970."""

    first_s: int
    end_s: int
    """The whole smallest units around the range."""
    days_apart: tuple[int, ...]
    """Days that are read from hours."""
    hours_apart: tuple[int, ...]
    """Hours that are read from five minutes."""
    raw: tuple[int, ...]
    """Smallest units that are read from spans, and those at the ends that are not in the range at all."""
    fives: tuple[int, ...]
    """The five minutes these lie in."""


class Reading(msgspec.Struct, frozen=True):
    """A cover, and how the five minutes are read that no rollup tells of."""

    cover: Cover
    merged: tuple[int, ...]
    """Those whose rows have to be merged."""
    single: tuple[int, ...]
    """Those that hold and are divided, and have no rows that others replaced."""
    cut: rollup_parts.Cut | None
    """Those of which parts tell, but for what came since."""
    kept: bool
    """Whether the store can keep what a statement reads several times."""

    @property
    def parameters(self) -> dict[str, Parameter]:
        """What conditions on rollups and spans name."""
        return {
            "first_s": self.cover.first_s, "end_s": self.cover.end_s, "raw": listed(self.cover.raw),
            "days_apart": listed(self.cover.days_apart), "hours_apart": listed(self.cover.hours_apart),
            "fives": listed(self.merged), "single": listed(self.single),
            "unmerged": listed((*self.single, *(self.cut.fives if self.cut is not None else ()))),
            **(self.cut.parameters if self.cut is not None else {}),
        }  # fmt: skip


async def look(connection: Connection, of: Range, least_s: int) -> Reading | None:
    """Return what holds now; None when all is better read from spans."""
    dirty, unmerged, parts = await asyncio.gather(
        _dirty(connection, of, least_s),
        _single(connection, of, least_s),
        rollup_parts.known(connection, of.project_id, of.from_ns, of.to_ns),
    )
    found = cover(of, dirty, least_s)
    if found is None:
        return None
    unheld = {one.at_s for one in dirty if one.unit_s in (least_s, FIVE_S)}
    single = tuple(five for five in found.fives if five in unmerged and five not in unheld)
    told = [one for one in parts if one.at_s in unheld and one.at_s in found.fives]
    cut = rollup_parts.cut((of.from_ns, of.to_ns), _edges(of, MINUTE_S), told)
    elsewhere = {*single, *(one.at_s for one in told)}
    merged = tuple(five for five in found.fives if five not in elsewhere)
    return Reading(found, merged, single, cut, kept=any(one.unit_s == 0 for one in dirty))


def cover(of: Range, dirty: Collection[Dirty], least_s: int = FIVE_S) -> Cover | None:
    """Return what to read from where, given what has no rollup that holds; minutes of `least_s` are used alone.

    None when so much is dirty that all is better read from spans.
    """
    raw = {edge // 10**9 // least_s * least_s for edge in _edges(of, least_s)}
    low_s, high_s = of.from_ns // 10**9 // least_s * least_s, -(-of.to_ns // (least_s * 10**9)) * least_s
    unheld = (at for one in dirty if one.unit_s == least_s for at in range(one.at_s, one.at_s + FIVE_S, least_s))
    raw |= {at for at in unheld if low_s <= at < high_s}
    fives = {at // FIVE_S * FIVE_S for at in raw}
    if len(fives) > MAX_RAW:
        return None
    apart: dict[int, set[int]] = {}
    for unit_s in (HOUR_S, DAY_S):
        # A unit that the range or a cut divides is read from the smaller ones inside.
        divided = (edge // 10**9 // unit_s * unit_s for edge in (of.from_ns, of.to_ns, *of.cuts_ns)
                   if edge % (unit_s * 10**9))  # fmt: skip
        apart[unit_s] = {*divided, *(at // unit_s * unit_s for at in raw)}
        apart[unit_s] |= {one.at_s for one in dirty if one.unit_s == unit_s}
    apart[DAY_S] |= {at // DAY_S * DAY_S for at in apart[HOUR_S]}
    inside = {unit: tuple(sorted(at for at in found if low_s - unit < at < high_s)) for unit, found in apart.items()}
    return Cover(low_s, high_s, inside[DAY_S], inside[HOUR_S], tuple(sorted(raw)), tuple(sorted(fives)))


async def _dirty(connection: Connection, of: Range, least_s: int) -> list[Dirty]:
    parameters = {**bounds(of), "project_id": sound(of.project_id)}
    sql = _DIRTY.replace("%MINUTES%", _MINUTES if least_s == MINUTE_S else "")
    sql = sql.replace("%RANGE%", RANGE).replace("%AT%", AT)
    return await connection.select(Query("rollups", sql, parameters), Dirty)


async def _single(connection: Connection, of: Range, least_s: int) -> frozenset[int]:
    """Return of the five minutes that an edge of the range divides those without rows that others replaced.

    It counts for those that hold. To merge all the rows of them for a part would take longest.
    """
    edges = {edge // (FIVE_S * 10**9) * FIVE_S for edge in _edges(of, least_s) if 0 <= edge <= LATEST_NS}
    if not edges:
        return frozenset()
    parameters = {**bounds(of), "project_id": sound(of.project_id), "fives": listed(sorted(edges))}
    return frozenset(one.at_s for one in await connection.select(Query("rollups", _SINGLE, parameters), Dirty))


def _edges(of: Range, least_s: int) -> list[int]:
    return [edge for edge in (of.from_ns, of.to_ns, *of.cuts_ns) if edge % (least_s * 10**9)]


def bounds(of: Range) -> dict[str, Parameter]:
    """Return the whole days around a range; what marks a day may lie outside the range."""
    low, high = (max(0, min(ns, (2**32 - DAY_S) * 10**9)) // (DAY_S * 10**9) for ns in (of.from_ns, of.to_ns))
    return {"low_s": low * DAY_S, "high_s": min((high + 1) * DAY_S, 2**32 - 1)}
