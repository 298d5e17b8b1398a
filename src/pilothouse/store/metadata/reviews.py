"""Rows of queues for review and of what stands in them."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from pilothouse.domain.review import Question, ReviewItem, ReviewPlace, ReviewQueue, ReviewState
from pilothouse.store.metadata.access import to_json
from pilothouse.store.metadata.review_marks import Turn, whose
from pilothouse.store.metadata.review_tables import review_items as _items
from pilothouse.store.metadata.review_tables import review_queues as _queues

_PIECE = 500
_rubric = msgspec.json.Decoder(tuple[Question, ...])


class QueueFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which queues to list, the newest first; all that is given must hold."""

    project_id: str
    ids: tuple[str, ...] = ()
    name: str = ""
    part: str = ""
    """Of the name, in any case of its letters."""
    dataset_id: str = ""
    limit: int = 50
    offset: int = 0


class ItemFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items of a queue to list, those first that were added first; all that is given must hold."""

    queue_id: str
    ids: tuple[str, ...] = ()
    span_ids: tuple[str, ...] = ()
    states: tuple[ReviewState, ...] = ()
    sessions: bool | None = None
    """Whether whole sessions are reviewed; None takes both."""
    subject_from_ns: int | None = None
    subject_to_ns: int | None = None
    turn: Turn | None = None
    """Whose turn it is, of items that are not done."""
    reviewed_after_ns: int | None = None
    reviewed_before_ns: int | None = None
    after: tuple[int, str] | None = None
    """When the one behind which they stand was added, and its id."""
    limit: int = 50
    offset: int = 0


class ReviewQueues:
    """The queues, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, wanted: QueueFilter) -> list[ReviewQueue]:
        """Return a page of queues."""
        kept = [_queues.c.project_id == wanted.project_id]
        if wanted.ids:
            kept.append(_queues.c.id.in_(wanted.ids))
        if wanted.name:
            kept.append(_queues.c.name == wanted.name)
        if wanted.part:
            kept.append(func.lower(_queues.c.name).contains(wanted.part.lower(), autoescape=True))
        if wanted.dataset_id:
            kept.append(_queues.c.dataset_id == wanted.dataset_id)
        order = (_queues.c.created_at_ns.desc(), _queues.c.id.desc())
        found = select(_queues).where(*kept).order_by(*order).limit(wanted.limit).offset(wanted.offset)
        return [_queue(row) for row in self._connection.execute(found).mappings()]

    def count(self, project_id: str) -> int:
        """Return how many queues a project has."""
        counted = select(func.count()).select_from(_queues).where(_queues.c.project_id == project_id)
        return self._connection.execute(counted).scalar_one()

    def get(self, project_id: str, queue_id: str, *, to_change: bool = False) -> ReviewQueue | None:
        """Return one; while it is to change, others that want to change it wait."""
        found = select(_queues).where(_queues.c.project_id == project_id, _queues.c.id == queue_id)
        row = self._connection.execute(found.with_for_update() if to_change else found).mappings().one_or_none()
        return _queue(row) if row else None

    def known(self, queue_id: str) -> bool:
        """Return whether a queue of any project has this id."""
        return self._connection.execute(select(_queues.c.id).where(_queues.c.id == queue_id)).first() is not None

    def insert(self, queue: ReviewQueue) -> None:
        """Add one."""
        self._connection.execute(insert(_queues).values(_queue_values(queue)))

    def replace(self, queue: ReviewQueue) -> None:
        """Write every field of one that is there."""
        self._connection.execute(update(_queues).where(_queues.c.id == queue.id).values(_queue_values(queue)))

    def delete(self, queue_id: str) -> None:
        """Remove one with all that stands in it."""
        self._connection.execute(delete(_queues).where(_queues.c.id == queue_id))


