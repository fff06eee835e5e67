"""An authorization server in a world: registration, authorization, tokens, refresh, revocation."""

import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

from doorward.idp.probe.discovery import forms
from doorward.jose.private_key import PrivateKey
from doorward.wire.oauth.pkce import challenge_of
from tests.doctor.world import World, json_answer

PRE_REGISTERED = "client-of-the-administrator"
_KEY = PrivateKey.generate()


class SimulatedIssuer:
    """
    One issuer; attributes decide how it behaves, and broken set-ups change them.

    ``opaque`` makes tokens that are no JWTs. ``rotates`` gives a new refresh token at each use;
    ``grace`` accepts the old one once more. ``audience`` and ``claims`` replace what tokens say.
    """

    def __init__(self, world: World, name: str, document: dict[str, Any]) -> None:
        self.world, self.name, self.document = world, name, document
        self.opaque = False
        self.rotates = True
        self.grace = True
        self.refreshes = True
        self.known_scopes: frozenset[str] | None = None
        self.claims: dict[str, Any] = {}
        self.lifetime = 3600
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: dict[str, dict[str, str]] = {}
        self.used: set[str] = set()
        self.clients: dict[str, dict[str, Any]] = {
            PRE_REGISTERED: {"redirect_uris": ["http://127.0.0.1:8765/callback"]}
        }
        self.management: dict[str, str] = {}

    def install(self, kinds: str) -> None:
        """Answer at every endpoint of the document."""
        base, on = self.name.rstrip("/"), self.world.on
        for form in forms(self.name):
            if form.kind in kinds.split() and form.for_clients:
                on("GET", form.url, lambda _request: json_answer(self.document))
        on("GET", f"{base}/jwks", lambda _request: json_answer({"keys": [_KEY.public_jwk()]}))
        on("GET", f"{base}/authorize", self.authorize)
        on("POST", f"{base}/token", self.token)
        if "registration_endpoint" in self.document:
            on("POST", f"{base}/register", self.register)
            on("DELETE", f"{base}/register/one", self.unregister)
        on("POST", f"{base}/revoke", lambda _request: httpx2.Response(200))

    def register(self, request: httpx2.Request) -> httpx2.Response:
        """Register a public client, unless its metadata is invalid."""
        try:
            said = json.loads(request.content)
        except ValueError:
            return json_answer({"error": "invalid_client_metadata"}, 400)
        uris = said.get("redirect_uris") or []
        if not uris or any("#" in one for one in uris):
            return json_answer({"error": "invalid_redirect_uri"}, 400)
        client_id, token = "client-" + secrets.token_hex(4), secrets.token_urlsafe(24)
        self.clients[client_id] = said
        self.management[token] = client_id
        place = f"{self.name.rstrip('/')}/register/one"
        told = {
            **said,
            "client_id": client_id,
            "registration_client_uri": place,
            "registration_access_token": token,
        }
        return json_answer(told, 201)

    def unregister(self, request: httpx2.Request) -> httpx2.Response:
        """Delete the client of a registration access token."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        client_id = self.management.pop(token, None)
        self.clients.pop(client_id or "", None)
        return httpx2.Response(204 if client_id else 401)

    def authorize(self, request: httpx2.Request) -> httpx2.Response:
        """Redirect to the sign-in page, or with a code if the request has a session."""
        sent = dict(parse_qsl(request.url.query.decode()))
        client = self._client(sent.get("client_id", ""))
        if client is None:
            return httpx2.Response(400, html="<h1>Unknown client</h1>")
        if not _matches(sent.get("redirect_uri", ""), client["redirect_uris"]):
            return httpx2.Response(400, html="<h1>Invalid parameter: redirect_uri</h1>")
        asked = frozenset(sent.get("scope", "").split())
        if self.known_scopes is not None and not asked <= self.known_scopes:
            return self._back(sent, error="invalid_scope")
        if "user=alice" not in request.headers.get("cookie", ""):
            return httpx2.Response(302, headers={"location": f"{self.name}/login"})
        code = secrets.token_urlsafe(24)
        self.codes[code] = sent
        return self._back(sent, code=code, iss=self.name)

    def _back(self, sent: dict[str, str], **parameters: str) -> httpx2.Response:
        query = urlencode({**parameters, "state": sent.get("state", "")})
        return httpx2.Response(302, headers={"location": f"{sent['redirect_uri']}?{query}"})

    def _client(self, client_id: str) -> dict[str, Any] | None:
        if client_id in self.clients:
            return self.clients[client_id]
        documents = self.document.get("client_id_metadata_document_supported")
        if documents and client_id.startswith("https://"):
            return {"redirect_uris": ["*"]}
        return None

    def token(self, request: httpx2.Request) -> httpx2.Response:
        """Exchange a code or a refresh token."""
        form = dict(parse_qsl(request.content.decode()))
        if form.get("grant_type") == "authorization_code":
            sent = self.codes.pop(form.get("code", ""), None)
            if sent is None or challenge_of(form["code_verifier"]) != sent["code_challenge"]:
                return json_answer({"error": "invalid_grant"}, 400)
            return json_answer(self.tokens(sent))
        if form.get("grant_type") == "refresh_token":
            return self._refreshed(form.get("refresh_token", ""))
        return json_answer({"error": "unsupported_grant_type"}, 400)

    def _refreshed(self, token: str) -> httpx2.Response:
        sent = self.refresh_tokens.get(token)
        if sent is None or (token in self.used and not self.grace):
            return json_answer({"error": "invalid_grant"}, 400)
        if self.rotates:
            self.used.add(token)
        answer = self.tokens(sent)
        if not self.rotates:
            answer["refresh_token"] = token
        return json_answer(answer)

    def tokens(self, sent: dict[str, str]) -> dict[str, Any]:
        """Return a token response, and let the server accept the token."""
        now = int(time.time())
        claims = {
            "iss": self.name,
            "sub": "alice",
            "aud": sent.get("resource", self.world.mcp),
            "scope": sent.get("scope", ""),
            "client_id": sent["client_id"],
            "iat": now,
            "exp": now + self.lifetime,
            "jti": secrets.token_hex(8),
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"typ": "at+jwt", "kid": _KEY.public_jwk()["kid"]}
        access = secrets.token_urlsafe(32) if self.opaque else _KEY.sign(header, claims)
        self.world.tokens.add(access)
        answer = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "scope": sent.get("scope", ""),
        }
        if self.refreshes:
            refresh = secrets.token_urlsafe(32)
            self.refresh_tokens[refresh] = sent
            answer["refresh_token"] = refresh
        return answer


def _matches(uri: str, registered: list[str]) -> bool:
    one = urlsplit(uri)
    loopback = {
        urlsplit(each)._replace(netloc="").geturl() for each in registered if "127.0.0.1" in each
    }
    return (
        uri in registered
        or "*" in registered
        or (one.hostname == "127.0.0.1" and one._replace(netloc="").geturl() in loopback)
    )
