"""The fields of the query language, in one table: the reference page, completion and the parser all read it."""

import difflib
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from pilothouse.domain.money import CostStatus
from pilothouse.domain.span import Level, SpanKind, SpanStatus


class Kind(StrEnum):
    """What values a field takes, and so which operators."""

    TEXT = "text"
    """Compared exactly, with `*` for any text."""
    BODY = "body"
    """Long text: `:` asks whether it holds the value, in any case of letters."""
    CHOICE = "choice"
    """One of a few words."""
    NUMBER = "number"
    FLAG = "flag"
    """`true` or `false`."""
    TIME = "time"
    NAMED = "named"
    """Values by name, such as `metadata.plan`: text, or numbers where one is compared."""


class Unit(StrEnum):
    """What a number counts; a value may name a unit of the same sort."""

    NONE = ""
    MILLISECONDS = "ms"
    DOLLARS = "USD"
    COUNT = "count"
    BYTES = "bytes"


class Field(msgspec.Struct, frozen=True):
    """One field."""

    name: str
    kind: Kind
    about: str
    """For people, one sentence without a full stop."""
    example: str
    unit: Unit = Unit.NONE
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other spellings that are understood."""


def _number(name: str, about: str, unit: Unit, example: str, *aliases: str) -> Field:
    return Field(name, Kind.NUMBER, about, example, unit, (), aliases)


def _text(name: str, about: str, example: str, *aliases: str) -> Field:
    return Field(name, Kind.TEXT, about, example, aliases=aliases)


def _flag(name: str, about: str) -> Field:
    return Field(name, Kind.FLAG, about, f"{name}:true")


def _choice(name: str, about: str, example: str, choices: tuple[str, ...]) -> Field:
    return Field(name, Kind.CHOICE, about, example, choices=choices)


_STATUSES = tuple(status.value for status in SpanStatus)
_KINDS = tuple(kind.value for kind in SpanKind)
_LEVELS = tuple(level.value for level in Level)
_COSTS = tuple(status.value for status in CostStatus)

FIELDS: tuple[Field, ...] = (
    _text("model", "Requested or served model", "model:gpt-4o"),
    _choice("status", "How the span ended", "status:error", _STATUSES),
    _choice("kind", "What the span stands for", "kind:tool", _KINDS),
    _text("name", "Name of the span or of its trace", "name:chat*"),
    _text("span_name", "Name of the span itself", "span_name:retrieve*"),
    _text("trace_name", "Name of the trace, where the application gave it one", "trace_name:checkout"),
    _text("user", "User of the application", "user:ada", "user_id"),
    _text("session", "Session of the application", "session:s-17", "session_id"),
    _text("tag", "One of the tags", "tag:beta", "tags"),
    Field("metadata", Kind.NAMED, "What the application noted, by name", "metadata.plan:pro"),
    Field("attributes", Kind.NAMED, "Attribute as it was sent, by name", 'attributes."http.method":POST',
          aliases=("attribute", "attr")),
    Field("resource", Kind.NAMED, "Attribute of the sending program, by name", "resource.service.name:shop"),
    Field("scores", Kind.NAMED, "Score of the span or of its whole trace, by name", "scores.helpfulness<0.5",
          aliases=("score",)),
    Field("input", Kind.BODY, "What went in", "input:refund"),
    Field("output", Kind.BODY, "What came out", 'output:"I cannot"'),
    Field("error", Kind.BODY, "Code and words of the error", "error:timeout"),
    _text("error_code", "Code of the error", "error_code:upstream_timeout"),
    _number("http_status", "HTTP status, 0 when there was none", Unit.NONE, "http_status>=500"),
    _number("latency_ms", "From start to end", Unit.MILLISECONDS, "latency_ms>2000", "latency", "duration_ms",
            "duration"),
    _number("ttft_ms", "From start to first token", Unit.MILLISECONDS, "ttft_ms<500", "ttft"),
    _number("overhead_ms", "What the gateway added", Unit.MILLISECONDS, "overhead_ms>5", "overhead"),
    _number("tokens_per_s", "Output tokens a second, of a streamed answer", Unit.NONE, "tokens_per_s<20"),
    _number("cost_usd", "Cost in US dollars, of what has a price", Unit.DOLLARS, "cost_usd>0.01", "cost"),
    _number("tokens", "All tokens", Unit.COUNT, "tokens:100..200"),
    _number("input_tokens", "All tokens that went in", Unit.COUNT, "input_tokens>10k"),
    _number("output_tokens", "All tokens that came out", Unit.COUNT, "output_tokens>1000"),
    _number("cache_read_tokens", "Input tokens read from a provider's cache", Unit.COUNT, "cache_read_tokens>0"),
    _number("reasoning_tokens", "Tokens of reasoning", Unit.COUNT, "reasoning_tokens>500"),
    _number("input_size_bytes", "Size of what went in", Unit.BYTES, "input_size_bytes>1MB"),
    _number("output_size_bytes", "Size of what came out", Unit.BYTES, "output_size_bytes>1MB"),
    Field("started_at", Kind.TIME, "When the span began", "started_at>-2h", aliases=("time",)),
    _text("provider", "Kind of provider that served", "provider:openai"),
    _text("account", "Provider account that served", "account:main"),
    _text("route", "Route that the caller named as the model", "route:fast", "alias"),
    _text("key", "Id of the virtual key", "key:0198*", "key_id"),
    _text("environment", "Environment that the application named", "environment:production", "env"),
    _text("release", "Release that the application named", "release:2026.11"),
    _text("version", "Version that the application named", "version:v7"),
    _text("prompt", "Name of the prompt", "prompt:greeting", "prompt_name"),
    _text("prompt_version", "Version of the prompt", "prompt_version:3"),
    _text("operation", "What was asked of the model", "operation:chat"),
    _text("dialect", "API that the caller spoke", "dialect:openai_chat"),
    _text("finish_reason", "Why the answer ended", "finish_reason:length"),
    _text("source", "Who reported the span: `gateway` or a vocabulary", "source:langfuse"),
    _choice("level", "How much it matters, in Langfuse's words", "level:warning", _LEVELS),
    _choice("cost_status", "Whether there is a price", "cost_status:unpriced", _COSTS),
    _flag("streamed", "The answer came in pieces"),
    _flag("running", "No end is known yet"),
    _flag("abandoned", "No end was ever said"),
    _flag("root", "The span has no parent"),
    _text("trace", "Id of the trace", "trace:4bf92f35*", "trace_id"),
    _text("span", "Id of the span", "span:00f067aa0ba902b7", "span_id"),
    _text("parent", "Id of the span above", "parent:00f067aa0ba902b7", "parent_span_id"),
    _text("request", "Id of the request at the gateway", "request:req-1", "request_id"),
)  # fmt: skip
BY_NAME: Mapping[str, Field] = {name: field for field in FIELDS for name in (field.name, *field.aliases)}


def near(word: str) -> str | None:
    """Return the field that a mistyped name most likely means."""
    found = difflib.get_close_matches(word, BY_NAME, 1)
    return BY_NAME[found[0]].name if found else None
