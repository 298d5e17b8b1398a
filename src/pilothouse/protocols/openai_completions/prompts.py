"""The prompt of a completion as the one turn of a chat."""

from typing import Any, cast

from pilothouse.domain.chat import ChatRequest, Extra, Message, Native, Part, Role, Text
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import integer

NAME = "openai_completions"


def read_turn(found: dict[str, Any]) -> Message:
    """Return the user's turn: the first text, then whatever only a completions server can do; raises `InvalidRequest`.

    What is repeated before the answer is noted on the turn, for the answer's writer does it.
    """
    first, whole = _read_prompt(found.get("prompt"))
    parts: list[Part] = [] if first is None else [Text(first)]
    own = {"prompt": whole} if whole is not None else {}
    own |= {name: found[name] for name in ("suffix", "best_of", "max_tokens", "echo") if _is_own(name, found)}
    if own:
        parts.append(Native(NAME, own))
    extra = Extra(NAME, {"echo": True}) if found.get("echo") is True and "echo" not in own else None
    return Message(Role.USER, tuple(parts), extra=extra)


def _is_own(name: str, found: dict[str, Any]) -> bool:
    """Return whether a field asks for what no chat can do: an ending, the best of many, the prompt's probabilities."""
    value = found.get(name)
    if name == "max_tokens":
        return integer(value) == 0
    if name == "best_of":
        return (integer(value) or 0) > (integer(found.get("n")) or 1)
    if name == "echo":
        return value is True and found.get("logprobs") is not None
    return bool(value)


def _read_prompt(value: Any) -> tuple[str | None, Any]:
    """Return the first text, and the prompt as it came when it is more than one text."""
    if isinstance(value, str):
        return value, None
    items = cast("list[Any]", value) if isinstance(value, list) else []
    if not items or not all(_is_text(item) or _is_tokens(item) for item in items):
        if not _is_tokens(items):
            raise InvalidRequest("prompt must be a text, a list of texts, or token ids", param="prompt")
        return None, items
    first = next((item for item in items if isinstance(item, str)), None)
    return first, None if len(items) == 1 and first is not None else items


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_tokens(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, int) and not isinstance(item, bool) for item in cast("list[Any]", value))


def own_fields(request: ChatRequest) -> dict[str, Any]:
    """Return what only a completions server can do, as it came."""
    out: dict[str, Any] = {}
    for message in request.messages:
        if message.extra is not None and message.extra.dialect == NAME:
            out |= message.extra.fields
        for part in message.parts:
            if isinstance(part, Native) and part.dialect == NAME:
                out |= part.value
    return out


def echoed(request: ChatRequest) -> str:
    """Return the text to repeat before each answer, empty when none is asked for."""
    if not own_fields(request).get("echo"):
        return ""
    return "".join(part.text for message in request.messages for part in message.parts if isinstance(part, Text))
