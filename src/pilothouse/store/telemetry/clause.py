"""What stands behind `WHERE`: fixed text and server-side parameters."""

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


def sound(text: str) -> str:
    """Return the text as the store can take it: a lone surrogate becomes a question mark, as at insert."""
    return text.encode("utf-8", "replace").decode()
