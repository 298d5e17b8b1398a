"""What the page of compatibility promises: the basics arrive everywhere, and nothing is ever lost in silence."""

import itertools

import pytest

from pilothouse.cli.compatibility import chat_dialects
from pilothouse.protocols import table
from pilothouse.protocols.compatibility import FEATURES, Arrival, arrival

NAMES = [dialect.name for dialect in chat_dialects()]
PAIRS = [pair for pair in itertools.product(NAMES, NAMES) if pair[0] != pair[1]]
EVERYWHERE = (
    "system text", "image as data", "PDF as data", "tools with a schema", "strict tools", "some tool demanded",
    "one tool demanded", "results", "pictures in results", "JSON of a schema", "JSON of a schema, with tools",
    "temperature", "top_p", "a limit of tokens", "an effort",
)  # fmt: skip
UNSAID = {
    "gemini": {"strict tools"}, "cohere_chat": {"PDF as data", "one tool demanded", "an effort", "pictures in results"},
}  # fmt: skip
"""What a caller's dialect has no words for."""
LACKING = {"gemini": {"strict tools"}, "cohere_chat": {"PDF as data"}}
"""What a target has no place for."""
KEPT = {Arrival.WHOLE, Arrival.CHANGED}
VENDORS_OWN = {"Anthropic's signed thoughts", "OpenAI's encrypted thoughts", "Gemini's signed calls"}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]} to {pair[1]}")
def test_the_basics_arrive_everywhere(pair: tuple[str, str]) -> None:
    caller, upstream = map(table.dialect, pair)
    found = {one.title: arrival(one, caller, upstream) for one in FEATURES if one.title in EVERYWHERE}
    unsaid = UNSAID.get(pair[0], set()) | LACKING.get(pair[1], set())
    assert {title: one for title, one in found.items() if one not in KEPT and title not in unsaid} == {}
    assert set(found) == set(EVERYWHERE)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.title)
def test_every_feature_can_be_said_in_some_dialect(feature: object) -> None:
    one = next(item for item in FEATURES if item is feature)
    said = [arrival(one, table.dialect(a), table.dialect(b)) for a, b in PAIRS]
    assert any(found is not Arrival.UNSAID for found in said) or one.title in VENDORS_OWN


def test_features_have_names_of_their_own() -> None:
    titles = [feature.title for feature in FEATURES]
    assert len(titles) == len(set(titles))
