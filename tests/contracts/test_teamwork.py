"""What the metadata database keeps of views, share links and comments, on SQLite and on PostgreSQL alike."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from pilothouse.domain.access import Project
from pilothouse.domain.comment import Comment, CommentOn
from pilothouse.domain.dashboard import Chart
from pilothouse.domain.saved_view import ListName, SavedView, ViewState
from pilothouse.domain.share import Share, SharedBoard, SharedRange, ShareKind, SharingPolicy
from pilothouse.errors import Conflict
from pilothouse.store.metadata.comments import CommentCount, CommentFilter
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.options import MetadataOptions

PROJECTS = ("p1", "p2")
VIEW = SavedView(
    id="v1", project_id="p1", list=ListName.TRACES, owner="", name="Fails", version=1, changed_by="person:1",
    state=ViewState(q='model:"naïve"', range="7d", columns=("time",)), created_at_ns=2**60, updated_at_ns=2**60,
)  # fmt: skip
SHARE = Share(
    id="s1", project_id="p1", digest="d1", hint="phv_1234…", trace_id="t1", near_ns=2**60, name="chat", bodies=True,
    created_by="person:1", created_at_ns=10, expires_at_ns=2**60,
)  # fmt: skip
BOARD = Share(
    id="b1", project_id="p1", digest="d9", hint="phv_5678…", kind=ShareKind.DASHBOARD, dashboard_id="x", name="Team",
    board=SharedBoard(description="ü", charts=(Chart(title="c", group_by="model"),), range=SharedRange(last="24h")),
    created_by="person:1", created_at_ns=11, expires_at_ns=2**60,
)  # fmt: skip
COMMENT = Comment(
    id="c1", project_id="p1", on=CommentOn.TRACE, subject_id="t1", part_id="", text="**ü**", author="person:1",
    author_name="Ada", subject_at_ns=5, created_at_ns=2**60,
)  # fmt: skip


@pytest.fixture
async def metadata(database_url: str) -> AsyncIterator[Metadata]:
    opened = Metadata(MetadataOptions(url=database_url))
    await opened.connect()
    await opened.migrate()

    def fill(tx: Transaction) -> None:
        for project in PROJECTS:
            tx.projects.insert(Project(project, project, 1))

    await opened.write(fill)
    yield opened
    await opened.close()


def view(ident: str, **more: str) -> SavedView:
    return msgspec.structs.replace(VIEW, id=ident, **more)


def comment(ident: str, on: CommentOn, subject_id: str, part_id: str = "", at_ns: int = 5) -> Comment:
    return msgspec.structs.replace(
        COMMENT, id=ident, on=on, subject_id=subject_id, part_id=part_id, subject_at_ns=at_ns, created_at_ns=int(ident)
    )


async def test_every_field_comes_back_as_it_was_written(metadata: Metadata) -> None:
    def work(tx: Transaction) -> list[object]:
        tx.saved_views.insert(VIEW)
        tx.shares.insert(SHARE)
        tx.shares.insert(BOARD)
        tx.comments.insert(COMMENT)
        policy = SharingPolicy(project_id="p1", allowed=False, changed_by="local", changed_at_ns=2**60)
        tx.shares.put_policy(policy)
        return [
            tx.saved_views.get("p1", "v1") == VIEW, tx.shares.get("p1", "s1") == SHARE,
            tx.shares.get("p1", "b1") == BOARD, tx.shares.by_digest("d1") == SHARE,
            tx.comments.get("p1", "c1") == COMMENT,
            tx.shares.policy("p1") == policy, tx.shares.policy("p2") == SharingPolicy(project_id="p2"),
            tx.saved_views.get("p2", "v1"), tx.shares.get("p2", "s1"), tx.comments.get("p2", "c1"),
        ]  # fmt: skip

    assert await metadata.write(work) == [True] * 7 + [None] * 3


async def test_views_are_told_apart_by_owner_and_open_first_for_one_person(metadata: Metadata) -> None:
    def fill(tx: Transaction) -> None:
        tx.saved_views.insert(VIEW)
        tx.saved_views.insert(view("v2", owner="person:1"))
        tx.saved_views.insert(view("v3", owner="person:2", name="Other"))
        for person in ("person:1", "person:2"):
            tx.saved_views.set_first("p1", person, ListName.TRACES, "v1")

    await metadata.write(fill)
    with pytest.raises(Conflict):
        await metadata.write(lambda tx: tx.saved_views.insert(view("v4")))

    def work(tx: Transaction) -> None:
        assert [one.id for one in tx.saved_views.seen_by("p1", "person:1")] == ["v1", "v2"]
        tx.saved_views.drop_first("v1", "person:1")
        assert tx.saved_views.first_of("p1", "person:1") == {ListName.TRACES: "v1"}
        assert tx.saved_views.first_of("p1", "person:2") == {}
        tx.saved_views.delete("v1")
        assert tx.saved_views.first_of("p1", "person:1") == {}

    await metadata.write(work)


async def test_links_are_counted_ended_and_forgotten(metadata: Metadata) -> None:
    def work(tx: Transaction) -> None:
        tx.shares.insert(SHARE)
        tx.shares.insert(msgspec.structs.replace(SHARE, id="s2", digest="d2", trace_id="t2", expires_at_ns=50))
        tx.shares.note_opened("s1", 77)
        tx.shares.note_opened("s1", 78)
        opened = tx.shares.get("p1", "s1")
        assert opened is not None
        assert (opened.opened, opened.opened_at_ns) == (2, 78)
        assert tx.shares.end_of_traces("p2", ["t1"], 80) == 0
        assert tx.shares.end_of_traces("p1", ["t1", *map(str, range(1_500))], 80) == 1
        assert [one.id for one in tx.shares.of_project("p1")] == ["s2", "s1"]
        tx.shares.purge("p1", 60)
        assert [(one.id, one.trace_id, one.revoked_at_ns) for one in tx.shares.of_project("p1")] == [("s1", "", 80)]

    await metadata.write(work)


async def test_links_end_with_their_dashboard_alone(metadata: Metadata) -> None:
    def work(tx: Transaction) -> None:
        for share in (SHARE, BOARD, msgspec.structs.replace(BOARD, id="b2", digest="d8", dashboard_id="y")):
            tx.shares.insert(share)
        assert tx.shares.end_of_dashboard("p2", "x", 80) == 0
        assert tx.shares.end_of_dashboard("p1", "x", 80) == 1
        found = {one.id: one for one in tx.shares.of_project("p1")}
        assert found["s1"] == SHARE
        assert not found["b2"].gone
        ended = found["b1"]
        assert (ended.gone, ended.name, ended.board, ended.revoked_at_ns) == (True, "", None, 80)

    await metadata.write(work)


async def test_comments_are_paged_counted_and_removed(metadata: Metadata) -> None:
    rows = (
        comment("1", CommentOn.TRACE, "t1"), comment("2", CommentOn.SPAN, "t1", "s"),
        comment("3", CommentOn.SPAN, "t1", "s"), comment("4", CommentOn.SESSION, "t1"),
        comment("5", CommentOn.TRACE, "t2", at_ns=50), comment("6", CommentOn.PROMPT, "t2", "1"),
    )  # fmt: skip

    def work(tx: Transaction) -> None:
        for row in rows:
            tx.comments.insert(row)
        tx.comments.replace(msgspec.structs.replace(rows[1], resolved_at_ns=9, resolved_by="local"))
        asked = CommentFilter(project_id="p1", subject_id="t1", limit=2, offset=1)
        found, total = tx.comments.page(asked)
        assert ([one.id for one in found], total) == (["2", "3"], 4)
        newest, _ = tx.comments.page(CommentFilter(project_id="p1", newest_first=True, limit=1))
        assert [one.id for one in newest] == ["6"]
        assert tx.comments.counts("p1", [CommentOn.TRACE, CommentOn.SPAN], ["t1", "t2", "t3"]) == [
            CommentCount("t1", "", 1, 1), CommentCount("t1", "s", 2, 1), CommentCount("t2", "", 1, 1),
        ]  # fmt: skip
        assert tx.comments.older("p1", 50) == 4
        assert tx.comments.delete_of("p1", [CommentOn.TRACE, CommentOn.SPAN], ["t1"]) == 3
        assert tx.comments.delete_older("p1", 51) == 2
        left, _ = tx.comments.page(CommentFilter(project_id="p1"))
        assert [one.id for one in left] == ["6"]

    await metadata.write(work)
