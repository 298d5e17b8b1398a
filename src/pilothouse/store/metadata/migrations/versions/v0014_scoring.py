"""How scores are to be, leave to give some, and likes of prompts."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "score_configs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("least", sa.Float()),
        sa.Column("most", sa.Float()),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("created_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_score_configs_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_score_configs"),
    )
    op.create_index("ix_score_configs_project_id_name", "score_configs", ["project_id", "name"])
    op.create_table(
        "score_tickets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("created_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_score_tickets_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_score_tickets"),
    )
    op.create_index("ix_score_tickets_project_id_run_id", "score_tickets", ["project_id", "run_id"])
    op.create_table(
        "prompt_likes",
        sa.Column("prompt_id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name="fk_prompt_likes_prompt_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("prompt_id", "actor", name="pk_prompt_likes"),
    )
