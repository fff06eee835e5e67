"""Users need not have a password."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_HASHES = sa.table("users", sa.column("password_hash"), sa.column("new_password_hash"))
# No argon2 hash: no password matches it.
_NO_PASSWORD = "!"  # noqa: S105


def upgrade() -> None:
    """Let ``password_hash`` be NULL."""
    _replace_column(sa.Column("new_password_hash", sa.Text(), nullable=True))


def downgrade() -> None:
    """Require ``password_hash`` again; users without a password get a hash that nothing matches."""
    has_none = _HASHES.c.password_hash.is_(None)
    op.get_bind().execute(sa.update(_HASHES).where(has_none).values(password_hash=_NO_PASSWORD))
    _replace_column(
        sa.Column("new_password_hash", sa.Text(), nullable=False, server_default=_NO_PASSWORD)
    )


def _replace_column(column: sa.Column[str]) -> None:
    # SQLite cannot change NOT NULL in place. A rebuilt table (Alembic's batch mode) is dropped
    # first, and with foreign keys on, DROP TABLE deletes the rows that refer to it: every session,
    # consent and grant would go.
    op.add_column("users", column)
    copied = sa.update(_HASHES).values(new_password_hash=_HASHES.c.password_hash)
    op.get_bind().execute(copied)
    op.drop_column("users", "password_hash")
    op.alter_column("users", "new_password_hash", new_column_name="password_hash")
