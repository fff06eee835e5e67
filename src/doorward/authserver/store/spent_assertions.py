"""Signed statements that count once: client assertions, and logout tokens of providers."""

from hashlib import sha256

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.store.schema import spent_assertions


async def claim_assertion(
    connection: AsyncConnection, party: str, jti: str, expires_at: float, now: float
) -> bool:
    """
    Say whether the statement ``jti`` of ``party`` is new, and remember it until ``expires_at``.

    One conditional statement: the primary key decides, so of two requests at once the second fails.
    """
    # With its length, so that another party and another jti cannot give the same text.
    digest = sha256(f"{len(party)}:{party}{jti}".encode()).digest()
    await connection.execute(delete(spent_assertions).where(spent_assertions.c.expires_at < now))
    try:
        await connection.execute(
            insert(spent_assertions).values(digest=digest, expires_at=expires_at)
        )
    except IntegrityError:
        return False
    return True
