"""What every telemetry store must do with scores."""

import uuid

import msgspec

from pilothouse.domain.query.nodes import Is
from pilothouse.domain.reading import ScoreFilter
from pilothouse.domain.score import Score, ScoreType
from pilothouse.store.telemetry.client import Telemetry
from tests.spans import BASE_NS, make_span, new_project


def made(project: str, trace: str, **changes: object) -> Score:
    one = Score(
        id="s1", project_id=project, key_id="k", trace_id=trace, name="quality", type=ScoreType.NUMERIC, number=0.5,
        comment="so so", source="api", author="ada", at_ns=BASE_NS, stated_at_ns=BASE_NS, environment="prod",
        metadata={"by": "me"},
    )  # fmt: skip
    return msgspec.structs.replace(one, **changes)


async def put(store: Telemetry, *scores: Score) -> None:
    await store.insert_scores(scores, uuid.uuid4().hex)


async def test_scores_are_read_with_their_trace(telemetry: Telemetry) -> None:
    project = new_project()
    span = make_span(project)
    await telemetry.insert([span], uuid.uuid4().hex)
    kind = {"type": ScoreType.CATEGORICAL, "number": None, "text": "gréat\ud800"}
    words = made(project, span.trace_id, id="s2", span_id=span.span_id, **kind)
    await put(telemetry, made(project, span.trace_id), words, made(project, "0" * 31 + "1", id="other"))
    found = await telemetry.trace(project, span.trace_id)
    assert found is not None
    assert [(one.id, one.span_id, one.type, one.number, one.text) for one in found.scores] == [
        ("s1", "", ScoreType.NUMERIC, 0.5, ""),
        ("s2", span.span_id, ScoreType.CATEGORICAL, None, "gréat?"),
    ]
    first = found.scores[0]
    assert (first.comment, first.author, first.environment, first.metadata) == ("so so", "ada", "prod", {"by": "me"})


async def test_all_scores_of_a_trace_are_read_however_many(telemetry: Telemetry) -> None:
    project = new_project()
    span = make_span(project)
    await telemetry.insert([span], uuid.uuid4().hex)
    # many at the same time, so that pieces end between equal times
    many = [made(project, span.trace_id, id=f"s{n:05}", at_ns=BASE_NS + n // 7_000) for n in range(10_001)]
    await put(telemetry, *many)
    tree = await telemetry.tree(project, span.trace_id)
    assert tree is not None
    assert [one.id for one in tree.scores] == [one.id for one in many]


async def test_the_version_that_was_said_last_holds_in_any_order(telemetry: Telemetry) -> None:
    project, span = new_project(), make_span(new_project())
    span = msgspec.structs.replace(span, project_id=project)
    await telemetry.insert([span], uuid.uuid4().hex)
    later = made(project, span.trace_id, number=0.9, stated_at_ns=BASE_NS + 1)
    await put(telemetry, later)
    await put(telemetry, made(project, span.trace_id))
    found = await telemetry.trace(project, span.trace_id)
    assert found is not None
    assert [one.number for one in found.scores] == [0.9]


async def test_pages_of_scores_are_filtered_and_hold_each_once(telemetry: Telemetry) -> None:
    project, span = new_project(), make_span(new_project(), user_id="ada")
    span = msgspec.structs.replace(span, project_id=project)
    await telemetry.insert([span], uuid.uuid4().hex)
    numbered = [
        made(project, span.trace_id, id=f"n{place}", number=place / 4, at_ns=BASE_NS + place) for place in range(5)
    ]
    words = made(project, "", id="w", type=ScoreType.CATEGORICAL, number=None, text="good", run_id="r", config_id="c")
    await put(telemetry, *numbered, words)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await telemetry.score_page(ScoreFilter(project_id=project, limit=2, cursor=cursor))
        seen += [one.id for one in page.items]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert seen == ["n4", "n3", "n2", "n1", "w", "n0"]

    async def ids(**wanted: object) -> list[str]:
        return [one.id for one in (await telemetry.score_page(ScoreFilter(project_id=project, **wanted))).items]

    assert await ids(bounds=((">=", 0.5), ("<", 1.0))) == ["n3", "n2"]
    assert await ids(numbers=(0.25, 1.0)) == ["n4", "n1"]
    assert await ids(texts=("good",)) == await ids(run_ids=("r",)) == await ids(config_ids=("c",)) == ["w"]
    assert await ids(ids=("n1", "w"), metadata={"by": "me"}) == ["n1", "w"]
    assert await ids(of_traces=(Is("user", "", "ada"),), ids=("n1", "w")) == ["n1"]
    assert await ids(of_traces=(Is("user", "", "bob"),)) == []
    await telemetry.remove_scores(project, ["n1", "w"])
    assert await ids() == ["n4", "n3", "n2", "n0"]


async def test_scores_of_another_project_stay_there(telemetry: Telemetry) -> None:
    span = make_span(new_project())
    await telemetry.insert([span], uuid.uuid4().hex)
    await put(telemetry, made(new_project(), span.trace_id))
    found = await telemetry.trace(span.project_id, span.trace_id)
    assert found is not None
    assert found.scores == []
