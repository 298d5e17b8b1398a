"""VoltAgent: `voltagent.*`, `entity.*`, `usage.*`."""

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import below, count, document, text

_KINDS = {
    "llm": SpanKind.LLM,
    "agent": SpanKind.AGENT,
    "tool": SpanKind.TOOL,
    "workflow": SpanKind.CHAIN,
    "workflow-step": SpanKind.CHAIN,
    "retriever": SpanKind.RETRIEVER,
    "memory": SpanKind.OTHER,
    "guardrail": SpanKind.GUARD,
}


class VoltAgent(msgspec.Struct, frozen=True):
    """The reader of VoltAgent."""

    name: str = "voltagent"
    namespaces: frozenset[str] = frozenset({"voltagent", "entity"})

    def claims(self, span: OtelSpan) -> bool:
        """Spans that name an entity of it."""
        attributes = span.attributes
        return "entity.type" in attributes or any(key.startswith("voltagent.") for key in attributes)

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; an agent's usage is the sum of the calls below it."""
        attributes = span.attributes
        entity = (text(attributes, "span.type", "entity.type") or "").lower()
        usage = below(attributes, "usage.")
        return Said(
            kind=_KINDS.get(entity),
            name=text(attributes, "entity.name", "tool.name"),
            model_requested=text(attributes, "ai.model.name", "llm.model", "model"),
            input=document(attributes, "input", "agent.messages", "tool.parameters"),
            output=document(attributes, "output", "tool.result"),
            usage=buckets(
                Counts(
                    input=count(usage, "prompt_tokens", "promptTokens", "inputTokens"),
                    output=count(usage, "completion_tokens", "completionTokens", "outputTokens"),
                    total=count(usage, "total_tokens", "totalTokens"),
                    cache_read=count(usage, "cached_tokens", "cachedInputTokens"),
                    reasoning=count(usage, "reasoning_tokens", "reasoningTokens"),
                )
            ),
            usage_elsewhere=entity in ("agent", "workflow", "workflow-step"),
            user_id=text(attributes, "userId", "user.id", "enduser.id"),
            session_id=text(attributes, "conversationId", "conversation.id", "session.id"),
        )
