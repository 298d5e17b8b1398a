"""What people wrote beside traces goes with them: on request and by age."""

import msgspec

from pilothouse.domain.access import Project
from pilothouse.domain.comment import Comment, CommentOn
from pilothouse.domain.keeping import DAY_NS, Retention, Subject
from pilothouse.domain.share import Share
from pilothouse.lifecycle.retention import RetentionLoop, Retentions
from pilothouse.store.metadata.comments import CommentFilter
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.client import Telemetry
from tests.lifecycle.test_removals import OPTIONS, Setup
from tests.spans import BASE_NS, make_span, new_project


def comment(project: str, number: int, on: CommentOn, subject_id: str, **more: int) -> Comment:
    return Comment(
        id=f"c{number}", project_id=project, on=on, subject_id=subject_id, part_id="", text="Look.", author="local",
        author_name="Ann", subject_at_ns=more.get("at_ns", BASE_NS), created_at_ns=BASE_NS,
    )  # fmt: skip


def share(project: str, number: int, trace_id: str) -> Share:
    return Share(
        id=f"s{number}", project_id=project, digest=f"{project} {number}", hint="phv_", trace_id=trace_id, near_ns=0,
        name="chat", bodies=True, created_by="local", created_at_ns=BASE_NS, expires_at_ns=BASE_NS + DAY_NS,
    )  # fmt: skip


async def kept(metadata: Metadata, project: str) -> set[str]:
    found, _ = await metadata.read(lambda tx: tx.comments.page(CommentFilter(project_id=project)))
    return {one.id for one in found}


async def test_comments_and_links_go_with_a_deleted_session_and_are_counted(
    metadata: Metadata, archive: Archive, telemetry: Telemetry
) -> None:
    setup, project = Setup(metadata, archive), new_project()
    mine, other = make_span(project, session_id="s"), make_span(project, session_id="t")
    await telemetry.insert([mine, other], project)
    places = (
        (CommentOn.TRACE, mine.trace_id), (CommentOn.SPAN, mine.trace_id), (CommentOn.SESSION, "s"),
        (CommentOn.TRACE, other.trace_id), (CommentOn.SESSION, "t"), (CommentOn.PROMPT, "s"),
    )  # fmt: skip
    await metadata.write(lambda tx: tx.projects.insert(Project(project, project, 0)))
    for number, (on, subject) in enumerate(places):
        await metadata.write(
            lambda tx, number=number, on=on, subject=subject: tx.comments.insert(comment(project, number, on, subject))
        )
    for number, span in enumerate((mine, other)):
        await metadata.write(
            lambda tx, number=number, span=span: tx.shares.insert(share(project, number, span.trace_id))
        )
    asked = await setup.deletions.request(project, Subject.SESSION, "s", actor="test")
    done = await setup.carry_out(project, asked, 14)
    assert (done.removed["comments"], done.removed["shares"], done.left) == (3, 1, 0)
    assert await kept(metadata, project) == {"c3", "c4", "c5"}
    ended, alive = await metadata.read(lambda tx: (tx.shares.get(project, "s0"), tx.shares.get(project, "s1")))
    assert ended is not None
    assert (ended.trace_id, ended.name, ended.revoked_at_ns is None) == ("", "", False)
    assert alive == share(project, 1, other.trace_id)
    assert mine.trace_id not in msgspec.json.encode(ended).decode()


async def test_comments_are_kept_as_long_as_their_traces(metadata: Metadata, archive: Archive) -> None:
    setup, project = Setup(metadata, archive), new_project()
    now_ns = setup.clock.now_ns()
    ages = {0: 3 * DAY_NS, 1: DAY_NS, 2: 2 * DAY_NS + 10**9}
    await metadata.write(lambda tx: tx.projects.insert(Project(project, project, 0)))
    for number, age_ns in ages.items():
        one = comment(project, number, CommentOn.TRACE, "a" * 32, at_ns=now_ns - age_ns)
        await metadata.write(lambda tx, one=one: tx.comments.insert(one))
    await metadata.write(lambda tx: tx.comments.insert(comment(project, 9, CommentOn.PROMPT, "p", at_ns=0)))
    retentions = Retentions(metadata, archive, setup.clock)
    assert (await retentions.preview(project, Retention(traces_days=2)))["comments"] == 1
    assert (await retentions.preview(project, Retention(scores_days=1)))["comments"] == 0
    await retentions.put(project, Retention(traces_days=2), actor="test")
    setup.clock.advance(OPTIONS.grace_s)
    await RetentionLoop(metadata, archive, setup.clock, OPTIONS).tick()
    assert await kept(metadata, project) == {"c1", "c9"}
    assert (await retentions.get(project)).removed["comments"] == 2
