"""What a check of the installation found."""

from enum import StrEnum

import msgspec

from pilothouse.wiring import ports


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


def silent(name: str, port: int, setting: str) -> Finding:
    """Return the finding of a server that does not answer, or whose port another program has."""
    holder = ports.holder(port)
    if holder is None:
        return Finding(name, State.SKIPPED, f"nothing listens on port {port}", "start it with `pilothouse up`")
    mend = f"stop it, or choose another port with {setting}"
    return Finding(name, State.FAILED, f"port {port} is used by {holder}, which is not ours", mend)
