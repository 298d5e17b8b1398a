"""Carrying revisions out, between two batches of the one writer, so that neither writes over what the other brought.

Spans are gone over in the order of their starts, some hundred at a time. What each piece comes to is written down
before its rows are written: a crash costs no more than that one piece is looked at once more, and it is counted once.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from pilothouse import instruments
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.clock import Clock
from pilothouse.domain.exporting import ExportFilter, ExportWhat, RowPlace, Selection
from pilothouse.domain.holding import BUCKET_NS, Held, Place
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.domain.rereading import Reading
from pilothouse.domain.revision import Revision, RevisionKind, RevisionState, Tally
from pilothouse.domain.span import Span
from pilothouse.errors import MetadataUnavailable, PilothouseError, PlatformError, StoreUnavailable
from pilothouse.ingest.merging import Holdings, Merger, Work, newest
from pilothouse.ingest.recounting import Recount, Revised
from pilothouse.ingest.remapping import of_otel, remapped
from pilothouse.ingest.removed import Gate
from pilothouse.ingest.repricing import repriced
from pilothouse.ingest.tallying import tally_of, token_of

_log = logging.getLogger(__name__)
_MAX_SPANS = 1_000
_MAX_BYTES = 4 * 1024**2
"""Of one piece."""
_SLICE = 64
_LOOK_S = 1.0
"""Time between looks for orders."""
_CALM = 2.0
"""How much longer than a piece took the next one waits while ingest has work."""
_AWAY = (StoreUnavailable, MetadataUnavailable)
_MAX_TRIES = 8
_BUSY_S, _IDLE_S = 0.02, 0.2
"""How long ingest waits for a look ahead before it goes on."""
_MAX_WAIT_S = 60.0


class Past(Holdings, Protocol):
    """What this needs of the telemetry store. Methods raise `StoreUnavailable` and `QueryRefused`."""

    async def places(self, wanted: Selection, after: RowPlace | None) -> list[tuple[RowPlace, int]]:
        """Return places of spans that follow another, with about what each weighs in bytes; none behind the last."""
        ...

    async def count(self, wanted: Selection) -> int:
        """Return how many spans there are."""
        ...

    async def costs(self, places: Sequence[Place]) -> list[Held]:
        """Return the rows of `held` with what a cost is made of only; never to be written."""
        ...

    async def rewrite(self, rows: Sequence[Held], token: str) -> None:
        """Write rows in the place of those they were made of, whose versions are given; the same token writes once."""
        ...

    async def touch(self, spans: Iterable[Span]) -> None:
        """Note that these spans are not what they were, so that figures are made of them anew."""
        ...


class Orders(Protocol):
    """Where revisions are written down; raises `MetadataUnavailable`."""

    async def first(self) -> Revision | None:
        """Return the one that is to be worked on."""
        ...

    async def save(self, revision: Revision) -> bool:
        """Write down how far a revision is; False when somebody has stopped it meanwhile."""
        ...


class Revising(msgspec.Struct, frozen=True):
    """What revisions are carried out with."""

    past: Past
    orders: Orders
    catalog: Catalog
    redactor: Callable[[str], Awaitable[Redactor | None]]
    """Returns what redacts for a project today."""
    look: Callable[[], None]
    """Has the newest of the operator's prices be in force."""
    gate: Gate | None
    clock: Clock
    readings: tuple[Reading, ...] = (of_otel,)
    """Of every way in whose spans are mapped anew."""


class _Sight(msgspec.Struct, frozen=True):
    """What lies ahead."""

    places: list[tuple[RowPlace, int]]
    total: int | None = None


