"""OpenID sign-ins: nonces, when and how users were authenticated, and e-mail addresses of users."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the columns; the addresses of users are known where an identity provider verified one."""
    op.add_column("users", sa.Column("email", sa.Text))
    op.add_column("provider_sessions", sa.Column("auth_time", sa.Float))
    op.add_column("grants", sa.Column("authentication", sa.JSON))
    op.add_column("codes", sa.Column("nonce", sa.Text))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("codes", "nonce")
    op.drop_column("grants", "authentication")
    op.drop_column("provider_sessions", "auth_time")
    op.drop_column("users", "email")
