"""Queues for review: made and changed by those who may write, filled by applications and people, and worked off."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import new_id
from pilothouse.domain.review import Question, ReviewItem, ReviewMark, ReviewPlace, ReviewQueue, ReviewState
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.registry import naming
from pilothouse.registry.datasets import found_dataset
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.review_marks import Turn
from pilothouse.store.metadata.reviews import ItemFilter, QueueFilter

MOST_AT_ONCE = 1_000
"""Items that are added or removed by one request."""
_MOST_QUEUES = 2_000
_MOST_QUESTIONS = 100
_MOST_REVIEWERS = 50
_LONGEST_S = 86_400


class NewQueue(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a queue."""

    name: str
    id: str = ""
    """Made here when empty."""
    description: str = ""
    instructions: str = ""
    rubric: Sequence[Question] = ()
    dataset: str = ""
    """Id or name of the dataset where reviewed items go when nobody says otherwise."""
    reviewers_per_item: int = 1
    reservation_s: int | None = None
    details: dict[str, Any] = {}


class QueueChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be new of a queue; what is unset stays as it is."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    rubric: Sequence[Question] | UnsetType = UNSET
    dataset: str | UnsetType | None = UNSET
    """None for no dataset."""
    reviewers_per_item: int | UnsetType = UNSET
    """How far its items are follows anew from what reviewers have done."""
    reservation_s: int | UnsetType | None = UNSET
    """None to reserve nothing."""
    details: dict[str, Any] | UnsetType = UNSET


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be reviewed."""

    place: ReviewPlace
    at_ns: int
    """When it began."""
    details: dict[str, Any] = {}


class ItemChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be new of an item; what is unset stays as it is."""

    added_at_ns: int | UnsetType = UNSET
    """Moves it in the order of its queue."""
    reviewed_at_ns: int | UnsetType | None = UNSET


class Sizes(msgspec.Struct, frozen=True):
    """How many items a queue has."""

    open: int = 0
    done: int = 0


