"""The tables of saved views, share links and comments; see `tables`."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, text

from pilothouse.store.metadata.tables import metadata

saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("list", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("updated_at_ns", BigInteger, nullable=False),
    Index("uq_saved_views_name", "project_id", "list", "owner", "name", unique=True),
)

first_views = Table(
    "first_views",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id"), primary_key=True),
    Column("person", Text, primary_key=True),
    Column("list", Text, primary_key=True),
    Column("view_id", Text, ForeignKey("saved_views.id", ondelete="CASCADE"), nullable=False, index=True),
)
"""With which view a list opens for somebody."""

shares = Table(
    "shares",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="trace"),
    Column("trace_id", Text, nullable=False),
    Column("dashboard_id", Text, nullable=False, server_default=text("''")),
    Column("near_ns", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("bodies", Boolean, nullable=False),
    Column("board", Text),
    Column("created_by", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("revoked_at_ns", BigInteger),
    Column("opened", Integer, nullable=False),
    Column("opened_at_ns", BigInteger),
    Index("ix_shares_project_id_trace_id", "project_id", "trace_id"),
)

sharing_policies = Table(
    "sharing_policies",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id"), primary_key=True),
    Column("allowed", Boolean, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at_ns", BigInteger, nullable=False),
)

comments = Table(
    "comments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("on", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("part_id", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("author_name", Text, nullable=False),
    Column("subject_at_ns", BigInteger, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("edited_at_ns", BigInteger),
    Column("resolved_at_ns", BigInteger),
    Column("resolved_by", Text, nullable=False),
    Index("ix_comments_project_id_subject_id", "project_id", "subject_id"),
    Index("ix_comments_project_id_subject_at_ns", "project_id", "subject_at_ns"),
)
