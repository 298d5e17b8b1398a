"""What stands behind `WHERE`, fixed text and server-side parameters, and what stands in front of a statement."""

from collections.abc import Mapping

import msgspec

from pilothouse.store.telemetry.connection import Parameter


class Conditions(msgspec.Struct, frozen=True):
    """Conditions that all must hold, and their parameters."""

    parts: tuple[str, ...]
    parameters: dict[str, Parameter]

    @property
    def sql(self) -> str:
        """The text after `WHERE`."""
        return " AND ".join(self.parts)

    def plus(self, *parts: str, **parameters: Parameter) -> "Conditions":
        """Return these conditions and more."""
        return Conditions((*self.parts, *parts), {**self.parameters, **parameters})


KEPT = "enable_materialized_cte = 1"
"""The setting with which the store keeps what is to be kept in front of a statement."""


def in_front(shared: Mapping[str, str], *, kept: bool) -> str:
    """Return what names sub-queries that a statement reads several times; `kept` where the store can read them once."""
    materialized = " MATERIALIZED" if kept else ""
    named = ",\n".join(f"{name} AS{materialized} ({rows})" for name, rows in shared.items())
    return f"WITH {named}\n" if named else ""


def sound(text: str) -> str:
    """Return the text as the store can take it: a lone surrogate becomes a question mark, as at insert."""
    return text.encode("utf-8", "replace").decode()
