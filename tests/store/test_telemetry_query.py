"""Queries of the query language find in the real store what a plain reading of their tree finds."""

import asyncio
import fnmatch
import re
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.domain.money import CostStatus
from pilothouse.domain.query.fields import BY_NAME, FIELDS, Kind
from pilothouse.domain.query.nodes import And, Compare, Flag, Has, Is, Leaf, Node, Not, Or, When, Words
from pilothouse.domain.query.parser import parse
from pilothouse.domain.query.printing import show
from pilothouse.domain.score import Score, ScoreType
from pilothouse.domain.span import Span, SpanKind, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.conditions import within
from pilothouse.store.telemetry.connection import LATE_INDEX, Connection, Query
from pilothouse.store.telemetry.query import BODIES, FLAGS, NULLABLE, NUMBERS, TEXTS, condition_of
from pilothouse.store.telemetry.search import EXACT
from tests.embedded_store import StoreProcess
from tests.spans import BASE_NS, make_span, new_project

TEXT = st.sampled_from(
    ["", "a", "ab", "b*", "a%b", "a_b", "Ärger", "a\\b", 'say "x"', "1.5", "-3", "line\nline", "'", "{a}"]
)
VALUE = st.sampled_from(
    ["a", "ab", "b", "a*", "*b", "b*", "a%b", "_", "är", "\\", '"x"', "1.5", "line\nline", "'", "zz"]
)
PIECES = {field.name for field in FIELDS if field.kind is Kind.TEXT} - {
    "trace", "span", "model", "name", "span_name", "trace_name", "tag",
}  # fmt: skip
ATTRIBUTE = {
    "user": "user_id", "session": "session_id", "route": "alias", "key": "key_id", "prompt": "prompt_name",
    "parent": "parent_span_id", "request": "request_id", "span": "span_id", "trace": "trace_id",
    "span_name": "name",
}  # fmt: skip
NUMBER = st.sampled_from([0, 1, 1.5, 2, 20, 100, 400, 2000, -3])


@st.composite
def spans(draw: st.DrawFn, project: str = "") -> Span:
    """Return a span with a few of its fields set, of values that queries ask for."""
    texts = {
        ATTRIBUTE.get(name, name): draw(TEXT) for name in draw(st.sets(st.sampled_from(sorted(PIECES)), max_size=5))
    }
    return make_span(
        project, **texts, name=draw(TEXT), trace_name=draw(TEXT), model_served=draw(TEXT), model_requested=draw(TEXT),
        input=draw(TEXT), output=draw(TEXT), error_detail=draw(TEXT), tags=tuple(draw(st.lists(TEXT, max_size=2))),
        metadata=draw(st.dictionaries(st.sampled_from(["k", "a.b"]), TEXT, max_size=2)),
        attributes=draw(st.dictionaries(st.sampled_from(["k", "a b"]), TEXT, max_size=2)),
        status=draw(st.sampled_from(SpanStatus)), kind=draw(st.sampled_from(SpanKind)),
        started_at_ns=BASE_NS + draw(st.integers(0, 4)) * 10**9,
        duration_ns=draw(st.sampled_from([0, 10**6, 2 * 10**9])), streamed=draw(st.booleans()),
        first_token_ns=draw(st.sampled_from([None, 10**6, 4 * 10**8])),
        overhead_ns=draw(st.sampled_from([None, 10**6])),
        usage=draw(st.sampled_from([None, Usage(1), Usage(100, 20, reasoning_tokens=2, output_tokens=100)])),
        http_status=draw(st.sampled_from([0, 200, 400])), running=draw(st.booleans()),
        cost_usd=draw(st.sampled_from([None, Decimal("1.5"), Decimal(20)])),
        cost_status=draw(st.sampled_from(CostStatus)),
        level=draw(st.sampled_from(["", "warning", "error"])),
    )  # fmt: skip


