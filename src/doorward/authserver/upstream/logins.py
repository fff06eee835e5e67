"""Sign-ins in progress at a provider: each has a state, one browser and one transaction."""

import json
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from doorward.authserver.keys.secrets import derive, hash_secret, new_secret, seal, unseal
from doorward.authserver.refusals import FormRefused
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import provider_logins
from doorward.authserver.upstream.id_tokens.reauthentication import Reauthentication
from doorward.authserver.upstream.provider_client import AuthorizationLeg
from doorward.authserver.users.cookies import Browser
from doorward.net.clock import CLOCK_SKEW, Clock

# Ten minutes are enough for a password and a second factor.
LIFETIME = 600.0
_PURPOSE = "doorward provider sign-in"
_CREATE = insert(provider_logins)


@dataclass(frozen=True, kw_only=True)
class ProviderLogin:
    """A sign-in in progress: the transaction that it is for, and what the redirect is bound to."""

    transaction: str
    leg: AuthorizationLeg

    def __repr__(self) -> str:
        return "ProviderLogin()"


class ProviderLogins:
    """The table of sign-ins in progress."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def begin(
        self,
        provider: str,
        browser: Browser,
        transaction: str,
        redirect_uri: str,
        prompt: str | None = None,
        reauthentication: Reauthentication | None = None,
    ) -> ProviderLogin:
        """Store a sign-in with a fresh state, nonce and verifier, and return it."""
        leg = AuthorizationLeg(
            state=new_secret(),
            nonce=new_secret(),
            verifier=new_secret(),
            redirect_uri=redirect_uri,
            prompt=prompt,
            reauthentication=reauthentication,
        )
        kept = {
            "transaction": transaction,
            "nonce": leg.nonce,
            "verifier": leg.verifier,
            "prompt": leg.prompt,
            "reauthentication": reauthentication and reauthentication.to_json(),
        }
        now = self._clock()
        row = {
            "state_hash": hash_secret(leg.state),
            "provider": provider,
            "browser_hash": browser.digest,
            # Whoever reads the database does not get the verifier: its key is the state.
            "sealed_leg": seal(derive(leg.state, _PURPOSE), json.dumps(kept).encode(), provider),
            "created_at": now,
            "expires_at": now + LIFETIME,
        }
        await self._store.write(lambda connection: connection.execute(_CREATE, row))
        return ProviderLogin(transaction=transaction, leg=leg)

    async def claim(
        self, provider: str, browser: Browser, state: str, redirect_uri: str
    ) -> ProviderLogin:
        """
        Return the sign-in of this state, once, before anything is sent to the provider.

        One conditional statement: of two callbacks with one state, in two processes, one finds a
        row. The state must be of this provider (another one's code must not be sent to it) and of
        this browser (an attacker could finish a sign-in in a victim's browser, and be taken for the
        victim from then on).

        Raises:
            FormRefused: 403.

        Spec: RFC 9700 §4.4, §4.7
        """
        now = self._clock()
        table = provider_logins.c
        claim = (
            update(provider_logins)
            .where(
                table.state_hash == hash_secret(state),
                table.provider == provider,
                table.browser_hash == browser.digest,
                table.claimed_at.is_(None),
                table.expires_at > now,
                table.created_at <= now + CLOCK_SKEW,
            )
            .values(claimed_at=now)
            .returning(table.sealed_leg)
        )
        claimed = await self._store.write(lambda connection: connection.execute(claim))
        row = claimed.one_or_none()
        opened = None if row is None else unseal(derive(state, _PURPOSE), row.sealed_leg, provider)
        if opened is None:
            raise FormRefused(f"no sign-in at {provider!r} with this state in this browser")
        kept = json.loads(opened)
        handle, again = kept.pop("transaction"), kept.pop("reauthentication", None)
        leg = AuthorizationLeg(
            state=state,
            redirect_uri=redirect_uri,
            reauthentication=again and Reauthentication(**again),
            **kept,
        )
        return ProviderLogin(transaction=handle, leg=leg)

    async def interrupted(self, provider: str, browser: Browser, state: str) -> str | None:
        """
        Return the transaction of a sign-in whose state was claimed before in this browser.

        The process that claimed it may have died before it could answer, and the browser comes again.
        """
        table = provider_logins.c
        async with self._store.reading() as connection:
            found = await connection.execute(
                select(table.sealed_leg).where(
                    table.state_hash == hash_secret(state),
                    table.provider == provider,
                    table.browser_hash == browser.digest,
                    table.claimed_at.is_not(None),
                    table.expires_at > self._clock(),
                )
            )
            row = found.one_or_none()
        opened = None if row is None else unseal(derive(state, _PURPOSE), row.sealed_leg, provider)
        return None if opened is None else str(json.loads(opened)["transaction"])
