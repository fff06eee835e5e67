"""Equal metadata of registered clients is one row."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_CLIENTS = sa.table("clients", sa.column("origin", sa.String()))


def upgrade() -> None:
    """Add the digest; clients with IDs of the earlier form must register again."""
    _forget_registrations()
    op.add_column("clients", sa.Column("digest", sa.LargeBinary(length=32), nullable=True))
    op.create_index("clients_digest", "clients", ["digest"], unique=True)


def downgrade() -> None:
    """Drop it; registered clients must register again."""
    _forget_registrations()
    op.drop_index("clients_digest", table_name="clients")
    op.drop_column("clients", "digest")


def _forget_registrations() -> None:
    op.get_bind().execute(sa.delete(_CLIENTS).where(_CLIENTS.c.origin == "registered"))
