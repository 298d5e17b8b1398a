"""The columns of an insert: what each is in the table, and which value a row has for it."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar, cast

import msgspec

R = TypeVar("R")


class Column(msgspec.Struct, Generic[R], frozen=True):
    """One column of an insert: its name and type in the table, and where its value comes from."""

    name: str
    type: str
    read: Callable[[R], object]
    limit: int | None = None
    """The greatest number that the column holds; what is greater or negative is clamped. None for other kinds."""


def values(columns: Sequence[Column[R]], rows: Sequence[R]) -> list[list[object]]:
    """Return the values of the rows, column by column."""
    return [_column(column, rows) for column in columns]


def _column(column: Column[R], rows: Sequence[R]) -> list[object]:
    found = list(map(column.read, rows))
    if column.limit is None or not found:
        return found
    numbers = cast("list[int]", found)
    if min(numbers) < 0 or max(numbers) > column.limit:
        return [max(0, min(number, column.limit)) for number in numbers]
    return found


class Filled(NamedTuple):
    """What an insert has to say, column by column."""

    names: list[str]
    types: list[str]
    values: list[Sequence[object]]


def filled(names: Sequence[str], types: Sequence[str], values: Sequence[Sequence[object]]) -> Filled:
    """Return the columns of an insert but for those that hold only what the table fills in by itself.

    Of a row's columns most are empty, whoever sends it, and each takes its time here and in the store.
    """
    said = [one for one in zip(names, types, values, strict=True) if not _is_blank(one[1], one[2])]
    found = said or [(names[0], types[0], values[0])]
    return Filled([one[0] for one in found], [one[1] for one in found], [one[2] for one in found])


def _is_blank(kind: str, column: Sequence[object]) -> bool:
    if kind.startswith("DateTime"):
        # The only columns for which a table may have a default of its own.
        return False
    return column.count(None) == len(column) if kind.startswith("Nullable") else not any(column)


def cleaned(values: Sequence[Sequence[object]]) -> list[list[object]]:
    """Return the values with replacement characters for text that is no Unicode (lone surrogates)."""
    return [[clean(value) for value in column] for column in values]


def clean(value: object) -> object:
    """Return a value with replacement characters for text that is no Unicode, in lists and mappings too."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in cast("dict[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in cast("list[object]", value)]
    return value
