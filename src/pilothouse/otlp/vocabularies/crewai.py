"""CrewAI as OpenLLMetry's instrumentation tells of it: `crewai.*` beside words of `gen_ai.*`."""

import msgspec

from pilothouse.domain.span import SpanKind
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.values import document, text


class CrewAI(msgspec.Struct, frozen=True):
    """The reader of crews, their tasks and agents."""

    name: str = "crewai"
    namespaces: frozenset[str] = frozenset({"crewai"})

    def claims(self, span: OtelSpan) -> bool:
        """Spans of a crew, a task or an agent."""
        return any(key.startswith(("crewai.crew.", "crewai.task.", "crewai.agent.")) for key in span.attributes)

    def read(self, span: OtelSpan) -> Said:
        """Return what is said; a crew and a task are chains here, which `gen_ai.operation.name` calls agents."""
        attributes = span.attributes
        role = text(attributes, "crewai.agent.role")
        return Said(
            kind=SpanKind.CHAIN if role is None else SpanKind.AGENT,
            name=role or text(attributes, "crewai.crew.name"),
            trace_name=text(attributes, "crewai.crew.name"),
            input=document(attributes, "crewai.task.description", "crewai.agent.goal", "crewai.crew.tasks"),
            output=document(attributes, "crewai.crew.result"),
            usage_elsewhere=True,
        )
