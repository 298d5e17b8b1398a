"""What could stand at a place in a query that is being written, whether or not the query can be read yet."""

import re
from typing import Literal

import msgspec

from pilothouse.domain.query.fields import BY_NAME, FIELDS, Field, Kind
from pilothouse.domain.query.printing import name, value
from pilothouse.domain.query.scanner import MAX_LENGTH

_TAIL = re.compile(
    r"""(?:^|[\s(])-?
    (?P<field>[\w]+(?:\.(?:"(?:[^"\\]|\\.)*"|[^\s()":=<>!]*))?)
    (?:(?P<operator>:>=|:<=|:>|:<|!=|>=|<=|:|=|>|<)(?P<value>"(?:[^"\\]|\\.)*|[^\s()"]*|\((?:[^()"]*[\s(])?-?[^\s()"]*))?$""",
    re.VERBOSE | re.DOTALL,
)
_GROUP = re.compile(r"\((?:.*[\s(])?-?", re.DOTALL)
_END = re.compile(r"""[^\s()":=<>!]*""")


class Standing(msgspec.Struct, frozen=True):
    """Where the cursor is."""

    what: Literal["field", "name", "value", "nothing"]
    """The beginning of a field, of the name behind `metadata.`, of a value, or inside a phrase."""
    begin: int
    """From where the text is replaced when something is chosen."""
    end: int
    prefix: str
    """What is written of it so far."""
    field: Field | None = None
    key: str = ""


class Completion(msgspec.Struct, frozen=True):
    """One thing that could stand there."""

    text: str
    """Replaces what is between `begin` and `end`."""
    about: str
    """For people: what a field is, or how many spans have a value."""
    kind: Literal["field", "operator", "value"]


class Completions(msgspec.Struct, frozen=True):
    """What could stand at a place, the best first."""

    begin: int
    """From where the query is replaced when one is chosen, in characters."""
    end: int
    items: list[Completion]


def standing(query: str, at: int) -> Standing:
    """Return where a place in a query is; `at` counts characters from 0."""
    query = query[:MAX_LENGTH]
    at = max(0, min(at, len(query)))
    end = at + len((_END.match(query, at) or [""])[0])
    found = _TAIL.search(query[:at])
    if found is None:
        return Standing("nothing" if _in_phrase(query[:at]) else "field", at, end, "")
    word, operator, written = found.group("field", "operator", "value")
    if operator is None:
        return _of_field(word, found.start("field"), end)
    begin = found.start("value")
    if written.startswith("("):
        begin += len((_GROUP.match(written) or [""])[0])
    prefix = query[begin:at].removeprefix('"')
    if word == "has":
        return _of_field(prefix, begin, end)
    named, _, key = word.partition(".")
    field = BY_NAME.get(named)
    if field is None:
        return Standing("nothing", at, end, prefix)
    return Standing("value", begin, end, prefix, field, key.strip('"'))


def fields_for(place: Standing, *, after_has: bool = False) -> list[Completion]:
    """Return the fields whose names begin so, then those that hold it."""
    prefix = place.prefix.lower()
    ranked = sorted(
        (not any(one.startswith(prefix) for one in (field.name, *field.aliases)), number)
        for number, field in enumerate(FIELDS)
        if any(prefix in one for one in (field.name, *field.aliases))
    )
    found = [Completion(_written(FIELDS[number], after_has=after_has), FIELDS[number].about, "field")
             for _, number in ranked]  # fmt: skip
    if not after_has and "has".startswith(prefix) and prefix:
        found.insert(0, Completion("has:", "A field is there and not empty", "operator"))
    return found


def choices_for(place: Standing) -> list[Completion]:
    """Return the values that need no data: of choices, flags, times and numbers."""
    field = place.field
    if field is None:
        return []
    words: tuple[str, ...] = field.choices
    if field.kind is Kind.FLAG:
        words = ("true", "false")
    elif field.kind is Kind.TIME:
        words = ("-15m", "-1h", "-24h", "-7d")
    return [Completion(word, field.about, "value") for word in words if word.startswith(place.prefix.lower())]


def shown_value(text: str, count: int) -> Completion:
    """Return a value out of the data."""
    return Completion(value(text), f"{count} span{'' if count == 1 else 's'}", "value")


def shown_name(field: Field, key: str, count: int) -> Completion:
    """Return a name behind `metadata.`, as a field."""
    operator = "" if field.name == "scores" else ":"
    return Completion(f"{name(field.name, key)}{operator}", f"{count} span{'' if count == 1 else 's'}", "field")


def _of_field(word: str, begin: int, end: int) -> Standing:
    named, dot, key = word.partition(".")
    field = BY_NAME.get(named)
    if dot and field is not None and field.kind is Kind.NAMED:
        return Standing("name", begin, end, key.strip('"'), field)
    return Standing("field", begin, end, word)


def _written(field: Field, *, after_has: bool) -> str:
    if field.kind is Kind.NAMED:
        return f"{field.name}."
    if after_has:
        return field.name
    return f"{field.name}{'>' if field.kind in (Kind.NUMBER, Kind.TIME) else ':'}"


def _in_phrase(text: str) -> bool:
    return text.replace('\\"', "").count('"') % 2 == 1
