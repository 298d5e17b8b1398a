"""Parts of rollups: of five minutes that are not over yet, what was inserted until some seconds ago.

Many spans a second make those minutes dear to read, and they cannot be built before they are over. A part holds minutes
of the rows that were inserted between the part before it and a time by which all inserts were over. Rows are taken as
they come, so parts hold only while no row of the five minutes replaces one of them. Whoever writes such a row, or
removes one, voids the parts of its five minutes before; these are then read from the spans until they are built whole.
A span that has not ended, or of which events may say more, is in no part, for its row will be replaced: its trace is
read from the spans.
"""

import time
from collections.abc import Collection, Iterable, Sequence

import msgspec

from pilothouse.domain.span import SAID_IN_EVENTS, Span
from pilothouse.store.telemetry.batches import LATEST_NS
from pilothouse.store.telemetry.clause import sound
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.rollup_tables import FIVE_S, MINUTE_S, PART_S, PARTS

VOID_US = 2**64 - 1
"""How far the parts go that nobody is to read."""
_BUILT_S = 45 * 60
_READ_S = 60 * 60
_VOIDED_S = 2 * 3600
"""How far back parts are built, read and voided: each longer than the one before, so that none is read that nobody
voids, or that was tidied away."""
_MOST_READ = 3
"""Five minutes whose parts one statement reads, the newest."""
_MOST_KNOWN = 50_000
_PROJECT = "project_id = {project_id:String}"
OPEN = f"(running OR (source = '{SAID_IN_EVENTS}' AND native_id != ''))"
"""`Span.is_open`, of a row."""
_KNOWN = " ".join((
    "SELECT at_s, max(upper_us) AS upper, max(part) AS build, max(newest_ns) AS newest, max(is_open) AS open",
    "FROM (SELECT toUnixTimestamp(at) AS at_s, upper_us, build AS part, newest_ns, false AS is_open",
    "FROM rollup_parts WHERE", _PROJECT,
    "AND at >= toDateTime({low_s:UInt32}, 'UTC') AND at < toDateTime({high_s:UInt32}, 'UTC')",
    "UNION ALL SELECT DISTINCT toUnixTimestamp(toStartOfFiveMinutes(started_at)), 0, 0, 0, true FROM spans",
    "WHERE", _PROJECT, "AND toStartOfFiveMinutes(started_at) >= toDateTime({seen_s:UInt32}, 'UTC')",
    "AND toStartOfFiveMinutes(started_at) < toDateTime({high_s:UInt32}, 'UTC') AND", OPEN,
    f") GROUP BY at_s HAVING max(upper_us) < {VOID_US} AND max(part) > 0 ORDER BY at_s DESC LIMIT {{most:UInt32}}",
))  # fmt: skip
_BUSY = " ".join((
    "SELECT project_id, toUnixTimestamp(five) AS at_s FROM (",
    "SELECT project_id, toStartOfFiveMinutes(started_at) AS five FROM spans",
    "WHERE inserted_at >= fromUnixTimestamp64Micro({seen_us:Int64})",
    "AND inserted_at < fromUnixTimestamp64Micro({upper_us:Int64})",
    "AND toStartOfFiveMinutes(started_at) >= toDateTime({from_s:UInt32}, 'UTC')",
    ") GROUP BY project_id, five HAVING count() >= {rows:UInt32}",
))  # fmt: skip
_LAST = " ".join((
    "SELECT toUnixTimestamp(at) AS at_s, max(upper_us) AS upper, max(build) AS build FROM rollup_parts",
    "WHERE", _PROJECT, "AND at = toDateTime({at_s:UInt32}, 'UTC') GROUP BY at",
))  # fmt: skip
_VOID_BEFORE = " ".join((
    "INSERT INTO rollup_parts (project_id, at, build, upper_us)",
    "SELECT DISTINCT project_id, at, toUInt64(0), {void_us:UInt64} FROM rollup_parts",
    "WHERE", _PROJECT, "AND at <= toDateTime({before_s:UInt32}, 'UTC')",
))  # fmt: skip
_NOTED = " ".join((
    "%FIVE% IN {part_fives:Array(UInt32)} AND (%FIVE%, build) IN (SELECT at, build FROM rollup_parts WHERE", _PROJECT,
    "AND at IN {part_fives:Array(UInt32)}) AND (%KNOWN%)",
))  # fmt: skip
_MINUTES = " ".join((
    f"unit_s = {PART_S}",
    "AND at >= toDateTime({part_low_s:UInt32}, 'UTC') AND at < toDateTime({part_high_s:UInt32}, 'UTC')",
    "AND at NOT IN {part_edges:Array(UInt32)} AND",
))  # fmt: skip
OF_PART = " ".join((
    "toStartOfFiveMinutes(started_at) = toDateTime({at_s:UInt32}, 'UTC')",
    "AND inserted_at >= fromUnixTimestamp64Micro({since_us:Int64})",
    "AND inserted_at < fromUnixTimestamp64Micro({upper_us:Int64}) AND NOT", OPEN,
))  # fmt: skip
"""The condition of the spans that a part is made of."""
_NEWEST = " ".join((
    "SELECT toUnixTimestamp64Nano(max(started_at)) AS newest_ns FROM spans WHERE", _PROJECT, "AND", OF_PART,
))  # fmt: skip
IN_NO_PART = " ".join(("toStartOfFiveMinutes(started_at) IN {part_fives:Array(UInt32)} AND", OPEN))
"""The condition of the spans in five minutes with parts of which more is expected, and whose rows are merged."""
OF_OPEN = " ".join((
    "spans FINAL PREWHERE", _PROJECT, "AND trace_id IN",
    "(SELECT trace_id FROM spans WHERE", _PROJECT, "AND", IN_NO_PART, ")",
))  # fmt: skip
"""Where they are read. Few traces have any, and only the rows of these are merged."""
_FIVE = "toStartOfFiveMinutes(started_at)"
_MINUTE = "toStartOfMinute(identity(started_at))"


