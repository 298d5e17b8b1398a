"""A tree of conditions as the one text that says it; parsing that gives the same tree."""

import re

from pilothouse.domain.query.nodes import And, Compare, Flag, Has, Is, Leaf, Node, Not, Or, When, Words
from pilothouse.domain.query.values import show_moment, show_number

_BARE_WORD = re.compile(r"""(?:[^\s()":=<>!*-]|!(?!=))(?:[^\s()":=<>!*]|!(?!=))*""")
_BARE_VALUE = re.compile(r"""(?![<>=])[^\s()"*]+""")
_BARE_KEY = re.compile(r"""(?:[^\s()":=<>!]|!(?!=))+""")
KEYWORDS = frozenset({"AND", "OR", "NOT"})


def show(node: Node | None) -> str:
    """Return the canonical text of a query; empty for one without conditions."""
    return "" if node is None else _show(node, nested=False)


def _show(node: Node, *, nested: bool) -> str:
    match node:
        case And(nodes):
            text = " ".join(_show(one, nested=True) for one in nodes)
        case Or(nodes):
            text = " OR ".join(_show(one, nested=True) for one in nodes)
        case Not(inner):
            return f"-{_show(inner, nested=True)}"
        case _:
            return _leaf(node)
    return f"({text})" if nested else text


def _leaf(node: Leaf) -> str:
    match node:
        case Words(text, wild):
            return text if wild or (_BARE_WORD.fullmatch(text) and text not in KEYWORDS) else quoted(text)
        case Is(field, key, text, wild):
            # A bare number would be compared as one where scores are asked for.
            return f"{name(field, key)}:{text if wild else quoted(text) if field == 'scores' else value(text)}"
        case Compare(field, key, operator, number):
            return f"{name(field, key)}{':' if operator == '=' else operator}{show_number(number)}"
        case When(operator, at_us, ago_s):
            return f"started_at{operator}{show_moment(at_us) if at_us is not None else f'-{ago_s}s'}"
        case Flag(field, true):
            return f"{field}:{'true' if true else 'false'}"
        case Has(field, key):
            return f"has:{name(field, key)}"


def name(field: str, key: str) -> str:
    """Return a field as a query writes it."""
    if not key:
        return field
    return f"{field}.{key}" if _BARE_KEY.fullmatch(key) and not key.startswith("-") else f"{field}.{quoted(key)}"


def value(text: str) -> str:
    """Return a value as a query writes it, quoted where it must be."""
    return text if _BARE_VALUE.fullmatch(text) and text not in KEYWORDS and ".." not in text else quoted(text)


def quoted(text: str) -> str:
    """Return a text in quotation marks."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
