"""A span's patches as the one row that shows them, and a row as the patches it was made of.

The row's own columns hold nearly all that was said. What they do not tell goes into the column `fold`: which fields
were said at all, when each was said where that differs, and values that a column would change. So nothing is stored
twice, and a patch of tomorrow merges with a row of today as if both had come together.
"""

import logging
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from operator import attrgetter
from typing import Any

import msgspec

from pilothouse.catalog.charges import Charges, Names, charge
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.fold import Fold, fold_of, patch_of
from pilothouse.domain.money import Cost, CostStatus
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.span import GATEWAY, Level, Span, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.ingest.spans import UNITS, cost_of_call, usage_of, usage_units
from pilothouse.otlp.checks import EARLIEST_NS

_log = logging.getLogger(__name__)

CALLS = frozenset({SpanKind.LLM, SpanKind.EMBEDDING})
"""Kinds of spans whose tokens and cost are summed."""
SAID_START = "pilothouse.started_at.said"
"""Attribute of a span whose start, as its source says it in nanoseconds since 1970, cannot be; another stands in."""
SAID_END = "pilothouse.ended_at.said"
"""Attribute of a span that ended before it started, by what its sources say; shown as one without duration."""
_OURS = frozenset({SAID_START, SAID_END, *UNITS})
SAID_BY_SOURCE = "said by the source"
"""Price version of a cost that the source said."""
AHEAD_NS = 86_400 * 10**9
"""How far ahead of ours a clock may be."""

_FIELDS = (
    "source", "native_id", "parent_span_id", "name", "trace_name", "kind", "started_at_ns", "ended_at_ns",
    "first_token_at_ns", "status", "level", "error_code", "error_detail", "operation", "provider", "model_requested",
    "model_served", "finish_reason", "streamed", "input", "output", "usage", "cost_usd", "user_id", "session_id",
    "environment", "release", "version", "prompt_name", "prompt_version", "key_id",
)  # fmt: skip
"""By their bit in `_Kept.said`; new ones go to the end."""
_APART = frozenset({"started_at_ns", "ended_at_ns", "first_token_at_ns", "usage", "cost_usd"})
"""Never left to a column, which may round them or hold another's."""
_BITS = tuple((1 << number, name) for number, name in enumerate(_FIELDS))
_BITS_IN_COLUMNS = tuple((bit, name) for bit, name in _BITS if name not in _APART)
_BITS_APART = tuple((bit, name) for bit, name in _BITS if name in _APART)
_TYPES: dict[str, Any] = {"usage": Usage, "cost_usd": Decimal, "kind": SpanKind, "status": SpanStatus, "level": Level}
_TEXTS = (
    "parent_span_id", "error_code", "error_detail", "operation", "model_requested", "model_served", "provider",
    "finish_reason", "input", "output", "key_id", "user_id", "session_id", "environment", "level", "release", "version",
    "prompt_name", "prompt_version", "trace_name", "native_id",
)  # fmt: skip
"""Fields that a row has as they were said, empty when they were not."""
_PRICED_BY = frozenset({"usage", "cost_usd", "provider", "model_requested", "model_served"})
_in_columns_of: Callable[[SpanPatch | Span], tuple[Any, ...]] = attrgetter(*(name for _, name in _BITS_IN_COLUMNS))
_apart_of: Callable[[SpanPatch], tuple[Any, ...]] = attrgetter(*(name for _, name in _BITS_APART))
_texts_of: Callable[[SpanPatch], tuple[Any, ...]] = attrgetter(*_TEXTS)
_MAPS = ("metadata", "attributes", "resource")
_OF_CALLS = (
    "overhead_ns", "last_token_ns", "outcome", "http_status", "dialect", "account", "alias", "request_id", "attempts",
    "request_headers", "response_headers",
)  # fmt: skip
"""What only the gateway knows of a span."""


_Price = Callable[[str, str, Names, tuple[Usage | None, int]], Cost]
"""Prices a call as `charge` does."""


