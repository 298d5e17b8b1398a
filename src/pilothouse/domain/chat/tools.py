"""Tools that a model may call, and the form that its answer is to have."""

from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from pilothouse.domain.chat.parts import CacheMark, Extra


class FunctionTool(msgspec.Struct, frozen=True, tag="function"):
    """A tool with a JSON schema for its arguments."""

    name: str
    description: str = ""
    schema: dict[str, Any] | None = None
    """As it came, keys in their order; None when the caller gives none."""
    strict: bool | None = None
    cache: CacheMark | None = None
    extra: Extra | None = None


class CustomTool(msgspec.Struct, frozen=True, tag="custom"):
    """A tool that takes free text, perhaps in a grammar (OpenAI)."""

    name: str
    description: str = ""
    format: dict[str, Any] | None = None
    extra: Extra | None = None


class NativeTool(msgspec.Struct, frozen=True, tag="native"):
    """A tool that one dialect's vendor runs itself (web search, code …); no other target can take it."""

    dialect: str
    value: dict[str, Any]


Tool: TypeAlias = FunctionTool | CustomTool | NativeTool


class ToolMode(StrEnum):
    """Whether tools may, must or must not be called."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


class ToolChoice(msgspec.Struct, frozen=True):
    """Which tools may be called; `required` with one name is a forced tool."""

    mode: ToolMode = ToolMode.AUTO
    names: tuple[str, ...] = ()
    """Only these may be called; empty allows all."""
    extra: Extra | None = None


class OutputKind(StrEnum):
    """What form an answer is to have."""

    TEXT = "text"
    JSON = "json"
    SCHEMA = "schema"


class OutputFormat(msgspec.Struct, frozen=True):
    """The form that the answer is to have."""

    kind: OutputKind = OutputKind.TEXT
    name: str = ""
    description: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    """Whether the caller asks for the answer to be held to the schema, where its dialect lets it choose."""
    held: bool = False
    """Whether the caller's dialect holds every answer to its schema, without a word for it."""

    @property
    def promised(self) -> bool:
        """Whether the caller may rely on the schema."""
        return self.held or self.strict is True
