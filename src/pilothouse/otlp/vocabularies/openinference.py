"""OpenInference, the vocabulary of Arize and Phoenix: `openinference.span.kind`, `llm.*`, `input.value`."""

from typing import Any

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.domain.usage import Usage
from pilothouse.otlp import messages, providers
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelSpan
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import as_text, below, count, document, listed, loaded, money, nested, text
from pilothouse.protocols.loose import listing, mapping

_KIND = "openinference.span.kind"
_KINDS = {
    "LLM": SpanKind.LLM,
    "CHAIN": SpanKind.CHAIN,
    "TOOL": SpanKind.TOOL,
    "AGENT": SpanKind.AGENT,
    "RETRIEVER": SpanKind.RETRIEVER,
    "RERANKER": SpanKind.RETRIEVER,
    "EMBEDDING": SpanKind.EMBEDDING,
    "GUARDRAIL": SpanKind.GUARD,
    "EVALUATOR": SpanKind.OTHER,
    "PROMPT": SpanKind.OTHER,
    "DECISION": SpanKind.OTHER,
}
_COUNTED = frozenset({None, "LLM", "EMBEDDING", "RERANKER", "UNKNOWN"})
_FIRST_TOKEN = "First Token Stream Event"
_LLAMA_INDEX = "openinference.instrumentation.llama_index"
_NO_PARAMETERS = frozenset({"model", "messages", "tools", "input", "stream", "stream_options", "system", "contents"})


class OpenInference(msgspec.Struct, frozen=True):
    """The reader of OpenInference."""

    name: str = "openinference"
    namespaces: frozenset[str] = frozenset({"openinference", "input", "output", "llm", "embedding", "retrieval", "tag"})

    def claims(self, span: OtelSpan) -> bool:
        """Spans that say their kind, or come from one of its instrumentations, or hold its message lists."""
        attributes = span.attributes
        return _KIND in attributes or "openinference" in span.scope.name or "llm.model_name" in attributes

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; only calls of models count tokens, agents and chains repeat those below them."""
        attributes = span.attributes
        kind = text(attributes, _KIND)
        kind = kind.upper() if kind else None
        first = next((event.at_ns for event in span.events if event.name == _FIRST_TOKEN), None)
        said = Said(
            kind=SpanKind.CHAIN if _prepares(span, kind) else _KINDS.get(kind or ""),
            name=_name(kind, attributes),
            provider=providers.known(text(attributes, "llm.provider", "llm.system")),
            model_requested=text(attributes, "llm.request.model_name", "llm.model_name", "embedding.model_name"),
            model_served=text(attributes, "llm.response.model_name", "llm.model_name", "embedding.model_name"),
            usage=_usage(attributes),
            usage_elsewhere=kind not in _COUNTED,
            cost_usd=money(attributes.get("llm.cost.total")),
            first_token_at_ns=first,
            streamed=True if first is not None else None,
            finish_reason=text(attributes, "llm.finish_reason"),
            user_id=text(attributes, "user.id"),
            session_id=text(attributes, "session.id"),
            prompt_name=text(attributes, "prompt.id", "llm.prompt_template.name"),
            prompt_version=text(attributes, "llm.prompt_template.version"),
            tags=listed(attributes.get("tag.tags")),
            metadata={key: as_text(value) for key, value in mapping(loaded(attributes.get("metadata"))).items()},
        )
        if said.model_requested is None:
            said.model_requested = text(mapping(loaded(attributes.get("llm.invocation_parameters"))), "model")
        said.input = _asked(attributes) or document(attributes, "input.value", "tool.parameters", "reranker.query")
        said.output = _answered(attributes)
        return said


def _prepares(span: OtelSpan, kind: str | None) -> bool:
    """Whether it is a step of LlamaIndex's before a call; all that a model's class does is a call by its kind."""
    return kind == "LLM" and span.scope.name == _LLAMA_INDEX and "._" in span.name and not _called(span.attributes)


def _called(attributes: Attributes) -> bool:
    return any(key.startswith(("llm.input_messages.", "llm.prompts", "llm.token_count.")) for key in attributes)


def _name(kind: str | None, attributes: Attributes) -> str | None:
    if kind == "TOOL":
        return text(attributes, "tool.name")
    return text(attributes, "agent.name") if kind == "AGENT" else None


def _usage(attributes: Attributes) -> Usage | None:
    said = below(attributes, "llm.token_count.")
    if not said:
        return None
    return buckets(
        Counts(
            input=count(said, "prompt"),
            output=count(said, "completion"),
            total=count(said, "total"),
            cache_read=count(said, "prompt_details.cache_read", "prompt_details.cache_input"),
            cache_write=count(said, "prompt_details.cache_write"),
            input_audio=count(said, "prompt_details.audio"),
            reasoning=count(said, "completion_details.reasoning"),
            output_audio=count(said, "completion_details.audio"),
        )
    )


def _asked(attributes: Attributes) -> str | None:
    read = _messages(attributes, "llm.input_messages.")
    parameters = mapping(loaded(attributes.get("llm.invocation_parameters")))
    return messages.asked(
        messages.Conversation(
            messages=read,
            tools=messages.tools(
                [mapping(mapping(item).get("tool")).get("json_schema") for item in nested(attributes, "llm.tools.")]
                or attributes.get("llm.tools")
            ),
            parameters={key: value for key, value in parameters.items() if key not in _NO_PARAMETERS},
        )
    )


def _answered(attributes: Attributes) -> str | None:
    answered = messages.answered(_messages(attributes, "llm.output_messages."))
    if answered is not None:
        return answered
    for prefix in ("retrieval.documents.", "reranker.output_documents."):
        documents = [below(mapping(item), "document.") or item for item in nested(attributes, prefix)]
        documents = [mapping(item).get("document", item) for item in documents]
        if documents:
            return as_text({"documents": [{**mapping(item), **_loaded_metadata(item)} for item in documents]})
    calls = _bare_calls(attributes)
    bare: list[messages.Message] = [{"role": "assistant", "content": None, "tool_calls": calls}] if calls else []
    return messages.answered(bare) or document(attributes, "output.value")


def _bare_calls(attributes: Attributes) -> list[dict[str, Any]]:
    """Return the calls of tools that are all of an answer, as the listener to CrewAI's events tells them."""
    if text(attributes, _KIND) != "LLM":
        return []
    calls = [mapping(item) for item in listing(loaded(attributes.get("output.value")))]
    return [_call(call) for call in calls] if all("function" in call for call in calls) else []


