"""The port of a vocabulary: what one instrumentation's attributes say of a span, in our own words.

Both verbs are pure, never block and keep no state. An attribute of another kind than expected counts as missing:
nothing that a sender writes may make them raise.
"""

from decimal import Decimal
from typing import Protocol

import msgspec

from pilothouse.domain.patch import Level
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.otlp.signals import OtelSpan, Reason


class Said(msgspec.Struct, kw_only=True, gc=False):
    """What a vocabulary says of a span; None, and empty tags and metadata, leave a thing to the next one."""

    kind: SpanKind | None = None
    name: str | None = None
    trace_name: str | None = None
    native_id: str | None = None
    operation: str | None = None
    provider: str | None = None
    """A name that `providers.known` gives."""
    model_requested: str | None = None
    model_served: str | None = None
    input: str | None = None
    output: str | None = None
    usage: Usage | None = None
    usage_elsewhere: bool = False
    """The tokens are counted at spans below this one: whatever is said of them here repeats those."""
    cost_usd: Decimal | None = None
    first_token_at_ns: int | None = None
    streamed: bool | None = None
    finish_reason: str | None = None
    status: SpanStatus | None = None
    level: Level | None = None
    error_code: str | None = None
    error_detail: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    environment: str | None = None
    release: str | None = None
    version: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    reject: Reason | None = None
    """The span is not to be kept."""


class Vocabulary(Protocol):
    """The attributes of one instrumentation or convention."""

    @property
    def name(self) -> str:
        """The `source` of patches that it is the first to claim."""
        ...

    @property
    def namespaces(self) -> frozenset[str]:
        """First words of attribute names, up to a dot or colon; it is asked only for spans with one of them.

        Empty to be asked for every span.
        """
        ...

    def claims(self, span: OtelSpan) -> bool:
        """Return whether the span speaks this vocabulary; cheap, a few look-ups."""
        ...

    def read(self, span: OtelSpan) -> Said:
        """Return what a claimed span says."""
        ...
