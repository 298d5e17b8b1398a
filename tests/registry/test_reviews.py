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
        NewQueue(name="a", reviewers_per_item=0),
        NewQueue(name="a", reviewers_per_item=51),
        NewQueue(name="a", reservation_s=0),
        NewQueue(name="a", reservation_s=86_401),
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
    done = await reviews.mark(project, item.id, ReviewState.DONE, actor="person:1")
    assert (done.state, done.reviewed_by, done.reviewed_at_ns) == (ReviewState.DONE, "person:1", clock.now_ns())
    sizes = (await reviews.sizes([queue.id]))[queue.id]
    assert (sizes.open, sizes.done) == (0, 1)
    back = await reviews.mark(project, item.id, ReviewState.WAITING, actor="person:2")
    assert (back.state, back.reviewed_by, back.reviewed_at_ns) == (ReviewState.WAITING, "person:2", None)
    later = await reviews.move(project, item.id, ItemChange(added_at_ns=5, reviewed_at_ns=6))
    assert (later.added_at_ns, later.reviewed_at_ns, later.state) == (5, 6, ReviewState.WAITING)
    assert await reviews.item(project, item.id) == later
    assert await reviews.remove(project, queue.id, [item.id, "other"]) == 1
    for project_id in (project, "other"):
        with pytest.raises(NotFound):
            await reviews.move(project_id, item.id, ItemChange(added_at_ns=1))
        with pytest.raises(NotFound):
            await reviews.mark(project_id, item.id, ReviewState.DONE, actor="test")


async def turns(reviews: Reviews, project: str, queue_id: str, reviewer: str) -> tuple[list[str], list[str]]:
    """Return the traces whose turn is a reviewer's, and those that others have to review."""
    queue = await reviews.queue(project, queue_id)
    found: list[list[str]] = []
    for mine in (True, False):
        turn = reviews.turn(queue, reviewer, mine=mine)
        wanted = ItemFilter(queue_id=queue_id, states=(ReviewState.WAITING, ReviewState.BEGUN), turn=turn)
        found.append([one.trace_id for one in await reviews.items(project, wanted)])
    return found[0], found[1]


async def test_an_item_is_done_once_as_many_are_as_its_queue_asks_for(
    reviews: Reviews, project: str, clock: FakeClock
) -> None:
    queue = await reviews.create(project, NewQueue(name="a", reviewers_per_item=2), actor="test")
    first, _ = await reviews.add(project, queue.id, [subject("t1"), subject("t2")], actor="test")
    assert await turns(reviews, project, queue.id, "ada") == (["t1", "t2"], [])
    begun = await reviews.mark(project, first.id, ReviewState.DONE, actor="ada")
    assert (begun.state, begun.reviewed_by, begun.reviewed_at_ns) == (ReviewState.BEGUN, "ada", clock.now_ns())
    assert await reviews.mark(project, first.id, ReviewState.DONE, actor="ada") == begun
    assert await turns(reviews, project, queue.id, "ada") == (["t2"], ["t1"])
    assert await turns(reviews, project, queue.id, "bob") == (["t1", "t2"], [])
    clock.advance(1)
    assert (await reviews.mark(project, first.id, ReviewState.DONE, actor="bob")).state is ReviewState.DONE
    assert [one.reviewer for one in (await reviews.marks(queue, [first.id]))[first.id]] == ["ada", "bob"]
    assert await turns(reviews, project, queue.id, "cy") == (["t2"], [])
    at_ns = clock.now_ns()
    clock.advance(1)
    back = await reviews.mark(project, first.id, ReviewState.WAITING, actor="ada")
    assert (back.state, back.reviewed_by, back.reviewed_at_ns) == (ReviewState.BEGUN, "ada", at_ns)
    none = await reviews.mark(project, first.id, ReviewState.WAITING, actor="bob")
    assert (none.state, none.reviewed_at_ns) == (ReviewState.WAITING, None)


