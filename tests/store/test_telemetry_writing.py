"""Which inserts are over: none is forgotten that may still be on its way."""

import pytest

from pilothouse.store.telemetry.writing import OVER_S, Writing


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_at_first_nobody_knows_what_an_earlier_process_left_behind() -> None:
    clock = Clock()
    writing = Writing(clock)
    clock.at += OVER_S - 1
    assert writing.settled_us(50) is None
    clock.at += 1
    assert writing.settled_us(50) == 50


def test_what_runs_is_not_settled_and_what_failed_is_given_its_time() -> None:
    clock = Clock()
    writing = Writing(clock)
    clock.at += OVER_S
    with writing.version(10):
        with writing.version(11):
            assert writing.settled_us(50) == 10
        assert writing.settled_us(50) == 10
    assert writing.settled_us(50) == 50
    with pytest.raises(TimeoutError), writing.version(20):
        raise TimeoutError
    clock.at += OVER_S - 1
    assert writing.settled_us(50) == 20
    clock.at += 1
    assert writing.settled_us(50) == 50
