"""Text to a tree of conditions. Whatever the text is, the only error is `InvalidQuery`, with the place at fault.

query  = any ; any = all { "OR" all } ; all = term { [ "AND" ] term }
term   = ( "-" | "NOT" ) term | "(" any ")" | condition
condition = "has:" field | field operator value | field ":" "(" group ")" | word | quoted
"""

from collections.abc import Callable

from pilothouse.domain.query.conditions import condition, has
from pilothouse.domain.query.fields import BY_NAME, Field, Kind, near
from pilothouse.domain.query.nodes import Node, Not, Words, all_of, any_of
from pilothouse.domain.query.scanner import OPERATORS, Piece, Scanner
from pilothouse.errors import InvalidQuery

MAX_DEPTH = 20
"""Parentheses and negations within one another."""
MAX_CONDITIONS = 100
MAX_STARS = 8
"""Of one value."""
_A_TERM = ("a word", '"a phrase"', "field:value", "(", "-")


def parse(text: str) -> Node | None:
    """Return the tree of a query, None for one without conditions; raises `InvalidQuery` only."""
    if not text.strip():
        return None
    parser = _Parser(text)
    node = parser.any(0, parser.term)
    if not parser.scanner.at_end:
        position = parser.scanner.position
        raise InvalidQuery(
            "There is a `)` without a `(` before it; put it in quotation marks to search for it.",
            position=position, length=1, expected=("end of the query",),
        )  # fmt: skip
    return node


Term = Callable[[int], Node]


