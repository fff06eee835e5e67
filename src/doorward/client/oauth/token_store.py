"""Stores tokens by issuer and resource, and registrations by issuer."""

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
    Tokens and registrations, each stored under its issuer.

    ```python
    store = TokenStore(open_store(), account="work")
    for server_url in store.servers():
        print(server_url, store.tokens_for(server_url))
    ```

    A server URL maps to the issuer and the resource of the last sign-in, and these map to the
    tokens. If a server later names another issuer, the old tokens are not used: no issuer ever gets
    what another one issued.

    ``account`` separates the tokens of several accounts at one server. Registrations belong to the
    client, and are shared by all accounts.

    Spec: MCP 2026-07-28 authorization server binding; RFC 6749 §2.2
    """

    def __init__(self, store: Store, account: str | None = None) -> None:
        if account is not None and not _ACCOUNT.fullmatch(account):
            raise ConfigurationError(
                "malformed-account",
                f"{account!r} is not a valid account name.",
                "Use at most 64 letters, digits and . _ @ + -.",
            )
        self._store = store
        # URLs contain no space, so keys with and without an account cannot collide.
        self._suffix = "" if account is None else f" as {account}"
        self.account = account
        self.location = store.location

    def tokens_for(self, server_url: str) -> Tokens | None:
        """Return the tokens for ``server_url``, or ``None``."""
        link = self._store.get(self._server_key(server_url))
        if link is None:
            return None
        issuer, resource = str(link.get("issuer")), str(link.get("resource"))
        record = self._store.get(self._tokens_key(issuer, resource))
        found = Tokens.from_record(record) if record else None
        return found if found and (found.issuer, found.resource) == (issuer, resource) else None

    def save_tokens(self, server_url: str, tokens: Tokens) -> None:
        """Store ``tokens`` for ``server_url``."""
        self._store.put(self._tokens_key(tokens.issuer, tokens.resource), tokens.to_record())
        link = {"issuer": tokens.issuer, "resource": tokens.resource}
        if self._store.get(self._server_key(server_url)) != link:
            self._store.put(self._server_key(server_url), link)

    def delete_tokens(self, server_url: str) -> Tokens | None:
        """Delete the tokens for ``server_url``, and return them."""
        tokens = self.tokens_for(server_url)
        if tokens is not None:
            self._store.delete(self._tokens_key(tokens.issuer, tokens.resource))
        self._store.delete(self._server_key(server_url))
        return tokens

    def servers(self) -> tuple[str, ...]:
        """Return every server with tokens for this account."""
        names = self._store.keys()
        kept = (key for key in names if key.startswith(_SERVER))
        ours = ((key.split(" ", 2), key) for key in kept)
        return tuple(words[1] for words, key in ours if key == self._server_key(words[1]))

    def registration_for(self, issuer: str) -> Registration | None:
        """Return this client's registration at ``issuer``, or ``None``."""
        record = self._store.get(_CLIENT + issuer)
        return Registration.from_record(record, issuer) if record else None

    def save_registration(self, registration: Registration) -> None:
        """Store a registration."""
        self._store.put(_CLIENT + registration.issuer, registration.to_record())

    def delete_registration(self, issuer: str) -> None:
        """Delete the registration at ``issuer``."""
        self._store.delete(_CLIENT + issuer)

    def issuer_of(self, client_id: str) -> str | None:
        """Return the issuer that the user configured for ``client_id``, or ``None``."""
        record = self._store.get(_ISSUER + client_id)
        issuer = record.get("issuer") if record else None
        return issuer if isinstance(issuer, str) else None

    def save_issuer(self, client_id: str, issuer: str) -> None:
        """Store the issuer that the user named for ``client_id``; never one that a server named."""
        if self.issuer_of(client_id) != issuer:
            self._store.put(_ISSUER + client_id, {"issuer": issuer})

    def lock(self, issuer: str, resource: str) -> AbstractAsyncContextManager[None]:
        """Return the lock for refreshing these tokens, across processes."""
        name = hashlib.sha256(self._tokens_key(issuer, resource).encode()).hexdigest()[:16]
        return async_lock(self._store.directory / f"{name}.lock")

    def _server_key(self, server_url: str) -> str:
        return f"{_SERVER}{server_url}{self._suffix}"

    def _tokens_key(self, issuer: str, resource: str) -> str:
        return f"{_TOKENS}{issuer} {resource}{self._suffix}"
