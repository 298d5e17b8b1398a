"""The table of dashboards; see `tables`."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from pilothouse.store.metadata.tables import metadata

dashboards = Table(
    "dashboards",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("charts", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("updated_at_ns", BigInteger, nullable=False),
    Index("uq_dashboards_project_id_name", "project_id", "name", unique=True),
)