def leaves() -> st.SearchStrategy[Node]:
    """Return conditions of every kind."""

    def wild(kind: type[Words | Is], *where: str) -> st.SearchStrategy[Node]:
        return VALUE.map(lambda text: kind(*where, text, wild="*" in text and text.strip("*") != ""))  # type: ignore[arg-type]

    named = st.sampled_from([("metadata", "k"), ("metadata", "a.b"), ("attributes", "a b"), ("scores", "x")])
    texts = st.sampled_from([field.name for field in FIELDS if field.kind in (Kind.TEXT, Kind.BODY)])
    present = [field.name for field in FIELDS if field.kind not in (Kind.FLAG, Kind.TIME)]
    choices = st.sampled_from([(field.name, choice) for field in FIELDS for choice in field.choices])
    operators = st.sampled_from(["=", ">", ">=", "<", "<="])
    return st.one_of(
        wild(Words),
        texts.flatmap(lambda name: wild(Is, name, "")),
        named.flatmap(lambda field: wild(Is, *field)),
        choices.map(lambda one: Is(one[0], "", one[1])),
        st.builds(Compare, st.sampled_from(sorted(NUMBERS)), st.just(""), operators, NUMBER),
        st.builds(lambda field, operator, number: Compare(*field, operator, number), named, operators, NUMBER),
        st.builds(When, operators, st.integers(0, 4).map(lambda second: BASE_NS // 1000 + second * 10**6)),
        st.builds(Flag, st.sampled_from(sorted(FLAGS)), st.booleans()),
        st.sampled_from(present).map(lambda name: Has(name, "")),
        named.map(lambda field: Has(*field)),
    )


NODES = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        inner.map(Not), st.lists(inner, min_size=2, max_size=3).map(lambda nodes: And(tuple(nodes))),
        st.lists(inner, min_size=2, max_size=3).map(lambda nodes: Or(tuple(nodes))),
    ),
    max_leaves=6,
)  # fmt: skip


def fits(span: Span, scores: list[Score], node: Node) -> bool:
    """Read the tree plainly."""
    match node:
        case And(nodes):
            return all(fits(span, scores, one) for one in nodes)
        case Or(nodes):
            return any(fits(span, scores, one) for one in nodes)
        case Not(inner):
            return not fits(span, scores, inner)
        case _:
            return _leaf(span, scores, node)


def _leaf(span: Span, scores: list[Score], node: Leaf) -> bool:
    match node:
        case Words(text, wild):
            return _within(_searched(span), text, wild=wild)
        case Is("scores") | Compare("scores") | Has("scores"):
            return any(_scored(one, node) for one in scores)
        case Is(field, key, text, wild) if field in BODIES:
            return _within(_texts(span, field, key)[0].lower(), text, wild=wild)
        case Is(field, key, text, wild):
            return any(_like(value, text, wild=wild) for value in _texts(span, field, key))
        case Compare(field, key, operator, number):
            return _holds(_float(_texts(span, field, key)[0]) if key else _number(span, field), operator, number)
        case When(operator, at_us, _):
            return _holds(span.started_at_ns, operator, (at_us or 0) * 1000)
        case Flag(field, value):
            return (not span.parent_span_id if field == "root" else getattr(span, field)) == value
        case Has(field, key):
            return bool(_texts(span, field, key)[0]) if key else _present(span, field)


def _scored(score: Score, node: Is | Compare | Has) -> bool:
    if node.key not in ("", score.name):
        return False
    match node:
        case Is(_, _, text, wild):
            return score.number is None and _like(score.text, text, wild=wild)
        case Compare(_, _, operator, number):
            return _holds(score.number, operator, number)
        case Has():
            return True


def _present(span: Span, field: str) -> bool:
    if field == "error":
        return span.status == "error" or bool(span.error_code or span.error_detail)
    if field == "tag":
        return bool(span.tags)
    if BY_NAME[field].kind is Kind.NAMED:
        return bool(getattr(span, field))
    if field in NUMBERS:
        value = _number(span, field)
        return value is not None if field in NULLABLE else bool(value)
    return any(_texts(span, field, ""))


