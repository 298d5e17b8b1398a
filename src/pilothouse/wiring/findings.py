"""What a check of the installation found."""

from enum import StrEnum

import msgspec


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """Works, and will not for long, or not as well as it could."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Could not be told, because something else is not running or was not asked for."""


class Finding(msgspec.Struct, frozen=True):
    """One check."""

    name: str
    state: State
    detail: str
    """What was found."""
    mend: str = ""
    """What to do about it; empty when there is nothing to do."""
