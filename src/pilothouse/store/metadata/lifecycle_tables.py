"""The tables of exports, retention and deletions, beside the others."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint

from pilothouse.store.metadata.tables import metadata

exports = Table(
    "exports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("through_ns", BigInteger, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("lease_until_ns", BigInteger, nullable=False),
    Column("spec", Text, nullable=False),
    UniqueConstraint("project_id", "name"),
)
"""`spec` is the whole export as JSON; the columns are what is looked for or changes."""

export_runs = Table(
    "export_runs",
    metadata,
    Column("export_id", Text, ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True),
    Column("from_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("to_ns", BigInteger, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("run", Text, nullable=False),
)
"""One row a window, so that no window is written twice."""

retentions = Table(
    "retentions",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("kept", Text, nullable=False),
)

deletions = Table(
    "deletions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_at_ns", BigInteger, nullable=False),
    Column("lease_until_ns", BigInteger, nullable=False),
    Column("deletion", Text, nullable=False),
    Index("ix_deletions_project_id_requested_at_ns", "project_id", "requested_at_ns"),
    Index("ix_deletions_state", "state"),
)

removed_traces = Table(
    "removed_traces",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("removed_at_ns", BigInteger, nullable=False, index=True),
    Column("until_ns", BigInteger, nullable=False, index=True),
)
"""Keyed hashes, so that late words of a removed trace are known without its id."""
