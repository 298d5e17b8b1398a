"""Rows of what each reviewer has done with what stands in queues."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, delete, exists, func, insert, not_, or_, select, update

from pilothouse.domain.review import ReviewMark, ReviewState
from pilothouse.store.metadata.review_tables import review_items as _items
from pilothouse.store.metadata.review_tables import review_marks as _marks


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Whose turn it is with an item that is not done: a reviewer's, or that of others."""

    reviewer: str
    mine: bool
    """Whether the reviewer may review it: has not, and it is not taken by as many others as it needs."""
    reviewers_per_item: int
    reserved_since_ns: int | None
    """Who has opened an item since then has it; None where nothing is reserved."""


class ReviewMarks:
    """What reviewers have done, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, item_ids: Sequence[str]) -> list[ReviewMark]:
        """Return the marks of some items, the earliest first."""
        found = select(_marks).where(_marks.c.item_id.in_(item_ids)).order_by(_marks.c.at_ns, _marks.c.reviewer)
        return [
            ReviewMark(
                item_id=row["item_id"], reviewer=row["reviewer"], state=ReviewState(row["state"]), at_ns=row["at_ns"]
            )
            for row in self._connection.execute(found).mappings()
        ]  # fmt: skip

    def put(self, item_id: str, marks: Sequence[ReviewMark]) -> None:
        """Write all marks of an item."""
        self._connection.execute(delete(_marks).where(_marks.c.item_id == item_id))
        if marks:
            rows = [{**msgspec.structs.asdict(one), "state": one.state.value} for one in marks]
            self._connection.execute(insert(_marks), rows)

    def settle(self, queue_id: str, reviewers_per_item: int) -> None:
        """Say of every item of a queue anew how far it is, once it needs another number of reviewers."""
        mine = _marks.c.item_id == _items.c.id
        every = select(func.count()).select_from(_marks).where(mine).scalar_subquery()
        done = select(func.count()).select_from(_marks).where(mine, _marks.c.state == ReviewState.DONE.value)
        state = case(
            (done.scalar_subquery() >= reviewers_per_item, ReviewState.DONE.value),
            (every > 0, ReviewState.BEGUN.value),
            else_=ReviewState.WAITING.value,
        )
        self._connection.execute(update(_items).where(_items.c.queue_id == queue_id).values(state=state))


def whose(turn: Turn) -> ColumnElement[bool]:
    """Return the condition of an item that its turn is such."""
    of_item = _marks.c.item_id == _items.c.id
    done = _marks.c.state == ReviewState.DONE.value
    own = exists().where(of_item, _marks.c.reviewer == turn.reviewer, done)
    may = not_(own)
    if turn.reserved_since_ns is not None:
        held = or_(done, and_(_marks.c.state == ReviewState.BEGUN.value, _marks.c.at_ns > turn.reserved_since_ns))
        taken = select(func.count()).select_from(_marks).where(of_item, _marks.c.reviewer != turn.reviewer, held)
        may = and_(may, taken.scalar_subquery() < turn.reviewers_per_item)
    return may if turn.mine else not_(may)
