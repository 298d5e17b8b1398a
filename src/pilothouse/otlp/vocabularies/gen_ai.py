"""OpenTelemetry's GenAI conventions from 1.37 on: messages as JSON in attributes, `gen_ai.provider.name`."""

from typing import Any

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp import messages, providers
from pilothouse.otlp.base import Said
from pilothouse.otlp.gen_ai_counts import usage_of
from pilothouse.otlp.signals import Attributes, OtelSpan
from pilothouse.otlp.values import document, flag, later_ns, listed, loaded, money, number, text

DETAILS = "gen_ai.client.inference.operation.details"
_CLIENT = 3
KINDS = {
    "chat": SpanKind.LLM,
    "generate_content": SpanKind.LLM,
    "text_completion": SpanKind.LLM,
    "fetch_response": SpanKind.OTHER,
    "embeddings": SpanKind.EMBEDDING,
    "retrieval": SpanKind.RETRIEVER,
    "search_memory": SpanKind.RETRIEVER,
    "create_agent": SpanKind.AGENT,
    "invoke_agent": SpanKind.AGENT,
    "invoke_workflow": SpanKind.CHAIN,
    "agent_step": SpanKind.CHAIN,
    "chain": SpanKind.CHAIN,
    "plan": SpanKind.CHAIN,
    "execute_tool": SpanKind.TOOL,
}
_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "choice.count": "n",
    "reasoning.level": "reasoning_effort",
    "reasoning_effort": "reasoning_effort",
}
_REQUESTED = {f"gen_ai.request.{theirs}": ours for theirs, ours in _PARAMETERS.items()}
_AGENTS = frozenset({"create_agent", "invoke_agent", "invoke_workflow"})


class GenAI(msgspec.Struct, frozen=True):
    """The reader of `gen_ai.*`."""

    name: str = "gen_ai"
    namespaces: frozenset[str] = frozenset({"gen_ai", "mcp"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said, also by the event that carries the details in the attributes' place."""
        attributes = _with_details(span)
        operation = text(attributes, "gen_ai.operation.name")
        requested = text(attributes, "gen_ai.request.model")
        seconds = number(attributes, "gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
        finish = listed(attributes.get("gen_ai.response.finish_reasons"))
        said = Said(
            kind=_kind(operation, attributes),
            name=_name(operation, attributes),
            operation=operation,
            provider=providers.known(text(attributes, "gen_ai.provider.name")),
            model_requested=requested,
            model_served=text(attributes, "gen_ai.response.model"),
            usage=usage_of(attributes),
            usage_elsewhere=_counted_elsewhere(operation, span),
            cost_usd=money(attributes.get("gen_ai.usage.cost")),
            first_token_at_ns=later_ns(span.started_at_ns, seconds, 10**9),
            streamed=flag(attributes, "gen_ai.request.stream"),
            finish_reason=finish[0] if finish else text(attributes, "anthropic.message.stop_reason"),
            session_id=text(attributes, "gen_ai.conversation.id"),
            prompt_name=text(attributes, "gen_ai.prompt.name"),
            prompt_version=text(attributes, "gen_ai.prompt.version"),
        )
        said.input, said.output = _content(operation, attributes)
        return said


def parameters(attributes: Attributes) -> dict[str, Any]:
    """Return the request's parameters by the names of OpenAI's chat."""
    return {ours: value for name, ours in _REQUESTED.items() if (value := attributes.get(name)) is not None}


def _with_details(span: OtelSpan) -> Attributes:
    for event in span.events:
        if event.name == DETAILS:
            return {**event.attributes, **span.attributes}
    return span.attributes


def _kind(operation: str | None, attributes: Attributes) -> SpanKind | None:
    kind = KINDS.get(operation or "")
    if kind is None and ("gen_ai.tool.name" in attributes or "mcp.method.name" in attributes):
        return SpanKind.TOOL
    return kind


def _name(operation: str | None, attributes: Attributes) -> str | None:
    if operation == "execute_tool":
        return text(attributes, "gen_ai.tool.name")
    if operation in _AGENTS:
        return text(attributes, "gen_ai.agent.name", "gen_ai.workflow.name")
    return None


def _counted_elsewhere(operation: str | None, span: OtelSpan) -> bool:
    """An agent in the same process repeats the sum of its calls; one behind a client span is the only one to tell."""
    return operation == "fetch_response" or (operation in _AGENTS and span.kind != _CLIENT)


def _content(operation: str | None, attributes: Attributes) -> tuple[str | None, str | None]:
    into = attributes.get("gen_ai.input.messages")
    out = attributes.get("gen_ai.output.messages")
    if into is not None or out is not None or "gen_ai.system_instructions" in attributes:
        return _asked(attributes, into), messages.answered(messages.read(out)) or document(
            attributes, "gen_ai.output.messages"
        )
    if "gen_ai.tool.call.arguments" in attributes or "gen_ai.tool.call.result" in attributes:
        return document(attributes, "gen_ai.tool.call.arguments"), document(attributes, "gen_ai.tool.call.result")
    asked = document(attributes, "gen_ai.retrieval.query.text", "gen_ai.memory.query.text")
    found = loaded(attributes.get("gen_ai.retrieval.documents"))
    if isinstance(found, list):
        return asked, document({"documents": {"documents": found}}, "documents")
    return asked, document(attributes, "gen_ai.memory.records", "gen_ai.retrieval.documents")


def _asked(attributes: Attributes, into: Any) -> str | None:
    read = messages.read(into)
    if into and not read:
        # cut off by a limit of the SDK, or of no known form
        return document(attributes, "gen_ai.input.messages")
    conversation = messages.Conversation(
        messages=[*messages.instructions(attributes.get("gen_ai.system_instructions")), *read],
        tools=messages.tools(attributes.get("gen_ai.tool.definitions")),
        parameters=parameters(attributes),
    )
    return messages.asked(conversation)
