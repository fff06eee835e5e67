"""The keys under which provider tokens are stored can be rotated."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the key ring; sessions from before have no key, and their users sign in again."""
    op.create_table(
        "sealing_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("retired_at", sa.Float),
    )
    op.add_column(
        "provider_sessions",
        sa.Column("sealing_key_id", sa.String(64), nullable=False, server_default=""),
    )
    op.create_index("provider_sessions_sealing_key", "provider_sessions", ["sealing_key_id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("provider_sessions_sealing_key", "provider_sessions")
    op.drop_column("provider_sessions", "sealing_key_id")
    op.drop_table("sealing_keys")