class Reviser:
    """Brings the one revision that is due a piece further each time it is asked to."""

    def __init__(self, parts: Revising, merger: Merger, work: Work) -> None:
        self._parts = parts
        self._merger = merger
        self._work = work
        self._recount = Recount(parts.past)
        self._order: Revision | None = None
        self._ahead: deque[tuple[RowPlace, int]] = deque()
        self._looking: asyncio.Task[_Sight] | None = None
        self._sees_end = False
        self._look_at = 0.0
        self._not_before = 0.0

    async def step(self, *, busy: bool) -> bool:
        """Do one piece of work when there is any; returns whether there was. `busy` says that ingest has work too.

        Never raises but to be cancelled: whatever is wrong with a revision, ingest goes on.
        """
        now = time.monotonic()
        if now < self._not_before:
            return False
        try:
            if not await self._taken_up(now):
                return False
            if await self._sees(_BUSY_S if busy else _IDLE_S):
                await self._advance()
        except PilothouseError as error:
            await self._failed(error.detail, lasting=not isinstance(error, _AWAY))
            return False
        except Exception as error:  # noqa: BLE001 - border: a background loop; one revision must not stop ingest
            _log.exception("a revision cannot be carried out")
            await self._failed(repr(error), lasting=True)
            return False
        if busy:
            took_s = time.monotonic() - now
            self._not_before = now + (1 + _CALM) * took_s
        return True

    async def stop(self) -> None:
        """End a look that is under way."""
        await self._blind()

    async def _blind(self) -> None:
        """Forget what lies ahead."""
        looking, self._looking = self._looking, None
        self._ahead.clear()
        self._sees_end = False
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _sees(self, patience_s: float) -> bool:
        """Whether it is known what comes next; a long look goes on beside ingest."""
        order = self._order
        if self._ahead or self._sees_end or order is None:
            return True
        if order.started_at_ns is None:
            order = await self._begun(order)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(order))
        await asyncio.wait({self._looking}, timeout=patience_s)
        if not self._looking.done():
            return False
        looking, self._looking = self._looking, None
        sight = looking.result()
        self._ahead.extend(sight.places)
        self._sees_end = not sight.places
        if order.total is None:
            self._order = msgspec.structs.replace(order, total=sight.total)
        return True

    async def _look(self, order: Revision) -> _Sight:
        wanted = _selection(order)
        total = await self._parts.past.count(wanted) if order.total is None else None
        return _Sight(await self._parts.past.places(wanted, order.after), total)

    async def _taken_up(self, now: float) -> bool:
        """Look for the order to work on when it is time; returns whether there is one."""
        if now >= self._look_at:
            self._look_at = now + _LOOK_S
            found = await self._parts.orders.first()
            if found is None or self._order is None or found.id != self._order.id:
                self._order = found
                await self._blind()
        return self._order is not None

    async def _advance(self) -> None:
        order = self._order
        if order is None:
            return
        piece = self._piece()
        again = order.through is not None and order.after != order.through
        if again:
            whole, piece = piece, [place for place in piece if _key(place) <= _key(order.through)]
            if len(piece) < len(whole):
                # looked for anew once what was cut short is done
                await self._blind()
        if not piece:
            await self._passed(order, again=again)
            return
        rows, tally = await self._revised(order, piece)
        if again and not order.dry_run:
            # what is written already may not have been told of
            await self._parts.past.touch(one.span for one in await self._living(order, piece, self._parts.past.costs))
        if not again:
            order = msgspec.structs.replace(
                order, state=RevisionState.RUNNING, through=piece[-1], tally=order.tally.merged(tally), tries=0,
                detail="",
            )  # fmt: skip
            await self._save(order)
        if self._parts.gate is not None:
            # once more: what was removed since it was read must not come back
            await self._parts.gate.refresh()
            rows = [one for one in rows if not self._parts.gate.is_removed(one.span)]
        if rows and not order.dry_run:
            await self._parts.past.rewrite(rows, token_of(order, rows))
            instruments.SPANS_REVISED.inc(order.kind, by=len(rows))
            self._merger.revised([held.span for held in rows])
        self._order = msgspec.structs.replace(order, after=piece[-1])

    async def _begun(self, order: Revision) -> Revision:
        """Note when it begins, and by whose prices."""
        catalog = self._parts.catalog
        self._parts.look()
        prices = ", ".join(part for part in (catalog.price_version, catalog.overrides.version) if part)
        begun = msgspec.structs.replace(
            order, state=RevisionState.RUNNING, started_at_ns=self._parts.clock.now_ns(), prices=prices
        )
        await self._save(begun)
        return begun

    async def _passed(self, order: Revision, *, again: bool) -> None:
        """Go on behind what was done again, or end."""
        if again:
            self._order = msgspec.structs.replace(order, after=order.through)
            await self._blind()
            return
        done = msgspec.structs.replace(
            order, state=RevisionState.DONE, ended_at_ns=self._parts.clock.now_ns(), tries=0, detail=""
        )
        await self._save(done)
        self._order, self._look_at = None, 0.0
        await self._blind()

    def _piece(self) -> list[RowPlace]:
        """Return the places of the next spans, few enough to be held in memory; none behind the last."""
        piece: list[RowPlace] = []
        weight = 0
        while self._ahead and len(piece) < _MAX_SPANS and (not piece or weight + self._ahead[0][1] <= _MAX_BYTES):
            place, size = self._ahead.popleft()
            piece.append(place)
            weight += size
        return piece

    async def _revised(self, order: Revision, piece: Sequence[RowPlace]) -> tuple[list[Held], Tally]:
        """Return the rows that are to be written, and what all of the piece comes to."""
        parts = self._parts
        if order.kind is RevisionKind.REPRICE:
            revise = partial(repriced, catalog=parts.catalog)
            revised = await self._all(await self._living(order, piece, parts.past.costs), revise)
            tally, changed = tally_of(revised), [_place(one.fresh) for one in revised if one.is_changed]
            if order.dry_run or not changed:
                return [], tally
            revised = await self._all(await self._living(order, changed, parts.past.held), revise)
            return _changed(revised), tally
        redactor, now_ns = await parts.redactor(order.project_id), parts.clock.now_ns()
        map_anew = partial(remapped, catalog=parts.catalog, redactor=redactor, now_ns=now_ns, readings=parts.readings)
        revised = await self._all(await self._living(order, piece, parts.past.held), map_anew)
        others = await self._recount.recounted(revised)
        return [*_changed(revised), *others], tally_of(revised)

    async def _living(
        self, order: Revision, piece: Sequence[RowPlace], read: Callable[[Sequence[Place]], Awaitable[list[Held]]]
    ) -> list[Held]:
        """Return the rows that count at these places, without those that are to go."""
        places = [Place(order.project_id, one.trace_id, one.id, one.at_ns) for one in piece]
        found = _living(await read(places), places)
        if self._parts.gate is None:
            return found
        await self._parts.gate.refresh()
        return [one for one in found if not self._parts.gate.is_removed(one.span)]

    async def _all(self, found: Sequence[Held], revise: Callable[[Span], Span | None]) -> list[Revised]:
        revised: list[Revised] = []
        for start in range(0, len(found), _SLICE):
            revised += await self._work.run(partial(_all, found[start : start + _SLICE], revise))
        return revised

    async def _save(self, order: Revision) -> None:
        self._order = order
        if not await self._parts.orders.save(order):
            self._look_at = 0.0

    async def _failed(self, detail: str, *, lasting: bool) -> None:
        """Try again later; in the end give up on what is no trouble of a store that is away."""
        await self._blind()
        order, self._look_at = self._order, 0.0
        wait_s = 1.0
        if order is not None:
            tries = order.tries + 1
            wait_s = min(_MAX_WAIT_S, 2.0 ** min(tries, 16))
            ended = lasting and tries >= _MAX_TRIES
            state = RevisionState.FAILED if ended else order.state
            failed = msgspec.structs.replace(order, state=state, tries=tries, detail=detail[:500])
            self._order = None if ended else failed
            _log.warning("the revision %s waits: %s", order.id, detail)
            try:
                await self._parts.orders.save(failed)
            except PlatformError as error:
                _log.info("how far a revision is cannot be written down: %s", error.detail)
        self._not_before = time.monotonic() + wait_s


