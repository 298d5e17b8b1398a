"""What became of telemetry that was sent, counted by minute."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "receipts",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("minute_ns", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("sdk_name", sa.Text(), nullable=False),
        sa.Column("sdk_version", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "project_id", "minute_ns", "surface", "signal", "sdk_name", "sdk_version", "outcome", "reason",
            name="pk_receipts",
        ),
    )  # fmt: skip
    op.create_index("ix_receipts_minute_ns", "receipts", ["minute_ns"])
