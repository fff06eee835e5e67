"""
Asgardeo on this machine, as far as a sign-in with a registered client goes.

Issuer, paths, claims and metadata have the hosted service's form; what is known of it stands in
``doorward.idp.presets.hosted.asgardeo``. Run it beside the quickstart with

    python -m tests.quickstart.asgardeo --port 9443

and it prints, as one line of JSON, what to put into ``.env`` and who can sign in.
"""

import argparse
import asyncio
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from doorward.serving import listen, serve
from doorward.testing import PrivateKey, TokenMint

INSPECTOR = "http://localhost:6274/oauth/callback"
CLIENT_ID = "Gx5mWcn0qXzJ7bT3yRkPq1VhE2sa"
USERS = {"jane": "a-password-of-jane"}
SUBJECTS = {"jane": "7b2f6f1e-9f0d-4d5b-8f55-0d3c6f7f1a11"}

_PAGE = """<!doctype html><html lang="en"><title>Sign In</title><h1>Sign In</h1>{problem}
<form method="post" action="{action}"><label>Username <input name="username" autofocus></label>
<label>Password <input name="password" type="password"></label>
<button type="submit">Sign In</button></form></html>"""


@cache
def _first_key() -> PrivateKey:
    """Return the key of every new organization: generating one takes longer than a test."""
    return PrivateKey.generate("RS256")


