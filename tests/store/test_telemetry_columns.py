"""Tests of what an insert says of its rows."""

from pilothouse.store.telemetry.columns import Column, filled, values


def test_columns_that_say_nothing_stay_at_home() -> None:
    said = filled(
        ["id", "text", "count", "pairs", "flag", "maybe"],
        ["String", "LowCardinality(String)", "UInt32", "Map(String, String)", "Bool", "Nullable(UInt64)"],
        [["a", "b"], ["", ""], [0, 0], [{}, {}], [False, False], [None, None]],
    )
    assert said == (["id"], ["String"], [["a", "b"]])


def test_what_one_row_alone_says_is_said() -> None:
    kinds = ["LowCardinality(String)", "UInt32", "Map(String, String)", "Bool", "Array(String)"]
    columns = [["", "x"], [0, 1], [{}, {"a": ""}], [False, True], [(), ("",)]]
    assert filled(["a", "b", "c", "d", "e"], kinds, columns).values == columns


def test_nothing_and_zero_are_told_apart_where_a_column_knows_both() -> None:
    assert filled(["a", "b"], ["Nullable(UInt64)"] * 2, [[None, 0], [None, None]]).names == ["a"]


def test_times_are_always_said_for_a_table_may_fill_in_others() -> None:
    assert filled(["a", "at"], ["String", "DateTime64(6, 'UTC')"], [["x"], [0]]).names == ["a", "at"]


def test_rows_that_say_nothing_are_rows() -> None:
    assert filled(["a", "b"], ["String", "String"], [["", ""], ["", ""]]) == (["a"], ["String"], [["", ""]])


def test_numbers_that_a_column_cannot_hold_are_clamped() -> None:
    column: Column[int] = Column("a", "UInt16", int, 100)
    assert values([column], [5, -1, 101, 100]) == [[5, 0, 100, 100]]
    assert values([column], []) == [[]]
    assert values([Column("b", "Int64", int)], [-1]) == [[-1]]
