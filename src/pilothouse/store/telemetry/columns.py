"""The columns of an insert: what each is in the table, and which value a row has for it."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

import msgspec

R = TypeVar("R")


class Column(msgspec.Struct, Generic[R], frozen=True):
    """One column of an insert: its name and type in the table, and where its value comes from."""

    name: str
    type: str
    read: Callable[[R], object]


def values(columns: Sequence[Column[R]], rows: Sequence[R]) -> list[list[object]]:
    """Return the values of the rows, column by column."""
    return [list(map(column.read, rows)) for column in columns]


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
