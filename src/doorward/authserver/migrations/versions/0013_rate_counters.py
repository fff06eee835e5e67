"""Replicas share the counters of rate limits."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the counters; PostgreSQL need not log what may be lost in a crash."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "rate_counters",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        prefixes=["UNLOGGED"] if is_postgresql else [],
    )
    op.create_index("rate_counters_expiry", "rate_counters", ["expires_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("rate_counters_expiry", "rate_counters")
    op.drop_table("rate_counters")
