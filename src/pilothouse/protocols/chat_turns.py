"""Turns of the dialects that are lists of messages with roles, as OpenAI's chat is."""

from collections.abc import Callable, Mapping
from typing import Any

from pilothouse.domain.chat import Message, Part, Role
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import json_body
from pilothouse.protocols.loose import text

ReadParts = Callable[[Role, dict[str, Any], str], tuple[Part, ...]]
"""Reads the parts of one message; the text is its place in the request."""


def read_turns(value: Any, roles: Mapping[str, Role], parts_of: ReadParts) -> tuple[Message, ...]:
    """Return the turns; results of tools that follow one another are one turn. Raises `InvalidRequest`."""
    out: list[Message] = []
    for place, message in enumerate(json_body.objects_of(value, "messages")):
        where = f"messages.{place}"
        role = roles.get(text(message.get("role")))
        if role is None:
            said = message.get("role")
            raise InvalidRequest(
                f"{where}.role is {said!r}; it must be one of the roles of chat", param=f"{where}.role"
            )
        turn = Message(role, parts_of(role, message, where))
        if role is Role.TOOL and out and out[-1].role is Role.TOOL:
            turn = Message(Role.TOOL, out.pop().parts + turn.parts)
        out.append(turn)
    return tuple(out)
