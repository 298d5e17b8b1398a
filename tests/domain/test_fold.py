"""Patches fold to the same span in any order, in any grouping, and however often each one comes."""

import itertools
from decimal import Decimal
from functools import reduce

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.fold import Fold, encode, fold_of, merged, patch_of
from pilothouse.domain.patch import SpanEvent, SpanPatch
from pilothouse.domain.span import SpanKind, SpanStatus
from pilothouse.domain.usage import Usage

SMALL = st.text("ab", max_size=2)
MAPS = st.dictionaries(SMALL, SMALL, max_size=3)
PATCHES = st.builds(
    SpanPatch,
    trace_id=st.just("t"), span_id=st.just("s"), project_id=st.just("p"), source=st.sampled_from(["otel", "langsmith"]),
    at_ns=st.integers(0, 3), whole=st.booleans(), name=st.none() | SMALL,
    kind=st.none() | st.sampled_from(SpanKind), status=st.none() | st.sampled_from(SpanStatus),
    started_at_ns=st.none() | st.integers(0, 3), input=st.none() | SMALL, streamed=st.none() | st.booleans(),
    usage=st.none() | st.builds(Usage, input_tokens=st.integers(0, 3)),
    cost_usd=st.none() | st.sampled_from([Decimal("0.1"), Decimal(2)]),
    tags=st.lists(SMALL, max_size=3).map(tuple), metadata=MAPS, attributes=MAPS,
    events=st.lists(st.builds(SpanEvent, st.integers(0, 2), SMALL), max_size=2).map(tuple),
)  # fmt: skip


def folded(patches: tuple[SpanPatch, ...]) -> Fold:
    return reduce(merged, map(fold_of, patches))


@given(st.lists(PATCHES, min_size=1, max_size=4))
def test_no_order_matters(patches: list[SpanPatch]) -> None:
    results = {encode(folded(order)) for order in itertools.permutations(patches)}
    assert len(results) == 1


@given(st.lists(PATCHES, min_size=2, max_size=5), st.integers(1, 4))
def test_no_grouping_matters_nor_how_often_one_comes(patches: list[SpanPatch], cut: int) -> None:
    left, right = tuple(patches[:cut]) or tuple(patches), tuple(patches[cut:]) or tuple(patches)
    whole = folded(tuple(patches))
    assert encode(merged(folded(left), folded(right))) == encode(whole)
    assert encode(merged(whole, folded(left))) == encode(whole)


@given(st.lists(PATCHES, min_size=1, max_size=4))
def test_what_went_through_the_store_is_the_same(patches: list[SpanPatch]) -> None:
    whole = folded(tuple(patches))
    kept = decode(encode(whole))
    assert patch_of(kept) == patch_of(whole)
    again = tuple(patches)[::-1]
    assert patch_of(merged(kept, folded(again))) == patch_of(whole)


def test_the_later_word_holds_field_by_field() -> None:
    early = SpanPatch(
        trace_id="t",
        span_id="s",
        source="langsmith",
        at_ns=1,
        name="a",
        input="question",
        metadata={"x": "1", "y": "1"},
    )
    late = SpanPatch(trace_id="t", span_id="s", source="langsmith", at_ns=2, name="b", metadata={"x": "2"})
    for order in ((early, late), (late, early)):
        found = patch_of(folded(order))
        assert (found.name, found.input, found.metadata) == ("b", "question", {"x": "2", "y": "1"})
        assert found.at_ns == 2


def test_a_patch_comes_back_out_of_its_fold() -> None:
    patch = SpanPatch(
        trace_id="t", span_id="s", project_id="p", source="otel", at_ns=5, whole=True, parent_span_id="", name="n",
        usage=Usage(3, output_tokens=2), cost_usd=Decimal("0.10"), tags=("a",), events=(SpanEvent(1, "e", {"k": "v"}),),
    )  # fmt: skip
    assert patch_of(decode(encode(fold_of(patch)))) == patch


def decode(data: bytes) -> Fold:
    return msgspec.msgpack.decode(data, type=Fold)
