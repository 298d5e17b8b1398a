"""What every vocabulary must do, run over every row of the table and the double."""

import ast
import inspect
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.domain.fold import Fold, encode, fold_of, patch_of
from pilothouse.domain.span import SpanKind
from pilothouse.errors import SettingsInvalid
from pilothouse.otlp import mapping, table
from pilothouse.otlp.base import Said, Vocabulary
from pilothouse.otlp.fake import FakeVocabulary
from pilothouse.otlp.signals import Decoded, OtelEvent, OtelScope, OtelSpan

START = 1_790_000_000_000_000_000


def literals(vocabulary: Vocabulary) -> list[str]:
    """Return every text that the vocabulary's module names: the attributes that it looks at are among them."""
    tree = ast.parse(Path(inspect.getfile(type(vocabulary))).read_text())
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    plain = sorted(text for text in found if 0 < len(text) < 80 and " " not in text)
    indexed = [f"{text}{tail}" for text in plain if text.endswith(".") for tail in ("0.role", "0.a.b", "x", "0")]
    return plain + indexed


@pytest.fixture(params=[*table.ROWS, "fake"])
def vocabulary(request: pytest.FixtureRequest) -> Vocabulary:
    return FakeVocabulary() if request.param == "fake" else table.vocabulary(request.param)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=3)
    | st.sampled_from(["", "{", "[]", "[[]]", '{"a":', '["x"]', "{'a': 1}", '{"role":1}', "-1", "1e999"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def a_span(attributes: dict[str, Any], **fields: Any) -> OtelSpan:
    base = {"trace_id": "1" * 32, "span_id": "2" * 16, "name": "n", "started_at_ns": START, "ended_at_ns": START + 5}
    return OtelSpan(**{**base, **fields}, attributes=attributes)


def test_a_vocabulary_is_known_by_its_row(vocabulary: Vocabulary) -> None:
    if not isinstance(vocabulary, FakeVocabulary):
        assert table.vocabulary(vocabulary.name) is vocabulary
    assert vocabulary.name.isidentifier()
    assert all(word and not set(word) & {".", ":"} for word in vocabulary.namespaces)


def test_an_unknown_vocabulary_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="openinference"):
        table.vocabulary("nope")


def test_an_empty_span_says_nothing(vocabulary: Vocabulary) -> None:
    span = a_span({}, name="", scope=OtelScope())
    assert not vocabulary.claims(span) or vocabulary.read(span) == Said()


@pytest.mark.parametrize("name", [*table.ROWS])
@settings(max_examples=25)
@given(data=st.data())
def test_no_value_of_any_kind_makes_it_raise(name: str, data: st.DataObject) -> None:
    vocabulary = table.vocabulary(name)
    keys = literals(vocabulary)
    attributes = data.draw(st.dictionaries(st.sampled_from(keys), JUNK, min_size=1, max_size=12))
    events = data.draw(
        st.lists(st.builds(OtelEvent, st.just(START), st.sampled_from(keys), st.just(attributes)), max_size=2)
    )
    span = a_span(attributes, events=tuple(events), name=data.draw(st.sampled_from(keys)))
    assert isinstance(vocabulary.claims(span), bool)
    said = vocabulary.read(span)
    assert said.kind is None or isinstance(said.kind, SpanKind)
    for patch in mapping.mapped(Decoded((span,))).items:
        assert set(patch.attributes) == set(attributes)
        assert patch_of(msgspec.msgpack.decode(encode(fold_of(patch)), type=Fold)).name == patch.name


def test_the_page_names_every_vocabulary_in_order() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "vocabularies.md").read_text()
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert [name for name in rows if name in table.ROWS] == list(table.ROWS)


def test_every_vocabulary_is_asked_in_the_order_of_the_table() -> None:
    every = frozenset().union(*(table.vocabulary(name).namespaces for name in table.ROWS))
    assert [one.name for one in table.speaking(every)] == list(table.ROWS)
    assert [one.name for one in table.speaking(frozenset())] == ["otel"]
    assert (
        list(table.ROWS).index("gen_ai") < list(table.ROWS).index("openinference") < list(table.ROWS).index("traceloop")
    )
