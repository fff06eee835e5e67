"""Authorization transactions: requests that wait for sign-in and consent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, String, and_, bindparam, insert, or_, select, update

from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.keys.secrets import hash_secret, new_secret
from doorward.authserver.refusals import FormRefused
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import transactions
from doorward.authserver.users.cookies import Browser
from doorward.net.clock import CLOCK_SKEW, Clock
from doorward.operations.story.notes import note_authorization, note_tie

_OPEN = (
    transactions.c.handle_hash == bindparam("handle"),
    transactions.c.browser_hash == bindparam("browser"),
    transactions.c.finished_at.is_(None),
    transactions.c.expires_at > bindparam("now"),
    # A clock that is set back by more than a minute must not revive old requests.
    transactions.c.created_at <= bindparam("not_after"),
)
_CREATE = insert(transactions)
_SIGN_IN = update(transactions).where(*_OPEN).values(user_id=bindparam("the_user"))
_CONSENT = update(transactions).where(*_OPEN).values(consent=bindparam("the_consent"))
_FORGET = update(transactions).where(*_OPEN).values(user_id=None, consent=None)
_FIND = select(transactions).where(*_OPEN)
_USER = bindparam("the_user", type_=String)
_CLAIM = (
    update(transactions)
    .where(
        *_OPEN,
        or_(
            transactions.c.user_id == _USER, and_(transactions.c.user_id.is_(None), _USER.is_(None))
        ),
    )
    .values(finished_at=bindparam("now"))
    .returning(transactions.c.handle_hash)
)


@dataclass(frozen=True, kw_only=True)
class PriorConsent:
    """
    What was agreed to in this browser before the redirect to an identity provider.

    ``client_digest`` is that of the client as the page showed it.
    """

    scopes: frozenset[str]
    client_digest: str

    def to_json(self) -> dict[str, Any]:
        """Return the consent as a JSON object."""
        return {"scopes": sorted(self.scopes), "client": self.client_digest}

    @classmethod
    def from_json(cls, document: dict[str, Any] | None) -> "PriorConsent | None":
        """Return the consent that ``to_json`` wrote."""
        if document is None:
            return None
        return cls(scopes=frozenset(document["scopes"]), client_digest=document["client"])


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """
    An authorization request in progress; ``user_id`` is the user who signed in for it.

    ``consent`` was given before the user was known.
    """

    handle: str
    request: AuthorizationRequest
    user_id: str | None
    consent: PriorConsent | None = None

    def __repr__(self) -> str:
        return f"Transaction(client_id={self.request.client_id!r})"


class Transactions:
    """The table of transactions, each bound to the browser in which it began."""

    def __init__(self, store: Store, settings: AuthServerSettings, clock: Clock) -> None:
        self._store = store
        self._life = settings.lifetimes.transaction
        self._clock = clock

    async def create(
        self, authorization: AuthorizationRequest, browser: Browser, user_id: str | None
    ) -> Transaction:
        """Store a request, and return it with its handle."""
        handle = new_secret()
        now = self._clock()
        row = {
            "handle_hash": hash_secret(handle),
            "browser_hash": browser.digest,
            "request": authorization.to_json(),
            "user_id": user_id,
            "created_at": now,
            "expires_at": now + self._life,
        }
        await self._store.write(lambda connection: connection.execute(_CREATE, row))
        note_tie("transaction", handle)
        note_authorization(authorization.scopes, authorization.redirect_uri)
        return Transaction(handle=handle, request=authorization, user_id=user_id)

    async def find(self, handle: str, browser: Browser) -> Transaction:
        """
        Return the unfinished transaction of this browser.

        Raises:
            FormRefused: 403.
        """
        which = _open_at(handle, browser, self._clock())
        found = await self._store.read(lambda connection: connection.execute(_FIND, which))
        row = found.one_or_none()
        if row is None:
            raise FormRefused("no such transaction in this browser, or it is over")
        note_tie("transaction", handle)
        return Transaction(
            handle=handle,
            request=AuthorizationRequest.from_json(row.request),
            user_id=row.user_id,
            consent=PriorConsent.from_json(row.consent),
        )

    async def set_user(self, handle: str, browser: Browser, user_id: str) -> None:
        """
        Set the user who signed in for the transaction.

        Raises:
            FormRefused: 403, the transaction was finished meanwhile.
        """
        await self._update(_SIGN_IN, handle, browser, the_user=user_id)

    async def set_consent(
        self, handle: str, browser: Browser, scopes: Iterable[str], client_digest: bytes
    ) -> None:
        """
        Store what was agreed to before the redirect to an identity provider.

        Raises:
            FormRefused: 403, the transaction was finished meanwhile.
        """
        given = PriorConsent(scopes=frozenset(scopes), client_digest=client_digest.hex())
        await self._update(_CONSENT, handle, browser, the_consent=given.to_json())

    async def forget_sign_in(self, handle: str, browser: Browser) -> None:
        """
        Remove user and consent from the transaction: somebody else is about to sign in.

        Raises:
            FormRefused: 403, the transaction was finished meanwhile.
        """
        await self._update(_FORGET, handle, browser)

    async def _update(
        self, change: Executable, handle: str, browser: Browser, **values: Any
    ) -> None:
        values |= _open_at(handle, browser, self._clock())
        changed = await self._store.write(lambda connection: connection.execute(change, values))
        if changed.rowcount != 1:
            raise FormRefused("the transaction is over")

    async def claim(
        self, connection: Connection, handle: str, browser: Browser, user_id: str | None
    ) -> None:
        """
        Finish the transaction, once, inside the caller's database transaction.

        ``user_id`` is ``None`` if nobody has signed in for it.

        One conditional statement: of two clicks on Allow, in two processes, one finds a row.

        Raises:
            FormRefused: 403, the transaction is finished, expired, or another user's.
        """
        which = _open_at(handle, browser, self._clock())
        claimed = await connection.execute(_CLAIM, {**which, "the_user": user_id})
        if claimed.one_or_none() is None:
            raise FormRefused("the transaction was answered already, or is over")


def _open_at(handle: str, browser: Browser, now: float) -> dict[str, Any]:
    """Return the parameters of ``_OPEN``."""
    return {
        "handle": hash_secret(handle),
        "browser": browser.digest,
        "now": now,
        "not_after": now + CLOCK_SKEW,
    }