def _all(found: Iterable[Held], revise: Callable[[Span], Span | None]) -> list[Revised]:
    return [Revised(one, *_one(one.span, revise)) for one in found]


def _one(row: Span, revise: Callable[[Span], Span | None]) -> tuple[Span, bool]:
    """Return the row and whether it is left as it is."""
    try:
        fresh = revise(row)
    except Exception:  # noqa: BLE001 - border: a background loop; one span must not stop the rest
        _log.exception("span %s of trace %s is left as it is", row.span_id, row.trace_id)
        return row, True
    return (row, True) if fresh is None else (fresh, False)


def _living(rows: Iterable[Held], places: Sequence[Place]) -> list[Held]:
    """Return of each place the row that counts, in the order of the places."""
    by_place = newest(rows, _bucket)
    found = (by_place.get(_bucket(one)) for one in places)
    return [one for one in found if one is not None and not one.span.deleted]


def _bucket(one: Span | Place) -> tuple[str, str, int]:
    return one.trace_id, one.span_id, one.started_at_ns // BUCKET_NS


def _changed(revised: Iterable[Revised]) -> list[Held]:
    return [Held(one.fresh, one.held.version) for one in revised if one.is_changed]


def _place(row: Span) -> RowPlace:
    return RowPlace(row.started_at_ns, row.trace_id, row.span_id)


def _selection(order: Revision) -> Selection:
    return Selection(
        project_id=order.project_id, what=ExportWhat.SPANS, where=ExportFilter(q=order.q), from_ns=order.from_ns,
        to_ns=order.to_ns,
    )  # fmt: skip


def _key(place: RowPlace | None) -> tuple[int, str, str]:
    return (0, "", "") if place is None else (place.at_ns, place.trace_id, place.id)
