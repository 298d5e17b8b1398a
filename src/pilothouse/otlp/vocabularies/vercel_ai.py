"""The Vercel AI SDK: `ai.*`, with an outer span for each call and an inner one for each request to the model."""

from typing import Any

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.domain.usage import Usage
from pilothouse.otlp import messages, providers
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelSpan
from pilothouse.otlp.tokens import Counts, buckets
from pilothouse.otlp.values import as_text, below, count, document, later_ns, listed, loaded, number, text, unquoted
from pilothouse.protocols.loose import listing, mapping

_INNER = (".doGenerate", ".doStream", ".doEmbed", ".doRerank")
_SETTINGS = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxTokens": "max_tokens",
    "maxOutputTokens": "max_tokens",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "seed": "seed",
    "stopSequences": "stop",
}
_CONTEXT = "ai.settings.context."
"""What version 7 tells in place of metadata, where it is told to, in spans of `gen_ai.*`."""


class VercelAI(msgspec.Struct, frozen=True):
    """The reader of the Vercel AI SDK."""

    name: str = "vercel_ai"
    namespaces: frozenset[str] = frozenset({"ai"})

    def claims(self, span: OtelSpan) -> bool:
        """Spans that name their operation, a model, a tool or the context of the SDK."""
        attributes = span.attributes
        return (
            "ai.operationId" in attributes
            or "ai.model.id" in attributes
            or "ai.toolCall.name" in attributes
            or any(key.startswith(_CONTEXT) for key in attributes)
        )

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; the outer span repeats the tokens of the inner ones and counts none."""
        attributes = span.attributes
        operation = text(attributes, "ai.operationId", "operation.name") or ""
        inner = any(part in operation for part in _INNER)
        metadata = below(attributes, _CONTEXT) | below(attributes, "ai.telemetry.metadata.")
        after_ms = number(attributes, "ai.response.msToFirstChunk", "ai.stream.msToFirstChunk")
        said = Said(
            kind=_kind(operation, inner),
            name=text(attributes, "ai.toolCall.name")
            or (None if inner else text(attributes, "ai.telemetry.functionId")),
            provider=providers.known(text(attributes, "ai.model.provider")),
            model_requested=text(attributes, "ai.model.id"),
            model_served=text(attributes, "ai.response.model"),
            usage=_usage(attributes) if inner else None,
            usage_elsewhere=operation.startswith("ai.") and not inner,
            first_token_at_ns=later_ns(span.started_at_ns, after_ms, 10**6),
            streamed=True if "stream" in operation.lower() else None,
            finish_reason=text(attributes, "ai.response.finishReason", "ai.finishReason"),
            user_id=text(metadata, "userId", "user_id"),
            session_id=text(metadata, "sessionId", "session_id", "threadId"),
            tags=listed(metadata.get("tags")),
            metadata={key: as_text(value) for key, value in metadata.items() if key != "tags"},
        )
        said.input = _asked(attributes) or document(attributes, "ai.toolCall.args", "ai.toolCall.input", "ai.prompt")
        if said.input is None:
            said.input = _embedded(attributes)
        said.output = _answered(attributes)
        return said


def _kind(operation: str, inner: bool) -> SpanKind | None:
    if "toolCall" in operation:
        return SpanKind.TOOL
    if inner:
        return (
            SpanKind.EMBEDDING
            if "Embed" in operation
            else SpanKind.RETRIEVER
            if "Rerank" in operation
            else SpanKind.LLM
        )
    return SpanKind.CHAIN if operation.startswith("ai.") else None


def _usage(attributes: Attributes) -> Usage | None:
    said = below(attributes, "ai.usage.")
    if not said:
        return None
    into, out = below(said, "inputTokenDetails."), below(said, "outputTokenDetails.")
    vendor = mapping(mapping(loaded(attributes.get("ai.response.providerMetadata"))).get("anthropic"))
    vendor = {**mapping(vendor.get("usage")), **vendor}
    whole = count(said, "inputTokens", "promptTokens", "tokens")
    read = count({**said, **into}, "cacheReadTokens", "cachedInputTokens")
    counts = Counts(
        input=whole,
        output=count(said, "outputTokens", "completionTokens"),
        cache_read=count(vendor, "cacheReadInputTokens", "cache_read_input_tokens") if read is None else read,
        cache_write=count(
            {**into, **vendor}, "cacheWriteTokens", "cacheCreationInputTokens", "cache_creation_input_tokens"
        ),
        reasoning=count({**said, **out}, "reasoningTokens"),
    )
    # up to version 5 Anthropic's own count is passed on, which leaves out what the cache served
    exclusive = "anthropic" in (text(attributes, "ai.model.provider") or "") and not into
    if not exclusive:
        return buckets(counts)
    return buckets(msgspec.structs.replace(counts, reasoning=None), inclusive=False)


def _embedded(attributes: Attributes) -> str | None:
    """Return the values to embed, of which each is JSON, in the form of OpenAI's embeddings."""
    held = attributes.get("ai.values") or ([attributes["ai.value"]] if "ai.value" in attributes else [])
    values = [unquoted(item) for item in listing(held)]
    return as_text({"input": values}) if values else None


