"""The reference page of the query language: its examples can be read, and it has every field."""

import pytest

from pilothouse.cli.query_page import examples, query_page
from pilothouse.domain.query.fields import FIELDS
from pilothouse.domain.query.parser import parse
from pilothouse.domain.query.printing import show


@pytest.mark.parametrize("query", examples())
def test_an_example_can_be_read(query: str) -> None:
    node = parse(query)
    assert node is not None
    assert parse(show(node)) == node


def test_every_field_has_its_row() -> None:
    page = query_page()
    for field in FIELDS:
        assert f"\n| `{field.name}` |" in page
        assert f"`{field.example}`" in page
