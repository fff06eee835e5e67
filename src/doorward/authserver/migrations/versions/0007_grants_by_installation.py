"""Grants say to which installation they belong, and when it was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; nothing is known about existing grants."""
    op.add_column("grants", sa.Column("client_name", sa.Text(), nullable=True))
    op.add_column("grants", sa.Column("browser", sa.String(length=40), nullable=True))
    op.add_column("grants", sa.Column("last_used_at", sa.Float(), nullable=True))


def downgrade() -> None:
    """Drop them."""
    for column in ("last_used_at", "browser", "client_name"):
        op.drop_column("grants", column)