def _vectors(attributes: Attributes) -> str | None:
    held = attributes.get("ai.embeddings") or ([attributes["ai.embedding"]] if "ai.embedding" in attributes else [])
    vectors = [loaded(item) for item in listing(held)]
    return as_text({"data": [{"embedding": vector} for vector in vectors]}) if vectors else None


def _asked(attributes: Attributes) -> str | None:
    prompt = mapping(loaded(attributes.get("ai.prompt")))
    told = loaded(attributes.get("ai.prompt.messages")) or prompt.get("messages")
    if told is None and isinstance(prompt.get("prompt"), str):
        told = [{"role": "user", "content": prompt["prompt"]}]
    settings = below(attributes, "ai.settings.")
    system = messages.instructions(prompt.get("system"))
    return messages.asked(
        messages.Conversation(
            messages=[*system, *messages.read([part for item in listing(told) for part in _message(mapping(item))])],
            tools=messages.tools(attributes.get("ai.prompt.tools")),
            parameters={ours: settings[theirs] for theirs, ours in _SETTINGS.items() if theirs in settings},
        )
    )


def _answered(attributes: Attributes) -> str | None:
    said = text(attributes, "ai.response.text", "ai.result.text")
    calls = [_call(mapping(item)) for item in listing(loaded(attributes.get("ai.response.toolCalls")))]
    calls = calls or [_call(mapping(item)) for item in listing(loaded(attributes.get("ai.result.toolCalls")))]
    reasoning = text(attributes, "ai.response.reasoning")
    if said is None and not calls and reasoning is None:
        return document(
            attributes, "ai.response.object", "ai.result.object", "ai.toolCall.result", "ai.toolCall.output"
        ) or _vectors(attributes)
    content: Any = said
    if reasoning is not None:
        content = [{"type": "reasoning", "text": reasoning}, *([{"type": "text", "text": said}] if said else [])]
    finish = text(attributes, "ai.response.finishReason", "ai.finishReason")
    message = {"role": "assistant", "content": content}
    return messages.answered(
        [message | ({"tool_calls": calls} if calls else {}) | ({"finish_reason": finish} if finish else {})]
    )


def _call(item: dict[str, Any]) -> dict[str, Any]:
    return messages.tool_call(item.get("toolCallId"), item.get("toolName"), item.get("input", item.get("args")))


def _message(item: dict[str, Any]) -> list[messages.Message]:
    """Return one message of the SDK as those of OpenAI's chat: each tool's answer becomes its own."""
    content = item.get("content")
    if not isinstance(content, list):
        return [item]
    parts = [mapping(part) for part in listing(content)]
    found: list[messages.Message] = [
        {
            "role": "tool",
            "tool_call_id": part.get("toolCallId"),
            "content": as_text(_result(part)),
        }
        for part in parts
        if part.get("type") == "tool-result"
    ]
    calls = [_call(part) for part in parts if part.get("type") == "tool-call"]
    rest = [_part(part) for part in parts if part.get("type") not in ("tool-call", "tool-result")]
    if rest or calls or not found:
        found.append({"role": item.get("role"), "content": rest or None} | ({"tool_calls": calls} if calls else {}))
    return found


def _result(part: dict[str, Any]) -> Any:
    output = part.get("output", part.get("result"))
    held = mapping(output)
    return held["value"] if set(held) == {"type", "value"} else output


def _part(part: dict[str, Any]) -> dict[str, Any]:
    match part.get("type"):
        case "image":
            return {"type": "image_url", "image_url": {"url": as_text(part.get("image", ""))}}
        case "file":
            mime = str(part.get("mediaType") or part.get("mimeType") or "")
            data = as_text(part.get("data", ""))
            if mime.startswith("image/"):
                address = data if "://" in data[:12] or data.startswith("data:") else f"data:{mime};base64,{data}"
                return {"type": "image_url", "image_url": {"url": address}}
            return {"type": "file", "file": {"filename": str(part.get("filename") or mime), "file_data": data}}
        case _:
            return {key: value for key, value in part.items() if key in ("type", "text")} or part