class _Parser:
    def __init__(self, text: str) -> None:
        self.scanner = Scanner(text)
        self._conditions = 0

    def any(self, depth: int, term: Term) -> Node:
        """Read alternatives up to a closing parenthesis or the end."""
        nodes = [self._all(depth, term)]
        while self.scanner.take_keyword("OR"):
            nodes.append(self._all(depth, term))
        return any_of(nodes)

    def _all(self, depth: int, term: Term) -> Node:
        nodes = [self._negated(depth, term)]
        while True:
            self.scanner.skip_space()
            if self.scanner.at_end or self.scanner.starts(")"):
                return all_of(nodes)
            begin = self.scanner.position
            if self.scanner.take_keyword("OR"):
                self.scanner.position = begin
                return all_of(nodes)
            self.scanner.take_keyword("AND")
            nodes.append(self._negated(depth, term))

    def _negated(self, depth: int, term: Term) -> Node:
        self.scanner.skip_space()
        begin = self.scanner.position
        if depth > MAX_DEPTH:
            raise InvalidQuery(
                f"The query is nested more than {MAX_DEPTH} deep.", position=begin, length=self.scanner.rest()
            )
        if self.scanner.take_minus() or self.scanner.take_keyword("NOT"):
            return Not(self._negated(depth + 1, term))
        if self.scanner.take("("):
            inner = self.any(depth + 1, term)
            if not self.scanner.take(")"):
                raise InvalidQuery("The parenthesis is not closed.", position=begin, length=1, expected=(")",))
            return inner
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise InvalidQuery(
                f"A query may have at most {MAX_CONDITIONS} conditions.", position=begin, length=self.scanner.rest()
            )
        return term(depth)

    def term(self, depth: int) -> Node:
        """Read one condition."""
        scanner = self.scanner
        begin = scanner.position
        if scanner.starts('"'):
            piece = scanner.quoted()
            self._ends(piece)
            return _words(piece)
        word = scanner.word()
        if word is None:
            raise self._no_term(begin)
        key = scanner.quoted() if word.text.endswith(".") and scanner.starts('"') else None
        operator = scanner.operator()
        if operator is not None:
            return self._condition(depth, word, key, operator)
        if key is not None:
            raise InvalidQuery(
                "A comparison is missing behind the field.", position=begin, length=scanner.position - begin,
                expected=OPERATORS,
            )  # fmt: skip
        self._ends(word)
        if word.text in ("AND", "OR"):
            raise self._no_term(begin)
        return _words(word)

    def _condition(self, depth: int, word: Piece, key: Piece | None, operator: Piece) -> Node:
        if word.text == "has" and key is None:
            return self._has(operator)
        field, name = self._field(word, key)
        if operator.text in (":", "=") and self.scanner.starts("("):
            return self._group(depth, field, name, operator)
        node = self._value(field, name, operator)
        return Not(node) if operator.text == "!=" else node

    def _value(self, field: Field, name: str, operator: Piece) -> Node:
        value = self.scanner.value()
        if value is None:
            raise InvalidQuery(
                f"A value is missing behind `{operator.text}`, such as `{field.example}`.",
                position=operator.position, length=operator.end - operator.position, expected=field.choices,
            )  # fmt: skip
        self._ends(value)
        _bound_stars(value)
        return condition(field, name, operator.text, value)

    def _group(self, depth: int, field: Field, name: str, operator: Piece) -> Node:
        begin = self.scanner.position
        self.scanner.take("(")
        node = self.any(depth + 1, lambda _depth: self._value(field, name, operator))
        if not self.scanner.take(")"):
            raise InvalidQuery("The parenthesis is not closed.", position=begin, length=1, expected=(")",))
        return node

    def _has(self, operator: Piece) -> Node:
        word = self.scanner.word() if operator.text in (":", "=") else None
        if word is None:
            raise InvalidQuery(
                "`has:` needs the name of a field, such as `has:error` or `has:scores.helpfulness`.",
                position=operator.position, length=operator.end - operator.position, expected=("a field",),
            )  # fmt: skip
        key = self.scanner.quoted() if word.text.endswith(".") and self.scanner.starts('"') else None
        self._ends(key or word)
        return has(*self._field(word, key, must_be_named=False), word)

    def _field(self, word: Piece, key: Piece | None, *, must_be_named: bool = True) -> tuple[Field, str]:
        name, _, bare = word.text.partition(".")
        found = BY_NAME.get(name)
        named = key.text if key is not None and not bare else bare
        length = (key or word).end - word.position
        if found is None:
            raise _unknown(word, name)
        dotted = "." in word.text
        if found.kind is not Kind.NAMED and dotted:
            raise InvalidQuery(
                f"`{found.name}` has nothing below it; write `{found.example}`.", position=word.position, length=length
            )
        if (key is not None and bare) or (found.kind is Kind.NAMED and not named and (must_be_named or dotted)):
            raise InvalidQuery(
                f"`{found.name}` needs a name behind a dot, such as `{found.example}`.",
                position=word.position, length=length, expected=(f"{found.name}.",),
            )  # fmt: skip
        return found, named

    def _ends(self, piece: Piece) -> None:
        """Refuse what stands right behind, for whoever wrote it will not have meant two conditions."""
        scanner = self.scanner
        if not scanner.at_break or scanner.starts("("):
            raise InvalidQuery(
                "Put a space here, or the whole text in quotation marks.", position=piece.position,
                length=piece.end - piece.position + scanner.rest(), expected=("a space",),
            )  # fmt: skip

    def _no_term(self, begin: int) -> InvalidQuery:
        self.scanner.position = begin
        operator = None if self.scanner.at_end else self.scanner.operator()
        if operator is not None:
            return InvalidQuery(
                f"`{operator.text}` needs a field before it; put text in quotation marks to search for it as it is.",
                position=begin, length=operator.end - begin, expected=_A_TERM,
            )  # fmt: skip
        return InvalidQuery(
            "Something to look for is missing here.", position=begin, length=self.scanner.rest(), expected=_A_TERM
        )


def _words(piece: Piece) -> Words:
    if not piece.text:
        raise InvalidQuery(
            "There is nothing in the quotation marks.", position=piece.position, length=piece.end - piece.position
        )
    wild = not piece.quoted and "*" in piece.text
    if wild and not piece.text.strip("*"):
        raise InvalidQuery(
            "`*` alone fits everything; leave the query empty for that.", position=piece.position,
            length=piece.end - piece.position, expected=_A_TERM,
        )  # fmt: skip
    _bound_stars(piece)
    return Words(piece.text, wild)


def _bound_stars(piece: Piece) -> None:
    if not piece.quoted and piece.text.count("*") > MAX_STARS:
        raise InvalidQuery(
            f"A value may have at most {MAX_STARS} `*`.", position=piece.position, length=piece.end - piece.position
        )


def _unknown(word: Piece, name: str) -> InvalidQuery:
    close = near(name)
    hint = f" Did you mean `{close}`?" if close else ""
    return InvalidQuery(
        f"There is no field `{name[:40]}`.{hint} Put text with a colon in quotation marks to search for it.",
        position=word.position, length=len(name) or 1, expected=(close,) if close else ("a field",),
    )  # fmt: skip
