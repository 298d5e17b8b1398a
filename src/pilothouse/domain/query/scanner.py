"""Reads the pieces of a query one after another, as the parser asks for them.

What ends a word depends on where it stands: a value may hold colons and signs of comparison, the name of a field not.
"""

import re

import msgspec

from pilothouse.errors import InvalidQuery

MAX_LENGTH = 2_000
"""Characters of a query."""
OPERATORS = (":>=", ":<=", ":>", ":<", "!=", ">=", "<=", ":", "=", ">", "<")
"""The longest first, so that none is taken for its beginning."""
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"""(?:[^\s()":=<>!]|!(?!=))+""")
_VALUE = re.compile(r"""[^\s()"]+""")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\([\\"])')


class Piece(msgspec.Struct, frozen=True):
    """Text, and where it stands in the query, in characters."""

    text: str
    position: int
    end: int
    quoted: bool = False


class Scanner:
    """A place in a query that moves forward."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise InvalidQuery(
                f"A query may have at most {MAX_LENGTH} characters.", position=MAX_LENGTH, length=len(text) - MAX_LENGTH
            )
        self._text = text
        self.position = 0

    def skip_space(self) -> None:
        """Move to the next piece."""
        self.position = self._match(_SPACE).end()

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.position >= len(self._text)

    @property
    def at_break(self) -> bool:
        """Whether what stands here cannot belong to what was read before."""
        return self.at_end or self._text[self.position].isspace() or self._text[self.position] in "()"

    def starts(self, text: str) -> bool:
        """Whether the text stands here."""
        return self._text.startswith(text, self.position)

    def take(self, text: str) -> bool:
        """Move behind the text if it stands here."""
        found = self.starts(text)
        if found:
            self.position += len(text)
        return found

    def take_minus(self) -> bool:
        """Move behind a minus sign that belongs to what follows it."""
        following = self._text[self.position + 1 : self.position + 2]
        return bool(following) and not following.isspace() and following != ")" and self.take("-")

    def take_keyword(self, word: str) -> bool:
        """Move behind `AND`, `OR` or `NOT` where it stands as a word of its own."""
        behind = self._text[self.position + len(word) : self.position + len(word) + 1]
        return (not behind or behind.isspace() or behind in '()"') and self.take(word)

    def operator(self) -> Piece | None:
        """Read an operator, None when none stands here."""
        for one in OPERATORS:
            if self.starts(one):
                return self._piece(one, len(one))
        return None

    def word(self) -> Piece | None:
        """Read a bare word or the name of a field, None when none stands here."""
        return self._read(_WORD)

    def value(self) -> Piece | None:
        """Read what stands behind an operator: quoted, or up to the next space; None when nothing does."""
        return self.quoted() if self.starts('"') else self._read(_VALUE)

    def quoted(self) -> Piece:
        """Read what stands in quotation marks; raises `InvalidQuery` when they do not end."""
        found = _QUOTED.match(self._text, self.position)
        if found is None:
            raise InvalidQuery(
                "The quotation mark is not closed.", position=self.position,
                length=len(self._text) - self.position, expected=('"',),
            )  # fmt: skip
        self.position = found.end()
        return Piece(_ESCAPED.sub(r"\1", found.group(1)), found.start(), found.end(), quoted=True)

    def rest(self) -> int:
        """Return the length of what stands here up to the next space, at least 1."""
        found = re.compile(r"\S*").match(self._text, self.position)
        return max(1, len(found.group()) if found else 1)

    def _read(self, pattern: re.Pattern[str]) -> Piece | None:
        found = pattern.match(self._text, self.position)
        return None if found is None else self._piece(found.group(), len(found.group()))

    def _piece(self, text: str, length: int) -> Piece:
        begin = self.position
        self.position += length
        return Piece(text, begin, self.position)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self.position)
        if found is None:
            raise AssertionError(pattern.pattern)
        return found
