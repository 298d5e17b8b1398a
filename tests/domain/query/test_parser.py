"""The query language: what is understood, what is refused and where, and that printing is the other way round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.query.fields import FIELDS, Kind
from pilothouse.domain.query.nodes import And, Compare, Flag, Has, Is, Node, Not, Or, When, Words
from pilothouse.domain.query.parser import MAX_CONDITIONS, MAX_DEPTH, parse
from pilothouse.domain.query.printing import show
from pilothouse.domain.query.scanner import MAX_LENGTH
from pilothouse.errors import InvalidQuery

DAY_US = 1_769_817_600_000_000
SAME: list[tuple[str, Node | None]] = [
    ("", None),
    ("  ", None),
    ("refund", Words("refund")),
    ('refund "not now"', And((Words("refund"), Words("not now")))),
    ("ref*d", Words("ref*d", wild=True)),
    ('"ref*d"', Words("ref*d")),
    ("model:gpt-4o", Is("model", "", "gpt-4o")),
    ("model=gpt-4o", Is("model", "", "gpt-4o")),
    ("model:gpt-*", Is("model", "", "gpt-*", wild=True)),
    ("model:*", Has("model", "")),
    ("model!=a", Not(Is("model", "", "a"))),
    ("status:ERROR", Is("status", "", "error")),
    ("cost_usd>0.01", Compare("cost_usd", "", ">", 0.01)),
    ("cost:>$0.01", Compare("cost_usd", "", ">", 0.01)),
    ("latency:>2s", Compare("latency_ms", "", ">", 2000)),
    ("tokens>=1k", Compare("tokens", "", ">=", 1000)),
    ("tokens:100..200", And((Compare("tokens", "", ">=", 100), Compare("tokens", "", "<=", 200)))),
    ("tokens:100..", Compare("tokens", "", ">=", 100)),
    ("user:a:b", Is("user", "", "a:b")),
    ("metadata.plan:pro", Is("metadata", "plan", "pro")),
    ("metadata.seats>5", Compare("metadata", "seats", ">", 5)),
    ('attributes."http.method":POST', Is("attributes", "http.method", "POST")),
    ("attributes.http.method:POST", Is("attributes", "http.method", "POST")),
    ("scores.helpfulness<0.5", Compare("scores", "helpfulness", "<", 0.5)),
    ("scores.verdict:good", Is("scores", "verdict", "good")),
    ("scores.verdict:1", Compare("scores", "verdict", "=", 1)),
    ("has:error", Has("error", "")),
    ("has:scores.x", Has("scores", "x")),
    ("streamed:true", Flag("streamed", value=True)),
    ("started_at>-2h", When(">", ago_s=7200)),
    ("started_at:2026-01-31", And((When(">=", at_us=DAY_US), When("<", at_us=DAY_US + 86_400_000_000)))),
    ("a OR b c", Or((Words("a"), And((Words("b"), Words("c")))))),
    ("a AND b", And((Words("a"), Words("b")))),
    ("-a", Not(Words("a"))),
    ("NOT (a OR b)", Not(Or((Words("a"), Words("b"))))),
    ("model:(a OR -b)", Or((Is("model", "", "a"), Not(Is("model", "", "b"))))),
    ("or and", And((Words("or"), Words("and")))),
    ('"model:a"', Words("model:a")),
    ("-", Words("-")),
]
REFUSED = [
    ("modl:x", 0, 4, "model"),
    ("status:eror", 7, 4, "error"),
    ("tokens:many", 7, 4, "number"),
    ("a OR", 4, 1, "missing"),
    ("(a", 0, 1, "closed"),
    ("a)", 1, 1, "without"),
    ('say "a', 4, 2, "closed"),
    ("user:", 4, 1, "missing"),
    (">5", 0, 1, "field"),
    ('a"b"', 0, 4, "space"),
    ("metadata:x", 0, 8, "name"),
    ("model.x:y", 0, 7, "below"),
    ("model>5", 6, 1, "not a number"),
    ("started_at>soon", 11, 4, "time"),
    ("streamed:maybe", 9, 5, "true or false"),
    ("has:streamed", 4, 8, "Every"),
    ("*", 0, 1, "everything"),
    ("x" * (MAX_LENGTH + 3), MAX_LENGTH, 3, "at most"),
    ("(" * (MAX_DEPTH + 2) + "a", MAX_DEPTH + 1, 2, "nested"),
    ("a " * (MAX_CONDITIONS + 1), 2 * MAX_CONDITIONS, 1, "conditions"),
    ("a*" * 9, 0, 18, "at most 8"),
]  # fmt: skip
PIECES = st.sampled_from(
    [*(field.example for field in FIELDS), *(f"has:{field.name}" for field in FIELDS), "a", '"b c"', "(", ")", "OR",
     "AND", "NOT", "-", ":", ">", "model:", "metadata.", "*", "..", '"', "\\", "-2h", "scores.x:"]
)  # fmt: skip


@pytest.mark.parametrize(("text", "node"), SAME, ids=[text for text, _ in SAME])
def test_understood(text: str, node: Node | None) -> None:
    assert parse(text) == node


@pytest.mark.parametrize(("text", "position", "length", "says"), REFUSED, ids=[one[0][:20] for one in REFUSED])
def test_refused_at_its_place(text: str, position: int, length: int, says: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse(text)
    assert (caught.value.position, caught.value.length) == (position, length)
    assert says in f"{caught.value.detail} {caught.value.expected}"


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=12).map(" ".join), st.lists(PIECES).map("".join)))
def test_any_text_is_understood_and_printed_or_refused(text: str) -> None:
    node, refused = None, None
    try:
        node = parse(text)
    except InvalidQuery as error:
        refused = error
    if refused is not None:
        assert refused.detail
        assert 0 <= refused.position <= len(text)
        assert refused.length >= 1
        return
    shown = show(node)
    assert parse(shown) == node
    assert show(parse(shown)) == shown


def test_each_field_is_shown_by_an_example_of_its_own() -> None:
    for field in FIELDS:
        assert f"'{field.name}'" in repr(parse(field.example)) or field.kind in (Kind.TIME, Kind.BODY)
        for name in (field.name, *field.aliases):
            assert parse(field.example.replace(field.name, name, 1)) == parse(field.example)
