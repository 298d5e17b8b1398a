"""Share links to dashboards, with what they show."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the columns; the links that there are lead to traces."""
    op.add_column("shares", sa.Column("kind", sa.Text(), nullable=False, server_default="trace"))
    op.add_column("shares", sa.Column("dashboard_id", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("shares", sa.Column("board", sa.Text()))
