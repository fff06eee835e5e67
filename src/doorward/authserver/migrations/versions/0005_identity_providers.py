"""Users can sign in at identity providers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables of accounts, sign-ins and sessions at identity providers."""
    op.add_column("sessions", sa.Column("provider_session_id", sa.String(64)))
    op.add_column("transactions", sa.Column("consent", sa.JSON))
    op.add_column("grants", sa.Column("provider_session_id", sa.String(64)))
    op.create_index("grants_provider_session", "grants", ["provider_session_id"])
    op.create_table(
        "provider_accounts",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column(
            "user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("signed_in_at", sa.Float, nullable=False),
    )
    op.create_index("provider_accounts_user", "provider_accounts", ["user_id"])
    op.create_table(
        "provider_logins",
        sa.Column("state_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("sealed_leg", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("claimed_at", sa.Float),
    )
    op.create_index("provider_logins_expiry", "provider_logins", ["expires_at"])
    op.create_table(
        "provider_sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column(
            "user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sid", sa.Text),
        sa.Column("sealed_tokens", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("checked_at", sa.Float, nullable=False),
        sa.Column("check_due_at", sa.Float, nullable=False),
        sa.Column("refreshing_until", sa.Float),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("ended_for", sa.String(64)),
    )
    op.create_index("provider_sessions_user", "provider_sessions", ["user_id"])
    op.create_index("provider_sessions_expiry", "provider_sessions", ["expires_at"])


def downgrade() -> None:
    """Drop them; users of identity providers stay, and cannot sign in."""
    for table in ("provider_sessions", "provider_logins", "provider_accounts"):
        op.drop_table(table)
    op.drop_index("grants_provider_session", "grants")
    op.drop_column("grants", "provider_session_id")
    op.drop_column("transactions", "consent")
    op.drop_column("sessions", "provider_session_id")
