"""LiteLLM's callback: its child span with the raw request repeats the call that its parent stands for."""

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp import providers
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.values import as_text, below, money, text

_RAW = "raw_gen_ai_request"
_METADATA = "metadata."


class LiteLLM(msgspec.Struct, frozen=True):
    """The reader of LiteLLM."""

    name: str = "litellm"
    namespaces: frozenset[str] = frozenset({"llm", "litellm", "metadata", "hidden_params"})

    def claims(self, span: OtelSpan) -> bool:
        """Spans of its scope."""
        return span.scope.name.startswith("litellm") or span.name == _RAW

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; the raw span counts nothing."""
        attributes = span.attributes
        if span.name == _RAW:
            return Said(kind=SpanKind.OTHER, usage_elsewhere=True)
        metadata = below(attributes, _METADATA)
        return Said(
            provider=providers.known(text(attributes, "llm.custom_llm_provider", "gen_ai.framework.provider")),
            cost_usd=money(attributes.get("gen_ai.cost.total_cost", attributes.get("response_cost"))),
            user_id=text(metadata, "user_api_key_end_user_id", "user_id"),
            session_id=text(metadata, "session_id"),
            metadata={
                key: as_text(value) for key, value in metadata.items() if not key.startswith("user_api_key") and value
            },
        )
