"""Signed statements that count once: client assertions, and logout tokens of providers."""

from hashlib import sha256

from sqlalchemy import bindparam, delete, insert
from sqlalchemy.exc import IntegrityError

from doorward.authserver.store.connection import Connection
from doorward.authserver.store.schema import spent_assertions

_SPEND = insert(spent_assertions)
# ``Cleanup`` deletes what has expired, but later.
_FORGET = delete(spent_assertions).where(
    spent_assertions.c.digest == bindparam("the_digest"),
    spent_assertions.c.expires_at < bindparam("now"),
)


async def claim_assertion(
    connection: Connection, party: str, jti: str, expires_at: float, now: float
) -> bool:
    """
    Say whether the statement ``jti`` of ``party`` is new, and remember it until ``expires_at``.

    One conditional statement: the primary key decides, so of two requests at once the second fails.
    """
    # With its length, so that another party and another jti cannot give the same text.
    digest = sha256(f"{len(party)}:{party}{jti}".encode()).digest()
    await connection.execute(_FORGET, {"the_digest": digest, "now": now})
    try:
        await connection.execute(_SPEND, {"digest": digest, "expires_at": expires_at})
    except IntegrityError:
        return False
    return True
