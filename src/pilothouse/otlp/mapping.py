"""One span patch out of all that the vocabularies say of a span: field by field, the first that says anything."""

import logging
from collections.abc import Iterable
from functools import lru_cache
from itertools import count
from typing import Any

from msgspec import structs

from pilothouse.domain.patch import Level, SpanEvent, SpanLink, SpanPatch
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.instruments import VOCABULARY_FAILURES
from pilothouse.otlp.base import Said, Vocabulary
from pilothouse.otlp.checks import EARLIEST_NS, LATEST_NS
from pilothouse.otlp.providers import of_family, of_host, of_model
from pilothouse.otlp.signals import Decoded, OtelSpan, Reason, Rejected
from pilothouse.otlp.table import speaking
from pilothouse.otlp.tokens import finest
from pilothouse.otlp.values import as_text, as_texts, text

_log = logging.getLogger(__name__)
NOTES = "pilothouse.notes"
"""The attribute that says what was wrong with a span and had to be mended."""

_UNITED = frozenset({"tags", "metadata", "usage", "usage_elsewhere", "reject"})
_FIELDS = tuple("" if name in _UNITED else name for name in Said.__struct_fields__)
"""Those of which the first that is said holds, in their places."""
_ERROR = 2
_FEW = 64
_CANCELLED = frozenset({"CancelledError", "asyncio.CancelledError", "asyncio.exceptions.CancelledError", "AbortError"})


def mapped(decoded: Decoded[OtelSpan]) -> Decoded[SpanPatch]:
    """Return a patch for each span, and all rejects; the patches name neither project nor key."""
    patches: list[SpanPatch] = []
    rejected = list(decoded.rejected)
    resources: dict[tuple[int, int], dict[str, str]] = {}
    refused_before = {item.index for item in rejected}
    places = (place for place in count() if place not in refused_before)
    for index, span in zip(places, decoded.items, strict=False):
        origin = id(span.resource), id(span.scope)
        resource = resources.get(origin)
        if resource is None:
            resource = resources[origin] = _resource(span)
        patch = folded(span, speakers(span), resource)
        if isinstance(patch, Reason):
            rejected.append(Rejected(index, patch, span.span_id))
        else:
            patches.append(patch)
    return Decoded(tuple(patches), tuple(rejected))


def patch_of(span: OtelSpan) -> SpanPatch | None:
    """Return one span's patch; None when it is a copy that is not to be kept."""
    return next(iter(mapped(Decoded((span,))).items), None)


def speakers(span: OtelSpan) -> tuple[Vocabulary, ...]:
    """Return the vocabularies that may claim a span, in order of precedence."""
    names = tuple(span.attributes)
    # an application's spans have the same few sets of names; long lists of them are not kept
    return _speakers(names) if len(names) <= _FEW else speaking(namespaces(names))


@lru_cache(maxsize=512)
def _speakers(names: tuple[str, ...]) -> tuple[Vocabulary, ...]:
    return speaking(namespaces(names))


def namespaces(names: Iterable[str]) -> frozenset[str]:
    """Return the first words of attribute names."""
    return frozenset({name.partition(".")[0].partition(":")[0] for name in names})


def folded(
    span: OtelSpan, vocabularies: Iterable[Vocabulary], resource: dict[str, str] | None = None
) -> SpanPatch | Reason:
    """Return what those of the vocabularies that claim the span say of it, or why it is not to be kept."""
    heard = [(one.name, said) for one in vocabularies if (said := _heard(one, span)) is not None]
    said = [one for _name, one in heard]
    refused = next((one.reject for one in said if one.reject is not None), None)
    if refused is not None:
        return refused
    source = heard[0][0] if heard else "otel"
    return _patch(span, said, source, _resource(span) if resource is None else resource)


def _heard(vocabulary: Vocabulary, span: OtelSpan) -> Said | None:
    """Return what a vocabulary says of a span; None when it does not claim it."""
    try:
        return vocabulary.read(span) if vocabulary.claims(span) else None
    except Exception as error:  # noqa: BLE001 - border: a vocabulary is a plug-in; broken, it has nothing to say
        VOCABULARY_FAILURES.inc(vocabulary.name)
        _log.warning("the vocabulary %s cannot read span %s: %r", vocabulary.name, span.span_id, error)
        return None


