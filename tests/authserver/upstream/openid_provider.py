"""An OpenID provider that runs in the process, with a switch for each thing that it can do wrong."""

import base64
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from doorward.net import FetchFailed, FetchRequest, FetchResponse
from tests.authserver.harness import challenge_of

CLIENT_ID = "doorward-at-the-provider"
CLIENT_SECRET = "a-secret-that-only-two-parties-know"
ALGORITHMS = ["RS256", "RS384", "PS256", "ES256", "ES384"]


@cache
def signing_key() -> RSAKey:
    """Make the provider's key once: an RSA key takes longer than a test."""
    return RSAKey.generate_key(2048, parameters={"kid": "1", "use": "sig"})


@cache
def foreign_key() -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": "1", "use": "sig"})


@dataclass
class OpenIdProvider:
    """
    The provider, and what it was asked.

    ``user`` are the claims of whoever sits in front of the browser. ``changed`` replaces claims of
    the ID token, and ``thin`` leaves those of ``profile`` and ``email`` to the userinfo. ``broken``
    answers the next request to the token endpoint instead of the provider. With
    ``offline_needs_consent``, there is a refresh token only after ``prompt=consent``.
    """

    clock: Any
    issuer: str = "https://login.example"
    user: dict[str, Any] = field(
        default_factory=lambda: {"sub": "248289761001", "name": "Jane Doe"}
    )
    changed: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    response: dict[str, Any] = field(default_factory=dict)
    thin: bool = False
    offline_needs_consent: bool = False
    broken: FetchResponse | Exception | None = None
    key: RSAKey | ECKey = field(default_factory=signing_key)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "1"})
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    authorizations: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """The issuer without a slash at its end: some issuers have one."""
        return self.issuer.rstrip("/")

    # What a browser does there.

    def authorize(self, url: str) -> dict[str, str]:
        """Read the authorization request, sign the user in, and return the callback's parameters."""
        assert url.startswith(self.base + "/authorize?"), url
        query = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
        assert len(query) == len(parse_qs(urlsplit(url).query)), "a parameter is there twice"
        self.authorizations.append(query)
        code = f"code-{len(self.authorizations)}"
        self._codes[code] = query
        return {"code": code, "state": query["state"]}

    def callback(self, url: str, **changes: str | None) -> str:
        """Return where the provider sends the browser, with these parameters changed or left out."""
        answer: dict[str, str | None] = {**self.authorize(url), **changes}
        sent = {name: value for name, value in answer.items() if value is not None}
        return f"{self.authorizations[-1]['redirect_uri']}?{urlencode(sent)}"

    # What a server does there: the interface of the project's own fetcher.

    async def fetch(self, url: str, *, accept: str = "", limit: int = 0) -> FetchResponse:
        return await self.send(url, FetchRequest())

    async def send(self, url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        path = url.removeprefix(self.base)
        form = dict(parse_qsl(request.body.decode()))
        self.requests.append((path, form))
        if path == "/.well-known/openid-configuration":
            return answered(self._metadata())
        if path == "/jwks":
            return answered({"keys": [signing_key().as_dict(private=False)]})
        if path == "/userinfo":
            return answered(self.user | {"sub": self.changed.get("sub", self.user["sub"])})
        if path == "/revoke":
            return answered({})
        if path == "/token":
            return self._token(form, request.authorization)
        raise FetchFailed(f"nothing at {path}")

    async def aclose(self) -> None:
        """Close nothing."""

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": self.base + "/authorize",
            "token_endpoint": self.base + "/token",
            "jwks_uri": self.base + "/jwks",
            "userinfo_endpoint": self.base + "/userinfo",
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            **self.metadata,
        }

    def _token(self, form: dict[str, str], authorization: str | None) -> FetchResponse:
        broken, self.broken = self.broken, None
        if isinstance(broken, Exception):
            raise broken
        if broken is not None:
            return broken
        posted = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if not posted and not _is_our_client(authorization):
            return answered({"error": "invalid_client", "error_description": "<b>who?</b>"}, 401)
        if form.get("grant_type") == "refresh_token":
            return answered(self._tokens(None) | self.response)
        asked = self._codes.pop(form["code"], None)
        if asked is None or challenge_of(form["code_verifier"]) != asked["code_challenge"]:
            return answered({"error": "invalid_grant"}, 400)
        tokens = self._tokens(asked.get("nonce"))
        if self.offline_needs_consent and "consent" not in asked.get("prompt", "").split():
            del tokens["refresh_token"]
        return answered(tokens | self.response)

    def _tokens(self, nonce: str | None) -> dict[str, Any]:
        number = len(self.requests)
        return {
            "access_token": f"provider-access-{number}",
            "refresh_token": f"provider-refresh-{number}",
            "token_type": "Bearer",
            "expires_in": 3600,
            "id_token": self._id_token(nonce),
        }

    def _id_token(self, nonce: str | None) -> str:
        now = int(self.clock())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **({"sub": self.user["sub"]} if self.thin else self.user),
            **self.changed,
        }
        return self.sign(claims)

    def sign(self, claims: dict[str, Any]) -> str:
        """Return an ID token with ``claims``, without those that are ``None``."""
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(dict(self.header), kept, self.key, algorithms=ALGORITHMS)


def answered(document: Any, status: int = 200) -> FetchResponse:
    """Return a JSON response."""
    headers = {"content-type": "application/json"}
    return FetchResponse(status, headers, json.dumps(document).encode(), None)


def _is_our_client(authorization: str | None) -> bool:
    if authorization is None or not authorization.startswith("Basic "):
        return False
    name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
    return (unquote_plus(name), unquote_plus(secret)) == (CLIENT_ID, CLIENT_SECRET)
