"""Logfire's words on any span: message, level, tags."""

import msgspec

from pilothouse.domain.patch import Level
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.values import listed, number, text

_DEBUG, _WARNING, _ERROR = 8, 13, 17
"""The greatest level number of debugging, the least of a warning and of an error; OpenTelemetry's severities."""


class Logfire(msgspec.Struct, frozen=True):
    """The reader of Logfire."""

    name: str = "logfire"
    namespaces: frozenset[str] = frozenset({"logfire"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said."""
        level = number(span.attributes, "logfire.level_num")
        return Said(
            name=text(span.attributes, "logfire.msg") if span.scope.name != "pydantic-ai" else None,
            level=_level(level) if level is not None else None,
            tags=listed(span.attributes.get("logfire.tags")),
        )


def _level(number: float) -> Level:
    if number >= _ERROR:
        return Level.ERROR
    if number >= _WARNING:
        return Level.WARNING
    return Level.DEBUG if number <= _DEBUG else Level.DEFAULT
