"""Sessions at a provider are found by its own ids, for back-channel logout."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("provider_sessions_subject", "provider_sessions", ["subject"])
    op.create_index("provider_sessions_sid", "provider_sessions", ["sid"])


def downgrade() -> None:
    """Drop the indexes."""
    op.drop_index("provider_sessions_sid", "provider_sessions")
    op.drop_index("provider_sessions_subject", "provider_sessions")
