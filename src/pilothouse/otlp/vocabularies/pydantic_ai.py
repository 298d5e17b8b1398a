"""Pydantic AI's own words beside the GenAI conventions, of all its formats; copies that Logfire sends are refused."""

from typing import Any

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp import messages
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelSpan, Reason
from pilothouse.otlp.values import document, loaded, money, text
from pilothouse.protocols.loose import mapping, objects

_CHOICE = "gen_ai.choice"


class PydanticAI(msgspec.Struct, frozen=True):
    """The reader of Pydantic AI."""

    name: str = "pydantic_ai"
    namespaces: frozenset[str] = frozenset(
        {"logfire", "pydantic_ai", "agent_name", "all_messages_events", "model_request_parameters", "tool_arguments"}
    )

    def claims(self, span: OtelSpan) -> bool:
        """Spans of its scope or with its attributes, and the copies of running spans."""
        attributes = span.attributes
        return (
            span.scope.name == "pydantic-ai"
            or attributes.get("logfire.span_type") == "pending_span"
            or "model_request_parameters" in attributes
            or "all_messages_events" in attributes
            or "pydantic_ai.all_messages" in attributes
        )

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; a run of an agent sums up its calls, and counts no tokens itself."""
        attributes = span.attributes
        if attributes.get("logfire.span_type") == "pending_span":
            return Said(reject=Reason.PENDING)
        run = "agent_name" in attributes or "all_messages_events" in attributes or "final_result" in attributes
        asked, answered = _events(attributes.get("all_messages_events") or attributes.get("events"))
        return Said(
            kind=SpanKind.AGENT if run else SpanKind.TOOL if "tool_arguments" in attributes else None,
            name=text(attributes, "agent_name"),
            model_requested=text(attributes, "model_name") if run else None,
            input=_asked(attributes, asked) or document(attributes, "tool_arguments"),
            output=document(attributes, "final_result", "tool_response") or messages.answered(answered),
            usage_elsewhere=run,
            cost_usd=None if run else money(attributes.get("operation.cost")),
        )


def _asked(attributes: Attributes, events: list[messages.Message]) -> str | None:
    read = messages.read(attributes.get("pydantic_ai.all_messages")) or events
    return messages.asked(messages.Conversation(messages=read))


def _events(value: Any) -> tuple[list[messages.Message], list[messages.Message]]:
    """Return the messages asked and answered, which the first format writes as a JSON list of events."""
    asked: list[messages.Message] = []
    answered: list[messages.Message] = []
    for event in objects(loaded(value)):
        name = event.get("event.name")
        if name == _CHOICE:
            answered.append({"role": "assistant", **mapping(event.get("message"))})
        elif isinstance(event.get("role"), str):
            kept = ("role", "content", "tool_calls", "name")
            message = {key: event[key] for key in kept if event.get(key) is not None}
            if event["role"] == "tool" and isinstance(event.get("id"), str):
                message["tool_call_id"] = event["id"]
            asked.append({"content": None, **message})
    return asked, answered