class _Kept(msgspec.Struct, array_like=True, frozen=True, gc=False):
    at_ns: int
    """When everything was said that has no other time."""
    whole: bool
    said: int
    values: dict[str, Any]
    """Of fields that the columns do not hold as they were said."""
    times: dict[str, int]
    """Of fields that were said at another time."""
    map_times: dict[str, dict[str, int]]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Kept)


def row_of_patch(patch: SpanPatch, charges: Charges, now_ns: int) -> Span:
    """Return the row of a span that one patch is all of; the same as that of its fold, but quicker."""
    row = _row(patch, patch.at_ns, charges.cost, now_ns)
    return _folded(row, _kept(patch, row, patch.at_ns))


def row_of_fold(fold: Fold, catalog: Catalog, now_ns: int, base: Span | None = None) -> Span:
    """Return the row of a span; `base` is a row of it before, or the gateway's own, whose knowledge is taken over."""
    patch = patch_of(fold)
    row = _row(patch, _first_word(fold), partial(charge, catalog), now_ns)
    if base is not None:
        row = _with_base(row, base, catalog)
    at_ns = fold.at_ns
    kept = _kept(patch, row, at_ns)
    times = {name: stamp for name, (stamp, _value) in fold.said.items() if stamp != at_ns}
    map_times = {
        name: {key: stamp for key, (stamp, _value) in getattr(fold, name).items() if stamp != at_ns} for name in _MAPS
    }
    kept = msgspec.structs.replace(
        kept, times=times, map_times={name: stamps for name, stamps in map_times.items() if stamps}
    )
    return _folded(row, kept)


def _folded(row: Span, kept: _Kept) -> Span:
    # Nobody else has the row yet, and a copy of so many fields costs as much as all the rest here.
    msgspec.structs.force_setattr(row, "fold", _encoder.encode(kept))
    return row


def fold_of_row(row: Span) -> Fold:
    """Return all that is known of the patches of a row."""
    if not row.fold:
        return fold_of(_patch_of_call(row))
    try:
        kept = _decoder.decode(row.fold)
        values = {name: _said(name, row, kept) for bit, name in enumerate(_FIELDS) if kept.said >> bit & 1}
    except msgspec.MsgspecError:
        _log.exception("what was said of span %s cannot be read any more; its columns stand for it", row.span_id)
        return fold_of(_patch_of_call(row))
    return _restamped(fold_of(_patch(row, values, kept.at_ns, whole=kept.whole)), kept)


def _said(name: str, row: Span, kept: _Kept) -> Any:
    value = kept.values[name] if name in kept.values else getattr(row, name)
    return msgspec.convert(value, _TYPES[name], strict=False) if name in _TYPES else value


def _restamped(fold: Fold, kept: _Kept) -> Fold:
    if not kept.times and not kept.map_times:
        return fold
    said = {name: (kept.times.get(name, stamp), value) for name, (stamp, value) in fold.said.items()}
    maps: dict[str, Any] = {}
    for name, stamps in kept.map_times.items():
        held = getattr(fold, name)
        maps[name] = {key: (stamps.get(key, stamp), value) for key, (stamp, value) in held.items()}
    return msgspec.structs.replace(fold, said=said, **maps)


def _patch(row: Span, values: dict[str, Any], at_ns: int, *, whole: bool) -> SpanPatch:
    return SpanPatch(
        trace_id=row.trace_id,
        span_id=row.span_id,
        project_id=row.project_id,
        at_ns=at_ns,
        whole=whole,
        tags=row.tags,
        links=row.links,
        events=row.events,
        metadata=row.metadata,
        attributes={key: value for key, value in row.attributes.items() if key not in _OURS},
        resource=row.resource,
        **values,
    )


def _patch_of_call(row: Span) -> SpanPatch:
    """Return a gateway's row as a patch, so that what an application says of the call can be merged with it."""
    values: dict[str, Any] = {
        name: value for name in _FIELDS if name not in _APART and (value := getattr(row, name, None))
    }
    first_ns = row.first_token_ns
    values |= {
        "source": row.source,
        "kind": row.kind,
        "status": row.status,
        "streamed": row.streamed,
        "started_at_ns": row.started_at_ns,
        "ended_at_ns": row.started_at_ns + row.duration_ns,
        "first_token_at_ns": None if first_ns is None else row.started_at_ns + first_ns,
        "usage": usage_of(row),
    }
    return _patch(row, values, row.started_at_ns + row.duration_ns, whole=True)


