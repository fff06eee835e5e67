"""Users can connect accounts at identity providers, for the tools of a server."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the tables of connected accounts, and of the links that connect them."""
    op.create_table(
        "provider_connections",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column(
            "user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("resource", sa.String(2048), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("sealed_tokens", sa.LargeBinary, nullable=False),
        sa.Column("sealing_key_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("last_used_at", sa.Float),
        sa.Column("check_due_at", sa.Float, nullable=False),
        sa.Column("refreshing_until", sa.Float),
    )
    op.create_index("provider_connections_user", "provider_connections", ["user_id"])
    op.create_index("provider_connections_sealing_key", "provider_connections", ["sealing_key_id"])
    op.create_table(
        "connect_links",
        sa.Column("handle_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column(
            "user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("resource", sa.String(2048), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("claimed_at", sa.Float),
    )
    op.create_index("connect_links_user", "connect_links", ["user_id"])
    op.create_index("connect_links_expiry", "connect_links", ["expires_at"])


def downgrade() -> None:
    """Drop them; the providers keep the tokens until their users end them there."""
    op.drop_table("connect_links")
    op.drop_table("provider_connections")