class ReviewItems:
    """What stands in queues, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, wanted: ItemFilter) -> list[ReviewItem]:
        """Return a page of items."""
        found = select(_items).where(*_where(wanted)).order_by(_items.c.added_at_ns, _items.c.id)
        rows = self._connection.execute(found.limit(wanted.limit).offset(wanted.offset)).mappings()
        return [_item(row) for row in rows]

    def count(self, wanted: ItemFilter) -> int:
        """Return how many a filter finds on all pages."""
        return self._connection.execute(select(func.count()).select_from(_items).where(*_where(wanted))).scalar_one()

    def sizes(self, queue_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return how many items each of some queues has that are not done, and how many that are."""
        done = func.sum(case((_items.c.state == ReviewState.DONE.value, 1), else_=0))
        counted = select(_items.c.queue_id, func.count(), done).where(_items.c.queue_id.in_(queue_ids))
        rows = self._connection.execute(counted.group_by(_items.c.queue_id))
        return {queue_id: (int(count) - int(over), int(over)) for queue_id, count, over in rows}

    def get(self, project_id: str, item_id: str) -> ReviewItem | None:
        """Return one."""
        found = select(_items).where(_items.c.project_id == project_id, _items.c.id == item_id)
        row = self._connection.execute(found).mappings().one_or_none()
        return _item(row) if row else None

    def at(self, queue_id: str, places: Sequence[ReviewPlace]) -> dict[ReviewPlace, ReviewItem]:
        """Return what stands in a queue of some things."""
        columns = tuple_(_items.c.trace_id, _items.c.span_id, _items.c.session_id)
        found: dict[ReviewPlace, ReviewItem] = {}
        for piece in _pieces(places):
            asked = [(one.trace_id, one.span_id, one.session_id) for one in piece]
            rows = self._connection.execute(select(_items).where(_items.c.queue_id == queue_id, columns.in_(asked)))
            for row in rows.mappings():
                item = _item(row)
                found[item.place] = item
        return found

    def of_traces(self, project_id: str, trace_ids: Sequence[str]) -> list[ReviewItem]:
        """Return what stands in any queue of some traces, those first that were added first."""
        found: list[ReviewItem] = []
        for piece in _pieces(trace_ids):
            wanted = select(_items).where(_items.c.project_id == project_id, _items.c.trace_id.in_(piece))
            found += [_item(row) for row in self._connection.execute(wanted).mappings()]
        return sorted(found, key=lambda one: (one.added_at_ns, one.id))

    def insert(self, items: Sequence[ReviewItem]) -> None:
        """Add some."""
        if items:
            self._connection.execute(insert(_items), [_item_values(one) for one in items])

    def replace(self, item: ReviewItem) -> None:
        """Write every field of one that is there."""
        self._connection.execute(update(_items).where(_items.c.id == item.id).values(_item_values(item)))

    def delete(self, queue_id: str, item_ids: Sequence[str]) -> int:
        """Remove some from a queue and return how many there were."""
        return sum(
            self._connection.execute(
                delete(_items).where(_items.c.queue_id == queue_id, _items.c.id.in_(piece))
            ).rowcount
            for piece in _pieces(item_ids)
        )

    def delete_of_traces(self, project_id: str, trace_ids: Sequence[str]) -> int:
        """Remove what stands in any queue of some traces and return how many there were."""
        return sum(
            self._connection.execute(
                delete(_items).where(_items.c.project_id == project_id, _items.c.trace_id.in_(piece))
            ).rowcount
            for piece in _pieces(trace_ids)
        )

    def delete_of_session(self, project_id: str, session_id: str) -> int:
        """Remove a session as a whole from every queue and return how often it stood in one."""
        gone = (_items.c.project_id == project_id, _items.c.trace_id == "", _items.c.session_id == session_id)
        return self._connection.execute(delete(_items).where(*gone)).rowcount

    def delete_older(self, project_id: str, before_ns: int) -> int:
        """Remove what is of telemetry of before a time and return how many there were."""
        old = (_items.c.project_id == project_id, _items.c.subject_at_ns < before_ns)
        return self._connection.execute(delete(_items).where(*old)).rowcount


def _pieces(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _PIECE):
        yield values[start : start + _PIECE]


def _where(wanted: ItemFilter) -> list[ColumnElement[bool]]:
    where = [_items.c.queue_id == wanted.queue_id]
    lists = {"id": wanted.ids, "span_id": wanted.span_ids, "state": [one.value for one in wanted.states]}
    where += [_items.c[name].in_(values) for name, values in lists.items() if values]
    if wanted.after is not None:
        at_ns, item_id = wanted.after
        later = and_(_items.c.added_at_ns == at_ns, _items.c.id > item_id)
        where.append(or_(_items.c.added_at_ns > at_ns, later))
    if wanted.sessions is not None:
        where.append(_items.c.trace_id == "" if wanted.sessions else _items.c.trace_id != "")
    if wanted.subject_from_ns is not None:
        where.append(_items.c.subject_at_ns >= wanted.subject_from_ns)
    if wanted.subject_to_ns is not None:
        where.append(_items.c.subject_at_ns <= wanted.subject_to_ns)
    if wanted.turn is not None:
        where.append(whose(wanted.turn))
    if wanted.reviewed_after_ns is not None:
        where.append(_items.c.reviewed_at_ns > wanted.reviewed_after_ns)
    if wanted.reviewed_before_ns is not None:
        where.append(_items.c.reviewed_at_ns < wanted.reviewed_before_ns)
    return where


def _queue_values(queue: ReviewQueue) -> dict[str, object]:
    return {**msgspec.structs.asdict(queue), "rubric": to_json(queue.rubric), "details": to_json(queue.details)}


def _queue(row: RowMapping) -> ReviewQueue:
    values: dict[str, Any] = {
        **row, "rubric": _rubric.decode(row["rubric"]), "details": msgspec.json.decode(row["details"]),
    }  # fmt: skip
    return ReviewQueue(**values)


def _item_values(item: ReviewItem) -> dict[str, object]:
    return {**msgspec.structs.asdict(item), "state": item.state.value, "details": to_json(item.details)}


def _item(row: RowMapping) -> ReviewItem:
    values: dict[str, Any] = {
        **row, "state": ReviewState(row["state"]), "details": msgspec.json.decode(row["details"]),
    }  # fmt: skip
    return ReviewItem(**values)