def _kept(patch: SpanPatch, row: Span, at_ns: int) -> _Kept:
    bits = 0
    values: dict[str, Any] = {}
    for said, held, (bit, name) in zip(_in_columns_of(patch), _in_columns_of(row), _BITS_IN_COLUMNS, strict=True):
        if said is not None:
            bits |= bit
            if held is not said and held != said:
                values[name] = said
    for said, (bit, name) in zip(_apart_of(patch), _BITS_APART, strict=True):
        if said is not None:
            bits |= bit
            values[name] = said
    return _Kept(at_ns, patch.whole, bits, values, {}, {})


def _row(patch: SpanPatch, first_word_ns: int, price: _Price, now_ns: int) -> Span:
    attributes = dict(patch.attributes)
    started_ns = _start(patch, first_word_ns, now_ns, attributes)
    ended_ns = _end(patch, attributes, started_ns)
    duration_ns = max(0, ended_ns - started_ns)
    first_ns = patch.first_token_at_ns
    first_token_ns = first_ns - started_ns if first_ns is not None and first_ns >= started_ns else None
    kind = patch.kind or SpanKind.OTHER
    running = patch.ended_at_ns is None and not patch.whole
    if patch.usage is not None:
        attributes.update(usage_units(patch.usage))
    cost = _cost(patch, kind, started_ns, price)
    texts: dict[str, Any] = {name: text for name, text in zip(_TEXTS, _texts_of(patch), strict=True) if text}
    return Span(
        **texts,
        project_id=patch.project_id,
        trace_id=patch.trace_id,
        span_id=patch.span_id,
        name=_name(patch, kind),
        kind=kind,
        source=patch.source,
        started_at_ns=started_ns,
        duration_ns=duration_ns,
        first_token_ns=first_token_ns,
        # A stream is taken to have lasted until its end.
        last_token_ns=duration_ns if patch.streamed and first_token_ns is not None and not running else None,
        status=_status(patch),
        streamed=bool(patch.streamed),
        input_size_bytes=_size(patch.input),
        output_size_bytes=_size(patch.output),
        usage=patch.usage,
        **cost_fields(cost),
        tags=tuple(sorted(set(patch.tags))) if patch.tags else (),
        metadata=patch.metadata,
        attributes=attributes,
        running=running,
        links=_in_order(patch.links, lambda link: (link.trace_id, link.span_id)),
        events=_in_order(patch.events, lambda event: (event.at_ns, event.name)),
        resource=patch.resource,
        stated_at_ns=patch.at_ns,
    )


def _with_base(row: Span, base: Span, catalog: Catalog) -> Span:
    if not is_of_gateway(base):
        return row
    changes = {name: getattr(base, name) for name in _OF_CALLS}
    if row.price_version != SAID_BY_SOURCE:
        if row.usage == usage_of(base):
            cost = Cost(base.cost_status, base.cost_usd, base.price_version, base.cost_detail)
        else:
            cost = cost_of_call(msgspec.structs.replace(row, **changes), row.usage, catalog)
        changes |= cost_fields(cost)
    if row.input == base.input:
        changes["input_size_bytes"] = base.input_size_bytes
    if row.output == base.output:
        changes["output_size_bytes"] = base.output_size_bytes
    return msgspec.structs.replace(row, **changes)


def cost_fields(cost: Cost) -> dict[str, Any]:
    """Return a cost as the fields of a row."""
    return {
        "cost_usd": cost.amount_usd,
        "cost_status": cost.status,
        "cost_detail": cost.detail,
        "price_version": cost.price_version,
    }


def _first_word(fold: Fold) -> int:
    stamps = [stamp for stamp, _value in fold.said.values()]
    stamps += [stamp for name in _MAPS for stamp, _value in getattr(fold, name).values()]
    return min(stamps, default=0)


