"""All the parts of a request, also those inside the results of tools."""

from collections.abc import Callable, Iterator

import msgspec

from pilothouse.domain.chat import ChatRequest, Part, ToolResult


def parts_of(request: ChatRequest) -> Iterator[Part]:
    """Yield every part, a result before what it holds."""
    for message in request.messages:
        for part in message.parts:
            yield part
            if isinstance(part, ToolResult):
                yield from part.parts


def mapped(request: ChatRequest, change: Callable[[Part], Part]) -> ChatRequest:
    """Return the request with a function applied to every part but results, whose own parts it is applied to."""

    def one(part: Part) -> Part:
        if isinstance(part, ToolResult):
            return msgspec.structs.replace(part, parts=tuple(map(change, part.parts)))
        return change(part)

    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(map(one, message.parts))) for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)
