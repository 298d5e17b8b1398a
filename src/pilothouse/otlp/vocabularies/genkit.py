"""Firebase Genkit: `genkit:*`."""

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.domain.usage import Usage
from pilothouse.otlp import providers
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import count, document, loaded, text
from pilothouse.protocols.loose import mapping

_KINDS = {
    "model": SpanKind.LLM,
    "flow": SpanKind.CHAIN,
    "util": SpanKind.CHAIN,
    "tool": SpanKind.TOOL,
    "tool.v2": SpanKind.TOOL,
    "retriever": SpanKind.RETRIEVER,
    "reranker": SpanKind.RETRIEVER,
    "embedder": SpanKind.EMBEDDING,
    "evaluator": SpanKind.OTHER,
    "prompt": SpanKind.OTHER,
}


class Genkit(msgspec.Struct, frozen=True):
    """The reader of Genkit."""

    name: str = "genkit"
    namespaces: frozenset[str] = frozenset({"genkit"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; usage stands in the output of a model's action, whose name is `provider/model`."""
        attributes = span.attributes
        subtype = text(attributes, "genkit:metadata:subtype", "genkit:type") or ""
        name = text(attributes, "genkit:name")
        model = name if subtype == "model" else None
        output = mapping(loaded(attributes.get("genkit:output"))) if model else {}
        maker, _slash, rest = (model or "").partition("/")
        return Said(
            kind=_KINDS.get(subtype),
            name=name,
            provider=providers.known(maker.removesuffix("ai") if maker == "googleai" else maker) if rest else None,
            model_requested=rest or model,
            input=document(attributes, "genkit:input"),
            output=document(attributes, "genkit:output"),
            usage=_usage(mapping(output.get("usage"))),
            finish_reason=text(output, "finishReason"),
            session_id=text(attributes, "genkit:sessionId", "genkit:metadata:flow:sessionId"),
        )


def _usage(said: dict[str, object]) -> Usage | None:
    if not said:
        return None
    return buckets(
        Counts(
            input=count(said, "inputTokens"),
            output=count(said, "outputTokens"),
            total=count(said, "totalTokens"),
            cache_read=count(said, "cachedContentTokens"),
            reasoning=count(said, "thoughtsTokens"),
        )
    )
