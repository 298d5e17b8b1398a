"""The tables of prompts, datasets, experiments and media.

Documents of any shape are JSON text; times are nanoseconds since the epoch.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from pilothouse.store.metadata.tables import metadata

prompts = Table(
    "prompts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("newest", Integer, nullable=False),
    Column("given", Integer, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("updated_at_ns", BigInteger, nullable=False),
    Index("uq_prompts_project_id_name", "project_id", "name", unique=True),
)

prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("prompt_id", Text, ForeignKey("prompts.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("native", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Index("uq_prompt_versions_prompt_id_digest", "prompt_id", "digest", unique=True),
)

prompt_labels = Table(
    "prompt_labels",
    metadata,
    Column("prompt_id", Text, ForeignKey("prompts.id", ondelete="CASCADE"), primary_key=True),
    Column("label", Text, primary_key=True),
    Column("number", Integer, nullable=False),
)
"""`latest` is not among them: it is always the newest."""

datasets = Table(
    "datasets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("input_schema", Text, nullable=False),
    Column("expected_output_schema", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("item_count", Integer, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("updated_at_ns", BigInteger, nullable=False),
    Index("uq_datasets_project_id_name", "project_id", "name", unique=True),
)

dataset_versions = Table(
    "dataset_versions",
    metadata,
    Column("dataset_id", Text, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("added", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Index("ix_dataset_versions_dataset_id_at_ns", "dataset_id", "at_ns"),
)

dataset_tags = Table(
    "dataset_tags",
    metadata,
    Column("dataset_id", Text, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("number", Integer, nullable=False),
)

dataset_items = Table(
    "dataset_items",
    metadata,
    Column("dataset_id", Text, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("from_version", Integer, primary_key=True, autoincrement=False),
    Column("to_version", Integer),
    Column("project_id", Text, nullable=False),
    Column("input", Text, nullable=False),
    Column("expected_output", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("source_trace_id", Text, nullable=False),
    Column("source_span_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("splits", Text, nullable=False),
    Column("attachments", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("changed_at_ns", BigInteger, nullable=False),
)
"""One row for each form of an item: it holds from one version until before another, or until now."""

Index(
    "uq_dataset_items_current",
    dataset_items.c.project_id,
    dataset_items.c.id,
    unique=True,
    sqlite_where=text("to_version IS NULL"),
    postgresql_where=text("to_version IS NULL"),
)

experiments = Table(
    "experiments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("dataset_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("dataset_version", Integer),
    Column("item_count", Integer, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("ended_at_ns", BigInteger),
    Column("updated_at_ns", BigInteger, nullable=False),
    Index("uq_experiments_project_id_dataset_id_name", "project_id", "dataset_id", "name", unique=True),
)

experiment_items = Table(
    "experiment_items",
    metadata,
    Column("experiment_id", Text, ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("trace_id", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("span_id", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
)

media = Table(
    "media",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("uploaded_at_ns", BigInteger),
)
"""Not complete before its whole body has come."""

media_pieces = Table(
    "media_pieces",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("media_id", Text, primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

media_links = Table(
    "media_links",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("trace_id", Text, primary_key=True),
    Column("span_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("media_id", Text, primary_key=True),
    Column("linked_at_ns", BigInteger, nullable=False, server_default="0"),
    Index("ix_media_links_project_id_media_id", "project_id", "media_id"),
    Index("ix_media_links_project_id_linked_at_ns", "project_id", "linked_at_ns"),
)
"""Where media stand: in which field of which trace or span, and since when."""