def _searched(span: Span) -> str:
    parts = (span.name, span.trace_name, span.error_code, span.error_detail, span.model_requested, span.model_served,
             span.trace_id, span.request_id, span.user_id, span.session_id, "\n".join(span.metadata.values()),
             span.input, span.output)  # fmt: skip
    return "\n".join(parts).lower()


def _texts(span: Span, field: str, key: str) -> tuple[str, ...]:
    match field:
        case "model":
            return span.model_requested, span.model_served
        case "name":
            return span.name, span.trace_name
        case "tag":
            return span.tags
        case "error":
            return (f"{span.error_code}\n{span.error_detail}",)
        case "metadata" | "attributes":
            return (getattr(span, field).get(key, ""),)
        case _:
            return (str(getattr(span, ATTRIBUTE.get(field, field))),)


def _number(span: Span, field: str) -> float | None:
    usage = span.usage or Usage()
    match field:
        case "latency_ms":
            return span.duration_ns / 1e6
        case "ttft_ms":
            return None if span.first_token_ns is None else span.first_token_ns / 1e6
        case "overhead_ms":
            return None if span.overhead_ns is None else span.overhead_ns / 1e6
        case "tokens_per_s":
            return None
        case "cost_usd":
            return None if span.cost_usd is None else float(span.cost_usd)
        case "tokens":
            return usage.total
        case "input_tokens":
            return usage.input_total
        case "output_tokens":
            return usage.output_total
        case "cache_read_tokens" | "reasoning_tokens":
            return getattr(usage, field)
        case _:
            return getattr(span, field)


def _float(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


def _holds(value: float | None, operator: str, other: float) -> bool:
    if value is None:
        return False
    return {"=": value == other, ">": value > other, ">=": value >= other, "<": value < other, "<=": value <= other}[
        operator
    ]


def _like(value: str, text: str, *, wild: bool) -> bool:
    return fnmatch.fnmatchcase(value, text.replace("[", "[[]")) if wild else value == text


def _within(searched: str, text: str, *, wild: bool) -> bool:
    escaped = msgspec.json.encode(text).decode()[1:-1]
    pieces = [".*".join(re.escape(part) for part in form.lower().split("*")) if wild else re.escape(form.lower())
              for form in (text, escaped)]  # fmt: skip
    return any(re.search(piece, searched, re.DOTALL) for piece in pieces)


async def _found(connection: Connection, project: str, node: Node) -> set[str]:
    where = within(project, BASE_NS - 10**9, BASE_NS + 10**12)
    asked = condition_of(node, project, BASE_NS)
    where = where.plus(*asked.parts, **asked.parameters)
    sql = " ".join(("SELECT span_id FROM spans FINAL WHERE", where.sql, EXACT))
    return {row.span_id for row in await connection.select(Query("test", sql, where.parameters), _Row)}


class _Row(msgspec.Struct):
    span_id: str


@pytest.fixture
async def connection(store_process: StoreProcess, telemetry: Telemetry) -> AsyncIterator[Connection]:
    """The store with its schema."""
    client = Connection(store_process.options())
    yield client
    await client.close()


async def _stored(client: Telemetry, rows: list[Span]) -> tuple[str, list[Span], dict[str, list[Score]]]:
    project = new_project()
    rows = [msgspec.structs.replace(span, project_id=project) for span in rows]
    await client.insert(rows, uuid.uuid4().hex)
    given: dict[str, list[Score]] = {}
    for number, span in enumerate(rows):
        score = Score(
            id=str(number), project_id=project, trace_id=span.trace_id, span_id=span.span_id if number % 2 else "",
            name="x", type=ScoreType.CATEGORICAL if number % 3 else ScoreType.NUMERIC,
            number=None if number % 3 else 1.5, text="ab" if number % 3 else "", source="api", at_ns=BASE_NS,
            stated_at_ns=BASE_NS,
        )  # fmt: skip
        given[span.span_id] = [score] if number % 4 else []
    await client.insert_scores([one for scores in given.values() for one in scores], uuid.uuid4().hex)
    return project, rows, given


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(spans(), min_size=20, max_size=20), nodes=st.lists(NODES, min_size=20, max_size=20))
def test_the_store_finds_what_the_tree_says(store_process: StoreProcess, rows: list[Span], nodes: list[Node]) -> None:
    async def check() -> None:
        client, connection = Telemetry(store_process.options()), Connection(store_process.options())
        await client.migrate()
        project, kept, scores = await _stored(client, rows)
        found = await asyncio.gather(*(_found(connection, project, node) for node in nodes))
        for node, ids in zip(nodes, found, strict=True):
            assert ids == {span.span_id for span in kept if fits(span, scores[span.span_id], node)}, show(node)
        await client.close()
        await connection.close()

    asyncio.run(check())


