"""A request of the domain as a Converse request."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, OutputKind
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import loose, losses, tool_text
from pilothouse.protocols.base import Written
from pilothouse.protocols.bedrock_converse import wire
from pilothouse.protocols.bedrock_converse.blocks_out import BlockWriter, fields_of
from pilothouse.protocols.bedrock_converse.knobs_out import Knobs, is_claude
from pilothouse.protocols.bedrock_converse.tools_out import write_tools
from pilothouse.protocols.bedrock_converse.turns_out import Turns, thoughtless_call

_NESTED = ("inferenceConfig", "additionalModelRequestFields", "outputConfig")
_JSON_ONLY = "Answer with one JSON object and nothing else."


def write_request(request: ChatRequest, facts: ModelFacts) -> Written:
    """Return the body; the path names the model and says whether the answer is streamed."""
    names = tool_text.sent_names(request)
    documents = request.dialect == wire.NAME or is_claude(request, facts)
    writer = BlockWriter(facts, names, text_documents=documents)
    turns = Turns(request, facts, writer)
    messages = turns.write()
    toolbox = write_tools(request, facts, writer, names)
    knobs = Knobs(request, facts, writer)
    knobs.write((toolbox.config or {}).get("toolChoice"), thoughtless=thoughtless_call(messages))
    if request.output.kind is OutputKind.JSON:
        turns.system.append({"text": _JSON_ONLY})
    own = _own_fields(request, writer)
    body: dict[str, Any] = {"messages": messages}
    if turns.system:
        body["system"] = turns.system
    nested = (knobs.inference, knobs.special, knobs.output)
    for key, found in zip(_NESTED, nested, strict=True):
        whole = {**loose.mapping(own.pop(key, None)), **found}
        if whole:
            body[key] = whole
    if toolbox.config is not None:
        body["toolConfig"] = toolbox.config
    return Written(loose.ENCODER.encode({**body, **knobs.others, **own}), tuple(writer.losses), toolbox.memo)


def _own_fields(request: ChatRequest, writer: BlockWriter) -> dict[str, Any]:
    """Return the fields that only this dialect has; those of another one are lost."""
    writer.losses += losses.foreign(request, wire.NAME, "Converse has no such field")
    return dict(fields_of(request.extra))
