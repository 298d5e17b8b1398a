"""Comments: what people write beside traces, sessions, prompts and items of datasets."""

from enum import StrEnum

import msgspec


class CommentOn(StrEnum):
    """What a comment stands beside."""

    TRACE = "trace"
    SPAN = "span"
    SESSION = "session"
    PROMPT = "prompt"
    DATASET_ITEM = "dataset_item"

    @property
    def has_part(self) -> bool:
        """Whether a place needs `part_id` besides `subject_id`."""
        return self in (CommentOn.SPAN, CommentOn.PROMPT, CommentOn.DATASET_ITEM)

    @property
    def in_trace(self) -> bool:
        """Whether it goes when its trace goes."""
        return self in (CommentOn.TRACE, CommentOn.SPAN)


class CommentPlace(msgspec.Struct, frozen=True):
    """Where a comment stands."""

    on: CommentOn
    subject_id: str
    """The id of the trace (of a span, too), session, prompt or dataset."""
    part_id: str = ""
    """The id of the span, the number of the prompt's version, or the id of the item."""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """One comment."""

    id: str
    project_id: str
    on: CommentOn
    subject_id: str
    part_id: str
    text: str
    """Markdown."""
    author: str
    """As the audit names them."""
    author_name: str
    """As they were called when they wrote it."""
    subject_at_ns: int
    """When what it stands beside was, for retention; of what is no telemetry, when the comment was written."""
    created_at_ns: int
    edited_at_ns: int | None = None
    resolved_at_ns: int | None = None
    resolved_by: str = ""
    """Empty while it is open."""
