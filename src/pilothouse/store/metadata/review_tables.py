"""The tables of queues for review and of what stands in them; see `tables`."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from pilothouse.store.metadata.tables import metadata

review_queues = Table(
    "review_queues",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("instructions", Text, nullable=False),
    Column("rubric", Text, nullable=False),
    Column("dataset_id", Text, ForeignKey("datasets.id", ondelete="SET NULL")),
    Column("reviewers_per_item", Integer, nullable=False, server_default="1"),
    Column("reservation_s", Integer),
    Column("details", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("updated_at_ns", BigInteger, nullable=False),
    Index("ix_review_queues_project_id_name", "project_id", "name"),
    Index("ix_review_queues_dataset_id", "dataset_id"),
)

review_items = Table(
    "review_items",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("queue_id", Text, ForeignKey("review_queues.id", ondelete="CASCADE"), nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("span_id", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("subject_at_ns", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at_ns", BigInteger, nullable=False),
    Column("reviewed_by", Text, nullable=False),
    Column("reviewed_at_ns", BigInteger),
    Column("details", Text, nullable=False),
    Index("uq_review_items_place", "queue_id", "trace_id", "span_id", "session_id", unique=True),
    Index("ix_review_items_queue_id_added_at_ns", "queue_id", "added_at_ns", "id"),
    Index("ix_review_items_project_id_trace_id", "project_id", "trace_id"),
)
"""A thing stands in a queue once; the queue is read by the time at which things were added."""

review_marks = Table(
    "review_marks",
    metadata,
    Column("item_id", Text, ForeignKey("review_items.id", ondelete="CASCADE"), primary_key=True),
    Column("reviewer", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
)
"""What each reviewer has done with an item; the item's own state follows from it."""
