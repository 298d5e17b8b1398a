"""LiveKit's voice agents: `lk.*`."""

from typing import Any

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp import messages
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelSpan
from pilothouse.otlp.values import document, later_ns, loaded, number, text
from pilothouse.protocols.loose import listing, mapping, objects

_KINDS = {
    "llm_node": SpanKind.CHAIN,
    "llm_request": SpanKind.LLM,
    "agent_session": SpanKind.AGENT,
    "agent_turn": SpanKind.AGENT,
    "function_tool": SpanKind.TOOL,
}


class LiveKit(msgspec.Struct, frozen=True):
    """The reader of LiveKit's agents."""

    name: str = "livekit"
    namespaces: frozenset[str] = frozenset({"lk"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said."""
        attributes = span.attributes
        first_s = number(attributes, "lk.response.ttft")
        return Said(
            kind=_KINDS.get(span.name),
            name=text(attributes, "lk.function_tool.name"),
            input=_asked(attributes)
            or document(
                attributes, "lk.user_input", "lk.input_text", "lk.user_transcript", "lk.function_tool.arguments"
            ),
            output=document(attributes, "lk.response.text", "lk.function_tool.output", "lk.response.function_calls"),
            first_token_at_ns=later_ns(span.started_at_ns, first_s, 10**9),
            session_id=text(attributes, "lk.room_name", "lk.job_id"),
        )


def _asked(attributes: Attributes) -> str | None:
    """Return the chat's context; each item's content is a list of texts."""
    context = loaded(attributes.get("lk.chat_ctx"))
    items = [item for item in objects(mapping(context).get("items", context)) if isinstance(item.get("role"), str)]
    read = [{"role": item["role"], "content": _content(item.get("content"))} for item in items]
    return messages.asked(messages.Conversation(messages=messages.read(read)))


def _content(value: Any) -> Any:
    parts = listing(value)
    return "\n".join(parts) if parts and all(isinstance(part, str) for part in parts) else value
