"""What tool calls need of every dialect that takes arguments as objects and names in few letters."""

import re
from collections.abc import Iterable

import msgspec

from pilothouse.domain.chat import ChatRequest, FunctionTool, ToolCall
from pilothouse.protocols.loose import ANY, ENCODER, clean

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_STEM_CHARS = 56


def object_text(arguments: str) -> msgspec.Raw | None:
    """Return a tool's arguments when they are the text of a JSON object, which no argument at all is too; else None."""
    if not arguments.strip():
        return msgspec.Raw(b"{}")
    raw = arguments.encode(errors="surrogatepass")
    try:
        ANY.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return msgspec.Raw(raw.strip()) if raw.lstrip()[:1] == b"{" else None


def input_object(arguments: str) -> msgspec.Raw:
    """Return a tool's arguments as an object; text that is none stands in it under `arguments`."""
    found = object_text(arguments)
    return found if found is not None else msgspec.Raw(ENCODER.encode({"arguments": clean(arguments)}))


def tool_name(name: str, taken: Iterable[str]) -> str:
    """Return a name of up to 64 letters, digits, `_` and `-`; one that had to be made is not in `taken`."""
    if _NAME.fullmatch(name):
        return name
    stem = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_STEM_CHARS] or "tool"
    found, count = stem, 1
    while found in taken:
        count += 1
        found = f"{stem}_{count}"
    return found


def sent_names(request: ChatRequest) -> dict[str, str]:
    """Return the names of all function tools of a request and its history, to those that are sent."""
    said = [tool.name for tool in request.tools if isinstance(tool, FunctionTool)] if request.tools else []
    said += called_names(request)
    if not said:
        return {}
    names: dict[str, str] = {}
    # Names that may stay as they are come first, so that no made one takes their place.
    for name in sorted(dict.fromkeys(said), key=lambda name: tool_name(name, ()) != name):
        names[name] = tool_name(name, set(names.values()))
    return names


def called_names(request: ChatRequest) -> list[str]:
    """Return the names of the tools that the history calls, in their order."""
    return [part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
