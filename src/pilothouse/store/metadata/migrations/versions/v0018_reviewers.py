"""Several reviewers of one item, and what each of them has done."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Create the table; whoever reviewed an item last is its one reviewer."""
    op.add_column("review_queues", sa.Column("reviewers_per_item", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("review_queues", sa.Column("reservation_s", sa.Integer()))
    op.create_table(
        "review_marks",
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["review_items.id"], name="fk_review_marks_item_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_id", "reviewer", name="pk_review_marks"),
    )
    op.execute(
        "INSERT INTO review_marks (item_id, reviewer, state, at_ns) SELECT id, reviewed_by, state, "
        "COALESCE(reviewed_at_ns, added_at_ns) FROM review_items WHERE state <> 'waiting' AND reviewed_by <> ''"
    )
    _reserve()


def _reserve() -> None:
    """Say in the column for how long a queue reserves, where only its maker's product did."""
    queues = sa.table("review_queues", sa.column("id"), sa.column("details"), sa.column("reservation_s"))
    connection = op.get_bind()
    for queue_id, text in connection.execute(sa.select(queues.c.id, queues.c.details)).all():
        details = json.loads(text)
        if details.get("enable_reservations") is True:
            minutes = details.get("reservation_minutes")
            found = minutes if isinstance(minutes, int) and 0 < minutes <= 1440 else 1
            connection.execute(sa.update(queues).where(queues.c.id == queue_id).values(reservation_s=60 * found))
