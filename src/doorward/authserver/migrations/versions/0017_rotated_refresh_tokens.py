"""Rotated refresh tokens are deleted soon; an index finds them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"

_ROTATED = sa.text("rotated_at IS NOT NULL")


def upgrade() -> None:
    """Index the tokens that were rotated."""
    op.create_index(
        "refresh_tokens_rotated",
        "refresh_tokens",
        ["rotated_at"],
        sqlite_where=_ROTATED,
        postgresql_where=_ROTATED,
    )


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("refresh_tokens_rotated", "refresh_tokens")