class Reviews:
    """The queues of all projects.

    What stands in them is not in the audit: applications fill them as they run, and each item says itself who added
    and who reviewed it. Methods raise `InvalidRequest` with the field, `NotFound`, `Conflict`, and what `Metadata`
    raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._writer = Writer(metadata, clock)

    async def queues(self, wanted: QueueFilter) -> list[ReviewQueue]:
        """Return a page of queues, the newest first."""
        return await self._metadata.read(lambda tx: tx.review_queues.page(wanted))

    async def sizes(self, queue_ids: Sequence[str]) -> Mapping[str, Sizes]:
        """Return how many items each of some queues has."""
        found = await self._metadata.read(lambda tx: tx.review_items.sizes(queue_ids))
        return {one: Sizes(*found.get(one, (0, 0))) for one in queue_ids}

    async def queue(self, project_id: str, queue_id: str) -> ReviewQueue:
        """Return one queue."""
        return await self._metadata.read(lambda tx: _queue(tx, project_id, queue_id))

    async def create(self, project_id: str, new: NewQueue, *, actor: str) -> ReviewQueue:
        """Make a queue; raises `Conflict` when its id is taken."""
        now_ns = self._clock.now_ns()
        queue = ReviewQueue(
            id=naming.new_id(new.id) if new.id else new_id(), project_id=project_id, name=naming.name(new.name),
            description=naming.description(new.description),
            instructions=naming.description(new.instructions, "instructions"), rubric=_rubric(new.rubric),
            reviewers_per_item=_reviewers(new.reviewers_per_item), reservation_s=_reservation(new.reservation_s),
            details=new.details, created_by=actor, created_at_ns=now_ns, updated_at_ns=now_ns,
        )  # fmt: skip

        def work(tx: Transaction) -> Outcome[ReviewQueue]:
            if tx.review_queues.known(queue.id):
                raise Conflict(f"there is a queue {queue.id[:80]!r} already")
            if tx.review_queues.count(project_id) >= _MOST_QUEUES:
                raise InvalidRequest(f"a project has at most {_MOST_QUEUES} queues")
            made = msgspec.structs.replace(queue, dataset_id=_dataset(tx, project_id, new.dataset))
            tx.review_queues.insert(made)
            return Outcome(made)

        return await self._writer.change(work, _change(actor, "review_queue.create", queue.id, {"name": queue.name}))

    async def change(self, project_id: str, queue_id: str, change: QueueChange, *, actor: str) -> ReviewQueue:
        """Change a queue; what stands in it stays."""
        now_ns = self._clock.now_ns()
        values = {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not UNSET}
        asked = values.pop("dataset", UNSET)
        if "name" in values:
            values["name"] = naming.name(values["name"])
        for name in {"description", "instructions"} & set(values):
            values[name] = naming.description(values[name], name)
        for name in _CHECKS.keys() & values.keys():
            values[name] = _CHECKS[name](values[name])

        def work(tx: Transaction) -> Outcome[ReviewQueue]:
            before = _queue(tx, project_id, queue_id, to_change=True)
            if asked is not UNSET:
                values["dataset_id"] = _dataset(tx, project_id, asked)
            after = msgspec.structs.replace(before, **values)
            if after == before:
                return Outcome(before, changed=False)
            after = msgspec.structs.replace(after, updated_at_ns=now_ns)
            tx.review_queues.replace(after)
            if after.reviewers_per_item != before.reviewers_per_item:
                tx.review_marks.settle(queue_id, after.reviewers_per_item)
            return Outcome(after)

        detail = {"changed": sorted(values)}
        return await self._writer.change(work, _change(actor, "review_queue.change", queue_id, detail))

    async def delete(self, project_id: str, queue_id: str, *, actor: str) -> None:
        """Delete a queue with all that stands in it; traces and scores stay."""

        def work(tx: Transaction) -> Outcome[None]:
            tx.review_queues.delete(_queue(tx, project_id, queue_id).id)
            return Outcome(None)

        await self._writer.change(work, _change(actor, "review_queue.delete", queue_id, {}))

    async def add(self, project_id: str, queue_id: str, subjects: Sequence[Subject], *, actor: str) -> list[ReviewItem]:
        """Put things into a queue and return their items; what stands in it already stays as it is."""
        if len(subjects) > MOST_AT_ONCE:
            raise InvalidRequest(f"at most {MOST_AT_ONCE} items are added at once")
        now_ns = self._clock.now_ns()
        wanted = {one.place: one for one in subjects}

        def work(tx: Transaction) -> list[ReviewItem]:
            # whoever fills the same queue waits, so that nothing is added twice
            _queue(tx, project_id, queue_id, to_change=True)
            held = tx.review_items.at(queue_id, list(wanted))
            made = {
                place: ReviewItem(
                    id=new_id(), project_id=project_id, queue_id=queue_id, trace_id=place.trace_id,
                    span_id=place.span_id, session_id=place.session_id, subject_at_ns=one.at_ns, added_by=actor,
                    # things that are added together keep their order
                    added_at_ns=now_ns + number, details=one.details,
                )
                for number, (place, one) in enumerate(wanted.items())
                if place not in held
            }  # fmt: skip
            tx.review_items.insert(list(made.values()))
            found = {**held, **made}
            return [found[place] for place in wanted]

        return await self._metadata.write(work)

    async def items(self, project_id: str, wanted: ItemFilter) -> list[ReviewItem]:
        """Return a page of what stands in a queue, those first that were added first."""

        def work(tx: Transaction) -> list[ReviewItem]:
            _queue(tx, project_id, wanted.queue_id)
            return tx.review_items.page(wanted)

        return await self._metadata.read(work)

    async def count(self, project_id: str, wanted: ItemFilter) -> int:
        """Return how many items a filter finds on all pages."""

        def work(tx: Transaction) -> int:
            _queue(tx, project_id, wanted.queue_id)
            return tx.review_items.count(wanted)

        return await self._metadata.read(work)

    async def item(self, project_id: str, item_id: str) -> ReviewItem:
        """Return one item of any queue."""
        return await self._metadata.read(lambda tx: _item(tx, project_id, item_id))

    async def of_traces(self, project_id: str, trace_ids: Iterable[str]) -> list[ReviewItem]:
        """Return what stands in any queue of some traces, those first that were added first."""
        wanted = sorted(set(trace_ids))
        return await self._metadata.read(lambda tx: tx.review_items.of_traces(project_id, wanted))

    async def move(self, project_id: str, item_id: str, change: ItemChange) -> ReviewItem:
        """Change where an item stands in its queue, or when it was reviewed last."""
        values = {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not UNSET}

        def work(tx: Transaction) -> ReviewItem:
            after = msgspec.structs.replace(_item(tx, project_id, item_id), **values)
            tx.review_items.replace(after)
            return after

        return await self._metadata.write(work)

    async def mark(self, project_id: str, item_id: str, state: ReviewState, *, actor: str) -> ReviewItem:
        """Say how far an actor is with an item; it is done once as many as its queue asks for are.

        Where one review is enough, the last word counts, whoever says it. Raises `Conflict` for an actor who begins
        what others have reserved.
        """
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> ReviewItem:
            before = _item(tx, project_id, item_id)
            # whoever reviews in the same queue waits, so that nobody's word is lost
            queue = _queue(tx, project_id, before.queue_id, to_change=True)
            others = [one for one in tx.review_marks.of([item_id]) if one.reviewer != actor]
            if state is ReviewState.BEGUN:
                _check_free(queue, others, now_ns)
            marks = others if queue.reviewers_per_item > 1 else []
            if state is not ReviewState.WAITING:
                marks = [*marks, ReviewMark(item_id=item_id, reviewer=actor, state=state, at_ns=now_ns)]
            tx.review_marks.put(item_id, marks)
            after = msgspec.structs.replace(
                before, state=_state(queue, marks), reviewed_by=actor,
                reviewed_at_ns=now_ns if state is not ReviewState.WAITING else marks[-1].at_ns if marks else None,
            )  # fmt: skip
            tx.review_items.replace(after)
            return after

        return await self._metadata.write(work)

    async def marks(self, queue: ReviewQueue, item_ids: Sequence[str]) -> Mapping[str, list[ReviewMark]]:
        """Return by item who is done with it and who has it reserved now."""
        since_ns = _reserved_since(queue, self._clock.now_ns())
        found: dict[str, list[ReviewMark]] = {}
        for one in await self._metadata.read(lambda tx: tx.review_marks.of(item_ids)):
            if one.state is ReviewState.DONE or (since_ns is not None and one.at_ns > since_ns):
                found.setdefault(one.item_id, []).append(one)
        return found

    def turn(self, queue: ReviewQueue, reviewer: str, *, mine: bool) -> Turn:
        """Return the filter of items whose turn is a reviewer's now, or that of others."""
        return Turn(
            reviewer=reviewer, mine=mine, reviewers_per_item=queue.reviewers_per_item,
            reserved_since_ns=_reserved_since(queue, self._clock.now_ns()),
        )  # fmt: skip

    async def remove(self, project_id: str, queue_id: str, item_ids: Sequence[str]) -> int:
        """Take items out of a queue and return how many there were."""

        def work(tx: Transaction) -> int:
            _queue(tx, project_id, queue_id)
            return tx.review_items.delete(queue_id, item_ids)

        return await self._metadata.write(work)


