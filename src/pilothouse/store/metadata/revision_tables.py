"""The table of revisions, beside the others; see `tables`."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from pilothouse.store.metadata.tables import metadata

revisions = Table(
    "revisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_at_ns", BigInteger, nullable=False),
    Column("revision", Text, nullable=False),
    Index("ix_revisions_project_id_requested_at_ns", "project_id", "requested_at_ns"),
    Index("ix_revisions_state", "state"),
)
"""`revision` is the whole order with its progress as JSON; the columns are what is looked for."""
