"""OpenTelemetry's GenAI conventions up to 1.36: `gen_ai.system`, prompt and completion tokens, an event per message."""

from typing import Any

import msgspec

from pilothouse.otlp import messages, providers
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import Attributes, OtelEvent, OtelSpan
from pilothouse.otlp.values import document, loaded, text
from pilothouse.protocols.loose import mapping, objects

ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CHOICE = "gen_ai.choice"
_PROMPT, _COMPLETION = "gen_ai.content.prompt", "gen_ai.content.completion"


class OldGenAI(msgspec.Struct, frozen=True):
    """The reader of the words of `gen_ai.*` that are no more."""

    name: str = "gen_ai_old"
    namespaces: frozenset[str] = frozenset({"gen_ai"})

    def claims(self, span: OtelSpan) -> bool:
        """Every span with such an attribute; the newer convention is asked before."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return what is said by attributes, and by events that stand in the messages' place."""
        attributes = span.attributes
        asked, answered = of_events((event.name, _told(event)) for event in span.events) if span.events else ([], [])
        said = Said(
            provider=providers.known(text(attributes, "gen_ai.system")),
            user_id=text(attributes, "gen_ai.user", "gen_ai.request.user", "gen_ai.openai.request.user"),
        )
        said.input = messages.asked(messages.Conversation(messages=asked)) or _blob(span, _PROMPT, "gen_ai.prompt")
        said.output = messages.answered(answered) or _blob(span, _COMPLETION, "gen_ai.completion")
        if answered and isinstance(answered[0].get("finish_reason"), str):
            said.finish_reason = answered[0]["finish_reason"]
        return said


def of_events(events: Any) -> tuple[list[messages.Message], list[messages.Message]]:
    """Return the messages asked and answered that pairs of event name and body tell."""
    asked: list[messages.Message] = []
    answered: list[messages.Message] = []
    for name, body in events:
        role = ROLES.get(name)
        if role is not None:
            asked.append(_message(body, role))
        elif name == CHOICE:
            inner = loaded(body.get("message"))
            message = _message(mapping(inner) or {**body, "content": body.get("content", inner)}, "assistant")
            finish = body.get("finish_reason")
            answered.append({**message, "finish_reason": finish} if isinstance(finish, str) else message)
    return asked, answered


def _told(event: OtelEvent) -> dict[str, Any]:
    """Return an event's body: its attributes, or the JSON that one of them holds."""
    inner = mapping(loaded(event.attributes.get("gen_ai.event.content") or event.attributes.get("body")))
    return inner or event.attributes


def _message(body: dict[str, Any], role: str) -> messages.Message:
    content = loaded(body.get("content"))
    found: messages.Message = {"role": role, "content": content}
    calls = objects(loaded(body.get("tool_calls")))
    if calls:
        found["tool_calls"] = calls
    if role == "tool" and isinstance(body.get("id"), str):
        found["tool_call_id"] = body["id"]
    return found


def _blob(span: OtelSpan, event_name: str, attribute: str) -> str | None:
    """Return a prompt or completion that came as one text or JSON, by an event or an attribute."""
    for event in span.events:
        if event.name == event_name:
            return document(event.attributes, attribute, "content", "body")
    held: Attributes = span.attributes
    return document(held, attribute, event_name)
