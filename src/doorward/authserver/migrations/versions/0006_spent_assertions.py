"""Client assertions are accepted once."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table of assertions that were used."""
    op.create_table(
        "spent_assertions",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_index("spent_assertions_expiry", "spent_assertions", ["expires_at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("spent_assertions")