def _start(patch: SpanPatch, first_word_ns: int, now_ns: int, attributes: dict[str, str]) -> int:
    said_ns = patch.started_at_ns
    if said_ns is not None and _possible(said_ns, now_ns):
        return said_ns
    if said_ns is not None:
        attributes[SAID_START] = str(said_ns)
    known = [first_word_ns, patch.ended_at_ns or first_word_ns, *(event.at_ns for event in patch.events)]
    return min((at_ns for at_ns in known if _possible(at_ns, now_ns)), default=now_ns)


def _end(patch: SpanPatch, attributes: dict[str, str], started_ns: int) -> int:
    said_ns = patch.ended_at_ns
    if said_ns is None:
        return max(patch.at_ns, *(event.at_ns for event in patch.events), started_ns)
    if said_ns < started_ns:
        attributes[SAID_END] = str(said_ns)
    return said_ns


def _size(text: str | None) -> int:
    if not text:
        return 0
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _possible(at_ns: int, now_ns: int) -> bool:
    return EARLIEST_NS <= at_ns <= now_ns + AHEAD_NS


def _name(patch: SpanPatch, kind: SpanKind) -> str:
    if patch.name:
        return patch.name
    model = patch.model_requested or patch.model_served or ""
    return f"{patch.operation or kind} {model}".rstrip()


def _status(patch: SpanPatch) -> SpanStatus:
    if patch.status is not None:
        return patch.status
    return SpanStatus.ERROR if patch.level is Level.ERROR else SpanStatus.OK


def cost_of_row(row: Span, catalog: Catalog) -> Cost:
    """Return what a kept row would cost if what was said of it came now; its texts, maps and lists are not needed."""
    if not row.fold:
        return cost_of_call(row, usage_of(row), catalog)
    said = _patch_of_cost(row)
    cost = _cost(said, row.kind, row.started_at_ns, partial(charge, catalog))
    if is_of_gateway(row) and said.cost_usd is None:
        return cost_of_call(row, said.usage, catalog)
    return cost


def is_of_gateway(row: Span) -> bool:
    """Whether the gateway itself reported the call, alone or together with others."""
    return row.source == GATEWAY or bool(row.request_id)


def _patch_of_cost(row: Span) -> SpanPatch:
    said: dict[str, Any]
    try:
        kept = _decoder.decode(row.fold)
        said = {name: _said(name, row, kept) for bit, name in _BITS if kept.said & bit and name in _PRICED_BY}
    except msgspec.MsgspecError:
        said = {"usage": usage_of(row), "provider": row.provider, "model_served": row.model_served}
    return SpanPatch(trace_id=row.trace_id, span_id=row.span_id, source=row.source, at_ns=0, **said)


def _cost(patch: SpanPatch, kind: SpanKind, started_ns: int, price: _Price) -> Cost:
    ours = _priced(patch, started_ns, price) if kind in CALLS else Cost(CostStatus.UNMETERED)
    said = patch.cost_usd
    if said is None:
        return ours
    detail = SAID_BY_SOURCE
    if ours.amount_usd is not None:
        detail = f"{SAID_BY_SOURCE}; the catalog's price is {ours.amount_usd.normalize():f} USD ({ours.price_version})"
    return Cost(CostStatus.PRICED, said, SAID_BY_SOURCE, detail)


def _priced(patch: SpanPatch, started_ns: int, price: _Price) -> Cost:
    served, requested = patch.model_served or "", patch.model_requested or ""
    names = served, requested
    if "/" in served or "/" in requested:
        # an application that calls through a gateway may know its model only behind the name of an account
        names += tuple(name.partition("/")[2] for name in names)
    return price(patch.provider or "", "", names, (patch.usage, started_ns))


def _in_order(items: Sequence[Any], key: Callable[[Any], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the items without repetition, in an order that does not depend on how they came."""
    if not items:
        return ()
    found = {msgspec.msgpack.encode(item, order="sorted"): item for item in items}
    return tuple(sorted(found.values(), key=lambda item: (key(item), msgspec.msgpack.encode(item, order="sorted"))))
