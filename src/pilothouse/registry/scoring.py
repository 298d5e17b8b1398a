"""How scores are to be, and leave to give some without a key."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec

from pilothouse.domain.access import VirtualKey
from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import new_id
from pilothouse.domain.score import ScoreType
from pilothouse.domain.score_config import Category, ScoreConfig, ScoreTicket
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.registry import naming
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction

_MOST_CONFIGS = 2_000
_MOST_CATEGORIES = 500
_MOST_TICKETS = 100
"""Made at once."""
_KEPT_NS = 30 * 86_400 * 10**9
"""How long a ticket that ended is still listed."""


class ConfigDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of the scores of a name."""

    name: str
    type: ScoreType
    least: float | None = None
    most: float | None = None
    categories: Sequence[Category] = ()
    description: str = ""
    archived: bool = False
    details: dict[str, Any] = {}


class TicketDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody gives leave for."""

    run_id: str
    name: str
    details: dict[str, Any] = {}
    expires_at_ns: int


class Scoring:
    """How the scores of all projects are to be.

    Methods raise `InvalidRequest` with the field, `NotFound`, and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)

    async def all(self, project_id: str) -> list[ScoreConfig]:
        """Return all of a project, the newest first."""
        return await self._metadata.read(lambda tx: tx.score_configs.all(project_id))

    async def get(self, project_id: str, config_id: str) -> ScoreConfig:
        """Return one."""
        return await self._metadata.read(lambda tx: _found(tx, project_id, config_id))

    async def put(
        self, project_id: str, draft: ConfigDraft, config_id: str | None = None, *, actor: str
    ) -> ScoreConfig:
        """Make one, or make the one of an id be so."""
        checked, now_ns = _checked(draft), self._clock.now_ns()
        values = msgspec.structs.asdict(checked)

        def work(tx: Transaction) -> Outcome[ScoreConfig]:
            if config_id is not None:
                changed = msgspec.structs.replace(_found(tx, project_id, config_id), **values, updated_at_ns=now_ns)
                tx.score_configs.replace(changed)
                return Outcome(changed)
            if len(tx.score_configs.all(project_id)) >= _MOST_CONFIGS:
                raise InvalidRequest(f"a project says how scores are to be {_MOST_CONFIGS} times at most")
            made = ScoreConfig(id=new_id(), project_id=project_id, **values, created_at_ns=now_ns, updated_at_ns=now_ns)
            tx.score_configs.insert(made)
            return Outcome(made)

        action = "score_config.create" if config_id is None else "score_config.change"
        return await self._writer.change(work, Change(actor, action, checked.name, for_gateway=False))

    async def delete(self, project_id: str, config_id: str, *, actor: str) -> None:
        """Remove one; scores stay as they are."""

        def work(tx: Transaction) -> Outcome[None]:
            tx.score_configs.delete(_found(tx, project_id, config_id).id)
            return Outcome(None)

        await self._writer.change(work, Change(actor, "score_config.delete", config_id, for_gateway=False))

    async def give_leave(self, key: VirtualKey, drafts: Sequence[TicketDraft]) -> list[ScoreTicket]:
        """Make tickets in the name of a key.

        They are not in the audit, since applications make them as they run.
        """
        now_ns = self._clock.now_ns()
        if len(drafts) > _MOST_TICKETS:
            raise InvalidRequest(f"at most {_MOST_TICKETS} are made at once")
        if any(one.expires_at_ns <= now_ns for one in drafts):
            raise InvalidRequest("the leave would have ended already", param="expires_at")
        tickets = [
            ScoreTicket(
                # random throughout, because who knows it needs no key
                id=str(uuid4()), project_id=key.project_id, key_id=key.id, run_id=one.run_id,
                name=naming.name(one.name),
                details=one.details, created_at_ns=now_ns, expires_at_ns=one.expires_at_ns,
            )
            for one in drafts
        ]  # fmt: skip

        def work(tx: Transaction) -> None:
            tx.score_tickets.tidy(now_ns - _KEPT_NS)
            tx.score_tickets.insert(tickets)

        if tickets:
            await self._metadata.write(work)
        return tickets

    async def tickets(self, project_id: str, run_id: str) -> list[ScoreTicket]:
        """Return the tickets of a run."""
        return await self._metadata.read(lambda tx: tx.score_tickets.of_run(project_id, run_id))

    async def ticket(self, ticket_id: str) -> tuple[ScoreTicket, VirtualKey]:
        """Return a ticket that holds, and the key in whose name it was made, which must hold too."""
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> tuple[ScoreTicket, VirtualKey]:
            found = tx.score_tickets.get(ticket_id)
            key = tx.keys.get(found.project_id, found.key_id) if found else None
            if found is None or key is None or found.expires_at_ns <= now_ns or not _holds(key, now_ns):
                raise NotFound("there is no such leave to give feedback, or it has ended")
            return found, key

        return await self._metadata.read(work)


def _found(tx: Transaction, project_id: str, config_id: str) -> ScoreConfig:
    found = tx.score_configs.get(project_id, config_id)
    if found is None:
        raise NotFound(f"there is no score config {config_id[:80]!r} in this project")
    return found


def _holds(key: VirtualKey, now_ns: int) -> bool:
    return key.revoked_at_ns is None and (key.expires_at_ns is None or key.expires_at_ns > now_ns)


def _checked(draft: ConfigDraft) -> ConfigDraft:
    categories = tuple(draft.categories)
    if draft.type is ScoreType.CATEGORICAL and not categories:
        raise InvalidRequest("a categorical score has categories", param="categories")
    if draft.type is ScoreType.BOOLEAN:
        categories = (Category("True", 1.0), Category("False", 0.0))
    if len(categories) > _MOST_CATEGORIES:
        raise InvalidRequest(f"there are at most {_MOST_CATEGORIES} categories", param="categories")
    for field in ("label", "value"):
        if len({getattr(one, field) for one in categories}) < len(categories):
            raise InvalidRequest(f"two categories have the same {field}", param="categories")
    if draft.least is not None and draft.most is not None and draft.least >= draft.most:
        raise InvalidRequest("the least value must be below the most", param="minValue")
    return msgspec.structs.replace(
        draft, name=naming.name(draft.name), categories=categories,
        description=naming.description(draft.description),
    )  # fmt: skip
