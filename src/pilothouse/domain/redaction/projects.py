"""The redactors of all projects that have a policy."""

import logging
from collections.abc import Mapping, Sequence

import msgspec

from pilothouse.domain.redaction.engine import Redactor
from pilothouse.domain.redaction.policy import ProjectPolicy
from pilothouse.domain.secret import SecretBox

_log = logging.getLogger(__name__)


class InForce(msgspec.Struct, frozen=True):
    """A policy and what carries it out."""

    stated: ProjectPolicy
    redactor: Redactor


class Redactors:
    """Looks redactors up by project; a project without a policy has none."""

    __slots__ = ("_made",)

    def __init__(self, made: Mapping[str, InForce] | None = None) -> None:
        self._made = made or {}

    def of(self, project_id: str) -> Redactor | None:
        """Return the redactor of a project."""
        made = self._made.get(project_id)
        return made.redactor if made is not None else None

    def renewed(self, policies: Sequence[ProjectPolicy], box: SecretBox) -> "Redactors":
        """Return the redactors of other policies; those whose policy is the same stay.

        A policy that cannot be carried out keeps no text at all.
        """
        found: dict[str, InForce] = {}
        for stated in policies:
            before = self._made.get(stated.project_id)
            if before is not None and before.stated == stated:
                found[stated.project_id] = before
            elif not stated.policy.empty:
                found[stated.project_id] = InForce(stated, _made(stated, box))
        return Redactors(found)


def _made(stated: ProjectPolicy, box: SecretBox) -> Redactor:
    try:
        return Redactor(stated.policy, box.derived(f"redaction:{stated.project_id}"))
    except Exception:  # noqa: BLE001 - border: whatever is wrong with a policy, nothing may be kept without it
        _log.exception("the redaction policy of project %s cannot be carried out", stated.project_id)
        return Redactor.broken()
