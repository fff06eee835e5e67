"""What this user holds: tokens by issuer and resource, registrations by issuer."""

import hashlib
import re
from contextlib import AbstractAsyncContextManager

from doorward.client.oauth.registration import Registration
from doorward.client.oauth.tokens import Tokens
from doorward.client.storage.lock import async_lock
from doorward.client.storage.store import Store
from doorward.errors import ConfigurationError

_ACCOUNT = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_SERVER, _TOKENS, _CLIENT, _ISSUER = "server ", "tokens ", "client ", "issuer of "


class TokenStore:
    """
    Tokens and registrations, each under the issuer that gave it.

    A server's address leads to the pair of issuer and resource that it had at the last sign-in,
    and that pair to the tokens. When a server begins to name another issuer, the old pair is not
    asked, so nothing of one issuer is ever offered to another.

    ``account`` is the name under which tokens are kept for a user of several accounts; the tokens
    of one are not seen by another. Registrations belong to this client, whoever signs in.

    Spec: MCP 2026-07-28 authorization server binding; RFC 6749 §2.2
    """

    def __init__(self, store: Store, account: str | None = None) -> None:
        if account is not None and not _ACCOUNT.fullmatch(account):
            raise ConfigurationError(
                "malformed-account",
                f"{account!r} cannot be the name of an account.",
                "Use letters, digits and . _ @ + -, at most 64.",
            )
        self._store = store
        # No URL holds a space, so neither a server nor a pair is ever taken for an account's.
        self._suffix = "" if account is None else f" as {account}"
        self.account = account
        self.location = store.location

    def tokens_for(self, server_url: str) -> Tokens | None:
        """Return the tokens that ``server_url`` was last signed in with, or ``None``."""
        link = self._store.get(self._server_key(server_url))
        if link is None:
            return None
        issuer, resource = str(link.get("issuer")), str(link.get("resource"))
        record = self._store.get(self._tokens_key(issuer, resource))
        found = Tokens.from_record(record) if record else None
        return found if found and (found.issuer, found.resource) == (issuer, resource) else None

    def save_tokens(self, server_url: str, tokens: Tokens) -> None:
        """Keep ``tokens``, and remember that they are the ones for ``server_url``."""
        self._store.put(self._tokens_key(tokens.issuer, tokens.resource), tokens.to_record())
        link = {"issuer": tokens.issuer, "resource": tokens.resource}
        if self._store.get(self._server_key(server_url)) != link:
            self._store.put(self._server_key(server_url), link)

    def delete_tokens(self, server_url: str) -> Tokens | None:
        """Forget the tokens of ``server_url`` and return what they were."""
        tokens = self.tokens_for(server_url)
        if tokens is not None:
            self._store.delete(self._tokens_key(tokens.issuer, tokens.resource))
        self._store.delete(self._server_key(server_url))
        return tokens

    def servers(self) -> tuple[str, ...]:
        """Return every server that this account was signed in to."""
        names = self._store.keys()
        kept = (key for key in names if key.startswith(_SERVER))
        ours = ((key.split(" ", 2), key) for key in kept)
        return tuple(words[1] for words, key in ours if key == self._server_key(words[1]))

    def registration_for(self, issuer: str) -> Registration | None:
        """Return how this client is known to ``issuer``, or ``None``."""
        record = self._store.get(_CLIENT + issuer)
        return Registration.from_record(record, issuer) if record else None

    def save_registration(self, registration: Registration) -> None:
        """Keep how this client is known to an issuer."""
        self._store.put(_CLIENT + registration.issuer, registration.to_record())

    def delete_registration(self, issuer: str) -> None:
        """Forget how this client is known to ``issuer``."""
        self._store.delete(_CLIENT + issuer)

    def issuer_of(self, client_id: str) -> str | None:
        """Return the issuer that the user said gave out ``client_id``, or ``None``."""
        record = self._store.get(_ISSUER + client_id)
        issuer = record.get("issuer") if record else None
        return issuer if isinstance(issuer, str) else None

    def save_issuer(self, client_id: str, issuer: str) -> None:
        """Keep the user's word that ``issuer`` gave out ``client_id``; a server's is never kept."""
        if self.issuer_of(client_id) != issuer:
            self._store.put(_ISSUER + client_id, {"issuer": issuer})

    def lock(self, issuer: str, resource: str) -> AbstractAsyncContextManager[None]:
        """Return the lock under which the tokens of this pair are refreshed, across processes."""
        name = hashlib.sha256(self._tokens_key(issuer, resource).encode()).hexdigest()[:16]
        return async_lock(self._store.directory / f"{name}.lock")

    def _server_key(self, server_url: str) -> str:
        return f"{_SERVER}{server_url}{self._suffix}"

    def _tokens_key(self, issuer: str, resource: str) -> str:
        return f"{_TOKENS}{issuer} {resource}{self._suffix}"