class Part(msgspec.Struct, frozen=True):
    """How far the parts of five minutes go."""

    at_s: int
    upper: int
    """All that was inserted before this many microseconds since 1970 is in the parts."""
    build: int
    """The number of the last of them."""
    newest: int = 0
    """When the last span in them began, in nanoseconds since 1970: what ends behind it does not divide them."""
    open: bool = True
    """Whether some row of these five minutes is of a span of which more is expected."""


class _Busy(msgspec.Struct):
    project_id: str
    at_s: int


class _Newest(msgspec.Struct):
    newest_ns: int


class Made(msgspec.Struct, frozen=True):
    """Five minutes of which a part is made, whose rows nobody reads yet."""

    project_id: str
    at_s: int
    newest_ns: int
    """When the last span in the part began."""


class Stretch(msgspec.Struct, frozen=True):
    """What parts are built of, by times of insertion in microseconds."""

    seen_us: int
    """Before this all was looked at before."""
    upper_us: int
    """Before this all is in the store."""
    from_s: int
    """The first five minutes that may have parts, in seconds since 1970."""
    rows: int
    """Fewer that came since are not worth a part."""


class Cut(msgspec.Struct, frozen=True):
    """The five minutes of a range that parts tell of, and what of them is read from spans."""

    parts: tuple[Part, ...]
    edges: tuple[int, ...]
    """Minutes that the range divides."""
    low_s: int
    high_s: int

    @property
    def fives(self) -> tuple[int, ...]:
        """The five minutes, in seconds since 1970."""
        return tuple(one.at_s for one in self.parts)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """What the conditions name."""
        named: dict[str, Parameter] = {
            "part_fives": listed(self.fives), "part_edges": listed(self.edges),
            "part_low_s": self.low_s, "part_high_s": self.high_s,
        }  # fmt: skip
        for number, one in enumerate(self.parts):
            named |= {f"part_{number}": one.at_s, f"upper_{number}": one.upper, f"build_{number}": one.build}
        return named

    @property
    def minutes(self) -> str:
        """The condition of the rows of parts among all rows of rollups."""
        return f"{_MINUTES} {self._noted('toStartOfFiveMinutes(at)')}"

    @property
    def fives_rows(self) -> str:
        """The condition of their rows in a table by five minutes."""
        return self._noted("at")

    def _noted(self, five: str) -> str:
        known = (
            f"({five} = toDateTime({{part_{number}:UInt32}}, 'UTC') AND build <= {{build_{number}:UInt64}})"
            for number in range(len(self.parts))
        )
        return _NOTED.replace("%FIVE%", five).replace("%KNOWN%", " OR ".join(known))

    @property
    def since(self) -> str:
        """The condition of the spans that came behind the parts."""
        since = " OR ".join(
            f"({_FIVE} = toDateTime({{part_{number}:UInt32}}, 'UTC')"
            f" AND inserted_at >= fromUnixTimestamp64Micro({{upper_{number}:Int64}}))"
            for number in range(len(self.parts))
        )
        return f"(({since}) AND NOT {OPEN})"

    @property
    def spans(self) -> str:
        """The same, and of those in the minutes at the edges."""
        at_edges = f"{_FIVE} IN {{part_fives:Array(UInt32)}} AND {_MINUTE} IN {{part_edges:Array(UInt32)}}"
        return f"({self.since} OR ({at_edges} AND NOT {OPEN}))"

    @property
    def is_open(self) -> bool:
        """Whether there are spans of which more is expected."""
        return any(one.open for one in self.parts)


