"""How scores of a name are to be: their type, their bounds, the words that they may be."""

from typing import Any

import msgspec

from pilothouse.domain.score import ScoreType


class Category(msgspec.Struct, frozen=True):
    """A word that a categorical score may be, and the number that it counts as."""

    label: str
    value: float


class ScoreConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the scores of a name are; it checks nothing, and tells people and products what to ask for."""

    id: str
    project_id: str
    name: str
    """Of the scores; several may have the same one."""
    type: ScoreType
    least: float | None = None
    most: float | None = None
    categories: tuple[Category, ...] = ()
    description: str = ""
    archived: bool = False
    details: dict[str, Any] = {}
    """What the product that made it keeps with it."""
    created_at_ns: int
    updated_at_ns: int


class ScoreTicket(msgspec.Struct, frozen=True, kw_only=True):
    """Leave to give scores of one name to one run, for whoever knows its id, until it ends."""

    id: str
    project_id: str
    key_id: str
    """In whose name they are given."""
    run_id: str
    """A UUID."""
    name: str
    details: dict[str, Any] = {}
    created_at_ns: int
    expires_at_ns: int
