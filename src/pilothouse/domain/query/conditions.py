"""One condition: a field, an operator and a value, checked against the kind of the field."""

import difflib

from pilothouse.domain.query.fields import Field, Kind, Unit
from pilothouse.domain.query.nodes import Compare, Comparison, Flag, Has, Is, Node, When, all_of
from pilothouse.domain.query.scanner import Piece
from pilothouse.domain.query.values import TIME_EXAMPLES, UNIT_EXAMPLES, Moment, moment, number
from pilothouse.errors import InvalidQuery

_COMPARISONS: dict[str, Comparison] = {
    ":": "=", "=": "=", "!=": "=", ">": ">", ":>": ">", ">=": ">=", ":>=": ">=", "<": "<", ":<": "<", "<=": "<=",
    ":<=": "<=",
}  # fmt: skip
_DAY_US = 86_400 * 10**6
_FLAGS = {"true": True, "false": False}


def condition(field: Field, key: str, operator: str, value: Piece) -> Node:
    """Return the condition; raises `InvalidQuery` when the field has no such operator or value."""
    comparison = _COMPARISONS[operator]
    match field.kind:
        case Kind.NUMBER:
            return _number(field, key, comparison, value)
        case Kind.TIME:
            return _time(comparison, value)
        case Kind.NAMED:
            return _named(field, key, comparison, value)
        case Kind.CHOICE | Kind.FLAG:
            _only_is(field, comparison, value)
            return _word(field, value)
        case Kind.TEXT | Kind.BODY:
            _only_is(field, comparison, value)
            return _text(field, key, value)


def has(field: Field, key: str, piece: Piece) -> Node:
    """Return whether the field is there; raises `InvalidQuery` for one that always is."""
    if field.kind in (Kind.FLAG, Kind.TIME):
        raise InvalidQuery(
            f"Every span has `{field.name}`; write `{field.example}`.", position=piece.position,
            length=piece.end - piece.position,
        )  # fmt: skip
    return Has(field.name, key)


def _number(field: Field, key: str, comparison: Comparison, value: Piece) -> Node:
    if comparison == "=" and ".." in value.text and not value.quoted:
        low, high = value.text.split("..", 1)
        bounds: list[tuple[Comparison, str]] = [(">=", low), ("<=", high)]
        nodes: list[Node] = [
            Compare(field.name, key, sign, _read(field, bound, value))
            for sign, bound in bounds
            if bound not in ("", "*")
        ]
        return all_of(nodes) if nodes else Has(field.name, key)
    return Compare(field.name, key, comparison, _read(field, value.text, value))


def _read(field: Field, text: str, value: Piece) -> float:
    found = number(text, field.unit)
    if found is None:
        examples = UNIT_EXAMPLES[field.unit]
        raise _not_so(f"`{field.name}` takes a number such as {examples}, or a range such as 1..5", value, (examples,))
    return found


def _named(field: Field, key: str, comparison: Comparison, value: Piece) -> Node:
    low, dots, high = value.text.partition("..")
    in_range = bool(dots) and all(part in ("", "*") or number(part, Unit.NONE) is not None for part in (low, high))
    of_score = field.name == "scores" and number(value.text, Unit.NONE) is not None
    if comparison != "=" or (not value.quoted and (in_range or of_score)):
        return _number(field, key, comparison, value)
    return _text(field, key, value)


def _time(comparison: Comparison, value: Piece) -> Node:
    if comparison == "=":
        return _span_of_time(value)
    return _when(comparison, _moment(value.text, value))


def _span_of_time(value: Piece) -> Node:
    if ".." in value.text:
        low, high = value.text.split("..", 1)
        nodes: list[Node] = []
        if low not in ("", "*"):
            nodes.append(_when(">=", _moment(low, value)))
        if high not in ("", "*"):
            nodes.append(_until(_moment(high, value)))
        if nodes:
            return all_of(nodes)
    found = moment(value.text)
    if found is None or not found.whole_day:
        raise _not_so(f"`started_at:` takes a day or a range; compare a moment, such as `started_at>{_EXAMPLE}`", value)
    return all_of([_when(">=", found), _until(found)])


def _until(end: Moment) -> Node:
    if end.whole_day and end.at_us is not None:
        return When("<", at_us=end.at_us + _DAY_US)
    return _when("<=", end)


def _when(comparison: Comparison, at: Moment) -> When:
    return When(comparison, at.at_us, at.ago_s)


def _moment(text: str, value: Piece) -> Moment:
    found = moment(text)
    if found is None:
        raise _not_so(f"`started_at` takes a time such as {TIME_EXAMPLES}", value, (_EXAMPLE, "2026-01-31"))
    return found


def _word(field: Field, value: Piece) -> Node:
    word = value.text.lower()
    if field.kind is Kind.FLAG:
        if word not in _FLAGS:
            raise _not_so(f"`{field.name}` is true or false", value, tuple(_FLAGS))
        return Flag(field.name, _FLAGS[word])
    if word not in field.choices:
        close = difflib.get_close_matches(word, field.choices, 1)
        hint = f"; did you mean `{close[0]}`?" if close else ""
        raise _not_so(f"`{field.name}` is one of {', '.join(field.choices)}{hint}", value, field.choices)
    return Is(field.name, "", word)


def _text(field: Field, key: str, value: Piece) -> Node:
    wild = not value.quoted and "*" in value.text
    if wild and not value.text.strip("*"):
        return Has(field.name, key)
    if not value.text and field.kind is Kind.BODY:
        raise _not_so(f"Write `-has:{field.name}` for spans without it", value)
    return Is(field.name, key, value.text, wild)


def _only_is(field: Field, comparison: Comparison, value: Piece) -> None:
    if comparison != "=":
        raise _not_so(f"`{field.name}` is not a number; write `{field.example}`", value, (":", "!="))


def _not_so(detail: str, value: Piece, expected: tuple[str, ...] = ()) -> InvalidQuery:
    return InvalidQuery(
        f"{detail}, not `{value.text[:40]}`." if "; write" not in detail else f"{detail}.",
        position=value.position, length=max(1, value.end - value.position), expected=expected,
    )  # fmt: skip


_EXAMPLE = "-2h"
