"""The one loader of plug-ins: literal rows `name -> "module:Attribute"`, plus entry points `pilothouse.<room>`.

The only place where a module is imported by name at run time, so that a process loads what its roles need and no more.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from pilothouse.errors import ExtraMissing, SettingsInvalid


def load(path: str) -> Any:
    """Return the attribute that `"package.module:Attribute"` names.

    Raises `ExtraMissing` when a third-party package of the module is not installed. A module of ours that is broken
    inside raises what it raises.
    """
    module_name, _, attribute = path.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing == "pilothouse" or missing.startswith("pilothouse."):
            raise
        raise ExtraMissing(
            f"the package {missing!r} is not installed; install the server parts with: pip install 'pilothouse[server]'"
        ) from error
    return getattr(module, attribute)


def rows(room: str, table: Mapping[str, str]) -> dict[str, str]:
    """Return the room's own rows plus those of installed entry points `pilothouse.<room>`; own rows win."""
    found = {point.name: point.value for point in entry_points(group=f"pilothouse.{room}")}
    return {**found, **table}


def pick(room: str, table: Mapping[str, str], name: str) -> Any:
    """Load the plug-in `name` of a room; raises `SettingsInvalid` that lists the known names."""
    known = rows(room, table)
    if name not in known:
        raise SettingsInvalid(f"unknown {room} {name!r}; known: {', '.join(sorted(known))}", param=name)
    return load(known[name])
