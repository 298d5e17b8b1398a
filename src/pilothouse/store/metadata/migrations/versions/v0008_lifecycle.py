"""Exports and their runs, retention by project, deletions and the marks of removed traces."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the tables."""
    _exports()
    _removals()


def _exports() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("through_ns", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("lease_until_ns", sa.BigInteger(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        sa.UniqueConstraint("project_id", "name", name="uq_exports_project_id_name"),
    )
    op.create_index("ix_exports_project_id", "exports", ["project_id"])
    op.create_table(
        "export_runs",
        sa.Column("export_id", sa.Text(), nullable=False),
        sa.Column("from_ns", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("to_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("export_id", "from_ns", name="pk_export_runs"),
        sa.ForeignKeyConstraint(["export_id"], ["exports.id"], name="fk_export_runs_export_id", ondelete="CASCADE"),
    )
    op.create_index("ix_export_runs_state", "export_runs", ["state"])


def _removals() -> None:
    op.create_table(
        "retentions",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="pk_retentions"),
    )
    op.create_table(
        "deletions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_ns", sa.BigInteger(), nullable=False),
        sa.Column("deletion", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletions"),
    )
    op.create_index("ix_deletions_project_id_requested_at_ns", "deletions", ["project_id", "requested_at_ns"])
    op.create_index("ix_deletions_state", "deletions", ["state"])
    op.create_table(
        "removed_traces",
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("removed_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_removed_traces"),
    )
    op.create_index("ix_removed_traces_removed_at_ns", "removed_traces", ["removed_at_ns"])
    op.create_index("ix_removed_traces_until_ns", "removed_traces", ["until_ns"])
