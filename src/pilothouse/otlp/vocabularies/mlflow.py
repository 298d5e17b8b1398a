"""MLflow's tracing: `mlflow.*`, every value as JSON, texts in quotes."""

from typing import Any

import msgspec

from pilothouse.domain.patch import Level
from pilothouse.domain.span import SpanKind
from pilothouse.domain.usage import Usage
from pilothouse.otlp import providers
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelSpan
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import as_text, below, count, document, money, number, text, unquoted
from pilothouse.protocols.loose import mapping, objects

_KINDS = {
    "LLM": SpanKind.LLM,
    "CHAT_MODEL": SpanKind.LLM,
    "CHAIN": SpanKind.CHAIN,
    "TASK": SpanKind.CHAIN,
    "WORKFLOW": SpanKind.CHAIN,
    "AGENT": SpanKind.AGENT,
    "TOOL": SpanKind.TOOL,
    "RETRIEVER": SpanKind.RETRIEVER,
    "RERANKER": SpanKind.RETRIEVER,
    "EMBEDDING": SpanKind.EMBEDDING,
    "GUARDRAIL": SpanKind.GUARD,
    "PARSER": SpanKind.OTHER,
    "MEMORY": SpanKind.OTHER,
    "EVALUATOR": SpanKind.OTHER,
}
_COUNTED = (SpanKind.LLM, SpanKind.EMBEDDING)
_WARNING, _ERROR = 30, 40


class MLflow(msgspec.Struct, frozen=True):
    """The reader of MLflow."""

    name: str = "mlflow"
    namespaces: frozenset[str] = frozenset({"mlflow"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; the tokens of a whole trace, which its root repeats, are not counted."""
        told = {key: unquoted(value) for key, value in below(span.attributes, "mlflow.").items()}
        kind = _KINDS.get((text(told, "spanType") or "").upper())
        prompts = objects(told.get("linkedPrompts"))
        prompt = prompts[0] if prompts else {}
        metadata = below(told, "trace.metadata.")
        return Said(
            kind=kind,
            trace_name=text(told, "traceName"),
            provider=providers.known(text(told, "llm.provider")),
            model_requested=text(told, "llm.model") or _text_of(span, "model") if kind in _COUNTED else None,
            input=document(told, "spanInputs"),
            output=document(told, "spanOutputs"),
            usage=_usage(mapping(told.get("chat.tokenUsage"))),
            cost_usd=money(mapping(told.get("llm.cost")).get("total_cost")),
            level=_level(number(told, "spanLogLevel")),
            user_id=text(told, "trace.user"),
            session_id=text(told, "trace.session"),
            prompt_name=text(prompt, "name"),
            prompt_version=text(prompt, "version"),
            metadata={key: as_text(value) for key, value in metadata.items()},
        )


def _usage(said: Attributes) -> Usage | None:
    if not said:
        return None
    return buckets(
        Counts(
            input=count(said, "input_tokens"),
            output=count(said, "output_tokens"),
            total=count(said, "total_tokens"),
            cache_read=count(said, "cache_read_input_tokens"),
            cache_write=count(said, "cache_creation_input_tokens"),
            reasoning=count(said, "reasoning_tokens"),
        )
    )


def _text_of(span: OtelSpan, name: str) -> str | None:
    value: Any = unquoted(span.attributes.get(name))
    return value if isinstance(value, str) else None


def _level(number: float | None) -> Level | None:
    """Return the level of Python's numbers; ordinary ones say nothing."""
    if number is None or number < _WARNING:
        return None
    return Level.ERROR if number >= _ERROR else Level.WARNING
