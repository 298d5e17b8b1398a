"""Comments: written, edited and deleted by their authors, resolved by anybody who may write."""

from collections.abc import Sequence

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.comment import Comment, CommentOn, CommentPlace
from pilothouse.domain.ids import new_id
from pilothouse.errors import Forbidden, InvalidRequest, NotFound
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.comments import CommentCount, CommentFilter
from pilothouse.store.metadata.database import Metadata, Transaction

MOST_TEXT_CHARS = 10_000
MOST_SUBJECTS = 200
"""Subjects whose comments are counted at once."""
_MOST_ID_CHARS = 1_000
_MOST_NAME_CHARS = 200
_MOST_BESIDE = 2_000


class Author(msgspec.Struct, frozen=True):
    """Who writes."""

    actor: str
    """As the audit names them."""
    name: str
    """As people know them."""


class Comments:
    """The comments of all projects.

    Methods raise `InvalidRequest`, `NotFound`, `Forbidden` for what is somebody else's, and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)

    async def page(self, wanted: CommentFilter) -> tuple[list[Comment], int]:
        """Return a page of comments, and how many there are on all pages."""
        return await self._metadata.read(lambda tx: tx.comments.page(wanted))

    async def counts(self, project_id: str, on: Sequence[CommentOn], subject_ids: Sequence[str]) -> list[CommentCount]:
        """Return how many comments stand beside each of some subjects and its parts."""
        if len(subject_ids) > MOST_SUBJECTS:
            raise InvalidRequest(f"subject_id may stand at most {MOST_SUBJECTS} times", param="subject_id")
        return await self._metadata.read(lambda tx: tx.comments.counts(project_id, on, subject_ids))

    async def get(self, project_id: str, comment_id: str) -> Comment:
        """Return one comment."""
        return await self._metadata.read(lambda tx: _found(tx, project_id, comment_id))

    async def add(
        self, project_id: str, place: CommentPlace, text: str, author: Author, *, subject_at_ns: int | None = None
    ) -> Comment:
        """Write a comment; `subject_at_ns` is when what it stands beside was, None where nobody knows."""
        _check(place)
        now_ns = self._clock.now_ns()
        comment = Comment(
            id=new_id(), project_id=project_id, on=place.on, subject_id=place.subject_id, part_id=place.part_id,
            text=_text(text), author=author.actor, author_name=author.name[:_MOST_NAME_CHARS],
            subject_at_ns=now_ns if subject_at_ns is None else subject_at_ns, created_at_ns=now_ns,
        )  # fmt: skip

        def work(tx: Transaction) -> Outcome[Comment]:
            beside = tx.comments.counts(project_id, [place.on], [place.subject_id])
            if sum(one.count for one in beside) >= _MOST_BESIDE:
                raise InvalidRequest(f"there are {_MOST_BESIDE} comments here already")
            tx.comments.insert(comment)
            return Outcome(comment)

        return await self._writer.change(work, _change(author.actor, "comment.create", comment))

    async def change(
        self, project_id: str, comment_id: str, *, actor: str, text: str | None = None, resolved: bool | None = None
    ) -> Comment:
        """Give a comment of one's own another text, say whether what it is about is done, or both or neither."""
        said, now_ns = None if text is None else _text(text), self._clock.now_ns()

        def work(tx: Transaction) -> Outcome[Comment]:
            before = _found(tx, project_id, comment_id)
            if said is not None and before.author != actor:
                raise Forbidden("Only its author may change what a comment says.")
            after = before
            if said is not None and said != before.text:
                after = msgspec.structs.replace(after, text=said, edited_at_ns=now_ns)
            if resolved is not None and resolved is not (before.resolved_at_ns is not None):
                done = {"resolved_at_ns": now_ns, "resolved_by": actor}
                after = msgspec.structs.replace(
                    after, **(done if resolved else {"resolved_at_ns": None, "resolved_by": ""})
                )
            if after != before:
                tx.comments.replace(after)
            return Outcome(after, changed=after != before)

        return await self._writer.change(work, _told(actor, comment_id, text=text, resolved=resolved))

    async def delete(self, project_id: str, comment_id: str, *, actor: str, moderates: bool) -> None:
        """Remove a comment of one's own, or anybody's for those who moderate."""

        def work(tx: Transaction) -> Outcome[None]:
            found = _found(tx, project_id, comment_id)
            if found.author != actor and not moderates:
                raise Forbidden("Only its author or an admin may delete a comment.")
            tx.comments.delete(comment_id)
            return Outcome(None)

        await self._writer.change(work, Change(actor, "comment.delete", comment_id, for_gateway=False))


def _change(actor: str, action: str, comment: Comment) -> Change:
    # not where it stands: the audit outlives a trace that is deleted
    return Change(actor, action, comment.id, {"on": comment.on.value}, for_gateway=False)


def _told(actor: str, comment_id: str, *, text: str | None, resolved: bool | None) -> Change:
    if text is None:
        return Change(actor, "comment.resolve" if resolved else "comment.reopen", comment_id, for_gateway=False)
    detail = {} if resolved is None else {"resolved": resolved}
    return Change(actor, "comment.edit", comment_id, detail, for_gateway=False)


def _found(tx: Transaction, project_id: str, comment_id: str) -> Comment:
    found = tx.comments.get(project_id, comment_id)
    if found is None:
        raise NotFound("there is no such comment in this project")
    return found


def _text(text: str) -> str:
    said = text.strip()
    if not 1 <= len(said) <= MOST_TEXT_CHARS or "\0" in said:
        raise InvalidRequest(f"a comment has 1 to {MOST_TEXT_CHARS} characters", param="text")
    return said


def _check(place: CommentPlace) -> None:
    for name, given in (("subject_id", place.subject_id), ("part_id", place.part_id)):
        if len(given) > _MOST_ID_CHARS or "\0" in given:
            raise InvalidRequest(f"{name} has at most {_MOST_ID_CHARS} characters", param=name)
    if not place.subject_id:
        raise InvalidRequest("say what the comment stands beside", param="subject_id")
    if place.on.has_part is not bool(place.part_id):
        need = "needs" if place.on.has_part else "has no"
        raise InvalidRequest(f"a comment on a {place.on.value.replace('_', ' ')} {need} part_id", param="part_id")
