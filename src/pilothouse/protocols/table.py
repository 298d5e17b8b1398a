"""The dialects by name; a name is what records and routes carry."""

from functools import cache

from pilothouse import plugins
from pilothouse.protocols.base import Dialect

ROWS: dict[str, str] = {
    "openai_chat": "pilothouse.protocols.openai_chat:DIALECT",
    "openai_embeddings": "pilothouse.protocols.openai_embeddings:DIALECT",
}


@cache
def dialect(name: str) -> Dialect:
    """Return the dialect of that name; raises `SettingsInvalid` for an unknown one."""
    found = plugins.pick("protocols", ROWS, name)
    if not isinstance(found, Dialect):
        raise TypeError(f"protocol {name!r} is not a Dialect")
    return found


def names() -> list[str]:
    """Return the names of all dialects, those of installed plug-ins included."""
    return sorted({*ROWS, *plugins.rows("protocols", ROWS)})
