"""Removal of a user's, a session's, a trace's or a project's data: requested, carried out step by step, receipted."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from pilothouse import instruments
from pilothouse.domain.clock import Clock
from pilothouse.domain.comment import CommentOn
from pilothouse.domain.ids import new_id
from pilothouse.domain.keeping import TOMBSTONE_NS, Deletion, DeletionState, Marks, Subject
from pilothouse.domain.secret import SecretBox
from pilothouse.errors import InvalidRequest, NotFound, PlatformError
from pilothouse.lifecycle.media import unlink
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.loops import Loop
from pilothouse.registry.secrets import fresh_nonce
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.journal import AuditEntry
from pilothouse.store.telemetry.removal import Places

_log = logging.getLogger(__name__)
_MAX_ID_CHARS = 1_000
_LEASE_NS = 300 * 10**9
_RETRY_NS = 30 * 10**9
_LOOK_AGAIN_NS = 2 * 10**9
_KEEP_EMPTY_ROUNDS = 2
"""Counts in a row that must find nothing."""
_EVER = 2**62


class Removal(Protocol):
    """What this needs of the telemetry store; raises `StoreUnavailable` and `QueryRefused`."""

    async def traces_of(self, wanted: Places) -> list[str]:
        """Return the traces with a span of the subject."""
        ...

    async def sessions_of(self, wanted: Places) -> list[str]:
        """Return the sessions with a trace of the user."""
        ...

    async def count(self, wanted: Places, trace_ids: Sequence[str]) -> dict[str, int]:
        """Return how many rows there are by table."""
        ...

    async def hide(self, wanted: Places, trace_ids: Sequence[str]) -> None:
        """Mark the rows as gone."""
        ...

    async def erase(self) -> None:
        """Have the files rewritten that hold marked rows."""
        ...

    async def lingering(self, before_ns: int) -> int:
        """Return how many files that were replaced before a time the store has yet to drop."""
        ...


class Deletions:
    """The deletions of all projects. Methods raise `NotFound`, `InvalidRequest` and what `Metadata` raises."""

    def __init__(self, metadata: Metadata, box: SecretBox, marks: Marks, clock: Clock) -> None:
        self._metadata = metadata
        self._box = box
        self._marks = marks
        self._clock = clock

    async def request(self, project_id: str, subject: Subject, subject_id: str, *, actor: str) -> Deletion:
        """Have everything removed; the same request again, while the first has not begun, is the first."""
        if not subject_id or len(subject_id) > _MAX_ID_CHARS:
            raise InvalidRequest(f"the id has 1 to {_MAX_ID_CHARS} characters", param=f"{subject}_id")
        deletion_id, now_ns = new_id(), self._clock.now_ns()
        deletion = Deletion(
            id=deletion_id,
            project_id=project_id,
            subject=subject,
            digest=self._marks.subject(subject, project_id, subject_id),
            sealed_id=self._box.seal(subject_id, _context(deletion_id), fresh_nonce()),
            requested_by=actor,
            requested_at_ns=now_ns,
        )

        def work(tx: Transaction) -> Deletion:
            tx.version.lock()
            same = tx.deletions.open_of(project_id, deletion.digest)
            if same is not None:
                return same
            tx.deletions.insert(deletion)
            detail = {"subject": subject.value, "digest": deletion.digest, "project_id": project_id}
            tx.audit.insert(AuditEntry(new_id(), now_ns, actor, "deletion.request", deletion_id, detail))
            return deletion

        return await self._metadata.write(work)

    async def page(self, project_id: str, limit: int, before_ns: int | None = None) -> list[Deletion]:
        """Return receipts, newest first, of what was requested before a time."""
        until_ns = _EVER if before_ns is None else before_ns
        return await self._metadata.read(lambda tx: tx.deletions.page(project_id, limit, until_ns))

    async def get(self, project_id: str, deletion_id: str) -> Deletion:
        """Return one receipt."""
        found = await self._metadata.read(lambda tx: tx.deletions.get(project_id, deletion_id))
        if found is None:
            raise NotFound(f"no deletion {deletion_id[:64]!r} in this project")
        return found

    def digest(self, project_id: str, subject: Subject, subject_id: str) -> str:
        """Return the keyed hash that a receipt of this id holds."""
        return self._marks.subject(subject, project_id, subject_id)


class DeletionParts(msgspec.Struct, frozen=True):
    """What the loop works with."""

    metadata: Metadata
    store: Removal
    box: SecretBox
    marks: Marks
    clock: Clock
    oldest_spooled_s: Callable[[], float]
    """Age of the oldest record that is accepted and not in the store yet; 0 when there is none."""


class DeletionLoop(Loop):
    """Carries deletions out, one after the other; each step may be repeated after a crash."""

    def __init__(self, parts: DeletionParts, options: LifecycleOptions) -> None:
        super().__init__("deletions")
        self._parts = parts
        self._options = options

    async def tick(self) -> float:
        """Bring the oldest deletion that is due one step further."""
        now_ns = self._parts.clock.now_ns()
        if not await self._parts.metadata.read(lambda tx: tx.deletions.due(now_ns)):
            return self._options.poll_s
        deletion = await self._parts.metadata.write(lambda tx: tx.deletions.claim(now_ns, now_ns + _LEASE_NS))
        if deletion is None:
            return self._options.poll_s
        try:
            after, wait_ns = await self._step(deletion)
        except PlatformError as error:
            _log.warning("the deletion %s waits: %s", deletion.id, error.detail)
            after, wait_ns = msgspec.structs.replace(deletion, detail=error.detail), _RETRY_NS
        until_ns = self._parts.clock.now_ns() + wait_ns if wait_ns else 0
        await self._parts.metadata.write(lambda tx: tx.deletions.replace(after, until_ns))
        return 0.0

    async def _step(self, deletion: Deletion) -> tuple[Deletion, int]:
        """Return the deletion after one step, and how long it rests before the next."""
        match deletion.state:
            case DeletionState.WAITING:
                return self._waited(deletion)
            case DeletionState.REMOVING:
                return await self._remove(deletion)
            case DeletionState.ERASING | DeletionState.DONE:
                return await self._erase(deletion)

    def _waited(self, deletion: Deletion) -> tuple[Deletion, int]:
        """Go on once all that was accepted before the request is in the store, where it can be found."""
        waited_s = (self._parts.clock.now_ns() - deletion.requested_at_ns) / 1e9
        if self._parts.oldest_spooled_s() >= waited_s:
            detail = "waits until what was accepted before the request is in the store"
            return msgspec.structs.replace(deletion, detail=detail), _LOOK_AGAIN_NS
        return msgspec.structs.replace(deletion, state=DeletionState.REMOVING, detail=""), 0

    async def _remove(self, deletion: Deletion) -> tuple[Deletion, int]:
        """Remove what is there, and count again later, until two counts in a row find nothing."""
        parts = self._parts
        subject_id = parts.box.open(deletion.sealed_id, _context(deletion.id))
        wanted = Places(deletion.project_id, deletion.subject, subject_id, before_ns=deletion.requested_at_ns)
        trace_ids = await parts.store.traces_of(wanted)
        if deletion.subject is Subject.TRACE:
            trace_ids = [wanted.subject_id]
        if deletion.subject is Subject.USER:
            wanted = msgspec.structs.replace(wanted, sessions=tuple(await parts.store.sessions_of(wanted)))
        now_ns = parts.clock.now_ns()
        marks = [parts.marks.trace(deletion.project_id, trace_id) for trace_id in trace_ids]
        # Marked before anything is removed: what ingest hears of these traces from now on is turned away.
        await parts.metadata.write(lambda tx: tx.deletions.mark(marks, now_ns, now_ns + TOMBSTONE_NS))
        found = await parts.store.count(wanted, trace_ids)
        left = sum(found.values())
        beside = await parts.metadata.write(lambda tx: _remove_beside(tx, wanted, trace_ids, now_ns))
        media = await unlink(parts.metadata, deletion.project_id, trace_ids)
        removed = _sum(deletion.removed, {**found, **beside, "media": media})
        after = msgspec.structs.replace(
            deletion,
            removed=removed,
            traces=deletion.traces + len(trace_ids) if left else deletion.traces,
            rounds=0 if left else deletion.rounds + 1,
            left=left,
            detail="",
        )
        for table, rows in {**found, **beside, "media": media}.items():
            if rows:
                instruments.ROWS_REMOVED.inc("deletion", table, by=rows)
        if left:
            await parts.store.hide(wanted, trace_ids)
        elif after.rounds >= _KEEP_EMPTY_ROUNDS:
            done = msgspec.structs.replace(after, state=DeletionState.ERASING, sealed_id="", removed_at_ns=now_ns)
            return done, 0
        return after, int(self._options.settle_s * 1e9)

    async def _erase(self, deletion: Deletion) -> tuple[Deletion, int]:
        """Have the files rewritten; the store drops the old ones some minutes later."""
        parts = self._parts
        if deletion.rewritten_at_ns is None:
            await parts.store.erase()
            deletion = msgspec.structs.replace(deletion, rewritten_at_ns=parts.clock.now_ns())
        if await parts.store.lingering(deletion.rewritten_at_ns or 0):
            detail = "waits until the store has dropped its replaced files"
            return msgspec.structs.replace(deletion, detail=detail), _RETRY_NS
        now_ns = parts.clock.now_ns()
        return msgspec.structs.replace(deletion, state=DeletionState.DONE, erased_at_ns=now_ns, detail=""), 0


def _remove_beside(tx: Transaction, wanted: Places, trace_ids: Sequence[str], now_ns: int) -> dict[str, int]:
    """Remove what people wrote beside the traces, and end the links to them; return how many of each.

    What waits for review leaves its queues uncounted: it says nothing but which trace is meant.
    """
    project_id = wanted.project_id
    comments = tx.comments.delete_of(project_id, [on for on in CommentOn if on.in_trace], trace_ids)
    sessions = [wanted.subject_id] if wanted.subject is Subject.SESSION else wanted.sessions
    comments += tx.comments.delete_of(project_id, [CommentOn.SESSION], sessions)
    for session in sessions:
        tx.review_items.delete_of_session(project_id, session)
    tx.review_items.delete_of_traces(project_id, trace_ids)
    return {"comments": comments, "shares": tx.shares.end_of_traces(project_id, trace_ids, now_ns)}


def _sum(before: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {**before, **{name: before.get(name, 0) + rows for name, rows in more.items()}}


def _context(deletion_id: str) -> str:
    return f"deletion:{deletion_id}"