def test_each_field_has_its_columns() -> None:
    by_kind = {kind: {field.name for field in FIELDS if field.kind is kind} for kind in Kind}
    assert set(TEXTS) == (by_kind[Kind.TEXT] | by_kind[Kind.CHOICE]) - {"tag"}
    assert set(BODIES) == by_kind[Kind.BODY]
    assert set(NUMBERS) == by_kind[Kind.NUMBER]
    assert set(FLAGS) == by_kind[Kind.FLAG]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
async def test_each_example_is_answered(connection: Connection, field: msgspec.Struct) -> None:
    node = parse(field.example)  # type: ignore[attr-defined]
    assert node is not None
    assert await _found(connection, new_project(), node) == set()


async def test_words_of_an_earlier_version_of_a_span_find_nothing(telemetry: Telemetry, connection: Connection) -> None:
    span = make_span(new_project(), output="the first answer")
    await telemetry.insert([span], uuid.uuid4().hex)
    await telemetry.insert([msgspec.structs.replace(span, output="another one")], uuid.uuid4().hex)
    assert await _found(connection, span.project_id, Words("first")) == set()
    assert await _found(connection, span.project_id, Words("ANOTHER")) == {span.span_id}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("refund of order-77", True), ("EFUND OF ORDER-7", True), ("order-77, please", True), ("grüße, straße", True),
        ("refund order", False), ("of refund", False), ("77 please", False), ("-- ", False),
        ("refund of ordner", False),
    ],
)  # fmt: skip
async def test_several_words_are_found_as_they_stand_and_with_words_cut_at_their_ends(
    telemetry: Telemetry, connection: Connection, text: str, found: bool
) -> None:
    span = make_span(new_project(), output="A refund of order-77, please. Grüße, Straße 5")
    await telemetry.insert([span], uuid.uuid4().hex)
    assert await _found(connection, span.project_id, Words(text)) == ({span.span_id} if found else set())


def test_of_several_words_those_at_the_ends_are_asked_for_alone_too() -> None:
    asked = condition_of(Words("refund of order-77"), "p")
    assert {"%refund of order-77%", "%refund%"} <= set(asked.parameters.values())
    assert sum("%" in str(one) for one in asked.parameters.values()) == 2, "77 is too short to be worth a look"
    assert len(condition_of(Words("refund"), "p").parameters) == 1


class _Step(msgspec.Struct):
    explain: str


async def test_a_search_meets_the_text_index(telemetry: Telemetry, connection: Connection) -> None:
    await telemetry.insert([make_span(new_project(), output="a lighthouse")], uuid.uuid4().hex)
    asked = condition_of(Words("lighthouse"), "p")
    where = within("p", 0, BASE_NS).plus(*asked.parts, **asked.parameters)
    sql = " ".join(("EXPLAIN indexes = 1 SELECT span_id FROM spans FINAL WHERE", where.sql, EXACT))
    steps = await connection.select(Query("test", sql, where.parameters), _Step)
    assert any(step.explain.strip() == f"Name: {LATE_INDEX}" for step in steps)
