"""How much work a schema is for an answer, found before the work is done: schemas come from callers.

A schema that refers to itself, or to the same part twice, can ask for more checks than there is time for, and so deep
that no stack holds them. What is counted here is an upper bound of both.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias, cast
from urllib.parse import unquote

import msgspec

from pilothouse.protocols import loose

_HERE_ONE = ("not", "if", "then", "else")
_HERE_MANY = ("allOf", "anyOf", "oneOf")
_HERE_NAMED = ("dependentSchemas", "dependencies", "dependentRequired")
"""Each name among these is looked for, also those with a list of further names instead of a schema."""
_FOREIGN = ("$dynamicRef", "$recursiveRef")
_TWICE = frozenset({"unevaluatedProperties", "unevaluatedItems"})
"""Keywords for which everything beside them is looked at once more."""
_LOOKUPS = 10
"""Names of properties that are looked for in the time of one check."""
_MOST_STEPS = 20_000
"""Of the counting itself, which takes about a microsecond each."""

_Schema: TypeAlias = dict[str, Any]


class Uncountable(Exception):
    """The schema cannot be bounded; the text says why."""


class Cost(msgspec.Struct, frozen=True):
    """What a schema costs at most."""

    checks: int
    """Of one value of the answer."""
    nesting: int
    """Checks inside one another."""


_ONE = Cost(1, 1)


class Size(msgspec.Struct, frozen=True):
    """How large an answer is."""

    values: int
    depth: int


def size(value: Any) -> Size:
    """Return how many values there are in a decoded JSON value, and how deep they stand."""
    values, depth, level = 0, 0, [value]
    while level:
        values += len(level)
        level = [inner for one in level for inner in _children(one)]
        depth += bool(level)
    return Size(values, depth)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return loose.listing(value)


class Counter:
    """Counts for one schema."""

    def __init__(self, schema: _Schema) -> None:
        self._root = schema
        self._known: dict[tuple[int, int], Cost] = {}
        self._open: set[tuple[int, int]] = set()
        self._steps = 0
        self._nesting = 1

    def cost(self, depth: int) -> Cost:
        """Return the cost for an answer that goes so deep; raises `Uncountable`."""
        try:
            return Cost(self._cost(self._root, depth).checks, self._nesting * (depth + 1))
        except RecursionError as error:
            raise Uncountable("the schema is nested too deeply") from error

    def _cost(self, schema: Any, depth: int) -> Cost:
        fields = loose.mapping(schema)
        if not fields:
            return _ONE
        key = (id(fields), depth)
        found = self._known.get(key)
        if found is not None:
            return found
        self._steps += 1
        if key in self._open:
            raise Uncountable("the schema refers to itself without end")
        if self._steps > _MOST_STEPS:
            raise Uncountable("the schema is too large")
        self._open.add(key)
        found = self._known[key] = self._sum(fields, depth)
        self._open.remove(key)
        self._nesting = max(self._nesting, found.nesting)
        return found

    def _sum(self, fields: _Schema, depth: int) -> Cost:
        """The most checks that any one value at this depth or below gets."""
        here = [self._cost(inner, depth) for inner in self._in_place(fields)]
        nesting = 1 + max((cost.nesting for cost in here), default=0)
        most = shared = sum(cost.checks for cost in here)
        if depth:
            most += max(self._of_members(fields, depth - 1), self._of_items(fields, depth - 1))
        own = 1 + len(loose.mapping(fields.get("properties"))) // _LOOKUPS
        twice = 2 if _TWICE & fields.keys() else 1
        return Cost(twice * max(own + shared, most), nesting)

    def _of_members(self, fields: _Schema, depth: int) -> int:
        """An object's member is looked at by one of the named schemas, and by all of the others."""
        named = [self._cost(inner, depth).checks for inner in loose.mapping(fields.get("properties")).values()]
        others = [*loose.mapping(fields.get("patternProperties")).values()]
        others += _present(fields, "additionalProperties", "unevaluatedProperties", "propertyNames")
        return max(named, default=0) + sum(self._cost(inner, depth).checks for inner in others)

    def _of_items(self, fields: _Schema, depth: int) -> int:
        items = fields.get("items")
        listed = [*loose.listing(fields.get("prefixItems")), *loose.listing(items)]
        named = [self._cost(inner, depth).checks for inner in listed]
        others = [] if isinstance(items, list) else _present(fields, "items")
        others += _present(fields, "additionalItems", "unevaluatedItems", "contains")
        return max(named, default=0) + sum(self._cost(inner, depth).checks for inner in others)

    def _in_place(self, fields: _Schema) -> Iterator[Any]:
        """Yield the schemas that look at the same value."""
        for name in _FOREIGN:
            if name in fields:
                raise Uncountable(f"{name} is not followed")
        if "$id" in fields and fields is not self._root:
            # References below it would start from there.
            raise Uncountable("a schema inside the schema has a name of its own")
        if "$ref" in fields:
            yield self._target(fields["$ref"])
        yield from _present(fields, *_HERE_ONE)
        for name in _HERE_MANY:
            yield from loose.listing(fields.get(name))
        for name in _HERE_NAMED:
            yield from loose.mapping(fields.get(name)).values()

    def _target(self, reference: Any) -> Any:
        said = loose.text(reference)
        if said != "#" and not said.startswith("#/"):
            raise Uncountable("only references into the schema itself are followed")
        found: Any = self._root
        for raw in said[2:].split("/") if said != "#" else ():
            step = unquote(raw).replace("~1", "/").replace("~0", "~")
            held = loose.listing(found)
            found = held[int(step)] if held and step.isdecimal() and int(step) < len(held) else _member(found, step)
        return found


def _present(fields: _Schema, *names: str) -> list[Any]:
    return [fields[name] for name in names if name in fields]


def _member(found: Any, step: str) -> Any:
    fields = loose.mapping(found)
    if step not in fields:
        raise Uncountable("a reference leads nowhere")
    return fields[step]
