"""Figures of shared dashboards, kept for some seconds: a link that many read asks the store as seldom as one reader."""

import asyncio
from collections import Counter, OrderedDict
from datetime import datetime

import msgspec
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from pilothouse.domain import charting
from pilothouse.domain.charting import Times
from pilothouse.domain.clock import Clock
from pilothouse.domain.dashboard import Chart
from pilothouse.domain.query.aggregate import Aggregate, Table
from pilothouse.domain.share import KEYS, Share, SharedBoard
from pilothouse.errors import InvalidRequest, PilothouseError
from pilothouse.registry.registry import Registry
from pilothouse.server.parts import Telemetry
from pilothouse.server.views import at

_LEAST_NS = 30 * 10**9
_MOST_NS = 120 * 10**9
_SHARE_OF_TIME = 10
"""How many times as long as they took figures are kept, within these bounds: a tenth of the store's time for a link."""
_MOST_KEPT = 64
_AT_ONCE = 2
"""Dashboards that all links together have the store reckon at a time."""


class SharedAnswer(msgspec.Struct, frozen=True):
    """The figures of one chart, or why there are none."""

    table: Table | None = None
    failure: str = ""
    """In a few words; what the chart asks for is not told."""


class SharedFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the charts of a shared dashboard show, in their order."""

    from_at: datetime = msgspec.field(name="from")
    to_at: datetime = msgspec.field(name="to")
    items: list[SharedAnswer]


class _Kept(msgspec.Struct, frozen=True):
    figures: SharedFigures
    until_ns: int


class SharedBoards:
    """What links to dashboards show. Whether a link still holds is for the caller to know, at each request."""

    def __init__(self, telemetry: Telemetry, registry: Registry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._registry = registry
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[SharedFigures]] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def figures(self, share: Share, board: SharedBoard) -> SharedFigures:
        """Return what the charts show, at most two minutes old; raises what the store does when it answers nothing."""
        kept = self._kept.get(share.id)
        if kept is not None and self._clock.monotonic_ns() < kept.until_ns:
            return kept.figures
        task = self._under_way.get(share.id)
        if task is None:
            task = self._under_way[share.id] = asyncio.create_task(self._reckon(share, board))
            task.add_done_callback(lambda done: self._done(share.id, done))
        # whoever goes away does not take the answer from the others
        return await asyncio.shield(task)

    def _done(self, share_id: str, task: asyncio.Task[SharedFigures]) -> None:
        del self._under_way[share_id]
        if not task.cancelled():
            # looked at, also when nobody waits for it any more
            task.exception()

    async def _reckon(self, share: Share, board: SharedBoard) -> SharedFigures:
        async with self._at_once:
            began_ns = self._clock.monotonic_ns()
            from_ns, to_ns = board.range.at(self._clock.now_ns())
            times = Times(at(from_ns), at(to_ns))
            items = await self._answers(share.project_id, board.charts, times)
            found = SharedFigures(from_at=times.from_at, to_at=times.to_at, items=items)
            now_ns = self._clock.monotonic_ns()
            lasts_ns = min(max(_SHARE_OF_TIME * (now_ns - began_ns), _LEAST_NS), _MOST_NS)
            self._kept[share.id] = _Kept(found, now_ns + lasts_ns)
            self._kept.move_to_end(share.id)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return found

    async def _answers(self, project_id: str, charts: tuple[Chart, ...], times: Times) -> list[SharedAnswer]:
        answers: dict[int, Table | PilothouseError] = {}
        wanted: dict[int, Aggregate] = {}
        for number, chart in enumerate(charts):
            try:
                wanted[number] = charting.question(chart, project_id, times)
            except InvalidRequest as error:
                answers[number] = error
        answers |= dict(zip(wanted, await self._telemetry.figures_together(list(wanted.values())), strict=True))
        names = await self._key_names(project_id) if any(one.group_by in KEYS for one in charts) else {}
        return [_answer(answers[number], chart, names) for number, chart in enumerate(charts)]

    async def _key_names(self, project_id: str) -> dict[str, str]:
        """Return the names of keys by their ids; those that share a name are only told apart by their ids."""
        keys = await self._registry.list_keys(project_id)
        often = Counter(key.name for key in keys)
        return {key.id: key.name for key in keys if often[key.name] == 1}


def _answer(found: Table | PilothouseError, chart: Chart, names: dict[str, str]) -> SharedAnswer:
    if isinstance(found, PilothouseError):
        return SharedAnswer(failure=found.title)
    if chart.group_by not in KEYS:
        return SharedAnswer(found)
    rows = [{**row, chart.group_by: names.get(str(row[chart.group_by]), row[chart.group_by])} for row in found.rows]
    return SharedAnswer(msgspec.structs.replace(found, rows=rows))


SharedBoardsDep = NamedDependency[SkipValidation[SharedBoards]]
