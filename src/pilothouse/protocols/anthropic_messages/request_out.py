"""A request of the domain as a Messages request."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, OutputKind
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import loose, tool_text
from pilothouse.protocols.anthropic_messages import wire
from pilothouse.protocols.anthropic_messages.blocks_out import BlockWriter
from pilothouse.protocols.anthropic_messages.knobs_out import Knobs
from pilothouse.protocols.anthropic_messages.tools_out import write_tools
from pilothouse.protocols.anthropic_messages.turns_out import Turns
from pilothouse.protocols.base import Written

_JSON_ONLY = "Answer with one JSON object and nothing else."
_MAX_MARKS = 4
_MARK = b'"cache_control"'
_NESTED = ("output_config", "metadata")


def write_request(request: ChatRequest, facts: ModelFacts) -> Written:
    """Return the body and what of the request it could not hold."""
    names = tool_text.sent_names(request)
    writer = BlockWriter(facts, names, own=request.dialect == wire.NAME)
    turns = Turns(request, facts, writer)
    messages = turns.write()
    toolbox = write_tools(request, facts, writer, names)
    knobs = Knobs(request, facts, writer)
    thoughtless_call = request.thinking is not None and turns.thoughtless_call
    knobs.write(forced_tool=toolbox.forced, thoughtless_call=thoughtless_call)
    if request.output.kind is OutputKind.JSON:
        turns.system.append({"type": "text", "text": _JSON_ONLY})
    body: dict[str, Any] = {"model": request.model, **knobs.body}
    if toolbox.tools:
        body["tools"] = toolbox.tools
    if toolbox.choice is not None:
        body["tool_choice"] = toolbox.choice
    if turns.system:
        body["system"] = turns.system
    body["messages"] = messages
    if request.extra is not None:
        _add_own(body, dict(wire.fields_of(request.extra)))
    written = loose.ENCODER.encode(body)
    if written.count(_MARK) > _MAX_MARKS:
        _limit_marks(body, writer)
        written = loose.ENCODER.encode(body)
    return Written(written, tuple(writer.losses), toolbox.memo)


def _add_own(body: dict[str, Any], own: dict[str, Any]) -> None:
    """Add the fields that only this dialect has; of two of them the domain knows a part."""
    for key in _NESTED:
        whole = {**loose.mapping(own.pop(key, None)), **loose.mapping(body.get(key))}
        if whole:
            body[key] = whole
    body |= own


def _limit_marks(body: dict[str, Any], writer: BlockWriter) -> None:
    """Anthropic takes four cache marks: the first one and the last ones save the most."""
    marked = [entry for entry in _places(body) if "cache_control" in entry]
    spare = len(marked) + ("cache_control" in body) - _MAX_MARKS
    if spare <= 0:
        return
    writer.lose("cache_control", f"Anthropic takes {_MAX_MARKS} marks; {spare} in the middle are left out")
    for entry in marked[1 : 1 + spare]:
        del entry["cache_control"]


def _places(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what may carry a mark, in the order in which the prompt is put together."""
    places: list[dict[str, Any]] = [*body.get("tools", ()), *body.get("system", ())]
    for message in body["messages"]:
        for block in message["content"]:
            inner = loose.listing(block.get("content")) if block["type"] == "tool_result" else []
            places += [*(loose.mapping(item) for item in inner), block]
    return places
