"""Queues for review: who asks what of whom, and how far it is."""

import pytest

from pilothouse.domain.clock import FakeClock
from pilothouse.domain.review import Question, ReviewPlace, ReviewState
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.registry.datasets import Datasets, NewDataset
from pilothouse.registry.registry import Registry
from pilothouse.registry.reviews import ItemChange, NewQueue, QueueChange, Reviews, Subject
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.reviews import ItemFilter, QueueFilter

RIGHT = Question(score="right", required=True)


@pytest.fixture
def reviews(metadata: Metadata, clock: FakeClock) -> Reviews:
    return Reviews(metadata, clock)


def subject(trace_id: str, span_id: str = "") -> Subject:
    return Subject(place=ReviewPlace(trace_id, span_id), at_ns=7)


async def test_a_queue_is_made_changed_and_deleted(reviews: Reviews, project: str, metadata: Metadata) -> None:
    made = await reviews.create(project, NewQueue(name=" a ", rubric=[RIGHT], details={"k": 1}), actor="key:1")
    assert (made.name, made.rubric, made.created_by) == ("a", (RIGHT,), "key:1")
    changed = await reviews.change(project, made.id, QueueChange(instructions="look"), actor="key:1")
    assert (changed.name, changed.instructions, changed.rubric) == ("a", "look", (RIGHT,))
    assert await reviews.queue(project, made.id) == changed
    assert await reviews.queues(QueueFilter(project_id=project)) == [changed]
    await reviews.add(project, made.id, [subject("t")], actor="key:1")
    await reviews.delete(project, made.id, actor="key:1")
    with pytest.raises(NotFound):
        await reviews.queue(project, made.id)
    actions = [one.action for one in await metadata.read(lambda tx: tx.audit.newest(3))]
    assert actions == ["review_queue.delete", "review_queue.change", "review_queue.create"]


async def test_a_queue_has_an_id_of_its_own_and_a_dataset_of_its_project(
    reviews: Reviews, registry: Registry, project: str, metadata: Metadata, clock: FakeClock
) -> None:
    made = await Datasets(metadata, clock).create(NewDataset(project_id=project, name="d"), actor="test")
    first = await reviews.create(project, NewQueue(name="a", id="q", dataset="d"), actor="test")
    assert first.dataset_id == made.id
    other = (await registry.create_project("other", actor="test")).id
    for project_id in (project, other):
        with pytest.raises(Conflict):
            await reviews.create(project_id, NewQueue(name="b", id="q"), actor="test")
    with pytest.raises(NotFound):
        await reviews.create(other, NewQueue(name="b", dataset=made.id), actor="test")
    assert (await reviews.change(project, "q", QueueChange(dataset=None), actor="test")).dataset_id is None
    with pytest.raises(NotFound):
        await reviews.change(other, "q", QueueChange(name="c"), actor="test")


@pytest.mark.parametrize(
    "new",
    [
        NewQueue(name=""),
        NewQueue(name="a", rubric=[RIGHT, RIGHT]),
        NewQueue(name="a", rubric=[Question(score=" ")]),
        NewQueue(name="a", rubric=[Question(score=f"s{number}") for number in range(101)]),
        NewQueue(name="a", instructions="x" * 10_001),
        NewQueue(name="a", id="a/b"),
    ],
)
async def test_what_makes_no_queue_is_refused(reviews: Reviews, project: str, new: NewQueue) -> None:
    with pytest.raises(InvalidRequest):
        await reviews.create(project, new, actor="test")


async def test_a_thing_stands_in_a_queue_once_and_in_the_order_in_which_it_came(
    reviews: Reviews, project: str, clock: FakeClock
) -> None:
    queue = await reviews.create(project, NewQueue(name="a"), actor="test")
    first = await reviews.add(project, queue.id, [subject("t2"), subject("t1", "s"), subject("t2")], actor="key:1")
    assert [one.trace_id for one in first] == ["t2", "t1"]
    clock.advance(1)
    again = await reviews.add(project, queue.id, [subject("t1"), subject("t2")], actor="key:2")
    assert (again[1], again[0].added_by) == (first[0], "key:2")
    found = await reviews.items(project, ItemFilter(queue_id=queue.id))
    assert [(one.trace_id, one.span_id) for one in found] == [("t2", ""), ("t1", "s"), ("t1", "")]
    assert (await reviews.sizes([queue.id]))[queue.id].open == 3
    assert [one.id for one in await reviews.of_traces(project, ["t1", "t1"])] == [first[1].id, again[0].id]
    with pytest.raises(InvalidRequest):
        await reviews.add(project, queue.id, [subject(f"t{number}") for number in range(1_001)], actor="test")


async def test_a_review_says_who_it_is_by_and_can_be_taken_back(
    reviews: Reviews, project: str, clock: FakeClock
) -> None:
    queue = await reviews.create(project, NewQueue(name="a"), actor="test")
    (item,) = await reviews.add(project, queue.id, [subject("t")], actor="test")
    done = await reviews.move(project, item.id, ItemChange(state=ReviewState.DONE), actor="person:1")
    assert (done.state, done.reviewed_by, done.reviewed_at_ns) == (ReviewState.DONE, "person:1", clock.now_ns())
    sizes = (await reviews.sizes([queue.id]))[queue.id]
    assert (sizes.open, sizes.done) == (0, 1)
    back = await reviews.move(project, item.id, ItemChange(state=ReviewState.WAITING), actor="person:2")
    assert (back.state, back.reviewed_by, back.reviewed_at_ns) == (ReviewState.WAITING, "person:2", None)
    later = await reviews.move(project, item.id, ItemChange(added_at_ns=5, reviewed_at_ns=6), actor="person:2")
    assert (later.added_at_ns, later.reviewed_at_ns, later.state) == (5, 6, ReviewState.WAITING)
    assert await reviews.item(project, item.id) == later
    assert await reviews.remove(project, queue.id, [item.id, "other"]) == 1
    for project_id in (project, "other"):
        with pytest.raises(NotFound):
            await reviews.move(project_id, item.id, ItemChange(added_at_ns=1), actor="test")
