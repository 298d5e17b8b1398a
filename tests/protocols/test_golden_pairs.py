"""What goes between each pair of chat dialects is what stands in its file."""

import json

import pytest

from tests.protocols.golden_pairs import FOLDER, PAIRS, made, path


@pytest.mark.parametrize(("caller", "upstream"), PAIRS)
def test_a_conversation_is_converted_as_its_file_says(caller: str, upstream: str) -> None:
    assert made(caller, upstream) == json.loads(path(caller, upstream).read_text("utf-8"))


def test_there_is_a_file_for_each_pair_and_no_other() -> None:
    assert sorted(FOLDER.iterdir()) == sorted(path(*pair) for pair in PAIRS)
