"""Redaction policies: read, changed by whole new versions, and handed to every way in with the snapshot."""

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.redaction.checks import check
from pilothouse.domain.redaction.engine import Redactor, Tally
from pilothouse.domain.redaction.policy import Policy, ProjectPolicy
from pilothouse.domain.redaction.projects import Redactors
from pilothouse.domain.secret import SecretBox
from pilothouse.domain.snapshot import Snapshot
from pilothouse.errors import EditConflict, NotFound
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.redaction import KeptPolicy

UNCHANGED = KeptPolicy(ProjectPolicy("", 0, Policy()), 0, "")
"""Of a project that never had a policy."""


class Tried(msgspec.Struct, frozen=True):
    """What a policy makes of a sample."""

    text: str
    hits: dict[str, int]
    """How often each rule found something."""


class RedactionPolicies:
    """The policies of all projects. Methods raise what `Metadata` raises."""

    def __init__(self, metadata: Metadata, writer: Writer, box: SecretBox, clock: Clock) -> None:
        self._metadata = metadata
        self._writer = writer
        self._box = box
        self._clock = clock

    async def get(self, project_id: str) -> KeptPolicy:
        """Return a project's policy; raises `NotFound`."""

        def work(tx: Transaction) -> KeptPolicy:
            if tx.projects.get(project_id) is None:
                raise NotFound("there is no such project")
            return tx.redaction.get(project_id) or UNCHANGED

        return await self._metadata.read(work)

    async def put(self, project_id: str, policy: Policy, version: int, *, actor: str) -> KeptPolicy:
        """Give a project another policy; `version` is the one that it is to replace, 0 for none.

        Raises `InvalidRequest` that names the place, `NotFound`, or `EditConflict` when somebody else was faster.
        """
        check(policy)
        now_ns = self._clock.now_ns()
        kept = KeptPolicy(ProjectPolicy(project_id, version + 1, policy), now_ns, actor)

        def work(tx: Transaction) -> Outcome[KeptPolicy]:
            if tx.projects.get(project_id) is None:
                raise NotFound("there is no such project")
            current = tx.redaction.get(project_id) or UNCHANGED
            if current.stated.version != version:
                raise EditConflict("the redaction policy was changed meanwhile; load it again")
            if current.stated.policy == policy:
                return Outcome(current, changed=False)
            tx.redaction.put(kept)
            return Outcome(kept)

        detail = {"version": kept.stated.version, "policy": msgspec.to_builtins(policy)}
        return await self._writer.change(work, Change(actor, "redaction.put", project_id, detail))

    def tried(self, project_id: str, policy: Policy, text: str) -> Tried:
        """Return what a policy makes of a text; nothing of it is kept. Raises `InvalidRequest`."""
        check(policy)
        tally: Tally = Tally()
        redactor = Redactor(policy, self._box.derived(f"redaction:{project_id}"))
        return Tried(redactor.text(text, tally), dict(tally))

    def in_force(self, before: Redactors, snapshot: Snapshot) -> Redactors:
        """Return the redactors of a snapshot."""
        return before.renewed(snapshot.redaction, self._box)
