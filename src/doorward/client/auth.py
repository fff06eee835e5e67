"""An ``httpx2.Auth`` that gets, stores and refreshes the token for one MCP server."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import httpx2

from doorward.client.http.error_body import limit_body
from doorward.client.oauth.discovery import BearerChallenge, read_challenge
from doorward.client.oauth.dpop import DpopProver
from doorward.client.oauth.hints import (
    HINT,
    missing_scopes_hint,
    refused_token_hint,
    service_scopes_hint,
)
from doorward.client.oauth.tokens import Tokens
from doorward.client.refusals import ClientRefused, SignInFailed, SignInNeeded, Unreachable
from doorward.client.sign_in.flow import SignIn
from doorward.jose.private_key import PrivateKey
from doorward.wire.shell_command import login_hint

MAX_STEP_UPS = 2
"""How many times one request may open the browser for more scopes."""
WITHOUT_SIGN_IN = "doorward.as-it-is"
"""The request extension that sends the current token, if any, and never signs in."""


@dataclass
class _RetryState:
    """What was tried for one request: each remedy once, a step-up ``MAX_STEP_UPS`` times."""

    nonce: bool = False
    refresh: bool = False
    sign_in: bool = False
    step_ups: int = 0


class _LockPerLoop:
    """One lock per event loop: an asyncio lock works in one loop only."""

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )

    @property
    def lock(self) -> asyncio.Lock:
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


class OAuth(httpx2.Auth):
    """
    Adds the token to requests to one MCP server, and signs in if there is no token.

    ```python
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with httpx2.AsyncClient(auth=OAuth("https://mcp.example/mcp")) as http:
        answer = await http.post("https://mcp.example/mcp", json=message)
    ```

    Refreshes a token before it expires, once for all waiting requests. After a 401, refreshes the
    token; if that fails or does not help, signs in. After a 403 that asks for scopes, signs in for
    the union of old and new scopes, at most ``MAX_STEP_UPS`` times, and never again for scopes that
    were refused. With ``interactive=False``, opens no browser and raises ``SignInNeeded``.

    Does not touch requests to any other place: not another host, not the path next door. It does not
    see redirects that its client follows: httpx2 takes the token along within the server's origin.
    Leave ``follow_redirects`` off where that origin has other tenants. Holds no lock while a request
    is on its way. Reads at most ``MAX_ERROR_BODY`` octets of a 401 or a 403.

    Spec: MCP 2026-07-28 access token usage, step-up authorization flow; RFC 6750 §2.1
    """

    requires_request_body = True

    def __init__(
        self, server_url: str, sign_in: SignIn | None = None, *, interactive: bool = True
    ) -> None:
        self.server_url = server_url
        self._endpoint = _endpoint_of(httpx2.URL(server_url))
        self._sign_in = sign_in or SignIn.for_server(server_url)
        self._interactive = interactive or not self._sign_in.needs_user
        self._refresh_locks, self._sign_in_locks = _LockPerLoop(), _LockPerLoop()
        self._tokens: Tokens | None = None
        self._cached_prover: tuple[str, DpopProver] | None = None
        self._refused_scopes: frozenset[str] = frozenset()

    def sync_auth_flow(
        self,
        request: httpx2.Request,  # noqa: ARG002  (the signature is httpx2's)
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Raise ``RuntimeError``: only an ``AsyncClient`` can wait for a sign-in."""
        raise RuntimeError("OAuth works with httpx2.AsyncClient")

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send ``request`` with a token; repeat it while a new token can help."""
        if not self._is_endpoint(request.url):
            yield request
            return
        if WITHOUT_SIGN_IN in request.extensions:
            yield self._signed(request, self._tokens)
            return
        tokens = await self._current()
        retries = _RetryState()
        while True:
            response = yield self._signed(request, tokens)
            if response.status_code in (401, 403):
                await limit_body(response)
            if self._needs_nonce(response, tokens, retries):
                continue
            challenge = read_challenge(response.headers)
            if response.status_code == 401:
                renewed = await self._after_401(tokens, challenge, retries)
            elif response.status_code == 403:
                renewed = await self._after_403(tokens, challenge, retries)
            else:
                return
            if renewed is None:
                response.extensions[HINT] = self._hint(challenge, tokens)
                return
            tokens = renewed

    def _is_endpoint(self, url: httpx2.URL) -> bool:
        return _endpoint_of(url) == self._endpoint

    def _signed(self, request: httpx2.Request, tokens: Tokens | None) -> httpx2.Request:
        """Add the token to ``request``, and a DPoP proof if the token is bound to a key."""
        if tokens is None:
            return request
        prover = self._prover(tokens)
        if prover is None:
            request.headers["Authorization"] = f"Bearer {tokens.access_token}"
            request.headers.pop("DPoP", None)
            return request
        request.headers["Authorization"] = f"DPoP {tokens.access_token}"
        proof = prover.proof(request.method, str(request.url), tokens.access_token)
        request.headers["DPoP"] = proof
        return request

    def _prover(self, tokens: Tokens) -> DpopProver | None:
        if tokens.proof_key is None:
            return None
        if self._cached_prover is None or self._cached_prover[0] != tokens.proof_key:
            key = PrivateKey.from_pem(tokens.proof_key)
            self._cached_prover = tokens.proof_key, DpopProver(key, self._sign_in.clock)
        return self._cached_prover[1]

    def _needs_nonce(
        self, response: httpx2.Response, tokens: Tokens | None, retries: _RetryState
    ) -> bool:
        """Store the server's DPoP nonce; return whether only the nonce was missing."""
        prover = self._prover(tokens) if tokens else None
        if prover is None or not prover.learn(self.server_url, response.headers) or retries.nonce:
            return False
        retries.nonce = True
        error = read_challenge(response.headers).error
        return response.status_code == 401 and error == "use_dpop_nonce"

    async def _current(self) -> Tokens | None:
        """Return the token to send, refreshed if it is about to expire, or ``None``."""
        now = self._sign_in.clock()
        if self._tokens is not None and self._tokens.is_fresh(now):
            return self._tokens
        tokens = self._tokens = self._stored()
        if tokens is None or tokens.is_fresh(now):
            return tokens
        lock = self._refresh_locks.lock
        # Another request is refreshing, and this token is still valid for one more request.
        if lock.locked() and tokens.is_fresh(now, margin=5.0):
            return tokens
        async with lock:
            stored = self._stored()
            if stored is not None and stored.is_fresh(self._sign_in.clock()):
                return self._remember(stored)
            try:
                return self._remember(
                    await self._sign_in.refresh(self.server_url, stored or tokens)
                )
            except ClientRefused:
                # The server may still accept this token; if not, its 401 starts a sign-in.
                if tokens.is_fresh(self._sign_in.clock(), margin=0.0):
                    return tokens
                if not self._sign_in.needs_user:
                    raise
                return None

    async def _after_401(
        self, tokens: Tokens | None, challenge: BearerChallenge, retries: _RetryState
    ) -> Tokens | None:
        refusal: ClientRefused | None = None
        # A service has no refresh token: its sign-in is its refresh.
        if not retries.refresh and not retries.sign_in and self._sign_in.needs_user:
            retries.refresh = True
            try:
                return await self._refreshed(tokens)
            except ClientRefused as error:
                refusal = error
        if retries.sign_in:
            return None
        retries.sign_in = True
        async with self._sign_in_locks.lock:
            if newer := self._newer_than(tokens):
                return newer
            self._require_interaction(tokens, refusal)
            return self._remember(await self._sign_in.sign_in(self.server_url, challenge))

    async def _refreshed(self, tokens: Tokens | None) -> Tokens:
        async with self._refresh_locks.lock:
            if newer := self._newer_than(tokens):
                return newer
            if tokens is None:
                raise SignInFailed("no-refresh-token", "There is no refresh token.")
            return self._remember(await self._sign_in.refresh(self.server_url, tokens))

    def _newer_than(self, tokens: Tokens | None) -> Tokens | None:
        """Return newer tokens that another request or process has stored, or ``None``."""
        stored = self._stored()
        if stored is None or not stored.is_fresh(self._sign_in.clock()):
            return None
        if tokens is not None and stored.access_token == tokens.access_token:
            return None
        return self._remember(stored)

    async def _after_403(
        self, tokens: Tokens | None, challenge: BearerChallenge, retries: _RetryState
    ) -> Tokens | None:
        if challenge.error != "insufficient_scope" or tokens is None or not challenge.scopes:
            return None
        # These scopes were requested before and are still refused: the account may not have them.
        # Another sign-in would only repeat the refusal.
        if (
            retries.step_ups == MAX_STEP_UPS
            or challenge.scopes <= self._refused_scopes | tokens.scopes
        ):
            return None
        retries.step_ups += 1
        async with self._sign_in_locks.lock:
            newer = self._newer_than(tokens)
            if newer and challenge.scopes <= newer.scopes:
                return newer
            if not self._interactive:
                return None
            held = (newer or tokens).scopes
            try:
                renewed = await self._sign_in.sign_in(self.server_url, challenge, held=held)
            except SignInFailed as refusal:
                if refusal.reason in ("access-denied", "invalid-scope"):
                    self._refused_scopes |= challenge.scopes
                raise
            self._refused_scopes |= challenge.scopes - renewed.scopes
            return self._remember(renewed)

    def _hint(self, challenge: BearerChallenge, tokens: Tokens | None) -> str:
        """Return what the user can do, now that no token helped."""
        account = self._sign_in.token_store.account
        if tokens is None:
            return login_hint(self.server_url, account=account)
        if challenge.error != "insufficient_scope" or not challenge.scopes:
            return refused_token_hint(self.server_url, account)
        if not self._sign_in.needs_user:
            return service_scopes_hint(challenge.scopes, tokens)
        return missing_scopes_hint(self.server_url, challenge.scopes, tokens, account)

    def _stored(self) -> Tokens | None:
        return self._sign_in.tokens_for(self.server_url)

    def _remember(self, tokens: Tokens) -> Tokens:
        self._tokens = tokens
        return tokens

    def _require_interaction(self, tokens: Tokens | None, refusal: ClientRefused | None) -> None:
        if self._interactive:
            return
        if isinstance(refusal, Unreachable):
            raise refusal
        account = self._sign_in.token_store.account
        if tokens is not None and tokens.is_fresh(self._sign_in.clock(), margin=0.0):
            raise SignInNeeded(
                "sign-in-needed",
                f"{self.server_url} does not accept the stored token.",
                refused_token_hint(self.server_url, account),
            )
        raise SignInNeeded(
            "sign-in-needed",
            f"You are not signed in to {self.server_url}.",
            login_hint(self.server_url, account=account),
        )


def _endpoint_of(url: httpx2.URL) -> tuple[str, str, int | None, str]:
    return url.scheme, url.host, url.port, url.path.rstrip("/")
