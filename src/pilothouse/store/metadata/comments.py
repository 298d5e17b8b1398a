"""Rows of comments."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, case, delete, func, insert, select, update

from pilothouse.domain.comment import Comment, CommentOn
from pilothouse.store.metadata.team_tables import comments as _comments

_PIECE = 1_000
_IN_TRACE = tuple(one.value for one in CommentOn if one.in_trace)


class CommentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which comments; what is empty is no condition."""

    project_id: str
    on: tuple[CommentOn, ...] = ()
    subject_id: str = ""
    part_id: str = ""
    author_name: str = ""
    newest_first: bool = False
    limit: int = 50
    offset: int = 0


class CommentCount(msgspec.Struct, frozen=True):
    """How many comments stand beside something."""

    subject_id: str
    part_id: str
    """Empty for the whole."""
    count: int
    open: int
    """Those that are not resolved."""


class Comments:
    """The comments, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, wanted: CommentFilter) -> tuple[list[Comment], int]:
        """Return comments in the order in which they were written, and how many there are on all pages."""
        where = _where(wanted)
        order = (_comments.c.created_at_ns, _comments.c.id)
        found = (
            select(_comments).where(*where).order_by(*(one.desc() for one in order) if wanted.newest_first else order)
        )
        rows = self._connection.execute(found.limit(wanted.limit).offset(wanted.offset)).mappings()
        total = self._connection.execute(select(func.count()).select_from(_comments).where(*where)).scalar_one()
        return [_comment(row) for row in rows], total

    def counts(self, project_id: str, on: Sequence[CommentOn], subject_ids: Sequence[str]) -> list[CommentCount]:
        """Return how many comments stand beside each of some subjects and its parts; those without are left out."""
        open_ones = func.sum(case((_comments.c.resolved_at_ns.is_(None), 1), else_=0))
        place = (_comments.c.subject_id, _comments.c.part_id)
        found = (
            select(*place, func.count().label("count"), open_ones.label("open"))
            .where(
                _comments.c.project_id == project_id,
                _comments.c.subject_id.in_(subject_ids),
                _comments.c.on.in_([one.value for one in on]),
            )
            .group_by(*place)
            .order_by(*place)
        )
        rows = self._connection.execute(found).mappings()
        return [CommentCount(row["subject_id"], row["part_id"], row["count"], int(row["open"])) for row in rows]

    def get(self, project_id: str, comment_id: str) -> Comment | None:
        """Return one comment."""
        found = select(_comments).where(_comments.c.project_id == project_id, _comments.c.id == comment_id)
        row = self._connection.execute(found).mappings().one_or_none()
        return _comment(row) if row else None

    def insert(self, comment: Comment) -> None:
        """Add a comment."""
        self._connection.execute(insert(_comments).values(_values(comment)))

    def replace(self, comment: Comment) -> None:
        """Write every field of a comment that exists."""
        self._connection.execute(update(_comments).where(_comments.c.id == comment.id).values(_values(comment)))

    def delete(self, comment_id: str) -> None:
        """Remove a comment."""
        self._connection.execute(delete(_comments).where(_comments.c.id == comment_id))

    def delete_of(self, project_id: str, on: Sequence[CommentOn], subject_ids: Sequence[str], part_id: str = "") -> int:
        """Remove what stands beside some subjects, or one part of each, and return how many there were."""
        count = 0
        kinds = [one.value for one in on]
        for start in range(0, len(subject_ids), _PIECE):
            beside = _comments.c.subject_id.in_(subject_ids[start : start + _PIECE])
            gone = [_comments.c.project_id == project_id, _comments.c.on.in_(kinds), beside]
            if part_id:
                gone.append(_comments.c.part_id == part_id)
            count += self._connection.execute(delete(_comments).where(*gone)).rowcount
        return count

    def older(self, project_id: str, before_ns: int) -> int:
        """Return how many comments stand beside telemetry of before a time."""
        counted = select(func.count()).select_from(_comments).where(*_older(project_id, before_ns))
        return self._connection.execute(counted).scalar_one()

    def delete_older(self, project_id: str, before_ns: int) -> int:
        """Remove the comments beside telemetry of before a time and return how many there were."""
        return self._connection.execute(delete(_comments).where(*_older(project_id, before_ns))).rowcount


def _older(project_id: str, before_ns: int) -> tuple[ColumnElement[bool], ...]:
    kept = (*_IN_TRACE, CommentOn.SESSION.value)
    return (
        _comments.c.project_id == project_id,
        _comments.c.on.in_(kept),
        _comments.c.subject_at_ns < before_ns,
    )


def _where(wanted: CommentFilter) -> list[ColumnElement[bool]]:
    where = [_comments.c.project_id == wanted.project_id]
    if wanted.on:
        where.append(_comments.c.on.in_([one.value for one in wanted.on]))
    given = {"subject_id": wanted.subject_id, "part_id": wanted.part_id, "author_name": wanted.author_name}
    return where + [_comments.c[name] == value for name, value in given.items() if value]


def _values(comment: Comment) -> dict[str, object]:
    return {**msgspec.structs.asdict(comment), "on": comment.on.value}


def _comment(row: RowMapping) -> Comment:
    values: dict[str, Any] = {**row, "on": CommentOn(row["on"])}
    return Comment(**values)
