"""An ``httpx2.Auth`` that gets, keeps and renews the token of one MCP server."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import httpx2

from doorward.client.http.refusal_body import bound_body
from doorward.client.oauth.discovery import BearerChallenge, read_challenge
from doorward.client.oauth.dpop import DpopProver
from doorward.client.oauth.tokens import Tokens
from doorward.client.refusals import ClientRefused, SignInFailed, SignInNeeded, Unreachable
from doorward.client.sign_in.flow import SignIn
from doorward.jose.private_key import PrivateKey
from doorward.wire.shell_command import login_hint

MOST_STEP_UPS = 2
"""How often one request may send the user back to the browser for more scopes."""
AS_IT_IS = "doorward.as-it-is"
"""The extension of a request that goes with the token there is, or not at all."""


@dataclass
class _Tried:
    """What was done for one request already; each remedy is tried once, and steps up twice."""

    nonce: bool = False
    refresh: bool = False
    sign_in: bool = False
    step_ups: int = 0


class _Turns:
    """One lock per event loop: a lock of one loop means nothing in the thread of another."""

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )

    @property
    def turn(self) -> asyncio.Lock:
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


class OAuth(httpx2.Auth):
    """
    Signs requests to one MCP server, and gets the token for it when there is none.

    ```python
    async with httpx2.AsyncClient(auth=OAuth("https://mcp.example/mcp")) as http:
        await http.post("https://mcp.example/mcp", json=message)
    ```

    A token near its end is refreshed before it is sent, by one request for all that wait. A 401 is
    answered by a refresh, and by a sign-in when that fails or does not help; a 403 that asks for
    scopes by a sign-in for the union of old and new, at most ``MOST_STEP_UPS`` times and never
    again for scopes that were refused. With ``interactive=False`` no browser is ever opened and
    ``SignInNeeded`` is raised instead.

    Does not touch requests to any other place: not another host, not the path next door. It does not
    see redirects that its client follows: httpx2 takes the token along within the server's origin.
    Leave ``follow_redirects`` off where that origin has other tenants. Holds no lock while a request
    is on its way. Reads at most ``LARGEST_REFUSAL`` octets of a 401 or a 403.

    Spec: MCP 2026-07-28 access token usage, step-up authorization flow; RFC 6750 §2.1
    """

    requires_request_body = True

    def __init__(
        self, server_url: str, sign_in: SignIn | None = None, *, interactive: bool = True
    ) -> None:
        self.server_url = server_url
        self._home = _place(httpx2.URL(server_url))
        self._sign_in = sign_in or SignIn.for_server(server_url)
        self._interactive = interactive or not self._sign_in.needs_person
        self._refreshing, self._signing_in = _Turns(), _Turns()
        self._held: Tokens | None = None
        self._known_prover: tuple[str, DpopProver] | None = None
        self._refused: frozenset[str] = frozenset()

    def sync_auth_flow(
        self,
        request: httpx2.Request,  # noqa: ARG002  (the signature is httpx2's)
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Refuse: a sign-in waits for a person, which only an ``AsyncClient`` can."""
        raise RuntimeError("OAuth works with httpx2.AsyncClient")

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send ``request`` with a token, renewing it as often as that can help."""
        if not self._is_ours(request.url):
            yield request
            return
        if AS_IT_IS in request.extensions:
            yield self._signed(request, self._held)
            return
        tokens = await self._current()
        tried = _Tried()
        while True:
            response = yield self._signed(request, tokens)
            if response.status_code in (401, 403):
                await bound_body(response)
            if self._must_repeat(response, tokens, tried):
                continue
            if response.status_code == 401:
                renewed = await self._after_401(tokens, read_challenge(response.headers), tried)
            elif response.status_code == 403:
                renewed = await self._after_403(tokens, read_challenge(response.headers), tried)
            else:
                return
            if renewed is None:
                return
            tokens = renewed

    def _is_ours(self, url: httpx2.URL) -> bool:
        return _place(url) == self._home

    def _signed(self, request: httpx2.Request, tokens: Tokens | None) -> httpx2.Request:
        """Put the token on ``request``; a token that is bound to a key with a proof of it."""
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
        if self._known_prover is None or self._known_prover[0] != tokens.proof_key:
            key = PrivateKey.from_pem(tokens.proof_key)
            self._known_prover = tokens.proof_key, DpopProver(key, self._sign_in.clock)
        return self._known_prover[1]

    def _must_repeat(self, response: httpx2.Response, tokens: Tokens | None, tried: _Tried) -> bool:
        """Learn the server's nonce; say whether it was the only thing that was missing."""
        prover = self._prover(tokens) if tokens else None
        if prover is None or not prover.learn(self.server_url, response.headers) or tried.nonce:
            return False
        tried.nonce = True
        error = read_challenge(response.headers).error
        return response.status_code == 401 and error == "use_dpop_nonce"

    async def _current(self) -> Tokens | None:
        """Return the token to send first, refreshed ahead of its end; ``None`` when there is none."""
        now = self._sign_in.clock()
        if self._held is not None and self._held.is_fresh(now):
            return self._held
        tokens = self._held = self._kept()
        if tokens is None or tokens.is_fresh(now):
            return tokens
        turn = self._refreshing.turn
        # Somebody refreshes already, and this token still does for one more request.
        if turn.locked() and tokens.is_fresh(now, margin=5.0):
            return tokens
        async with turn:
            kept = self._kept()
            if kept is not None and kept.is_fresh(self._sign_in.clock()):
                return self._hold(kept)
            try:
                return self._hold(await self._sign_in.refresh(self.server_url, kept or tokens))
            except ClientRefused:
                # The server decides whether it still takes this one; its 401 says where to turn.
                if tokens.is_fresh(self._sign_in.clock(), margin=0.0):
                    return tokens
                if not self._sign_in.needs_person:
                    raise
                return None

    async def _after_401(
        self, tokens: Tokens | None, challenge: BearerChallenge, tried: _Tried
    ) -> Tokens | None:
        refusal: ClientRefused | None = None
        # A service has one way to tokens: what refreshes it is what signs it in.
        if not tried.refresh and not tried.sign_in and self._sign_in.needs_person:
            tried.refresh = True
            try:
                return await self._refreshed(tokens)
            except ClientRefused as error:
                refusal = error
        if tried.sign_in:
            return None
        tried.sign_in = True
        async with self._signing_in.turn:
            if newer := self._newer_than(tokens):
                return newer
            self._require_interaction(refusal)
            return self._hold(await self._sign_in.sign_in(self.server_url, challenge))

    async def _refreshed(self, tokens: Tokens | None) -> Tokens:
        async with self._refreshing.turn:
            if newer := self._newer_than(tokens):
                return newer
            if tokens is None:
                raise SignInFailed("no-refresh-token", "There is no session to renew.")
            return self._hold(await self._sign_in.refresh(self.server_url, tokens))

    def _newer_than(self, tokens: Tokens | None) -> Tokens | None:
        """Return the tokens that another request, or another process, has got in the meantime."""
        kept = self._kept()
        if kept is None or not kept.is_fresh(self._sign_in.clock()):
            return None
        if tokens is not None and kept.access_token == tokens.access_token:
            return None
        return self._hold(kept)

    async def _after_403(
        self, tokens: Tokens | None, challenge: BearerChallenge, tried: _Tried
    ) -> Tokens | None:
        if challenge.error != "insufficient_scope" or tokens is None or not challenge.scopes:
            return None
        # Asked for already and still refused: the account is not allowed to, and asking again
        # would only walk the user round in a circle.
        if tried.step_ups == MOST_STEP_UPS or challenge.scopes <= self._refused | tokens.scopes:
            return None
        tried.step_ups += 1
        async with self._signing_in.turn:
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
                    self._refused |= challenge.scopes
                raise
            self._refused |= challenge.scopes - renewed.scopes
            return self._hold(renewed)

    def _kept(self) -> Tokens | None:
        return self._sign_in.tokens_for(self.server_url)

    def _hold(self, tokens: Tokens) -> Tokens:
        self._held = tokens
        return tokens

    def _require_interaction(self, refusal: ClientRefused | None) -> None:
        if self._interactive:
            return
        if isinstance(refusal, Unreachable):
            raise refusal
        raise SignInNeeded(
            "sign-in-needed",
            f"You are not signed in to {self.server_url}.",
            login_hint(self.server_url, account=self._sign_in.token_store.account),
        )


def _place(url: httpx2.URL) -> tuple[str, str, int | None, str]:
    return url.scheme, url.host, url.port, url.path.rstrip("/")
