"""The text of LangSmith's filters, such as `and(eq(name, "ask"), gt(latency, "5s"))`, as calls and values."""

import re
from typing import Any

import msgspec

from pilothouse.errors import InvalidRequest

_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z_][\w.]*)|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"""
    r"""|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign>[(),\[\]]))""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}
_MOST_CHARS = 20_000
_MOST_DEEP = 30


class Name(msgspec.Struct, frozen=True):
    """A word by itself, such as the name of a field."""

    text: str


class Call(msgspec.Struct, frozen=True):
    """A word with arguments: calls, names, texts, numbers, truths, null and lists."""

    name: str
    arguments: list[Any]


def read(text: str, param: str) -> Call:
    """Return the one call that a filter is; raises `InvalidRequest` that names the parameter."""
    if len(text) > _MOST_CHARS:
        raise InvalidRequest(f"`{param}` has more than {_MOST_CHARS} characters", param=param)
    reader = _Reader(text, param)
    found = reader.value(0)
    if not isinstance(found, Call):
        raise InvalidRequest(f'`{param}` must be a condition such as eq(name, "ask"), not {text[:60]!r}', param=param)
    reader.end()
    return found


class _Reader:
    def __init__(self, text: str, param: str) -> None:
        self._text = text
        self._param = param
        self._place = 0

    def value(self, depth: int) -> Any:
        if depth > _MOST_DEEP:
            raise self._broken("is nested too deep")
        found = self._take()
        if (word := found["word"]) is not None:
            if self._next("("):
                return Call(word.lower(), self._items(")", depth))
            return _CONSTANTS[word.lower()] if word.lower() in _CONSTANTS else Name(word)
        if (number := found["number"]) is not None:
            return float(number) if set(number) & set(".eE") else int(number)
        if (quoted := found["text"]) is not None:
            # halves of a pair that are escaped one by one are one character
            plain = _ESCAPE.sub(_unescaped, quoted[1:-1])
            return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if found["sign"] == "[":
            return self._items("]", depth)
        raise self._broken("has a sign where a value is due")

    def end(self) -> None:
        if self._text[self._place :].strip():
            raise self._broken("goes on behind its end")

    def _items(self, closing: str, depth: int) -> list[Any]:
        found: list[Any] = []
        if self._next(closing):
            return found
        while True:
            found.append(self.value(depth + 1))
            if self._next(closing):
                return found
            if not self._next(","):
                raise self._broken(f"needs , or {closing}")

    def _next(self, sign: str) -> bool:
        found = _TOKEN.match(self._text, self._place)
        if found is None or found["sign"] != sign:
            return False
        self._place = found.end()
        return True

    def _take(self) -> re.Match[str]:
        found = _TOKEN.match(self._text, self._place)
        if found is None:
            raise self._broken("ends too early" if not self._text[self._place :].strip() else "is not understood")
        self._place = found.end()
        return found

    def _broken(self, what: str) -> InvalidRequest:
        return InvalidRequest(f"`{self._param}` {what} at character {self._place + 1}", param=self._param)


def _unescaped(found: re.Match[str]) -> str:
    said = found[1]
    return chr(int(said[1:], 16)) if len(said) == 5 else _ESCAPES.get(said, said)
