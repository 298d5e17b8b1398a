"""Since when media stand in a trace, so that they go with it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the column; what stands somewhere already has done so since it was announced."""
    op.add_column("media_links", sa.Column("linked_at_ns", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE media_links SET linked_at_ns = (SELECT media.created_at_ns FROM media"
        " WHERE media.project_id = media_links.project_id AND media.id = media_links.media_id)"
    )
    op.create_index("ix_media_links_project_id_media_id", "media_links", ["project_id", "media_id"])
    op.create_index("ix_media_links_project_id_linked_at_ns", "media_links", ["project_id", "linked_at_ns"])
