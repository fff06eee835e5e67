"""Consents by a digest of whom, which client and where: the parts are too long for an index."""

import json
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_PARTS = ("user_id", "client_id", "redirect_uri", "resource")


def _facts() -> tuple[sa.Column[Any], ...]:
    # Afresh for each table: a column belongs to one.
    return (
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=2048), nullable=False),
        sa.Column("redirect_uri", sa.String(length=2048), nullable=False),
        sa.Column("resource", sa.String(length=2048), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("shown", sa.LargeBinary(length=32), nullable=False),
        sa.Column("given_at", sa.Float(), nullable=False),
    )


def _keyed() -> tuple[sa.Column[Any], ...]:
    return (sa.Column("digest", sa.LargeBinary(length=32), nullable=False), *_facts())


def upgrade() -> None:
    """Make the table anew and carry every consent over."""
    kept = _take_all()
    for consent in kept:
        # Written out here: what the code computes some day must not change what was migrated.
        parts = json.dumps([consent[name] for name in _PARTS])
        consent["digest"] = sha256(parts.encode()).digest()
    _make(sa.PrimaryKeyConstraint("digest"), *_keyed())
    op.create_index("consents_party", "consents", ["user_id", "client_id"], unique=False)
    _put(kept, *_keyed())


def downgrade() -> None:
    """Go back to the four columns as the key."""
    op.drop_index("consents_party", table_name="consents")
    kept = _take_all()
    _make(sa.PrimaryKeyConstraint(*_PARTS), *_facts())
    _put(kept, *_facts())


def _take_all() -> list[dict[str, object]]:
    # Dropped and made again under its own name, in the one transaction that all of this runs in:
    # beside the old table a new one could not have the names of its constraints in PostgreSQL.
    table = sa.table("consents", *(sa.column(fact.name, fact.type) for fact in _facts()))
    kept = [dict(row) for row in op.get_bind().execute(sa.select(table)).mappings()]
    op.drop_table("consents")
    return kept


def _make(key: sa.PrimaryKeyConstraint, *columns: sa.Column[Any]) -> None:
    user = sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE")
    op.create_table("consents", *columns, user, key)


def _put(kept: list[dict[str, object]], *columns: sa.Column[Any]) -> None:
    table = sa.table("consents", *(sa.column(column.name, column.type) for column in columns))
    if kept:
        op.get_bind().execute(sa.insert(table), kept)
