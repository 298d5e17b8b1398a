"""A request of Mistral's chat into the domain: OpenAI's but for some words."""

from typing import Any

import msgspec

from pilothouse.domain.chat import ChatRequest, FunctionTool, NativeTool, Thinking, Tool
from pilothouse.protocols import json_body
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.mistral_chat.turns_in import read_messages
from pilothouse.protocols.mistral_chat.wire import NAME, extra
from pilothouse.protocols.openai_chat.head import head_of
from pilothouse.protocols.openai_chat.request_in import read_fields

_OWN = ("logprobs", "top_logprobs", "prompt_mode", "safe_prompt")
"""Fields that mean something else than OpenAI's, or that OpenAI has not; probabilities need ids of tokens here."""


def read_request(body: bytes, _ask: Ask = NO_ASK) -> ChatRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    found = json_body.read_document(body)
    head = head_of(found, body)
    own = {name: value for name in _OWN if (value := found.pop(name, None))}
    turns = read_messages(found.get("messages"))
    request = read_fields(head, {**found, "messages": []})
    rest = {**(request.extra.fields if request.extra is not None else {}), **own}
    thinking = request.thinking
    if rest.get("prompt_mode") == "reasoning":
        del rest["prompt_mode"]
        thinking = thinking or Thinking(enabled=True)
    return msgspec.structs.replace(
        request,
        dialect=NAME,
        messages=turns,
        wants_usage=True,
        thinking=thinking,
        tools=tuple(map(_own_tool, request.tools)),
        extra=extra(rest),
    )


def _own_tool(tool: Tool) -> Tool:
    if isinstance(tool, NativeTool):
        return NativeTool(NAME, tool.value)
    if isinstance(tool, FunctionTool) and tool.extra is not None:
        rest: dict[str, Any] = tool.extra.fields
        return msgspec.structs.replace(tool, extra=extra(rest))
    return tool