def _change(actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> Change:
    return Change(actor, action, subject, detail, for_gateway=False)


def _queue(tx: Transaction, project_id: str, queue_id: str, *, to_change: bool = False) -> ReviewQueue:
    found = tx.review_queues.get(project_id, queue_id, to_change=to_change)
    if found is None:
        raise NotFound(f"there is no queue {queue_id[:80]!r} in this project")
    return found


def _item(tx: Transaction, project_id: str, item_id: str) -> ReviewItem:
    found = tx.review_items.get(project_id, item_id)
    if found is None:
        raise NotFound(f"there is no item {item_id[:80]!r} in the queues of this project")
    return found


def _dataset(tx: Transaction, project_id: str, said: str | None) -> str | None:
    return found_dataset(tx, project_id, said).id if said else None


def _reserved_since(queue: ReviewQueue, now_ns: int) -> int | None:
    return None if queue.reservation_s is None else now_ns - queue.reservation_s * 10**9


def _check_free(queue: ReviewQueue, others: Sequence[ReviewMark], now_ns: int) -> None:
    since_ns = _reserved_since(queue, now_ns)
    if since_ns is None:
        return
    done = [one for one in others if one.state is ReviewState.DONE]
    having = [one for one in others if one.state is ReviewState.BEGUN and one.at_ns > since_ns]
    if having and len(done) + len(having) >= queue.reviewers_per_item:
        raise Conflict(f"the item is being reviewed by {', '.join(one.reviewer for one in having)}")


def _state(queue: ReviewQueue, marks: Sequence[ReviewMark]) -> ReviewState:
    if sum(one.state is ReviewState.DONE for one in marks) >= queue.reviewers_per_item:
        return ReviewState.DONE
    return ReviewState.BEGUN if marks else ReviewState.WAITING


def _reviewers(given: int) -> int:
    if not 1 <= given <= _MOST_REVIEWERS:
        raise InvalidRequest(f"an item has 1 to {_MOST_REVIEWERS} reviewers", param="reviewers_per_item")
    return given


def _reservation(given: int | None) -> int | None:
    if given is not None and not 1 <= given <= _LONGEST_S:
        raise InvalidRequest(f"a reservation lasts at most {_LONGEST_S // 60} minutes", param="reservation_s")
    return given


def _rubric(given: Sequence[Question]) -> tuple[Question, ...]:
    if len(given) > _MOST_QUESTIONS:
        raise InvalidRequest(f"a queue asks at most {_MOST_QUESTIONS} things", param="rubric")
    found = tuple(
        msgspec.structs.replace(
            one, score=naming.name(one.score, "rubric"), about=naming.description(one.about, "rubric")
        )
        for one in given
    )
    if len({one.score for one in found}) < len(found):
        raise InvalidRequest("a queue asks for each score once", param="rubric")
    return found


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "rubric": _rubric, "reviewers_per_item": _reviewers, "reservation_s": _reservation,
}  # fmt: skip
