"""The tree that a query is parsed into; every condition is about one span."""

from typing import Literal

import msgspec

Comparison = Literal["=", ">", ">=", "<", "<="]


class Words(msgspec.Struct, frozen=True, tag="words"):
    """The text stands anywhere in what is searched, in any case of letters."""

    text: str
    wild: bool = False
    """Whether `*` stands for any text."""


class Is(msgspec.Struct, frozen=True, tag="is"):
    """A text field has exactly this value; a field of kind `body` holds it, in any case of letters."""

    field: str
    key: str
    """The name after the dot of `metadata.plan`; empty where the field has none."""
    text: str
    wild: bool = False


class Compare(msgspec.Struct, frozen=True, tag="compare"):
    """A number, in the unit of its field, compares so; what has no number does not."""

    field: str
    key: str
    operator: Comparison
    number: float


class When(msgspec.Struct, frozen=True, tag="when"):
    """The start of the span lies so to a moment; exactly one of the two tells which."""

    operator: Comparison
    at_us: int | None = None
    """Microseconds since 1970."""
    ago_s: int | None = None
    """Seconds before now."""


class Flag(msgspec.Struct, frozen=True, tag="flag"):
    """A yes-or-no field is so."""

    field: str
    value: bool


class Has(msgspec.Struct, frozen=True, tag="has"):
    """The field is there and not empty."""

    field: str
    key: str


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The condition does not hold."""

    node: "Node"


class And(msgspec.Struct, frozen=True, tag="and"):
    """All hold; two or more, none of them an `And`."""

    nodes: tuple["Node", ...]


class Or(msgspec.Struct, frozen=True, tag="or"):
    """One holds; two or more, none of them an `Or`."""

    nodes: tuple["Node", ...]


Leaf = Words | Is | Compare | When | Flag | Has
Node = Leaf | Not | And | Or


def all_of(nodes: list[Node]) -> Node:
    """Return the conjunction of one or more conditions, flat."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.nodes if isinstance(node, And) else (node,))
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(nodes: list[Node]) -> Node:
    """Return the disjunction of one or more conditions, flat."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.nodes if isinstance(node, Or) else (node,))
    return flat[0] if len(flat) == 1 else Or(tuple(flat))
