"""What the metadata database keeps of queues for review, on SQLite and on PostgreSQL alike."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from pilothouse.domain.access import Project
from pilothouse.domain.dataset import Dataset
from pilothouse.domain.review import Question, ReviewItem, ReviewMark, ReviewPlace, ReviewQueue, ReviewState
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.store.metadata.review_marks import Turn
from pilothouse.store.metadata.reviews import ItemFilter, QueueFilter

QUEUE = ReviewQueue(
    id="q1", project_id="p1", name="naïve", description="d", instructions="**i**", dataset_id="d1",
    rubric=(Question(score="right", about="ü", required=True, details={"a": [1]}),), details={"x": {"y": None}},
    reviewers_per_item=3, reservation_s=60,
    created_by="key:1", created_at_ns=2**60, updated_at_ns=2**60,
)  # fmt: skip
ITEM = ReviewItem(
    id="i1", project_id="p1", queue_id="q1", trace_id="t1", span_id="s1", subject_at_ns=5, added_by="key:1",
    added_at_ns=2**60, reviewed_by="person:1", reviewed_at_ns=2**60, state=ReviewState.DONE, details={"run": "r"},
)  # fmt: skip


@pytest.fixture
async def metadata(database_url: str) -> AsyncIterator[Metadata]:
    opened = Metadata(MetadataOptions(url=database_url))
    await opened.connect()
    await opened.migrate()

    def fill(tx: Transaction) -> None:
        for project in ("p1", "p2"):
            tx.projects.insert(Project(project, project, 1))
        tx.datasets.insert(Dataset(id="d1", project_id="p1", name="d", created_at_ns=1, updated_at_ns=1))
        tx.review_queues.insert(QUEUE)
        tx.review_queues.insert(msgspec.structs.replace(QUEUE, id="q2", name="Other", dataset_id=None))
        tx.review_items.insert([ITEM])

    await opened.write(fill)
    yield opened
    await opened.close()


def item(number: int, **more: object) -> ReviewItem:
    values = {"id": f"n{number}", "trace_id": f"n{number}", "added_at_ns": number, **more}
    return msgspec.structs.replace(ITEM, **values)


async def test_every_field_comes_back_as_it_was_written(metadata: Metadata) -> None:
    def work(tx: Transaction) -> list[object]:
        return [
            tx.review_queues.get("p1", "q1") == QUEUE, tx.review_queues.get("p1", "q1", to_change=True) == QUEUE,
            tx.review_items.get("p1", "i1") == ITEM, tx.review_queues.get("p2", "q1"), tx.review_items.get("p2", "i1"),
            tx.review_queues.known("q1"), tx.review_queues.known("q9"), tx.review_queues.count("p1"),
        ]  # fmt: skip

    assert await metadata.write(work) == [True, True, True, None, None, True, False, 2]


async def test_queues_are_found_by_what_they_are(metadata: Metadata) -> None:
    async def ids(**asked: object) -> list[str]:
        wanted = msgspec.convert({"project_id": "p1", **asked}, QueueFilter)
        return [one.id for one in await metadata.read(lambda tx: tx.review_queues.page(wanted))]

    assert await ids() == ["q2", "q1"]
    assert await ids(name="Other") == ["q2"]
    assert (await ids(part="oth"), await ids(part="%")) == (["q2"], [])
    assert (await ids(ids=("q1", "q9")), await ids(dataset_id="d1")) == (["q1"], ["q1"])
    assert (await ids(limit=1), await ids(offset=1), await ids(project_id="p2")) == (["q2"], ["q1"], [])


async def test_a_queue_is_read_in_its_order_from_wherever_a_page_ended(metadata: Metadata) -> None:
    def fill(tx: Transaction) -> None:
        tx.review_items.delete("q1", ["i1"])
        states = (ReviewState.WAITING, ReviewState.BEGUN, ReviewState.DONE)
        tx.review_items.insert([item(number, state=states[number % 3]) for number in (4, 3, 1, 2)])
        tx.review_items.insert([item(5, trace_id="", session_id="s", state=ReviewState.WAITING, reviewed_at_ns=None)])

    await metadata.write(fill)

    async def ids(**asked: object) -> list[str]:
        wanted = msgspec.convert({"queue_id": "q1", **asked}, ItemFilter)
        found = await metadata.read(lambda tx: (tx.review_items.page(wanted), tx.review_items.count(wanted)))
        assert "limit" in asked or "offset" in asked or "after" in asked or len(found[0]) == found[1]
        return [one.id for one in found[0]]

    assert await ids() == ["n1", "n2", "n3", "n4", "n5"]
    assert (await ids(limit=2), await ids(limit=2, after=(2, "n2")), await ids(offset=4)) == (
        ["n1", "n2"], ["n3", "n4"], ["n5"],
    )  # fmt: skip
    assert await ids(states=(ReviewState.DONE,)) == ["n2"]
    assert (await ids(sessions=True), await ids(sessions=False, limit=1)) == (["n5"], ["n1"])
    assert (await ids(subject_from_ns=6), await ids(subject_to_ns=4), await ids(reviewed_before_ns=2**60)) == ([],) * 3
    assert await ids(ids=("n3", "n9"), span_ids=("s1",)) == ["n3"]
    assert await metadata.read(lambda tx: tx.review_items.sizes(["q1", "q2"])) == {"q1": (4, 1)}


async def test_what_stands_in_queues_is_found_and_goes_by_what_it_is(metadata: Metadata) -> None:
    def work(tx: Transaction) -> list[object]:
        tx.review_items.insert([item(1, subject_at_ns=1), item(2, trace_id="", span_id="", session_id="s")])
        places = [ReviewPlace("t1", "s1"), ReviewPlace("", "", "s"), ReviewPlace("t1")]
        found = [
            {place: one.id for place, one in tx.review_items.at("q1", places).items()},
            [one.id for one in tx.review_items.of_traces("p1", ["t1", "n1", "t9"])],
            tx.review_items.of_traces("p2", ["t1"]),
        ]
        gone = [
            tx.review_items.delete_older("p1", 2), tx.review_items.delete_of_session("p1", "s"),
            tx.review_items.delete_of_traces("p2", ["t1"]), tx.review_items.delete_of_traces("p1", ["t1"]),
        ]  # fmt: skip
        return [*found, gone]

    assert await metadata.write(work) == [
        {ReviewPlace("t1", "s1"): "i1", ReviewPlace("", "", "s"): "n2"}, ["n1", "i1"], [], [1, 1, 0, 1],
    ]  # fmt: skip


async def test_marks_go_with_their_item_and_say_how_far_it_is(metadata: Metadata) -> None:
    def mark(reviewer: str, at_ns: int, state: ReviewState = ReviewState.DONE) -> ReviewMark:
        return ReviewMark(item_id="i1", reviewer=reviewer, state=state, at_ns=at_ns)

    def work(tx: Transaction) -> list[object]:
        tx.review_marks.put("i1", [mark("ada", 9)])
        tx.review_marks.put("i1", [mark("bob", 2**60), mark("ada", 5, ReviewState.BEGUN)])
        found: list[object] = [tx.review_marks.of(["i1", "i2"]), tx.review_marks.of([])]
        for count in (1, 2):
            tx.review_marks.settle("q1", count)
            tx.review_marks.settle("q2", 9)
            held = tx.review_items.get("p1", "i1")
            found.append(held and held.state)
        for mine in (True, False):
            for since in (None, 4, 5):
                turn = Turn(reviewer="cy", mine=mine, reviewers_per_item=2, reserved_since_ns=since)
                found.append(tx.review_items.count(ItemFilter(queue_id="q1", turn=turn)))
        tx.review_items.delete("q1", ["i1"])
        return [*found, tx.review_marks.of(["i1"])]

    assert await metadata.write(work) == [
        [mark("ada", 5, ReviewState.BEGUN), mark("bob", 2**60)], [], ReviewState.DONE, ReviewState.BEGUN,
        1, 0, 1, 0, 1, 0, [],
    ]  # fmt: skip


async def test_a_queue_outlives_its_dataset_and_takes_its_items_along(metadata: Metadata) -> None:
    def work(tx: Transaction) -> list[object]:
        tx.datasets.delete("d1")
        queue = tx.review_queues.get("p1", "q1")
        tx.review_queues.delete("q1")
        return [queue and queue.dataset_id, tx.review_items.get("p1", "i1")]

    assert await metadata.write(work) == [None, None]
