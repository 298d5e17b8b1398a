"""What any span may say, by OpenTelemetry's general conventions or by plain names."""

import msgspec

from pilothouse.domain.span import SpanStatus
from pilothouse.otlp.base import Said
from pilothouse.otlp.signals import OtelSpan
from pilothouse.otlp.values import document, text

_ERROR = 2


class Generic(msgspec.Struct, frozen=True):
    """The reader that is asked last, for every span."""

    name: str = "otel"
    namespaces: frozenset[str] = frozenset()

    def claims(self, span: OtelSpan) -> bool:
        """Every span."""
        return True

    def read(self, span: OtelSpan) -> Said:
        """Return users, sessions, environment, release, plain input and output, and what went wrong."""
        attributes, resource = span.attributes, span.resource
        said = Said(
            user_id=text(attributes, "user.id", "enduser.id", "enduser.pseudo.id"),
            session_id=text(attributes, "session.id"),
            environment=text(resource, "deployment.environment.name", "deployment.environment"),
            release=text(resource, "service.version"),
            input=document(attributes, "input", "input.value"),
            output=document(attributes, "output", "output.value"),
            error_code=text(attributes, "error.type"),
        )
        if said.error_code is not None:
            said.status = SpanStatus.ERROR
        if said.error_code is not None or span.status_code == _ERROR:
            _tell_error(span, said)
        return said


def _tell_error(span: OtelSpan, said: Said) -> None:
    said.error_detail = span.status_message or text(span.attributes, "error.message", "exception.message")
    said.error_code = said.error_code or text(span.attributes, "exception.type")
    for event in reversed(span.events):
        if event.name == "exception":
            said.error_code = said.error_code or text(event.attributes, "exception.type")
            said.error_detail = said.error_detail or text(event.attributes, "exception.message")
            return
