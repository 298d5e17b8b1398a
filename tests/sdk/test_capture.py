"""Any value becomes text within bounds, and none makes the app fail."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.sdk.capture import MOST_CHARS, MOST_ITEMS, as_text


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int


class Row(msgspec.Struct):
    name: str


class Model:
    def model_dump(self) -> dict[str, Any]:
        return {"id": 1}


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class BrokenModel:
    def model_dump(self) -> dict[str, Any]:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        return "BrokenModel()"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ({"a": [1, None, True, 2.5]}, '{"a":[1,null,true,2.5]}'),
        (Point(1, 2), '{"x":1,"y":2}'),
        (Row("n"), '{"name":"n"}'),
        (Model(), '{"id":1}'),
        (Colour.RED, '"red"'),
        (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00Z"'),
        (b"abc", '"<3 bytes>"'),
        (float("nan"), '"nan"'),
        (2**70, f'"{2**70}"'),
        ({1: "one"}, '{"1":"one"}'),
        (Broken(), '"<Broken>"'),
        ([BrokenModel()], '["BrokenModel()"]'),
        ("\ud800", "?"),
        (["\ud800"], '["?"]'),
    ],
)
def test_values_of_all_kinds(value: object, expected: str) -> None:
    assert as_text(value) == expected


def test_what_is_large_deep_or_circular_is_cut() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert "… cut" in as_text(circle)
    assert len(as_text("x" * 10 * MOST_CHARS)) <= MOST_CHARS + 10
    assert len(as_text([["y" * 1000] * 900] * 900)) < 2 * MOST_CHARS
    assert len(json.loads(as_text(list(range(10 * MOST_ITEMS))))) == MOST_ITEMS + 1
    assert len(as_text({str(n): n for n in range(10 * MOST_ITEMS)})) < 20_000


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(Broken),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.frozensets(st.integers()),
    max_leaves=20,
)


@given(ANYTHING)
def test_anything_can_be_sent(value: object) -> None:
    found = as_text(value)
    found.encode()
    if not isinstance(value, str):
        json.loads(found)
