"""The browsers in which somebody has signed in, and until when a grant's access tokens live."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_GRANTS = sa.table("grants", sa.column("tokens_until", sa.Float()))


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "known_browsers",
        sa.Column("id_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("signed_in_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id_hash", "user_id"),
    )
    op.create_index("known_browsers_expiry", "known_browsers", ["expires_at"], unique=False)
    op.create_index("known_browsers_user", "known_browsers", ["user_id"], unique=False)
    op.add_column("grants", sa.Column("tokens_until", sa.Float(), nullable=True))
    # Tokens that are out already live for a day at most.
    op.get_bind().execute(sa.update(_GRANTS).values(tokens_until=time.time() + 86400))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("grants", "tokens_until")
    op.drop_index("known_browsers_user", table_name="known_browsers")
    op.drop_index("known_browsers_expiry", table_name="known_browsers")
    op.drop_table("known_browsers")
