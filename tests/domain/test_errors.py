"""The error tree as a whole."""

import re
from collections import Counter

import pytest

from pilothouse import errors
from pilothouse.errors import Blame, PilothouseError, Retry, UpstreamError


def subclasses(root: type[PilothouseError]) -> list[type[PilothouseError]]:
    """Return the errors of the shared tree; a room may have private forms of them."""
    own = [child for child in root.__subclasses__() if child.__module__ == errors.__name__]
    return [root, *(found for child in own for found in subclasses(child))]


EVERY = subclasses(PilothouseError)
BRANCHES = {"PilothouseError", "CallerError", "UpstreamError", "PlatformError"}


def test_codes_are_unique() -> None:
    twice = [code for code, count in Counter(error.code for error in EVERY).items() if count > 1]
    assert twice == []


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.__name__)
def test_each_error_is_documented_and_complete(error: type[PilothouseError]) -> None:
    assert "code" in vars(error)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert error.__doc__ != error.__mro__[1].__doc__
    assert (error.__doc__ or "").strip().splitlines()[0].endswith(".")
    assert error.title
    assert 400 <= error.status <= 599
    assert isinstance(error.blame, Blame)
    assert isinstance(error.retry, Retry)


def test_the_tree_at_the_top_of_the_module_names_every_error() -> None:
    drawn = set(re.findall(r"\b[A-Z][A-Za-z]+\b", (errors.__doc__ or "").partition("Each class")[0]))
    assert {error.__name__ for error in EVERY} - drawn == set()


def test_code_and_name_belong_together() -> None:
    for error in EVERY:
        if error.__name__ not in BRANCHES:
            assert error.code == re.sub(r"(?<!^)(?=[A-Z])", "_", error.__name__).lower()


def test_the_callers_own_faults_are_4xx_and_say_so() -> None:
    for error in EVERY:
        if issubclass(error, errors.CallerError):
            assert (error.blame, error.status // 100) == (Blame.CALLER, 4)


def test_an_error_carries_its_details() -> None:
    error = errors.LoginThrottled("wait", param="email", retry_after_s=3)
    assert (str(error), error.detail, error.param, error.retry_after_s) == ("wait", "wait", "email", 3)
    upstream = UpstreamError("broken", upstream_status=502, body=b"x", retry_after_s=1)
    assert (upstream.upstream_status, upstream.body, upstream.retry_after_s, upstream.param) == (502, b"x", 1, None)