def _patch(span: OtelSpan, said: list[Said], source: str, resource: dict[str, str]) -> SpanPatch:
    # the last first, so that what is said by those that come first holds
    fields: dict[str, Any] = {
        name: value
        for one in reversed(said)
        for name, value in zip(_FIELDS, structs.astuple(one), strict=True)
        if value is not None and name
    }
    _complete(span, fields)
    usage = _counted(said, fields)
    attributes = as_texts(span.attributes)
    if span.notes:
        attributes[NOTES] = as_text(list(span.notes))
    ended = span.ended_at_ns or None
    return SpanPatch(
        trace_id=span.trace_id,
        span_id=span.span_id,
        source=source,
        at_ns=span.ended_at_ns or span.started_at_ns,
        whole=ended is not None,
        parent_span_id=span.parent_span_id,
        links=_links(span) if span.links else (),
        started_at_ns=span.started_at_ns,
        ended_at_ns=ended,
        usage=usage,
        tags=tuple(dict.fromkeys([tag for one in said if one.tags for tag in one.tags])),
        metadata=_merged([one.metadata for one in said if one.metadata]),
        attributes=attributes,
        resource=resource,
        events=_events(span) if span.events else (),
        **fields,
    )


def _links(span: OtelSpan) -> tuple[SpanLink, ...]:
    return tuple([SpanLink(link.trace_id, link.span_id, as_texts(link.attributes)) for link in span.links])


def _events(span: OtelSpan) -> tuple[SpanEvent, ...]:
    return tuple([SpanEvent(event.at_ns, event.name, as_texts(event.attributes)) for event in span.events])


def _counted(said: list[Said], fields: dict[str, Any]) -> Usage | None:
    """Return the usage that counts; where the tokens are counted elsewhere, a cost that is said repeats too."""
    told: list[Usage] = []
    for one in said:
        if one.usage_elsewhere:
            fields.pop("cost_usd", None)
            return None
        # zeros alone are what SDKs send when they were told nothing
        if one.usage is not None and (one.usage.total or one.usage.inconsistent):
            told.append(one.usage)
    return finest(told)


def _complete(span: OtelSpan, fields: dict[str, Any]) -> None:
    """Add what follows from what was said and from the span itself."""
    fields.setdefault("name", span.name or fields.get("operation") or span.scope.name or "span")
    if "kind" not in fields and ("model_requested" in fields or "model_served" in fields):
        fields["kind"] = SpanKind.LLM
    if "provider" not in fields:
        model = fields.get("model_requested") or fields.get("model_served")
        attributes = span.attributes
        host = text(attributes, "server.address", "gen_ai.openai.api_base", "url.full") if model else None
        provider = of_host(host) or of_model(model) or of_family(model)
        if provider is not None:
            fields["provider"] = provider
    first = fields.get("first_token_at_ns")
    if first is not None and not max(EARLIEST_NS, span.started_at_ns) <= first <= LATEST_NS:
        del fields["first_token_at_ns"]
    _judge(span, fields)


def _judge(span: OtelSpan, fields: dict[str, Any]) -> None:
    failed = (
        span.status_code == _ERROR or fields.get("level") is Level.ERROR or fields.get("status") is SpanStatus.ERROR
    )
    if not failed:
        # a handled exception is an event, and no error of its span
        for name in ("error_code", "error_detail"):
            fields.pop(name, None)
        if span.ended_at_ns:
            fields.setdefault("status", SpanStatus.OK)
        return
    cancelled = fields.get("error_code") in _CANCELLED
    fields["status"] = SpanStatus.CANCELLED if cancelled else SpanStatus.ERROR
    fields.setdefault("level", Level.ERROR)


def _resource(span: OtelSpan) -> dict[str, str]:
    found = as_texts(span.resource)
    scope = span.scope
    if scope.name:
        found["scope.name"] = scope.name
    if scope.version:
        found["scope.version"] = scope.version
    for key, value in as_texts(scope.attributes).items():
        found[f"scope.{key}"] = value
    return found


def _merged(maps: Iterable[dict[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in maps:
        for key, value in one.items():
            found.setdefault(key, value)
    return found
