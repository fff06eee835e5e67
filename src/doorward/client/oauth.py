"""An ``httpx2.Auth`` that gets, keeps and renews the token of one MCP server."""

from collections.abc import AsyncGenerator, Generator

import anyio
import httpx2

from doorward.client.discovery import BearerChallenge, read_challenge
from doorward.client.refusals import SignInFailed, SignInNeeded
from doorward.client.sign_in import SignIn
from doorward.client.tokens import Tokens

MOST_STEP_UPS = 2
"""How often one request may send the user back to the browser for more scopes."""


class OAuth(httpx2.Auth):
    """
    Signs requests to one MCP server, and gets the token for it when there is none.

    ```python
    auth = OAuth("https://mcp.example/mcp", sign_in)
    async with httpx2.AsyncClient(auth=auth) as http:
        await http.post("https://mcp.example/mcp", json=message)
    ```

    A token near its end is refreshed before it is sent. A 401 is answered by a refresh, then by a
    sign-in; a 403 that asks for scopes by a sign-in for the union of old and new, at most
    ``MOST_STEP_UPS`` times. With ``interactive=False`` no browser is ever opened and
    ``SignInNeeded`` is raised instead.

    Does not touch requests to any other place: not another host, not the path next door.

    Spec: MCP 2026-07-28 access token usage, step-up authorization flow; RFC 6750 §2.1
    """

    requires_request_body = True

    def __init__(self, server_url: str, sign_in: SignIn, *, interactive: bool = True) -> None:
        self.server_url = server_url
        self._sign_in = sign_in
        self._interactive = interactive
        self._alone = anyio.Lock()

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
        tokens = await self._current()
        response = yield self._bearing(request, tokens)
        if response.status_code == 401:
            tokens = await self._renewed(tokens, read_challenge(response.headers))
            response = yield self._bearing(request, tokens)
        asked: frozenset[str] = frozenset()
        for _ in range(MOST_STEP_UPS):
            challenge = read_challenge(response.headers)
            if not self._may_step_up(response, challenge, tokens, asked):
                return
            asked |= challenge.scopes or frozenset()
            tokens = await self._stepped_up(tokens, challenge)
            response = yield self._bearing(request, tokens)

    def _is_ours(self, url: httpx2.URL) -> bool:
        home = httpx2.URL(self.server_url)
        same_origin = (url.scheme, url.host, url.port) == (home.scheme, home.host, home.port)
        return same_origin and url.path.rstrip("/") == home.path.rstrip("/")

    @staticmethod
    def _bearing(request: httpx2.Request, tokens: Tokens | None) -> httpx2.Request:
        if tokens is not None:
            request.headers["Authorization"] = f"Bearer {tokens.access_token}"
        return request

    async def _current(self) -> Tokens | None:
        tokens = self._sign_in.wallet.tokens_for(self.server_url)
        if tokens is None or tokens.is_fresh(self._sign_in.clock()):
            return tokens
        try:
            return await self._sign_in.refresh(self.server_url, tokens)
        except SignInFailed:
            return None

    async def _renewed(self, tokens: Tokens | None, challenge: BearerChallenge) -> Tokens:
        async with self._alone:
            kept = self._sign_in.wallet.tokens_for(self.server_url)
            # Another request of this process was here first and has the answer already.
            newer = kept and (tokens is None or kept.access_token != tokens.access_token)
            if kept and newer and kept.is_fresh(self._sign_in.clock()):
                return kept
            if tokens is not None and tokens.refresh_token is not None:
                try:
                    return await self._sign_in.refresh(self.server_url, tokens)
                except SignInFailed:
                    pass
            self._require_interaction()
            return await self._sign_in.sign_in(self.server_url, challenge)

    def _may_step_up(
        self,
        response: httpx2.Response,
        challenge: BearerChallenge,
        tokens: Tokens | None,
        asked: frozenset[str],
    ) -> bool:
        if response.status_code != 403 or challenge.error != "insufficient_scope":
            return False
        if tokens is None or not challenge.scopes or not self._interactive:
            return False
        # Asked for already and still refused: the account is not allowed to, and asking again
        # would only walk the user round in a circle.
        return not challenge.scopes <= asked | tokens.scopes

    async def _stepped_up(self, tokens: Tokens | None, challenge: BearerChallenge) -> Tokens:
        held = tokens.scopes if tokens else frozenset()
        async with self._alone:
            return await self._sign_in.sign_in(self.server_url, challenge, held=held)

    def _require_interaction(self) -> None:
        if not self._interactive:
            raise SignInNeeded(
                "sign-in-needed",
                f"You are not signed in to {self.server_url}.",
                f"Run: doorward login {self.server_url}",
            )
