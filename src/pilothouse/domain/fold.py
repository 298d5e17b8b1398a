"""The fold of a span's patches: the same whatever their order, their grouping, and how often each comes.

Of a single-valued field the latest statement holds; of two at the same time the greater one, so that no order matters.
Maps are folded key by key, tags, links and events are united.
"""

from typing import Any

import msgspec

from pilothouse.domain.patch import SpanPatch

Stamped = tuple[int, Any]
"""When it was said, and what."""

_IDENTITY = frozenset({"trace_id", "span_id", "project_id", "at_ns", "whole"})
_MAPS = ("metadata", "attributes", "resource")
_UNITED = ("tags", "links", "events")
_SINGLE = tuple(
    name for name in SpanPatch.__struct_fields__ if name not in _IDENTITY and name not in _MAPS and name not in _UNITED
)
_encoder = msgspec.msgpack.Encoder(order="sorted")


class Fold(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is said of one span, and when."""

    project_id: str
    trace_id: str
    span_id: str
    said: dict[str, Stamped] = {}
    """Single-valued fields."""
    metadata: dict[str, Stamped] = {}
    attributes: dict[str, Stamped] = {}
    resource: dict[str, Stamped] = {}
    tags: tuple[Any, ...] = ()
    links: tuple[Any, ...] = ()
    events: tuple[Any, ...] = ()
    whole: bool = False

    @property
    def at_ns(self) -> int:
        """When the last word on it was said."""
        stamps = (self.said, *(getattr(self, name) for name in _MAPS))
        return max((at_ns for stamped in stamps for at_ns, _value in stamped.values()), default=0)


def fold_of(patch: SpanPatch) -> Fold:
    """Return a patch as the fold of it alone."""
    at_ns = patch.at_ns
    said: dict[str, Stamped] = {}
    for name in _SINGLE:
        value = getattr(patch, name)
        if value is not None:
            said[name] = at_ns, value
    return Fold(
        patch.project_id, patch.trace_id, patch.span_id, said,
        _stamped(patch.metadata, at_ns), _stamped(patch.attributes, at_ns), _stamped(patch.resource, at_ns),
        _united(patch.tags, ()), _united(patch.links, ()), _united(patch.events, ()), patch.whole,
    )  # fmt: skip


def merged(one: Fold, other: Fold) -> Fold:
    """Return the fold of everything that two folds of the same span hold."""
    return Fold(
        one.project_id, one.trace_id, one.span_id, _later(one.said, other.said),
        _later(one.metadata, other.metadata), _later(one.attributes, other.attributes),
        _later(one.resource, other.resource), _united(one.tags, other.tags), _united(one.links, other.links),
        _united(one.events, other.events), one.whole or other.whole,
    )  # fmt: skip


def patch_of(fold: Fold) -> SpanPatch:
    """Return all that a fold holds as one patch, without the stamps."""
    said = {name: value for name, (_at_ns, value) in fold.said.items()}
    maps = {name: {key: value for key, (_at_ns, value) in getattr(fold, name).items()} for name in _MAPS}
    united = {name: getattr(fold, name) for name in _UNITED}
    patch = {
        **said, **maps, **united,
        "project_id": fold.project_id, "trace_id": fold.trace_id, "span_id": fold.span_id, "at_ns": fold.at_ns,
        "whole": fold.whole,
    }  # fmt: skip
    patch.setdefault("source", "")
    return msgspec.convert(patch, SpanPatch)


def encode(fold: Fold) -> bytes:
    """Return the fold as bytes that are the same for the same fold."""
    return _encoder.encode(fold)


def _stamped(values: dict[str, str], at_ns: int) -> dict[str, Stamped]:
    return {key: (at_ns, value) for key, value in values.items()}


def _later(one: dict[str, Stamped], other: dict[str, Stamped]) -> dict[str, Stamped]:
    if not other or not one:
        return one or other
    found = dict(one)
    for name, stamped in other.items():
        held = found.get(name)
        if held is None or stamped[0] > held[0] or (stamped[0] == held[0] and _rank(stamped) > _rank(held)):
            found[name] = stamped
    return found


def _rank(stamped: Stamped) -> bytes:
    return _encoder.encode(stamped[1])


def _united(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(one) + len(other) < 2 and not other:
        return one
    found = {_encoder.encode(item): item for item in (*one, *other)}
    return tuple(found[key] for key in sorted(found))
