"""A span of one's own: opened for a block, told what it did, and closed with what went wrong."""

import logging
from collections.abc import Mapping
from contextvars import Token
from decimal import Decimal
from functools import cache
from types import TracebackType
from typing import Any, Final, Self, TypedDict, Unpack, cast

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from pilothouse import __version__
from pilothouse.sdk import attributes, carried, usage
from pilothouse.sdk.capture import as_text

_log = logging.getLogger("pilothouse.sdk")
_HEADERS: Final = {attributes.SESSION: "x-pilothouse-session-id", attributes.USER: "x-pilothouse-user-id"}


class Fields(TypedDict, total=False):
    """What can be said of a span."""

    input: Any
    """Anything; messages, `[{"role": …, "content": …}, …]`, become a conversation."""
    output: Any
    metadata: Mapping[str, Any]
    """Values of one's own, found again by name."""
    model: str
    provider: str
    """Of the model, such as `openai`."""
    usage: Any
    """Token counts: `{"input_tokens": …, "output_tokens": …}`, or the `usage` of an OpenAI or Anthropic answer."""
    cost_usd: float | Decimal
    """What it cost, where the price is known better than by the model's name."""


class Span:
    """A handle on a span of OpenTelemetry's; without tracing on it does nothing."""

    def __init__(self, inner: trace.Span) -> None:
        self.inner = inner
        """OpenTelemetry's own."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, also for `score()` later and elsewhere; empty while tracing is off."""
        found = self.inner.get_span_context()
        return trace.format_trace_id(found.trace_id) if found.is_valid else ""

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits; empty while tracing is off."""
        found = self.inner.get_span_context()
        return trace.format_span_id(found.span_id) if found.is_valid else ""

    def set(self, **fields: Unpack[Fields]) -> None:
        """Say what it did; of two values for one field the later holds. Never raises."""
        if self.inner.is_recording():
            try:
                self.inner.set_attributes(_attributes(fields))
            except Exception as error:  # noqa: BLE001 - border: the app's own objects run here, and may raise anything
                _log.warning("a span takes none of %s: %r", ", ".join(fields), error)

    def fail(self, error: BaseException) -> None:
        """Say that it went wrong, as a span does by itself when an exception leaves its block."""
        if self.inner.is_recording():
            kind = type(error)
            name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
            self.inner.set_attribute(attributes.ERROR, name)
            self.inner.record_exception(error)
            self.inner.set_status(trace.StatusCode.ERROR, as_text(_message(error)))


class OpenSpan(Span):
    """A span for a block, of `with` and of `async with` alike."""

    def __init__(self, inner: trace.Span) -> None:
        super().__init__(inner)
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        self._token = context.attach(trace.set_span_in_context(self.inner))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            context.detach(self._token)
        if error is not None:
            self.fail(error)
        self.inner.end()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


def span(name: str, *, kind: attributes.Kind | None = None, **fields: Unpack[Fields]) -> OpenSpan:
    """Open a span for the block of a `with` or `async with`; `fields` are as in `Span.set`."""
    opened = begin(name, kind)
    if fields:
        opened.set(**fields)
    return opened


def current() -> Span:
    """Return the span that is open here, whoever opened it."""
    return Span(trace.get_current_span())


def headers() -> dict[str, str]:
    """Return headers for a call through the gateway, so that its spans hang below the one that is open here.

    For OpenAI's and Anthropic's clients they go into `extra_headers`. Session and user go along.
    """
    found: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(found)
    said = carried.attributes()
    for attribute, header in _HEADERS.items():
        value = str(said.get(attribute, ""))
        # what a header cannot hold is left to the span
        if value and value.isascii() and value.isprintable():
            found[header] = value
    return found


def begin(name: str, kind: attributes.Kind | None) -> OpenSpan:
    """Start a span below the one that is open here."""
    said: dict[str, AttributeValue] = {}
    if kind is not None:
        said[attributes.KIND] = kind
        if kind in attributes.OPERATIONS:
            said[attributes.OPERATION] = attributes.OPERATIONS[kind]
    return OpenSpan(_tracer().start_span(name, attributes=said))


@cache
def _tracer() -> trace.Tracer:
    # one that is made before there is a provider goes over to it later
    return trace.get_tracer("pilothouse.sdk", __version__)


def _attributes(fields: Fields) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    for name, attribute, messages in (
        ("input", attributes.INPUT, attributes.MESSAGES_IN),
        ("output", attributes.OUTPUT, attributes.MESSAGES_OUT),
    ):
        if name in fields:
            value = cast("Any", fields[name])
            found[messages if _is_conversation(value) else attribute] = as_text(value)
    for name, attribute in (("model", attributes.MODEL), ("provider", attributes.PROVIDER)):
        if name in fields:
            found[attribute] = as_text(fields[name])
    for name, value in dict(fields.get("metadata") or {}).items():
        found[f"{attributes.METADATA}{name}"] = as_text(value)
    if fields.get("usage") is not None:
        found |= usage.attributes_of(fields.get("usage"))
    if "cost_usd" in fields:
        found[attributes.COST] = str(fields["cost_usd"])
    return found


def _is_conversation(value: Any) -> bool:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return bool(items) and all(isinstance(item, Mapping) and "role" in item for item in items)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - border: the text of the app's own exceptions may raise anything
        return ""
