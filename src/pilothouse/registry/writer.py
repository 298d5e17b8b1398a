"""How a change is written: checks, rows, audit and the new version in one transaction, then the listeners."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import new_id
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.journal import AuditEntry

T = TypeVar("T")


class Change(msgspec.Struct, frozen=True):
    """What the audit says about a change."""

    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any] = {}
    """Never a secret."""
    for_gateway: bool = True
    """Whether the snapshot differs after it."""


class Outcome(msgspec.Struct, Generic[T], frozen=True):
    """What the work of a change came to."""

    value: T
    changed: bool = True
    """False when there was nothing to change: neither audit nor version are touched."""


class Writer:
    """Runs changes one after another, also across processes, so that what a change has checked still holds."""

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self.listeners: list[Callable[[], None]] = []

    async def change(self, work: Callable[[Transaction], Outcome[T]], change: Change) -> T:
        """Run `work` as one change and return its value; listeners are told once it is committed."""

        def whole(tx: Transaction) -> Outcome[T]:
            tx.version.lock()
            outcome = work(tx)
            if outcome.changed:
                self._note(tx, change)
            return outcome

        outcome = await self._metadata.write(whole)
        if outcome.changed and change.for_gateway:
            for listener in self.listeners:
                listener()
        return outcome.value

    def _note(self, tx: Transaction, change: Change) -> None:
        tx.audit.insert(
            AuditEntry(new_id(), self._clock.now_ns(), change.actor, change.action, change.subject, dict(change.detail))
        )
        if change.for_gateway:
            tx.version.bump()
