"""Google's Agent Development Kit: `gcp.vertex.agent.*` beside the GenAI conventions."""

from typing import Any

import msgspec

from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.values import as_text, document, loaded, text
from pilothouse.protocols.loose import mapping

_PREFIX = "gcp.vertex.agent."
_EMPTY = frozenset({"", "{}", "<not serializable>", "N/A"})
"""What it writes where content is not captured, or means nothing."""


class GoogleADK(msgspec.Struct, frozen=True):
    """The reader of the Agent Development Kit."""

    name: str = "google_adk"
    namespaces: frozenset[str] = frozenset({"gcp"})

    def claims(self, span: OtelSpan) -> bool:
        """Spans of its scope, or with its attributes."""
        return span.scope.name == "gcp.vertex.agent" or any(key.startswith(_PREFIX) for key in span.attributes)

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; requests and answers are Gemini's."""
        attributes = span.attributes
        request = mapping(loaded(attributes.get(f"{_PREFIX}llm_request")))
        return Said(
            session_id=text(attributes, f"{_PREFIX}session_id"),
            model_requested=text(request, "model"),
            input=_request(request) or _document(span, "tool_call_args", "data"),
            output=_answer(span) or _document(span, "tool_response"),
        )


def _request(request: dict[str, Any]) -> str | None:
    """Return the request with the system instruction where Gemini's own has it."""
    if "contents" not in request:
        return None
    config = mapping(request.get("config"))
    system = config.get("system_instruction")
    lead = (
        {"system_instruction": {"parts": [{"text": system}]} if isinstance(system, str) else system} if system else {}
    )
    tools = {"tools": config["tools"]} if config.get("tools") else {}
    return as_text({**lead, "contents": request["contents"], **tools})


def _answer(span: OtelSpan) -> str | None:
    answer = mapping(loaded(span.attributes.get(f"{_PREFIX}llm_response")))
    content = answer.get("content")
    if content is None:
        return _document(span, "llm_response")
    return as_text({"candidates": [{"content": content, "finishReason": answer.get("finish_reason")}]})


def _document(span: OtelSpan, *names: str) -> str | None:
    for name in names:
        found = document(span.attributes, f"{_PREFIX}{name}")
        if found is not None and found not in _EMPTY:
            return found
    return None
