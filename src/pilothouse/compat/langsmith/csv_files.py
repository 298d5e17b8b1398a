"""Files of comma-separated values, whose columns become the inputs, outputs and metadata of examples."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import msgspec

from pilothouse.errors import InvalidRequest
from pilothouse.registry.datasets import MOST_ITEMS, ItemPut

_SHOWN_CHARS = 100
_SHOWN_COLUMNS = 20
_JSON_STARTS = ("[", "{")
_NOTHING: tuple[int, list[str]] = (1, [])


class Columns(msgspec.Struct, frozen=True):
    """Which columns make what of an example; a column may be in more than one."""

    inputs: Sequence[str]
    outputs: Sequence[str] = ()
    metadata: Sequence[str] = ()


def examples_of(data: bytes, columns: Columns, *, chat: bool) -> list[ItemPut]:
    """Return a new item for each row of a file in UTF-8 whose first line names its columns; blank lines are left out.

    Cells are text; of a chat those that begin as a JSON list or object are read as it, since messages are lists.
    Raises `InvalidRequest` with the line of what is wrong.
    """
    rows = _rows(_text(data))
    _, header = next(rows, _NOTHING)
    places = [_places(header, part) for part in (columns.inputs, columns.outputs, columns.metadata)]
    found: list[ItemPut] = []
    for line, row in rows:
        if len(row) != len(header):
            raise _wrong(line, f"it has {len(row)} cells, and the first line has {len(header)}")
        if len(found) == MOST_ITEMS:
            raise _wrong(line, f"a file has at most {MOST_ITEMS} rows; add others to the dataset in another request")
        inputs, outputs, metadata = (
            {name: _cell(row[place], line, chat=chat) for name, place in part.items()} for part in places
        )
        values: dict[str, Any] = {"expected_output": outputs} if outputs else {}
        if metadata:
            values["metadata"] = metadata
        found.append(ItemPut(input=inputs, **values))
    if not found:
        raise InvalidRequest("the file has no row below the names of its columns", param="file")
    return found


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _wrong(data.count(b"\n", 0, error.start) + 1, "it is not UTF-8") from error


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a file that are not blank, each with the line at which it begins."""
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    line = 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise _wrong(line, f"it cannot be read as CSV: {error}") from error
        if row is None:
            return
        if row:
            yield line, row
        line = reader.line_num + 1


def _places(header: list[str], wanted: Sequence[str]) -> dict[str, int]:
    for name in wanted:
        if header.count(name) != 1:
            has = "has more than one column" if name in header else "has no column"
            named = ", ".join(repr(one[:_SHOWN_CHARS]) for one in header[:_SHOWN_COLUMNS])
            raise _wrong(1, f"it {has} {name[:_SHOWN_CHARS]!r}, but {named or 'none'}")
    return {name: header.index(name) for name in wanted}


def _cell(text: str, line: int, *, chat: bool) -> Any:
    if not chat or not text.lstrip().startswith(_JSON_STARTS):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _wrong(line, f"a cell begins as JSON, and is none: {error}") from error


def _wrong(line: int, detail: str) -> InvalidRequest:
    return InvalidRequest(f"line {line} of the file: {detail}", param="file")
