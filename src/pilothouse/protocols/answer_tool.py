"""The tool that stands in for a schema: its arguments are the answer, where a model takes no schema itself."""

from typing import Any

import msgspec

from pilothouse.domain.chat import OutputFormat
from pilothouse.protocols.base import Memo
from pilothouse.protocols.raw_json import OBJECT
from pilothouse.protocols.tool_text import tool_name

_VALUE = "value"
_NAME = "answer"
_ABOUT = "Gives the final answer in the form that is asked for."


class AnswerTool(msgspec.Struct, frozen=True):
    """The tool to declare, and what its answer has to be read with."""

    name: str
    description: str
    schema: dict[str, Any]
    memo: Memo


def answer_tool(output: OutputFormat, renamed: dict[str, str], taken: set[str]) -> AnswerTool:
    """Return the tool for a schema; `taken` holds the other tools' names. A schema of no object is put into one."""
    schema: dict[str, Any] = output.schema or {"type": "object"}
    wrapped = schema.get("type") != "object"
    if wrapped:
        schema = wrap(schema)
    name = tool_name(output.name or _NAME, taken)
    if name in taken:
        name = tool_name(f"{_NAME}.", taken)
    return AnswerTool(name, output.description or _ABOUT, schema, Memo(renamed, name, wrapped, output.schema))


def wrap(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema as the only field, `value`, of an object; definitions stay at the top, where references look."""
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    inner = {key: found for key, found in schema.items() if key not in shared}
    return {"type": "object", "properties": {_VALUE: inner}, "required": [_VALUE], **shared}


def unwrapped(answer: str, memo: Memo) -> str:
    """Return the answer's own JSON text; one that is not the object that was asked for stays as it is."""
    if not memo.wrapped:
        return answer
    try:
        found = OBJECT.decode(answer)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return answer
    return bytes(found[_VALUE]).decode() if _VALUE in found else answer
