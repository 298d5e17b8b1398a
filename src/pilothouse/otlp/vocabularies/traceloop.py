"""OpenLLMetry, the vocabulary of Traceloop: `traceloop.*`, and messages in attributes with an index."""

from typing import Any

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp import messages
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelSpan
from pilothouse.otlp.values import as_text, below, document, flag, loaded, nested, text
from pilothouse.protocols.loose import listing, mapping

_KINDS = {
    "workflow": SpanKind.CHAIN,
    "task": SpanKind.CHAIN,
    "agent": SpanKind.AGENT,
    "tool": SpanKind.TOOL,
    "guardrail": SpanKind.GUARD,
}
_TYPES = {
    "chat": SpanKind.LLM,
    "completion": SpanKind.LLM,
    "embedding": SpanKind.EMBEDDING,
    "rerank": SpanKind.RETRIEVER,
}
_PROPERTIES = "traceloop.association.properties."
_PARAMETERS = {
    "gen_ai.request.temperature": "temperature",
    "gen_ai.request.top_p": "top_p",
    "gen_ai.request.max_tokens": "max_tokens",
    "llm.top_k": "top_k",
    "llm.frequency_penalty": "frequency_penalty",
    "llm.presence_penalty": "presence_penalty",
    "llm.chat.stop_sequences": "stop",
    "llm.request.reasoning_effort": "reasoning_effort",
}


class Traceloop(msgspec.Struct, frozen=True):
    """The reader of OpenLLMetry."""

    name: str = "traceloop"
    namespaces: frozenset[str] = frozenset({"traceloop", "llm", "gen_ai"})

    def claims(self, span: OtelSpan) -> bool:
        """Spans with a word of its own, or with a first message that has an index."""
        attributes = span.attributes
        return (
            "llm.request.type" in attributes
            or "gen_ai.prompt.0.role" in attributes
            or "gen_ai.prompt.0.content" in attributes
            or "gen_ai.completion.0.content" in attributes
            or "gen_ai.is_streaming" in attributes
            or any(key.startswith("traceloop.") for key in attributes)
        )

    def read(self, span: OtelSpan) -> Said:
        """Return what is said."""
        attributes = span.attributes
        properties = below(attributes, _PROPERTIES)
        kind = _KINDS.get(text(attributes, "traceloop.span.kind") or "")
        completions = nested(attributes, "gen_ai.completion.")
        first = mapping(completions[0]) if completions else {}
        said = Said(
            kind=kind or _TYPES.get(text(attributes, "llm.request.type") or ""),
            name=text(attributes, "traceloop.entity.name"),
            trace_name=text(attributes, "traceloop.workflow.name"),
            streamed=flag(attributes, "llm.is_streaming", "gen_ai.is_streaming"),
            finish_reason=text(
                {**first, **attributes}, "finish_reason", "llm.response.finish_reason", "llm.response.stop_reason"
            ),
            user_id=text(properties, "user_id", "userId") or text(attributes, "llm.user", "gen_ai.user"),
            session_id=text(properties, "session_id", "sessionId", "thread_id", "conversation_id"),
            prompt_name=text(attributes, "traceloop.prompt.key"),
            prompt_version=text(attributes, "traceloop.prompt.version", "traceloop.prompt.version_name"),
            metadata={key: as_text(value) for key, value in properties.items()},
        )
        said.input = _asked(attributes) or document(attributes, "traceloop.entity.input")
        said.output = messages.answered(_messages(completions, "assistant")) or document(
            attributes, "traceloop.entity.output"
        )
        return said


def _asked(attributes: Attributes) -> str | None:
    prompts = nested(attributes, "gen_ai.prompt.")
    if prompts and all("role" not in mapping(item) for item in prompts):
        # texts to embed, or a bare prompt
        return as_text({"input": [mapping(item).get("content") for item in prompts]})
    return messages.asked(
        messages.Conversation(
            messages=_messages(prompts, "user"),
            tools=messages.tools(nested(attributes, "llm.request.functions.")),
            parameters={ours: attributes[theirs] for theirs, ours in _PARAMETERS.items() if theirs in attributes},
        )
    )


def _messages(items: list[Any], role: str) -> list[messages.Message]:
    return messages.read([_message(mapping(item), role) for item in items if mapping(item)])


def _message(item: dict[str, Any], role: str) -> messages.Message:
    content = item.get("content")
    parts = loaded(content)
    found: messages.Message = {
        "role": item.get("role") or role,
        "content": parts if isinstance(parts, list) else content,
    }
    calls = [
        messages.tool_call(call.get("id"), call.get("name"), call.get("arguments"))
        for call in map(mapping, listing(item.get("tool_calls")))
    ]
    if calls:
        found["tool_calls"] = calls
    for name in ("tool_call_id", "finish_reason"):
        if isinstance(item.get(name), str):
            found[name] = item[name]
    return found
