"""Review: queues of what people look at and judge, and what stands in them."""

from enum import StrEnum
from typing import Any

import msgspec


class ReviewState(StrEnum):
    """How far the review of an item is."""

    WAITING = "waiting"
    BEGUN = "begun"
    """Somebody has opened it."""
    DONE = "done"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that reviewers say of each item of a queue."""

    score: str
    """Name of the score that the answer becomes."""
    about: str = ""
    """What reviewers are told about it."""
    required: bool = False
    details: dict[str, Any] = {}
    """What the product that made it keeps with it."""


class ReviewQueue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue, and what its reviewers are asked."""

    id: str
    project_id: str
    name: str
    description: str = ""
    instructions: str = ""
    """For reviewers."""
    rubric: tuple[Question, ...] = ()
    dataset_id: str | None = None
    """Where reviewed items go when nobody says otherwise."""
    reviewers_per_item: int = 1
    """How many have to be done with an item before it is."""
    reservation_s: int | None = None
    """For how long an item that somebody has opened is theirs; None reserves nothing."""
    details: dict[str, Any] = {}
    """What the product that made it keeps with it."""
    created_by: str
    """As the audit names them."""
    created_at_ns: int
    updated_at_ns: int


class ReviewPlace(msgspec.Struct, frozen=True):
    """What is reviewed: a trace, a span of it, or a session as a whole; what it is not is empty."""

    trace_id: str = ""
    span_id: str = ""
    session_id: str = ""


class ReviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in a queue, which stands there once."""

    id: str
    project_id: str
    queue_id: str
    trace_id: str = ""
    span_id: str = ""
    session_id: str = ""
    subject_at_ns: int
    """When what is reviewed began, for retention."""
    state: ReviewState = ReviewState.WAITING
    added_by: str
    """As the audit names them."""
    added_at_ns: int
    """Decides the order: first come, first reviewed."""
    reviewed_by: str = ""
    """Who changed the state last."""
    reviewed_at_ns: int | None = None
    details: dict[str, Any] = {}
    """What the product that added it keeps with it, such as its own ids."""

    @property
    def place(self) -> ReviewPlace:
        """What is reviewed."""
        return ReviewPlace(self.trace_id, self.span_id, self.session_id)


class ReviewMark(msgspec.Struct, frozen=True, kw_only=True):
    """How far one reviewer is with an item: has opened it, or is done."""

    item_id: str
    reviewer: str
    """As the audit names them."""
    state: ReviewState
    at_ns: int
