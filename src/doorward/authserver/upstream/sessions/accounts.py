"""Accounts at identity providers, and the users that they belong to."""

import json
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import insert, select, update

from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import provider_accounts, users
from doorward.authserver.users.users import User, canonical_username, read_user
from doorward.net.clock import Clock

_LONGEST_USERNAME = 200


class ProviderAccounts:
    """The table of accounts at identity providers."""

    def __init__(self, store: Store, settings: AuthServerSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    async def user_of(self, provider: IdentityProvider, account: ProviderAccount) -> User:
        """
        Return the user of an admitted account; a first sign-in adds one.

        Name, scopes and roles follow the account at each sign-in. A user whom an operator has
        disabled stays disabled.

        Raises:
            StoreUnavailable: 503.
        """
        now = self._clock()
        return await self._store.exclusive(
            lambda connection: self.update_user(connection, provider, account, now)
        )

    async def update_user(
        self,
        connection: Connection,
        provider: IdentityProvider,
        account: ProviderAccount,
        now: float,
    ) -> User:
        """Do the same inside the caller's transaction."""
        digest = account_digest(account.issuer, account.subject)
        known = provider_accounts.c.digest == digest
        row = (
            await connection.execute(select(provider_accounts.c.user_id).where(known))
        ).one_or_none()
        values = {
            "display_name": account.name or account.email or account.username,
            "email": account.email,
            "scopes": sorted(provider.scopes_of(account, self._settings.known_scopes)),
            "roles": sorted(provider.roles_of(account)),
        }
        if row is None:
            user_id = str(uuid4())
            username = await _free_username(connection, provider, account)
            await connection.execute(
                insert(users).values(
                    id=user_id, username=username, disabled=False, created_at=now, **values
                )
            )
            await connection.execute(
                insert(provider_accounts).values(
                    digest=digest,
                    user_id=user_id,
                    issuer=account.issuer,
                    subject=account.subject,
                    email=account.email,
                    signed_in_at=now,
                )
            )
        else:
            user_id = row.user_id
            await connection.execute(update(users).where(users.c.id == user_id).values(**values))
            await connection.execute(
                update(provider_accounts).where(known).values(email=account.email, signed_in_at=now)
            )
        found = await read_user(connection, user_id)
        assert found is not None
        return found


def account_digest(issuer: str, subject: str) -> bytes:
    """Return the key of an account: 32 bytes, however long its parts are."""
    return sha256(json.dumps([issuer, subject]).encode()).digest()


async def _free_username(
    connection: Connection, provider: IdentityProvider, account: ProviderAccount
) -> str:
    """
    Return a username that nobody has.

    It is for people to read. It never decides whose account this is: a user of this server may have
    chosen the same name before.
    """
    wanted = canonical_username(f"{provider.name}:{account.username or account.subject}")
    if len(wanted) > _LONGEST_USERNAME - 9 or not wanted.isprintable():
        wanted = f"{provider.name}:{account_digest(account.issuer, account.subject).hex()[:16]}"
    taken = await connection.execute(select(users.c.id).where(users.c.username == wanted))
    return wanted if taken.one_or_none() is None else f"{wanted}:{uuid4().hex[:8]}"
