"""Headers that an operator has sent with every call of a provider account."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; accounts that are there send none."""
    op.add_column("accounts", sa.Column("headers", sa.Text(), nullable=False, server_default="[]"))
