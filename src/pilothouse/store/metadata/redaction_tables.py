"""The table of redaction policies; see `tables`."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Table, Text

from pilothouse.store.metadata.tables import metadata

redaction_policies = Table(
    "redaction_policies",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("policy", Text, nullable=False),
    Column("changed_at_ns", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
