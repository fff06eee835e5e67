"""The list of revoked tokens and grants whose access tokens have not expired."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path

from sqlalchemy import Insert, select
from sqlalchemy.dialects import postgresql, sqlite

from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.database_url import parse_database_url
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import revoked_tokens
from doorward.net.clock import Clock
from doorward.tokens import Revocations

# Resource servers accept a token for a while after its end, because clocks differ.
LATE = 600.0
# What fits into the memory of a guard. Beyond it, guards answer 503.
MOST = 100_000
# For how many seconds a guard in the same process uses its last list. Calls must go on while PostgreSQL
# fails over, which takes half a minute; a file that cannot be read will not come back by itself.
_TRUSTED_FOR = {"sqlite": 10.0, "postgresql": 60.0}


def _add(statement: postgresql.Insert | sqlite.Insert) -> Insert:
    changed = {"expires_at": statement.excluded["expires_at"]}
    return statement.on_conflict_do_update(index_elements=["token_id"], set_=changed)


_ADD = {
    "postgresql": _add(postgresql.insert(revoked_tokens)),
    "sqlite": _add(sqlite.insert(revoked_tokens)),
}


class RevokedTokens:
    """
    Read which tokens an authorization server has revoked, from its database.

    ```python
    revoked = RevokedTokens("sqlite:///doorward.db")
    issuer = TrustedIssuer(
        issuer="https://login.example",
        audience="https://mcp.example/mcp",
        revocations=Revocations(revoked.read),
    )
    await revoked.aclose()
    ```

    For a guard in another process: ``Revocations(RevokedTokens(database_url).read)``. It never
    writes, and needs no secret.
    """

    def __init__(
        self,
        database_url: str,
        *,
        database_password_file: Path | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._store = Store(database_url, database_password_file)
        self._clock = clock

    async def read(self) -> frozenset[str]:
        """
        Return the ids of revoked tokens (``jti``) and grants (``jti`` up to its first dot).

        Raises:
            StoreUnavailable: 503, the database cannot be read.
        """
        return await read_revoked(self._store, self._clock())

    async def aclose(self) -> None:
        """Close every connection."""
        await self._store.aclose()


def revocations_of(
    read: Callable[[], Awaitable[Collection[str]]], database_url: str | None, clock: Clock
) -> Revocations:
    """Return the revocations for a guard in the process of the authorization server."""
    engine = parse_database_url(database_url).get_backend_name() if database_url else "sqlite"
    return Revocations(read, clock=clock, trusted_for=_TRUSTED_FOR[engine])


async def read_revoked(store: Store, now: float) -> frozenset[str]:
    """
    Return the ids of revoked tokens and grants that have not expired.

    Raises:
        StoreUnavailable: 503; also when there are more than ``MOST``.
    """
    alive = select(revoked_tokens.c.token_id).where(revoked_tokens.c.expires_at > now - LATE)
    async with store.reading() as connection:
        found = (await connection.execute(alive.limit(MOST + 1))).scalars().all()
    # A truncated list would let revoked tokens in.
    if len(found) > MOST:
        raise StoreUnavailable(f"more than {MOST} revoked tokens")
    return frozenset(found)


async def add_revoked_tokens(connection: Connection, until: Mapping[str, float]) -> None:
    """Add ids to the list until their tokens expire."""
    for token_id, expires_at in until.items():
        row = {"token_id": token_id, "expires_at": expires_at}
        await connection.execute(_ADD[connection.dialect.name], row)
