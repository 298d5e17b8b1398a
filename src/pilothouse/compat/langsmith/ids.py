"""LangSmith's ids, which are UUIDs, as OpenTelemetry's, and what its dotted orders tell.

A trace keeps its UUID's digits. A run's id is hashed: runs that start within a millisecond share the first half of
their UUIDs of version 7, so no half of one would tell them apart.
"""

import hashlib
import re
from datetime import UTC, datetime
from uuid import UUID, uuid5

import msgspec

_SPAN_DIGITS = 16
_SPACE = UUID("6a0c7c2e-3d0b-5d51-9c6f-0f2a4f0d7b11")
"""Namespace of the ids that are made of names."""
_STAMP = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)\.?(\d{0,9})Z", re.ASCII)


class Step(msgspec.Struct, frozen=True):
    """One run on the way from the root to a run."""

    run_id: str
    started_at_ns: int


def uuid_of(value: object) -> UUID | None:
    """Return a UUID that came as text; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return UUID(value)
    except ValueError:
        return None


def trace_id(run: UUID) -> str:
    """Return the trace id of a root run's UUID."""
    return run.hex


def span_id(run: UUID) -> str:
    """Return the span id of a run's UUID."""
    return hashlib.sha256(str(run).encode()).hexdigest()[:_SPAN_DIGITS]


def session_id(project_id: str, name: str) -> UUID:
    """Return the id of a LangSmith project by its name, within a project here."""
    return uuid5(_SPACE, f"session:{project_id}:{name}")


def tenant_id(project_id: str) -> UUID:
    """Return the id of LangSmith's tenant that stands for a project here."""
    return uuid5(_SPACE, f"tenant:{project_id}")


def path_of(dotted_order: object) -> list[Step]:
    """Return the runs that a dotted order names, the root first; empty when it has not that form."""
    if not isinstance(dotted_order, str) or not dotted_order:
        return []
    steps: list[Step] = []
    # older clients write the fraction of a second behind a dot of its own, so an id ends a step, and no dot does
    for part in _joined(dotted_order.split(".")):
        stamp, mark, run = part.partition("Z")
        found, at_ns = uuid_of(run), _moment(stamp + mark)
        if found is None or at_ns is None:
            return []
        steps.append(Step(str(found), at_ns))
    return steps


def step_of(started_at_ns: int, run: UUID) -> str:
    """Return the last step of a run's dotted order."""
    at = datetime.fromtimestamp(started_at_ns // 1000 / 1e6, UTC)
    return f"{at:%Y%m%dT%H%M%S%f}Z{run}"


def _joined(pieces: list[str]) -> list[str]:
    steps: list[str] = []
    held = ""
    for piece in pieces:
        held = f"{held}.{piece}" if held else piece
        if "Z" in piece:
            steps.append(held)
            held = ""
    return [*steps, held] if held else steps


def _moment(stamp: str) -> int | None:
    found = _STAMP.fullmatch(stamp)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:-1])
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp()) * 10**9 + int(found.groups()[-1].ljust(9, "0"))
