"""Prompts, datasets, experiments and media."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables."""
    _prompts()
    _datasets()
    _dataset_items()
    _experiments()
    _media()


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _prompts() -> None:
    op.create_table(
        "prompts",
        *_texts("id", "project_id", "name", "kind", "description", "tags"),
        *_counts("newest", "given"),
        *_times("created_at_ns", "updated_at_ns"),
        sa.PrimaryKeyConstraint("id", name="pk_prompts"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_prompts_project_id"),
    )
    op.create_index("uq_prompts_project_id_name", "prompts", ["project_id", "name"], unique=True)
    op.create_table(
        "prompt_versions",
        *_texts("prompt_id"),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        *_texts("digest", "parent", "content", "config", "native", "message", "author"),
        *_times("created_at_ns"),
        sa.PrimaryKeyConstraint("prompt_id", "number", name="pk_prompt_versions"),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name="fk_prompt_versions_prompt_id", ondelete="CASCADE"),
    )
    op.create_index("uq_prompt_versions_prompt_id_digest", "prompt_versions", ["prompt_id", "digest"], unique=True)
    op.create_table(
        "prompt_labels",
        *_texts("prompt_id", "label"),
        *_counts("number"),
        sa.PrimaryKeyConstraint("prompt_id", "label", name="pk_prompt_labels"),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name="fk_prompt_labels_prompt_id", ondelete="CASCADE"),
    )


def _datasets() -> None:
    op.create_table(
        "datasets",
        *_texts("id", "project_id", "name", "description", "metadata", "input_schema", "expected_output_schema"),
        *_texts("details"),
        *_counts("version", "item_count"),
        *_times("created_at_ns", "updated_at_ns"),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_datasets_project_id"),
    )
    op.create_index("uq_datasets_project_id_name", "datasets", ["project_id", "name"], unique=True)
    op.create_table(
        "dataset_versions",
        *_texts("dataset_id"),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        *_times("at_ns"),
        *_texts("author"),
        *_counts("added", "changed", "removed"),
        sa.PrimaryKeyConstraint("dataset_id", "number", name="pk_dataset_versions"),
        _of_dataset("dataset_versions"),
    )
    op.create_index("ix_dataset_versions_dataset_id_at_ns", "dataset_versions", ["dataset_id", "at_ns"])
    op.create_table(
        "dataset_tags",
        *_texts("dataset_id", "tag"),
        *_counts("number"),
        sa.PrimaryKeyConstraint("dataset_id", "tag", name="pk_dataset_tags"),
        _of_dataset("dataset_tags"),
    )


def _dataset_items() -> None:
    op.create_table(
        "dataset_items",
        *_texts("dataset_id", "id"),
        sa.Column("from_version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("to_version", sa.Integer()),
        *_texts("project_id", "input", "expected_output", "metadata", "source_trace_id", "source_span_id", "status"),
        *_texts("splits", "attachments"),
        *_times("created_at_ns", "changed_at_ns"),
        sa.PrimaryKeyConstraint("dataset_id", "id", "from_version", name="pk_dataset_items"),
        _of_dataset("dataset_items"),
    )
    op.create_index(
        "uq_dataset_items_current", "dataset_items", ["project_id", "id"], unique=True,
        sqlite_where=sa.text("to_version IS NULL"), postgresql_where=sa.text("to_version IS NULL"),
    )  # fmt: skip


def _of_dataset(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=f"fk_{table}_dataset_id", ondelete="CASCADE")


def _experiments() -> None:
    op.create_table(
        "experiments",
        *_texts("id", "project_id", "dataset_id", "name", "description", "metadata", "details"),
        sa.Column("dataset_version", sa.Integer()),
        *_counts("item_count"),
        *_times("created_at_ns"),
        sa.Column("ended_at_ns", sa.BigInteger()),
        *_times("updated_at_ns"),
        sa.PrimaryKeyConstraint("id", name="pk_experiments"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_experiments_project_id"),
    )
    named = ["project_id", "dataset_id", "name"]
    op.create_index("uq_experiments_project_id_dataset_id_name", "experiments", named, unique=True)
    op.create_table(
        "experiment_items",
        *_texts("experiment_id", "item_id", "trace_id", "id", "span_id"),
        *_times("created_at_ns"),
        sa.PrimaryKeyConstraint("experiment_id", "item_id", "trace_id", name="pk_experiment_items"),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_experiment_items_experiment_id", ondelete="CASCADE"
        ),
    )


def _media() -> None:
    op.create_table(
        "media",
        *_texts("project_id", "id", "sha256", "content_type"),
        *_times("size_bytes"),
        sa.Column("complete", sa.Boolean(), nullable=False),
        *_times("created_at_ns"),
        sa.Column("uploaded_at_ns", sa.BigInteger()),
        sa.PrimaryKeyConstraint("project_id", "id", name="pk_media"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_media_project_id"),
    )
    op.create_table(
        "media_pieces",
        *_texts("project_id", "media_id"),
        sa.Column("n", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "media_id", "n", name="pk_media_pieces"),
    )
    op.create_table(
        "media_links",
        *_texts("project_id", "trace_id", "span_id", "field", "media_id"),
        sa.PrimaryKeyConstraint("project_id", "trace_id", "span_id", "field", "media_id", name="pk_media_links"),
    )