def _loaded_metadata(item: Any) -> dict[str, Any]:
    held = mapping(item).get("metadata")
    return {} if held is None else {"metadata": loaded(held)}


def _messages(attributes: Attributes, prefix: str) -> list[messages.Message]:
    read = [_message(mapping(mapping(item).get("message"))) for item in nested(attributes, prefix)]
    return messages.read([message for message in read if message.get("role")])


def _message(item: dict[str, Any]) -> messages.Message:
    parts = [part for raw in listing(item.get("contents")) for part in _part(mapping(raw).get("message_content"))]
    found: messages.Message = {"role": item.get("role"), "content": item.get("content", parts or None)}
    calls = [_call(mapping(mapping(raw).get("tool_call"))) for raw in listing(item.get("tool_calls"))]
    if calls:
        found["tool_calls"] = calls
    elif isinstance(item.get("function_call_name"), str):
        found["tool_calls"] = [
            messages.tool_call("", item["function_call_name"], item.get("function_call_arguments_json"))
        ]
    for name in ("name", "tool_call_id"):
        if isinstance(item.get(name), str):
            found[name] = item[name]
    return found


def _call(item: dict[str, Any]) -> dict[str, Any]:
    function = mapping(item.get("function"))
    return messages.tool_call(item.get("id"), function.get("name"), function.get("arguments"))


def _part(raw: Any) -> list[dict[str, Any]]:
    part = mapping(raw)
    match part.get("type"):
        case "image":
            address = mapping(mapping(part.get("image")).get("image")).get("url")
            return [{"type": "image_url", "image_url": {"url": address}}] if isinstance(address, str) else []
        case "text" | "reasoning" as kind:
            return [{"type": kind, "text": as_text(part.get("text", ""))}]
        case _:
            return [part] if part else []
