"""Provider tokens that ended wait here until the provider has revoked them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"


def upgrade() -> None:
    """Add the table, and how the user of a connection was authenticated at the provider."""
    op.create_table(
        "ended_provider_tokens",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("sealed_tokens", sa.LargeBinary, nullable=False),
        sa.Column("sealing_key_id", sa.String(64), nullable=False),
        sa.Column("retry_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_index("ended_provider_tokens_retry", "ended_provider_tokens", ["retry_at"])
    op.create_index("ended_provider_tokens_expiry", "ended_provider_tokens", ["expires_at"])
    op.create_index(
        "ended_provider_tokens_sealing_key", "ended_provider_tokens", ["sealing_key_id"]
    )
    for column in (sa.Column("sid", sa.Text), sa.Column("acr", sa.Text), sa.Column("amr", sa.JSON)):
        op.add_column("provider_connections", column)
    op.create_index("provider_connections_subject", "provider_connections", ["subject"])


def downgrade() -> None:
    """Drop them; tokens that wait stay valid at the provider until they expire there."""
    op.drop_index("provider_connections_subject", "provider_connections")
    with op.batch_alter_table("provider_connections") as batch:
        for column in ("sid", "acr", "amr"):
            batch.drop_column(column)
    op.drop_table("ended_provider_tokens")
