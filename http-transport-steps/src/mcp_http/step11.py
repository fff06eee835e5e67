"""Step 11: the client. It finds out by itself who signs people in, and signs its user in there.

Adds: the other side. One call without a token leads to the answer 401, from there to the server's
metadata, to the provider's, to a client id, to the browser and back, to a token, and to the call
again. Run it beside step 10: `uv run step11`.

From here on, the toolkit: `doorward.client.connect` does all of this and more; `--toolkit` shows it.

What closed step 10's attack: a client names itself by a document under its own address where the
provider reads those, and registers only where not (CIMD before registration). What it is given is
kept under the name of the issuer that gave it. And an answer that names another issuer than the one
that was asked is thrown away before its code is seen (`iss`, RFC 9207).
"""

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2

from doorward.client.browser import open_browser
from doorward.client.listener import Listener
from doorward.client.messages import MODERN, build_headers, build_request, encode, result_of
from doorward.client.refusals import SignInFailed
from doorward.wire import resource_metadata, server_metadata
from doorward.wire.challenge import parse_challenges
from doorward.wire.server_metadata import MetadataRefused, ServerMetadata
from mcp_http.hops import Hops
from mcp_http.journey import run

CREDENTIALS = Path("client_credentials.json")
ABOUT = {"name": "mcp-step-by-step", "version": "11.0"}


# The idea of this step: the client checks who speaks before it believes what is said.
@dataclass
class Client:
    """One MCP client: `document` is the address of its own description, where it has one."""

    server: str
    http: httpx2.AsyncClient
    hops: Hops
    document: str | None = None
    browser: Callable[[str], object] = open_browser
    token: str = field(default="", repr=False)
    scopes: frozenset[str] = frozenset()

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Return a result, signing in when asked to (401) and again for more scopes (403)."""
        answer = await self._post(method, params)
        for status in (401, 403):
            challenge = _challenge(answer)
            if answer.status_code == status and (
                status == 401 or challenge.get("error") == "insufficient_scope"
            ):
                await self.sign_in(challenge)
                answer = await self._post(method, params)
        return result_of(answer.json())

    async def sign_in(self, challenge: Mapping[str, str]) -> None:
        """Do what a 401 or 403 says; scopes that were granted before are asked for again."""
        described = await self.http.get(challenge["resource_metadata"])
        # It must speak of the very server that was called, or the token would be for another one.
        resource = resource_metadata.parse(described.content, self.server)
        provider = await self._discover(resource.authorization_servers[0])
        self.scopes |= set(challenge.get("scope", "").split())
        async with await Listener.open(_port_of(provider.issuer)) as listener:
            client_id = await self._identify(provider, listener.redirect_uri, resource)
            verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
            listener.expect(state)
            asked = {
                "response_type": "code",
                "client_id": client_id,
                "redirect_uri": listener.redirect_uri,
                "scope": " ".join(sorted(self.scopes)),
                "state": state,
                "code_challenge": _challenge_of(verifier),
                "code_challenge_method": "S256",
                "resource": self.server,
            }
            url = f"{provider.authorization_endpoint}?{urlencode(asked)}"
            self.hops.browser(url)
            self.browser(url)
            answer = await listener.answer(state, timeout=300)
        self.hops.note("browser came back", answer)
        redeemed = {
            "grant_type": "authorization_code",
            "code": judged(provider, state, answer),
            "redirect_uri": listener.redirect_uri,
            "client_id": client_id,
            "code_verifier": verifier,
            "resource": self.server,
        }
        given = (await self.http.post(provider.token_endpoint, data=redeemed)).json()
        if given.get("token_type", "").lower() != "bearer":
            raise SignInFailed("no-token", f"No token was given: {given.get('error')}.", "")
        self.token = given["access_token"]

    async def _discover(self, issuer: str) -> ServerMetadata:
        problem: Exception = SignInFailed("no-metadata", f"{issuer} has no metadata.", "")
        for url in server_metadata.metadata_urls(issuer):
            found = await self.http.get(url)
            if found.status_code == 200:
                # Refuses a document of another issuer, and a provider that does not offer PKCE.
                return server_metadata.parse(found.json(), issuer)
        raise problem

    async def _identify(self, provider: ServerMetadata, redirect_uri: str, resource: Any) -> str:
        if self.document is not None and provider.client_id_metadata_document_supported:
            return self.document
        kept = _kept()
        mine = kept.get(provider.issuer)
        if mine and mine["redirect_uri"] == redirect_uri:
            return str(mine["client_id"])
        wish = {
            "client_name": "MCP step by step",
            "redirect_uris": [redirect_uri],
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "scope": " ".join(resource.scopes_supported or ()),
        }
        if provider.registration_endpoint is None:
            raise SignInFailed("no-registration", f"{provider.issuer} registers nobody.", "")
        registered = await self.http.post(provider.registration_endpoint, json=wish)
        if registered.status_code != 201:
            raise SignInFailed("registration-refused", registered.text[:200], "")
        client_id = str(registered.json()["client_id"])
        # Under the issuer's name: shown to another one, it would be that one's way to speak for it.
        kept[provider.issuer] = {"client_id": client_id, "redirect_uri": redirect_uri}
        CREDENTIALS.write_text(json.dumps(kept, indent=2))
        return client_id

    async def _post(self, method: str, params: Mapping[str, Any]) -> httpx2.Response:
        body = build_request(1, method, params, version=MODERN, client=ABOUT, capabilities={})
        headers = build_headers(body, version=MODERN)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return await self.http.post(self.server, content=encode(body), headers=headers)
