"""The tables of how scores are to be, and of who may give some; see `tables`."""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Table, Text

from pilothouse.store.metadata.tables import metadata

score_configs = Table(
    "score_configs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("least", Float),
    Column("most", Float),
    Column("categories", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("details", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("updated_at_ns", BigInteger, nullable=False),
    Index("ix_score_configs_project_id_name", "project_id", "name"),
)

score_tickets = Table(
    "score_tickets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("key_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Index("ix_score_tickets_project_id_run_id", "project_id", "run_id"),
)

prompt_likes = Table(
    "prompt_likes",
    metadata,
    Column("prompt_id", Text, ForeignKey("prompts.id", ondelete="CASCADE"), primary_key=True),
    Column("actor", Text, primary_key=True),
)
"""Who likes a prompt, as the audit names them."""