async def test_another_number_of_reviewers_says_anew_how_far_items_are(reviews: Reviews, project: str) -> None:
    queue = await reviews.create(project, NewQueue(name="a", reviewers_per_item=2), actor="test")
    other = await reviews.create(project, NewQueue(name="b"), actor="test")
    items = await reviews.add(project, queue.id, [subject(f"t{number}") for number in range(4)], actor="test")
    (elsewhere,) = await reviews.add(project, other.id, [subject("t9")], actor="test")
    await reviews.mark(project, elsewhere.id, ReviewState.DONE, actor="ada")
    for item, actors in ((items[0], ("ada", "bob")), (items[1], ("ada",))):
        for actor in actors:
            await reviews.mark(project, item.id, ReviewState.DONE, actor=actor)
    await reviews.mark(project, items[2].id, ReviewState.BEGUN, actor="bob")

    async def states(number: int) -> str:
        await reviews.change(project, queue.id, QueueChange(reviewers_per_item=number), actor="test")
        assert (await reviews.item(project, elsewhere.id)).state is ReviewState.DONE
        return "".join(one.state[0] for one in await reviews.items(project, ItemFilter(queue_id=queue.id)))

    assert [await states(number) for number in (2, 1, 3, 2)] == ["dbbw", "ddbw", "bbbw", "dbbw"]


async def test_what_somebody_has_opened_is_theirs_for_a_while(reviews: Reviews, project: str, clock: FakeClock) -> None:
    queue = await reviews.create(project, NewQueue(name="a", reservation_s=60), actor="test")
    first, second = await reviews.add(project, queue.id, [subject("t1"), subject("t2")], actor="test")
    await reviews.mark(project, first.id, ReviewState.BEGUN, actor="ada")
    assert await turns(reviews, project, queue.id, "ada") == (["t1", "t2"], [])
    assert await turns(reviews, project, queue.id, "bob") == (["t2"], ["t1"])
    with pytest.raises(Conflict, match="ada"):
        await reviews.mark(project, first.id, ReviewState.BEGUN, actor="bob")
    clock.advance(30)
    await reviews.mark(project, first.id, ReviewState.BEGUN, actor="ada")
    clock.advance(59)
    assert [one.reviewer for one in (await reviews.marks(queue, [first.id, second.id]))[first.id]] == ["ada"]
    with pytest.raises(Conflict):
        await reviews.mark(project, first.id, ReviewState.BEGUN, actor="bob")
    clock.advance(1)
    assert (await turns(reviews, project, queue.id, "bob"), await reviews.marks(queue, [first.id])) == (
        (["t1", "t2"], []), {},
    )  # fmt: skip
    assert (await reviews.mark(project, first.id, ReviewState.BEGUN, actor="bob")).reviewed_by == "bob"
    # work that is done is never lost, whoever has the item by then
    assert (await reviews.mark(project, first.id, ReviewState.DONE, actor="ada")).state is ReviewState.DONE
    changed = await reviews.change(project, queue.id, QueueChange(reservation_s=None), actor="test")
    await reviews.mark(project, second.id, ReviewState.BEGUN, actor="ada")
    assert await reviews.marks(changed, [second.id]) == {}
    assert (await reviews.mark(project, second.id, ReviewState.BEGUN, actor="bob")).state is ReviewState.BEGUN


async def test_as_many_may_reserve_an_item_as_it_needs(reviews: Reviews, project: str) -> None:
    queue = await reviews.create(project, NewQueue(name="a", reviewers_per_item=2, reservation_s=60), actor="test")
    (item,) = await reviews.add(project, queue.id, [subject("t")], actor="test")
    await reviews.mark(project, item.id, ReviewState.DONE, actor="ada")
    assert await turns(reviews, project, queue.id, "cy") == (["t"], [])
    await reviews.mark(project, item.id, ReviewState.BEGUN, actor="bob")
    assert await turns(reviews, project, queue.id, "cy") == ([], ["t"])
    with pytest.raises(Conflict, match="bob"):
        await reviews.mark(project, item.id, ReviewState.BEGUN, actor="cy")
    assert await turns(reviews, project, queue.id, "bob") == (["t"], [])
