"""How long each project keeps what: set by people, shown before it takes effect, applied by a sweep."""

import logging
from typing import Protocol

import msgspec

from pilothouse import instruments
from pilothouse.domain.clock import Clock
from pilothouse.domain.holding import BUCKET_NS
from pilothouse.domain.ids import new_id
from pilothouse.domain.keeping import DAY_NS, MAX_DAYS, KeptRetention, Kind, Retention
from pilothouse.errors import InvalidRequest, PlatformError
from pilothouse.lifecycle.media import unlink_older
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.loops import Loop
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.journal import AuditEntry

_log = logging.getLogger(__name__)
_BODIES = (Kind.SPANS, Kind.LOGS)
_LOOK_S = 5.0
"""Time between looks for a retention that was changed."""
BODIES = "bodies"
"""Under which emptied bodies are counted."""
COMMENTS = "comments"
MEDIA = "media"


class Aged(Protocol):
    """What this needs of the telemetry store; raises `StoreUnavailable` and `QueryRefused`."""

    async def older(self, project_id: str, kind: Kind, before_ns: int) -> int:
        """Return how many rows began before a time."""
        ...

    async def hide_older(self, project_id: str, kind: Kind, before_ns: int) -> None:
        """Mark the rows as gone that began before a time."""
        ...

    async def with_bodies(self, project_id: str, kind: Kind, before_ns: int) -> int:
        """Return how many rows that began before a time still have a body."""
        ...

    async def empty_bodies(self, project_id: str, kind: Kind, before_ns: int) -> None:
        """Empty the bodies of rows that began before a time."""
        ...

    async def erase(self) -> None:
        """Have the files rewritten that hold marked rows."""
        ...


class Retentions:
    """The retention of all projects. Methods raise `InvalidRequest`, what `Metadata` and what the store raise."""

    def __init__(self, metadata: Metadata, store: Aged, clock: Clock) -> None:
        self._metadata = metadata
        self._store = store
        self._clock = clock

    async def get(self, project_id: str) -> KeptRetention:
        """Return a project's retention."""
        return await self._metadata.read(lambda tx: tx.retentions.get(project_id))

    async def put(self, project_id: str, wanted: Retention, *, actor: str) -> KeptRetention:
        """Set a project's retention; it is applied after a time in which it can be taken back."""
        _check(wanted)
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> KeptRetention:
            before = tx.retentions.get(project_id)
            kept = msgspec.structs.replace(
                before, retention=wanted, changed_by=actor, changed_at_ns=now_ns, swept_at_ns=0
            )
            tx.retentions.put(kept)
            detail = msgspec.to_builtins(wanted)
            tx.audit.insert(AuditEntry(new_id(), now_ns, actor, "retention.put", project_id, detail))
            return kept

        return await self._metadata.write(work)

    async def preview(self, project_id: str, wanted: Retention) -> dict[str, int]:
        """Return how many rows a sweep would remove now by table, and how many bodies it would empty."""
        _check(wanted)
        now_ns = self._clock.now_ns()
        due = await _due(self._store, project_id, wanted, now_ns)

        def count(tx: Transaction) -> dict[str, int]:
            comments = tx.comments.older(project_id, _comments_before(wanted, now_ns))
            return {COMMENTS: comments, MEDIA: tx.media.older(project_id, _media_before(wanted, now_ns))}

        return due | await self._metadata.read(count)


