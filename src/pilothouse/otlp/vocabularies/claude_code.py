"""Claude Code's traces: spans named `claude_code.*` whose `span.type` says what they are."""

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import count, document, flag, later_ns, money, number, text

_KINDS = {"interaction": SpanKind.AGENT, "llm_request": SpanKind.LLM, "tool": SpanKind.TOOL}


class ClaudeCode(msgspec.Struct, frozen=True):
    """The reader of Claude Code."""

    name: str = "claude_code"
    namespaces: frozenset[str] = frozenset({"span"})

    def claims(self, span: OtelSpan) -> bool:
        """Spans with its names."""
        return span.name.startswith("claude_code.")

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; token counts are Anthropic's own, which leave out what the cache served."""
        attributes = span.attributes
        kind = _KINDS.get(text(attributes, "span.type") or "")
        first_ms = number(attributes, "ttft_ms")
        counts = Counts(
            input=count(attributes, "input_tokens"),
            output=count(attributes, "output_tokens"),
            cache_read=count(attributes, "cache_read_tokens", "cache_read_input_tokens"),
            cache_write=count(attributes, "cache_creation_tokens", "cache_creation_input_tokens"),
        )
        return Said(
            kind=kind,
            name=text(attributes, "tool_name"),
            provider="anthropic" if kind is SpanKind.LLM else None,
            model_requested=text(attributes, "model"),
            usage=buckets(counts, inclusive=False) if kind is SpanKind.LLM else None,
            usage_elsewhere=kind is SpanKind.AGENT,
            cost_usd=money(attributes.get("cost_usd")),
            first_token_at_ns=later_ns(span.started_at_ns, first_ms, 10**6),
            input=document(attributes, "user_prompt", "tool_input", "tool_parameters"),
            output=document(attributes, "response", "tool_output"),
            streamed=flag(attributes, "stream"),
            session_id=text(attributes, "session.id"),
            user_id=text(attributes, "user.id"),
        )
