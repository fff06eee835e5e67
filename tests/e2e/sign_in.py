"""A sign-in made by hand, for tests that need a token to send over a raw socket."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

import httpx2

from tests.e2e.form_browser import FormBrowser

REDIRECT_URI = "http://127.0.0.1:1/callback"


class Running(Protocol):
    """A running authorization server: a demo, or a served configuration file."""

    secrets: set[str]

    @property
    def issuer(self) -> str: ...

    @property
    def mcp(self) -> str: ...

    def password(self, username: str) -> str: ...


@dataclass(frozen=True)
class SignedIn:
    """What one sign-in gave."""

    client_id: str
    access_token: str
    refresh_token: str
    scope: frozenset[str]


def register(issuer: str, redirect_uri: str) -> str:
    """Register a public client and return its identifier."""
    metadata = httpx2.get(f"{issuer}/.well-known/oauth-authorization-server").json()
    answer = httpx2.post(
        metadata["registration_endpoint"],
        json={
            "client_name": "Registered by hand",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        },
    )
    answer.raise_for_status()
    return str(answer.json()["client_id"])


@dataclass(frozen=True)
class PendingCode:
    """A code, and all that it takes to redeem it."""

    client_id: str
    code: str
    verifier: str


def authorize(
    demo: Running,
    username: str,
    scope: str | None = None,
    *,
    browser: FormBrowser | None = None,
) -> PendingCode:
    """Take a demo user through the pages as far as the code; secrets are watched for in the log."""
    client_id = register(demo.issuer, REDIRECT_URI)
    metadata = httpx2.get(f"{demo.issuer}/.well-known/oauth-authorization-server").json()
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    asked: dict[str, str] = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "state": secrets.token_urlsafe(16),
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "resource": demo.mcp,
        **({"scope": scope} if scope else {}),
    }
    browser = browser or FormBrowser(username, demo.password(username), delivers=False)
    try:
        walk = browser.walk(f"{metadata['authorization_endpoint']}?{urlencode(asked)}")
    finally:
        browser.close()
    demo.secrets |= {verifier, walk.answer["code"]}
    return PendingCode(client_id, walk.answer["code"], verifier)


def redeem(demo: Running, pending: PendingCode) -> httpx2.Response:
    """Send the code to the token endpoint and return whatever it answers."""
    return httpx2.post(
        f"{demo.issuer}/token",
        data={
            "grant_type": "authorization_code",
            "client_id": pending.client_id,
            "code": pending.code,
            "code_verifier": pending.verifier,
            "redirect_uri": REDIRECT_URI,
            "resource": demo.mcp,
        },
        timeout=30,
    )


def sign_in(demo: Running, username: str, scope: str | None = None) -> SignedIn:
    """Sign a demo user in through the pages; every secret is watched for in the demo's log."""
    pending = authorize(demo, username, scope)
    answer = redeem(demo, pending)
    answer.raise_for_status()
    given = answer.json()
    demo.secrets |= {given["access_token"], given["refresh_token"]}
    return SignedIn(
        pending.client_id,
        given["access_token"],
        given["refresh_token"],
        frozenset(given["scope"].split()),
    )