class RetentionLoop(Loop):
    """Removes what is older than its project keeps."""

    def __init__(self, metadata: Metadata, store: Aged, clock: Clock, options: LifecycleOptions) -> None:
        super().__init__("retention")
        self._metadata = metadata
        self._store = store
        self._clock = clock
        self._options = options
        self._forget_at_ns = 0

    async def tick(self) -> float:
        """Sweep each project whose time has come."""
        now_ns = self._clock.now_ns()
        swept = False
        for kept in await self._metadata.read(lambda tx: tx.retentions.all()):
            if kept.retention != Retention() and self._due(kept, now_ns):
                swept = await self._sweep(kept, now_ns) or swept
        if swept:
            await self._store.erase()
        if now_ns >= self._forget_at_ns:
            await self._metadata.write(lambda tx: tx.deletions.forget_marks(now_ns))
            self._forget_at_ns = now_ns + int(self._options.sweep_s * 1e9)
        return min(self._options.sweep_s, max(self._options.poll_s, _LOOK_S))

    def _due(self, kept: KeptRetention, now_ns: int) -> bool:
        settled = now_ns - kept.changed_at_ns >= self._options.grace_s * 1e9
        # A sweep in the future was made by a clock that has been set back since.
        return settled and not 0 <= now_ns - kept.swept_at_ns < self._options.sweep_s * 1e9

    async def _sweep(self, kept: KeptRetention, now_ns: int) -> bool:
        project_id, wanted = kept.project_id, kept.retention
        try:
            due = await _due(self._store, project_id, wanted, now_ns)
            for kind in Kind:
                before_ns = cutoff(wanted.days(kind), now_ns)
                if before_ns is not None and due[kind.value]:
                    await self._store.hide_older(project_id, kind, before_ns)
            bodies_ns = cutoff(wanted.bodies_days, now_ns)
            if bodies_ns is not None and due[BODIES]:
                for kind in _BODIES:
                    await self._store.empty_bodies(project_id, kind, bodies_ns)
        except PlatformError as error:
            _log.warning("what project %s keeps too long cannot be removed now: %s", project_id, error.detail)
            return False
        media = await unlink_older(self._metadata, project_id, _media_before(wanted, now_ns))

        def work(tx: Transaction) -> dict[str, int]:
            comments = tx.comments.delete_older(project_id, _comments_before(wanted, now_ns))
            tx.review_items.delete_older(project_id, _comments_before(wanted, now_ns))
            removed = {**due, COMMENTS: comments, MEDIA: media}
            current = tx.retentions.get(project_id)
            if current.changed_at_ns == kept.changed_at_ns:
                tx.retentions.put(msgspec.structs.replace(current, swept_at_ns=now_ns, removed=removed))
            return removed

        for table, rows in (await self._metadata.write(work)).items():
            if rows:
                instruments.ROWS_REMOVED.inc("retention", table, by=rows)
        return any(due.values())


def cutoff(days: int | None, now_ns: int) -> int | None:
    """Return the time before which things are too old, None when they are kept for good."""
    return None if days is None else now_ns - days * DAY_NS


def _comments_before(wanted: Retention, now_ns: int) -> int:
    """Return before which time telemetry has gone and its comments go with it; 0 when it is kept for good.

    Spans go by whole buckets, and so does what stands beside them.
    """
    before_ns = cutoff(wanted.traces_days, now_ns)
    return 0 if before_ns is None else before_ns - before_ns % BUCKET_NS


def _media_before(wanted: Retention, now_ns: int) -> int:
    """Return before which time bodies have gone and media go with them; 0 when they are kept for good."""
    return max(cutoff(days, now_ns) or 0 for days in (wanted.traces_days, wanted.bodies_days))


async def _due(store: Aged, project_id: str, wanted: Retention, now_ns: int) -> dict[str, int]:
    due = {kind.value: 0 for kind in Kind}
    for kind in Kind:
        before_ns = cutoff(wanted.days(kind), now_ns)
        if before_ns is not None:
            due[kind.value] = await store.older(project_id, kind, before_ns)
    bodies_ns = cutoff(wanted.bodies_days, now_ns)
    due[BODIES] = 0
    if bodies_ns is not None:
        for kind in _BODIES:
            due[BODIES] += await store.with_bodies(project_id, kind, bodies_ns)
    return due


def _check(wanted: Retention) -> None:
    for name, days in msgspec.structs.asdict(wanted).items():
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise InvalidRequest(f"days lie between 1 and {MAX_DAYS}; leave them out to keep for good", param=name)
