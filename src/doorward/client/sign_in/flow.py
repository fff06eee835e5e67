"""The sign-in of a user: discovery, registration, authorization, refresh, revocation."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl

import anyio.to_thread
import httpx2

from doorward.client.http.http_client import HttpClient
from doorward.client.http.url_policy import PinnedTransport, UrlPolicy
from doorward.client.oauth.authorization import (
    AuthorizationRequest,
    validate_authorization_response,
)
from doorward.client.oauth.discovery import (
    BearerChallenge,
    DiscoveredIssuer,
    discover,
    fetch_server_metadata,
    requested_scopes,
)
from doorward.client.oauth.dpop import DpopProver
from doorward.client.oauth.registration import ClientConfig, Registration, preconfigured, register
from doorward.client.oauth.token_endpoint import (
    exchange_code,
    exchange_grant,
    exchange_refresh_token,
    revoke_tokens,
)
from doorward.client.oauth.token_store import TokenStore
from doorward.client.oauth.tokens import Tokens
from doorward.client.refusals import ProtocolBroken, SignInFailed
from doorward.client.sign_in.browser import open_browser, require_web_address
from doorward.client.sign_in.listener import Listener
from doorward.client.sign_in.pasted_redirect import PastedRedirect, ReadRedirectUrl
from doorward.client.sign_in.pre_registered import timed_out_hint, with_stored_parts
from doorward.client.storage.open_store import open_store
from doorward.jose.private_key import PrivateKey
from doorward.wire.oauth.server_metadata import ServerMetadata

Progress = Callable[[str, str], None]
Browser = Callable[[str], object]

# The server no longer knows the client id, for example after a restart. A new registration helps;
# with the old one, the user would be locked out until they delete a file.
_OFFLINE = frozenset({"offline_access"})
_UNKNOWN_CLIENT_ERRORS = frozenset({"invalid-client", "unauthorized-client"})


def _silent(_step: str, _detail: str) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """
    Signs a user in to an MCP server, through the browser.

    ```python
    sign_in = SignIn.for_server("https://mcp.example/mcp", browser=print, prompt="select_account")
    auth = OAuth("https://mcp.example/mcp", sign_in)
    ```

    ``browser`` is called with the authorization URL, in a thread: it can open or print it.
    ``progress`` is called with the name and the detail of each finished step:
    ``resource``, ``issuer``, ``client``, ``browser``, ``answer``, ``tokens``. ``timeout`` is how
    long to wait for the person, in seconds. ``port`` is where to listen, for authorization servers that
    know one exact redirect URI; 0 is the port of the last time, or any free one. With ``paste``
    there is no listener, and the user pastes the redirect URL. ``prompt`` is passed on to the
    authorization server, ``select_account`` for example.
    """

    token_store: TokenStore
    http_client: HttpClient
    client_config: ClientConfig = field(default_factory=ClientConfig)
    browser: Browser = open_browser
    progress: Progress = _silent
    clock: Callable[[], float] = time.time
    timeout: float = 300.0
    port: int = 0
    paste: ReadRedirectUrl | None = None
    prompt: str | None = None
    needs_user: ClassVar[bool] = True

    @classmethod
    def for_server(cls, server_url: str, **options: Any) -> Self:
        """
        Return a sign-in to ``server_url`` with the user's token store and a pinned transport.

        Raises:
            DiscoveryFailed: ``server_url`` is not https, or not a valid URL.
        """
        token_store = options.pop("token_store", None) or TokenStore(open_store())
        url_policy = UrlPolicy(server_url)
        # ``OAuth(url)`` has no close method, so no connection is kept open.
        http_client = HttpClient(url_policy, PinnedTransport(url_policy, keep_alive=False))
        return cls(token_store=token_store, http_client=http_client, **options)

    def tokens_for(self, server_url: str) -> Tokens | None:
        """Return the stored tokens for ``server_url``, or ``None``."""
        return self.token_store.tokens_for(server_url)

    async def sign_in(
        self,
        server_url: str,
        challenge: BearerChallenge,
        *,
        wanted: frozenset[str] | None = None,
        held: frozenset[str] = frozenset(),
    ) -> Tokens:
        """
        Sign in to ``server_url``, store the tokens and return them.

        ``wanted`` are scopes that the user chose; ``held`` are added to those of the challenge.

        Raises:
            ClientRefused: discovery, registration or authorization failed; the class says which.

        Spec: MCP 2026-07-28 authorization flow steps
        """
        found = await discover(self.http_client, server_url, challenge, self.client_config.issuer)
        self.progress("resource", found.resource.resource_name or found.resource.resource)
        self.progress("issuer", found.server.issuer)
        # A service needs no offline_access: it signs in again for the next token.
        offline = self.needs_user
        scopes = requested_scopes(challenge, found, wanted=wanted, held=held, offline=offline)
        for last in (False, True):
            try:
                tokens = await self._authorize(found, scopes, self._prover(found, challenge))
                break
            except SignInFailed as refusal:
                if not last and refusal.reason == "not-allowed" and scopes >= _OFFLINE:
                    # Offered to all, and refused to this account once everything else was done.
                    scopes -= _OFFLINE
                elif last or not await self._forget_unknown_client(refusal, found.server.issuer):
                    raise
        # In a thread, as every write: it may wait for another process, which the loop must not.
        await anyio.to_thread.run_sync(self.token_store.save_tokens, server_url, tokens)
        self.progress("tokens", " ".join(sorted(tokens.scopes)))
        return tokens

    async def refresh(self, server_url: str, old: Tokens) -> Tokens:
        """
        Return tokens newer than ``old``: stored by another process, or refreshed here.

        Raises:
            SignInFailed: with reason ``no-refresh-token`` or the token endpoint's error code.

        Spec: RFC 6749 §6
        """
        if old.refresh_token is None:
            raise SignInFailed("no-refresh-token", "There is no refresh token.", "Sign in again.")
        async with self.token_store.lock(old.issuer, old.resource):
            kept = self.token_store.tokens_for(server_url)
            # Another process may have refreshed while this one waited for the lock.
            if kept and kept.access_token != old.access_token and kept.is_fresh(self.clock()):
                return kept
            server = await fetch_server_metadata(self.http_client, old.issuer)
            registration = self._registration_of(old, server)
            fresh = await exchange_refresh_token(
                self.http_client, server, registration, kept or old, self.clock
            )
            await anyio.to_thread.run_sync(self.token_store.save_tokens, server_url, fresh)
        return fresh

    async def revoke(self, tokens: Tokens) -> bool:
        """
        Revoke ``tokens`` at their issuer; return whether it confirmed.

        Raises:
            ClientRefused: the request failed.

        Spec: RFC 7009 §2.1
        """
        server = await fetch_server_metadata(self.http_client, tokens.issuer)
        registration = self._registration_of(tokens, server)
        return await revoke_tokens(self.http_client, server, registration, tokens, self.clock)

    def _registration_of(self, tokens: Tokens, server: ServerMetadata) -> Registration:
        ours = self.client_config.issuer in (None, tokens.issuer)
        arranged = preconfigured(self.client_config, server) if ours else None
        if arranged is not None and arranged.client_id == tokens.client_id:
            return arranged
        kept = self.token_store.registration_for(tokens.issuer)
        if kept is not None and kept.client_id == tokens.client_id:
            return kept
        return Registration(issuer=tokens.issuer, client_id=tokens.client_id, kind="registered")

    def _prover(self, found: DiscoveredIssuer, challenge: BearerChallenge) -> DpopProver | None:
        """Return a prover with a new key if both servers support DPoP with ES256, else ``None``."""
        resource = found.resource
        takes = challenge.dpop or resource.dpop_bound_access_tokens_required
        takes = takes or "ES256" in (resource.dpop_signing_alg_values_supported or ())
        if not takes or "ES256" not in found.server.dpop_signing_alg_values_supported:
            return None
        return DpopProver(PrivateKey.generate(), self.clock)

    async def _authorize(
        self, found: DiscoveredIssuer, scopes: frozenset[str], prover: DpopProver | None
    ) -> Tokens:
        kept = self.token_store.registration_for(found.server.issuer)
        async with await self._receiver(kept) as listener:
            registration = await self._registration(found, scopes, listener.redirect_uri, kept)
            attempt = AuthorizationRequest(
                server=found.server,
                client_id=registration.client_id,
                redirect_uri=listener.redirect_uri,
                resource=found.resource.resource,
                scopes=scopes,
                prompt=self.prompt,
            )
            if registration is kept and await self._is_client_rejected(attempt):
                raise SignInFailed(
                    "invalid-client",
                    f"The authorization server no longer accepts the client {kept.client_id}.",
                    "Register a client there, and give its id with --client-id.",
                )
            url = require_web_address(attempt.url())
            self.progress("browser", url)
            # With an existing session, the browser returns before the call that opened it does.
            listener.expect(attempt.state)
            await anyio.to_thread.run_sync(self.browser, url, abandon_on_cancel=True)
            try:
                answer = await listener.answer(attempt.state, self.timeout)
            except SignInFailed as refusal:
                raise timed_out_hint(refusal, registration, listener.redirect_uri) from None
        code = validate_authorization_response(attempt, answer)
        self.progress("answer", found.server.issuer)
        tokens = await exchange_code(
            self.http_client, attempt, registration, code, self.clock, prover
        )
        await self._save_registration(registration, kept)
        return tokens

    async def _exchange(
        self,
        found: DiscoveredIssuer,
        registration: Registration,
        form: Mapping[str, str],
        scopes: frozenset[str],
        prover: DpopProver | None,
    ) -> Tokens:
        return await exchange_grant(
            self.http_client,
            found.server,
            registration,
            form,
            self.clock,
            resource=found.resource.resource,
            requested=scopes,
            prover=prover,
        )

    async def _receiver(self, kept: Registration | None) -> Listener | PastedRedirect:
        port = self.port or _port_of(kept)
        if self.paste is not None:
            return PastedRedirect(self.paste, port)
        # A port that the user registered by hand is the only one that the server accepts.
        exact = bool(self.port) or (kept is not None and kept.kind == "pre-registered")
        return await Listener.open(port, exact=exact)

    async def _registration(
        self,
        found: DiscoveredIssuer,
        scopes: frozenset[str],
        redirect_uri: str,
        kept: Registration | None,
    ) -> Registration:
        registration = preconfigured(self.client_config, found.server) or kept
        if registration is None:
            registration = await register(
                self.http_client, found.server, redirect_uri, self.client_config, scopes
            )
        chosen = bool(self.port)
        registration = with_stored_parts(registration, kept, redirect_uri, chosen=chosen)
        # A client id with a typing error must not be the one that the next sign-in uses.
        if registration.kind != "pre-registered":
            await self._save_registration(registration, kept)
        where = f", redirect URI {redirect_uri}" if registration.kind == "pre-registered" else ""
        self.progress("client", f"{registration.client_id} ({registration.kind}{where})")
        return registration

    async def _save_registration(
        self, registration: Registration, kept: Registration | None
    ) -> None:
        if registration is not kept:
            await anyio.to_thread.run_sync(self.token_store.save_registration, registration)

    async def _is_client_rejected(self, attempt: AuthorizationRequest) -> bool:
        """
        Return whether the authorization endpoint refuses a stored client id.

        A server that does not know the client must not redirect: the browser shows its error page,
        and this process would wait in vain. A server may also refuse scopes that the client was not
        registered for (``invalid_scope``). One request without cookies finds out before the browser
        opens.

        Spec: RFC 6749 §4.1.2.1; RFC 7591 §2
        """
        probe = replace(attempt, state=_random_value(), verifier=_random_value() + _random_value())
        try:
            answer = await self.http_client.get(probe.url(), "authorization endpoint")
        except ProtocolBroken:
            return False
        place, _, query = answer.headers.get("location", "").partition("?")
        if place == attempt.redirect_uri:
            return dict(parse_qsl(query)).get("error") in ("invalid_scope", "unauthorized_client")
        return answer.status in (400, 401)

    async def _forget_unknown_client(self, refusal: SignInFailed, issuer: str) -> bool:
        kept = self.token_store.registration_for(issuer)
        if (
            refusal.reason not in _UNKNOWN_CLIENT_ERRORS
            or kept is None
            or kept.kind != "registered"
        ):
            return False
        await anyio.to_thread.run_sync(self.token_store.delete_registration, issuer)
        return True


def _port_of(registration: Registration | None) -> int:
    if registration is None or registration.redirect_uri is None:
        return 0
    return httpx2.URL(registration.redirect_uri).port or 0


def _random_value() -> str:
    return secrets.token_urlsafe(32)
