"""What reaches every span below: session, user, tags and metadata, carried by OpenTelemetry's context.

They stay in the process. Baggage would carry them on to whatever the app calls.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from pilothouse.sdk.attributes import METADATA, SESSION, TAGS, USER
from pilothouse.sdk.capture import as_text

_KEY: Final = context.create_key("pilothouse")


def attributes(within: Context | None = None) -> Mapping[str, AttributeValue]:
    """Return the attributes that a span gets that begins in this context."""
    return cast("Mapping[str, AttributeValue]", context.get_value(_KEY, within) or {})


@contextmanager
def session(session_id: str | None) -> Generator[None]:
    """Put the spans that begin inside into a session: a conversation, or the like. None does nothing."""
    with _carrying({SESSION: as_text(session_id)} if session_id else {}):
        yield


@contextmanager
def user(user_id: str | None) -> Generator[None]:
    """Say whom the spans that begin inside are for; None does nothing."""
    with _carrying({USER: as_text(user_id)} if user_id else {}):
        yield


@contextmanager
def tags(*names: str) -> Generator[None]:
    """Give the spans that begin inside these tags, beside those from further out."""
    outer = cast("tuple[str, ...]", attributes().get(TAGS, ()))
    with _carrying({TAGS: tuple(dict.fromkeys((*outer, *map(as_text, names))))}):
        yield


@contextmanager
def metadata(**values: Any) -> Generator[None]:
    """Give the spans that begin inside this metadata, beside that from further out; the inner of two names holds."""
    with _carrying({f"{METADATA}{name}": as_text(value) for name, value in values.items()}):
        yield


@contextmanager
def _carrying(more: Mapping[str, AttributeValue]) -> Generator[None]:
    token = context.attach(context.set_value(_KEY, {**attributes(), **more}))
    try:
        yield
    finally:
        context.detach(token)
