"""What waits for review leaves its queues with what it is: on request and by age."""

from pilothouse.domain.access import Project
from pilothouse.domain.keeping import DAY_NS, Retention, Subject
from pilothouse.domain.review import ReviewPlace
from pilothouse.lifecycle.retention import RetentionLoop, Retentions
from pilothouse.registry import reviews
from pilothouse.registry.reviews import NewQueue, Reviews
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.reviews import ItemFilter
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.client import Telemetry
from tests.lifecycle.test_removals import OPTIONS, Setup
from tests.spans import BASE_NS, make_span, new_project


async def queued(setup: Setup, metadata: Metadata, project: str, places: dict[ReviewPlace, int]) -> tuple[Reviews, str]:
    """Return the queues of a project, and one in which things of some times stand."""
    await metadata.write(lambda tx: tx.projects.insert(Project(project, project, 0)))
    found = Reviews(metadata, setup.clock)
    queue = await found.create(project, NewQueue(name="q"), actor="test")
    subjects = [reviews.Subject(place=place, at_ns=at_ns) for place, at_ns in places.items()]
    await found.add(project, queue.id, subjects, actor="test")
    return found, queue.id


async def test_it_goes_with_a_deleted_session(metadata: Metadata, archive: Archive, telemetry: Telemetry) -> None:
    setup, project = Setup(metadata, archive), new_project()
    mine, other = make_span(project, session_id="s"), make_span(project, session_id="t")
    await telemetry.insert([mine, other], project)
    kept = [ReviewPlace(other.trace_id, other.span_id), ReviewPlace(session_id="t")]
    gone = [ReviewPlace(mine.trace_id, mine.span_id), ReviewPlace(mine.trace_id), ReviewPlace(session_id="s")]
    found, queue_id = await queued(setup, metadata, project, dict.fromkeys([*gone, *kept], BASE_NS))
    asked = await setup.deletions.request(project, Subject.SESSION, "s", actor="test")
    assert (await setup.carry_out(project, asked, 14)).left == 0
    assert [one.place for one in await found.items(project, ItemFilter(queue_id=queue_id))] == kept


async def test_it_stands_there_as_long_as_its_trace_is_kept(metadata: Metadata, archive: Archive) -> None:
    setup, project = Setup(metadata, archive), new_project()
    now_ns = setup.clock.now_ns()
    old, young = ReviewPlace("a" * 32), ReviewPlace("b" * 32, "c" * 16)
    found, queue_id = await queued(
        setup, metadata, project, {old: now_ns - 3 * DAY_NS, young: now_ns - DAY_NS, ReviewPlace(session_id="s"): 0}
    )
    retentions = Retentions(metadata, archive, setup.clock)
    for wanted, left in ((Retention(scores_days=1), 3), (Retention(traces_days=2), 1)):
        await retentions.put(project, wanted, actor="test")
        setup.clock.advance(OPTIONS.grace_s)
        await RetentionLoop(metadata, archive, setup.clock, OPTIONS).tick()
        assert await found.count(project, ItemFilter(queue_id=queue_id)) == left
    assert [one.place for one in await found.items(project, ItemFilter(queue_id=queue_id))] == [young]