@dataclass
class Asgardeo:
    """
    One organization with one registered MCP client; ``base`` is where it is reached.

    ``audiences`` are what the application adds to ``aud`` beside its client id: the identifiers of
    the MCP Servers that it is authorized for. ``agent`` is who acts for the user, if anybody.
    """

    base: str
    org: str = "acme"
    client_id: str = CLIENT_ID
    redirect_uris: tuple[str, ...] = (INSPECTOR,)
    audiences: tuple[str, ...] = ()
    agent: str | None = None
    clock: Callable[[], float] = time.time
    key: PrivateKey = field(default_factory=_first_key)
    key_fetches: int = 0
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _refresh: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The organization's own address."""
        return f"{self.base}/t/{self.org}"

    @property
    def issuer(self) -> str:
        """The issuer: the address of the token endpoint."""
        return f"{self.root}/oauth2/token"

    @property
    def jwks_url(self) -> str:
        """Where the keys are."""
        return f"{self.root}/oauth2/jwks"

    def rotate(self) -> None:
        """Sign with another key from now on; the old one is no longer published."""
        self.key = PrivateKey.generate("RS256")

    def mint(self, user: str = "jane", scopes: str = "openid profile", **changes: Any) -> str:
        """Return an access token as this organization issues them; a header with ``headers``."""
        now = int(self.clock())
        audience = [self.client_id, *self.audiences] if self.audiences else self.client_id
        claims: dict[str, Any] = {
            "sub": SUBJECTS.get(user, user),
            "aut": "APPLICATION_USER",
            "azp": self.client_id,
            "nbf": now,
            "scope": scopes,
            "org_name": self.org,
            "username": user,
            **({"act": {"sub": self.agent}} if self.agent else {}),
            **changes,
        }
        mint = TokenMint(
            self.issuer,
            audience,
            key=self.key,
            client_id=self.client_id,
            lifetime=3600,
            clock=self.clock,
        )
        return mint.mint(claims.pop("sub"), **claims)

    def app(self) -> Starlette:
        """Return the application that answers for this organization."""
        path, issuer = urlsplit(self.root).path, urlsplit(self.issuer).path
        appended = [
            issuer + one
            for one in (
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
            )
        ]
        documents = [*appended, f"/.well-known/oauth-authorization-server{issuer}"]
        origins = [
            f"{one.scheme}://{one.netloc}"
            for one in map(urlsplit, self.redirect_uris)
            if one.netloc
        ]
        return Starlette(
            routes=[
                *(Route(one, self._document) for one in documents),
                Route(f"{path}/oauth2/jwks", self._keys),
                Route(f"{path}/oauth2/authorize", self._authorize, methods=["GET", "POST"]),
                Route(issuer, self._token, methods=["POST"]),
                Route(
                    f"{path}/api/identity/oauth2/dcr/v1.1/register",
                    self._register,
                    methods=["POST"],
                ),
            ],
            middleware=[
                Middleware(
                    CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"]
                )
            ],
        )

    async def _document(self, request: Request) -> Response:
        oauth = "oauth-authorization-server" in request.url.path
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.root}/oauth2/authorize",
                "token_endpoint": self.issuer,
                "jwks_uri": self.jwks_url,
                "registration_endpoint": f"{self.root}/api/identity/oauth2/dcr/v1.1/register",
                "introspection_endpoint": f"{self.root}/oauth2/introspect",
                "revocation_endpoint": f"{self.root}/oauth2/revoke",
                "response_types_supported": ["code", "id_token", "code id_token", "none"],
                "grant_types_supported": [
                    "authorization_code", "refresh_token", "client_credentials",
                ],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic", "client_secret_post", "private_key_jwt",
                ],
                "code_challenge_methods_supported": ["S256", "plain"],
                "scopes_supported": [] if oauth else ["openid", "profile", "email"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )  # fmt: skip

    async def _keys(self, _request: Request) -> Response:
        self.key_fetches += 1
        return JSONResponse({"keys": [self.key.public_jwk()]})

    async def _register(self, _request: Request) -> Response:
        return JSONResponse({"error": "invalid_client"}, 401)

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("client_id") != self.client_id:
            return HTMLResponse("<h1>A valid OAuth client could not be found</h1>", 400)
        if asked.get("redirect_uri") not in self.redirect_uris:
            return HTMLResponse("<h1>Registered callback does not match</h1>", 400)
        if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            return _back(asked, error="invalid_request", error_description="PKCE is mandatory")
        problem = ""
        if request.method == "POST":
            form = await request.form()
            user = str(form.get("username"))
            if USERS.get(user) == form.get("password"):
                code = secrets.token_urlsafe(16)
                self._codes[code] = {**asked, "user": user}
                return _back(asked, code=code, session_state=secrets.token_urlsafe(8))
            problem = "<p role='alert'>Login failed!</p>"
        action = escape(f"{request.url.path}?{request.url.query}")
        return HTMLResponse(_PAGE.format(action=action, problem=problem))

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        if form.get("client_id") != self.client_id:
            return JSONResponse({"error": "invalid_client"}, 401)
        if form.get("grant_type") == "refresh_token":
            kept = self._refresh.pop(form.get("refresh_token", ""), None)
        else:
            kept = self._redeemed(form)
        if kept is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        user, scope = kept
        refresh = secrets.token_urlsafe(16)
        self._refresh[refresh] = kept
        answer = {
            "access_token": self.mint(user, scope),
            "refresh_token": refresh,
            "scope": scope,
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    def _redeemed(self, form: Mapping[str, str]) -> tuple[str, str] | None:
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        digest = sha256(form.get("code_verifier", "").encode()).digest()
        if urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        return asked["user"], asked.get("scope", "")


def _back(asked: Mapping[str, str], **answer: str) -> Response:
    # No `iss`: Asgardeo sends it with FAPI 2 alone.
    if "state" in asked:
        answer["state"] = asked["state"]
    return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)


def main() -> None:
    """Serve one organization until the process is told to stop."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--redirect-uri", action="append")
    options.add_argument("--audience", action="append", default=[])
    options.add_argument("--agent")
    arguments = options.parse_args()
    sockets = listen(arguments.port)
    asgardeo = Asgardeo(
        f"http://localhost:{sockets[0].getsockname()[1]}",
        redirect_uris=tuple(arguments.redirect_uri or [INSPECTOR]),
        audiences=tuple(arguments.audience),
        agent=arguments.agent,
    )
    env = {
        "AUTH_ISSUER": asgardeo.issuer,
        "CLIENT_ID": asgardeo.client_id,
        "JWKS_URL": asgardeo.jwks_url,
    }
    print(json.dumps({"env": env, "users": USERS}), flush=True)
    asyncio.run(serve(asgardeo.app(), sockets))


if __name__ == "__main__":
    main()
