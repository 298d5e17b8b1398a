"""A request of the domain as a request for content."""

from typing import Any

import msgspec

from pilothouse.domain.chat import ChatRequest, Message, Native, OutputKind, ToolCall
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import loose
from pilothouse.protocols.base import Written
from pilothouse.protocols.gemini import wire
from pilothouse.protocols.gemini.knobs_out import Knobs
from pilothouse.protocols.gemini.parts_out import PartWriter
from pilothouse.protocols.gemini.tools_out import sent_names, takes_both, write_tools
from pilothouse.protocols.gemini.turns_out import Turns

_JSON_ONLY = "Answer with one JSON object and nothing else."


def write_request(request: ChatRequest, facts: ModelFacts) -> Written:
    """Return the body; the path names the model and says whether the answer is streamed."""
    own = request.dialect == wire.NAME
    names = sent_names(request)
    writer = PartWriter(facts, names, _called(request.messages), own=own)
    turns = Turns(request, facts, writer)
    contents = turns.write()
    toolbox = write_tools(request, facts, writer, names)
    knobs = Knobs(request, facts, writer)
    knobs.write(formatted=not toolbox.memo.format_tool)
    if request.output.kind is OutputKind.JSON and not takes_both(request, facts):
        turns.system.append({"text": _JSON_ONLY})
    fields = dict(wire.fields_of(request.extra))
    config = {**loose.mapping(fields.pop("generationConfig", None)), **knobs.config}
    tool_config = dict(loose.mapping(fields.pop("toolConfig", None)))
    if toolbox.config is not None:
        tool_config["functionCallingConfig"] = toolbox.config
    body: dict[str, Any] = {"contents": contents}
    system = [part for part in turns.system if not _is_field(part)]
    found = {
        "systemInstruction": {"parts": system} if system else None,
        "tools": toolbox.tools,
        "toolConfig": tool_config,
        "generationConfig": config,
    }
    body |= {key: value for key, value in found.items() if value}
    for part in turns.system:
        # What stands before the conversation without being a part of it.
        body |= part if _is_field(part) else {}
    memo = toolbox.memo
    if knobs.loosened:
        memo = msgspec.structs.replace(memo, schema=request.output.schema)
    return Written(loose.ENCODER.encode({**body, **knobs.others, **fields}), tuple(writer.losses), memo)


def cached_content(name: str) -> Native:
    """Return the beginning of a conversation that Google keeps, as a part that no other target can take."""
    return Native(wire.NAME, {"cachedContent": name})


def _is_field(part: dict[str, Any]) -> bool:
    return "cachedContent" in part


def _called(messages: tuple[Message, ...]) -> dict[str, str]:
    return {part.id: part.name for message in messages for part in message.parts if isinstance(part, ToolCall)}
