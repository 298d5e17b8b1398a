"""Revisions as people order and watch them; ingest, the only writer of spans, carries them out."""

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import new_id
from pilothouse.domain.query.parser import parse
from pilothouse.domain.revision import Revision, RevisionKind, RevisionState
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.journal import AuditEntry

_EVER = 2**62
_ENDED = frozenset({RevisionState.DONE})
_RESTING = frozenset({RevisionState.STOPPED, RevisionState.FAILED})


class NewRevision(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision is made of."""

    project_id: str
    kind: RevisionKind
    from_ns: int = 0
    to_ns: int | None = None
    """None is now."""
    q: str = ""
    dry_run: bool = False


class Revisions:
    """The revisions of all projects; raises `NotFound`, `InvalidRequest`, `Conflict` and what `Metadata` raises."""

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock

    async def create(self, new: NewRevision, *, actor: str) -> Revision:
        """Order a revision; raises `InvalidQuery` for a query that cannot be read."""
        parse(new.q)
        now_ns = self._clock.now_ns()
        to_ns = now_ns if new.to_ns is None else new.to_ns
        if new.from_ns >= to_ns:
            raise InvalidRequest("the range is empty: its start is not before its end", param="from_at")
        revision = Revision(
            id=new_id(), project_id=new.project_id, kind=new.kind, dry_run=new.dry_run, q=new.q, from_ns=new.from_ns,
            to_ns=to_ns, requested_by=actor, requested_at_ns=now_ns,
        )  # fmt: skip

        def work(tx: Transaction) -> Revision:
            tx.revisions.insert(revision)
            tx.audit.insert(_entry(revision, "create", actor, now_ns))
            return revision

        return await self._metadata.write(work)

    async def page(self, project_id: str, limit: int, before_ns: int | None = None) -> list[Revision]:
        """Return revisions, newest first, of what was requested before a time."""
        until_ns = _EVER if before_ns is None else before_ns
        return await self._metadata.read(lambda tx: tx.revisions.page(project_id, limit, until_ns))

    async def get(self, project_id: str, revision_id: str) -> Revision:
        """Return one revision."""
        return await self._metadata.read(lambda tx: _found(tx, project_id, revision_id))

    async def stop(self, project_id: str, revision_id: str, *, actor: str) -> Revision:
        """Have a revision rest behind the spans it is at; what is written stays written."""
        return await self._change(project_id, revision_id, "stop", actor)

    async def resume(self, project_id: str, revision_id: str, *, actor: str) -> Revision:
        """Have a revision go on where it stopped or failed."""
        return await self._change(project_id, revision_id, "resume", actor)

    async def _change(self, project_id: str, revision_id: str, verb: str, actor: str) -> Revision:
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> Revision:
            revision = _found(tx, project_id, revision_id, to_change=True)
            if revision.state in _ENDED:
                raise Conflict("the revision is done; order another one")
            if (revision.state in _RESTING) is (verb == "stop"):
                return revision
            state = RevisionState.STOPPED if verb == "stop" else RevisionState.WAITING
            changed = msgspec.structs.replace(revision, state=state, tries=0, detail="")
            tx.revisions.replace(changed)
            tx.audit.insert(_entry(changed, verb, actor, now_ns))
            return changed

        return await self._metadata.write(work)


class RevisionBook:
    """What ingest is told of revisions, and where it writes down how far they are; raises what `Metadata` raises."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._is_there = False

    async def first(self) -> Revision | None:
        """Return the one that is to be worked on; one at a time, the oldest first."""
        if not self._is_there:
            self._is_there = await self._metadata.read(lambda tx: tx.revisions.is_there())
            if not self._is_there:
                return None
        return await self._metadata.read(lambda tx: tx.revisions.first())

    async def save(self, revision: Revision) -> bool:
        """Write down how far a revision is; False when somebody has stopped it meanwhile, which holds."""

        def work(tx: Transaction) -> bool:
            current = tx.revisions.get(revision.project_id, revision.id, to_change=True)
            stopped = current is None or (current.state is RevisionState.STOPPED and revision.state not in _ENDED)
            state = RevisionState.STOPPED if stopped else revision.state
            tx.revisions.replace(msgspec.structs.replace(revision, state=state))
            return not stopped

        return await self._metadata.write(work)


def _found(tx: Transaction, project_id: str, revision_id: str, *, to_change: bool = False) -> Revision:
    revision = tx.revisions.get(project_id, revision_id, to_change=to_change)
    if revision is None:
        raise NotFound(f"no revision {revision_id[:64]!r} in this project")
    return revision


def _entry(revision: Revision, verb: str, actor: str, now_ns: int) -> AuditEntry:
    detail = {
        "kind": revision.kind, "project_id": revision.project_id, "dry_run": revision.dry_run, "q": revision.q,
        "from_ns": revision.from_ns, "to_ns": revision.to_ns,
    }  # fmt: skip
    return AuditEntry(new_id(), now_ns, actor, f"revision.{verb}", revision.id, detail)