async def known(connection: Connection, project_id: str, from_ns: int, to_ns: int) -> list[Part]:
    """Return the parts of a project's time that hold."""
    low_s = max(from_ns // 10**9 // FIVE_S * FIVE_S, int(time.time()) - _READ_S)
    if to_ns <= low_s * 10**9:
        return []
    high_s = min(to_ns // 10**9 + 1, 2**32 - 1)
    # Parts of before are rare, so nobody looks whether spans in them have ended.
    seen_s = max(low_s, int(time.time()) - _MOST_READ * FIVE_S)
    named: dict[str, Parameter] = {
        "project_id": sound(project_id), "low_s": low_s, "high_s": high_s, "seen_s": seen_s, "most": _MOST_READ,
    }  # fmt: skip
    found = await connection.select(Query("rollup parts", _KNOWN, named), Part)
    return [msgspec.structs.replace(one, open=one.open or one.at_s < seen_s) for one in found]


def cut(times_ns: tuple[int, int], edges_ns: Iterable[int], parts: Sequence[Part]) -> Cut | None:
    """Return what parts tell of a range; None where there are none. Edges may divide a minute, also the range's own."""
    if not parts:
        return None
    fives = {one.at_s for one in parts}
    # Mostly a range ends now, behind all that there is.
    behind_ns = times_ns[1] if times_ns[0] < times_ns[1] > max(one.newest for one in parts) else None
    minutes = {edge // 10**9 // MINUTE_S * MINUTE_S for edge in edges_ns if edge != behind_ns}
    low_s, high_s = times_ns[0] // 10**9 // MINUTE_S * MINUTE_S, -(-times_ns[1] // (MINUTE_S * 10**9)) * MINUTE_S
    return Cut(
        tuple(parts),
        tuple(sorted(at for at in minutes if at // FIVE_S * FIVE_S in fives)),
        max(0, low_s),
        min(high_s, 2**32 - 1),
    )


async def build(connection: Connection, of: Stretch, build_us: int, statements: Sequence[str]) -> list[Made]:
    """Write the rows of parts by statements that make them; they are read once they are noted."""
    now_s = int(time.time())
    named: dict[str, Parameter] = {
        "seen_us": of.seen_us, "upper_us": of.upper_us, "from_s": max(of.from_s, now_s - _BUILT_S), "rows": of.rows,
    }  # fmt: skip
    made: list[Made] = []
    for one in await connection.select(Query("busy minutes", _BUSY, named), _Busy):
        its: dict[str, Parameter] = {"project_id": sound(one.project_id), "at_s": one.at_s}
        last = await connection.select(Query("rollup parts", _LAST, its), Part)
        since_us = last[0].upper if last else 0
        if since_us >= of.upper_us:
            # Voided, or nothing has settled since.
            continue
        its |= {"since_us": since_us, "upper_us": of.upper_us, "now_us": build_us}
        for sql in statements:
            await connection.change(Query("build rollups", sql, its), {"async_insert": 0, "max_threads": 1})
        newest = await connection.select(Query("rollup parts", _NEWEST, its), _Newest)
        made.append(Made(one.project_id, one.at_s, newest[0].newest_ns))
    return made


async def note(connection: Connection, made: Sequence[Made], upper_us: int, build_us: int) -> None:
    """Have readers take parts whose rows they surely see."""
    rows = [(one.project_id, one.at_s, build_us, upper_us, one.newest_ns) for one in made]
    await _insert(connection, rows, f"parts-{build_us}")


async def void(connection: Connection, project_id: str, fives: Iterable[int]) -> None:
    """Have nobody read the parts of these five minutes, in seconds since 1970, now or later."""
    after_s = time.time() - _VOIDED_S
    rows = [(project_id, at_s, 0, VOID_US, 0) for at_s in fives if at_s >= after_s]
    await _insert(connection, rows, "")


async def void_before(connection: Connection, project_id: str, before_s: int) -> None:
    """Have nobody read the parts of what began before."""
    named: dict[str, Parameter] = {"project_id": sound(project_id), "before_s": before_s, "void_us": VOID_US}
    await connection.change(Query("void rollups", _VOID_BEFORE, named), {"async_insert": 0})


class Voided:
    """The five minutes that one process has voided, so that it does so once for each."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: set[tuple[str, int]] = set()

    async def of(self, rows: Collection[Span]) -> None:
        """Void the parts of what these rows are in; call it before they are written."""
        starts = ((row.project_id, max(0, min(row.started_at_ns, LATEST_NS)) // 10**9) for row in rows)
        fresh = {(project_id, at_s // FIVE_S * FIVE_S) for project_id, at_s in starts} - self._known
        wanted: dict[str, set[int]] = {}
        for project_id, at_s in fresh:
            wanted.setdefault(project_id, set()).add(at_s)
        for project_id, fives in wanted.items():
            await void(self._connection, project_id, fives)
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known |= fresh


async def _insert(connection: Connection, rows: Sequence[tuple[str, int, int, int, int]], token: str) -> None:
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        names = ("project_id", "at", "build", "upper_us", "newest_ns")
        types = ("String", "DateTime('UTC')", "UInt64", "UInt64", "Int64")
        await connection.insert(PARTS, names, types, lambda: columns, token or f"void-{time.time_ns()}")


def listed(values: Sequence[int]) -> str:
    """Return a list of numbers as a parameter."""
    return f"[{','.join(map(str, values))}]"
