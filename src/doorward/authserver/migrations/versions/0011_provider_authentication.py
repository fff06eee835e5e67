"""Sessions at a provider keep how the user was authenticated there."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns; of older sessions nobody knows it."""
    op.add_column("provider_sessions", sa.Column("acr", sa.Text))
    op.add_column("provider_sessions", sa.Column("amr", sa.JSON))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("provider_sessions", "amr")
    op.drop_column("provider_sessions", "acr")
