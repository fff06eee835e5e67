"""A sign-in made by hand, for tests that need a token to send over a raw socket."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2

from tests.e2e.form_browser import FormBrowser
from tests.e2e.running_demo import RunningDemo

REDIRECT_URI = "http://127.0.0.1:1/callback"


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


def sign_in(demo: RunningDemo, username: str, scope: str | None = None) -> SignedIn:
    """Sign a demo user in through the pages; every secret is watched for in the demo's log."""
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
    browser = FormBrowser(username, demo.password(username), delivers=False)
    walk = browser.walk(f"{metadata['authorization_endpoint']}?{urlencode(asked)}")
    browser.close()
    given = _redeem(metadata["token_endpoint"], client_id, walk.answer["code"], verifier, demo.mcp)
    demo.secrets |= {
        verifier,
        walk.answer["code"],
        given["access_token"],
        given["refresh_token"],
    }
    return SignedIn(
        client_id,
        given["access_token"],
        given["refresh_token"],
        frozenset(given["scope"].split()),
    )


def _redeem(endpoint: str, client_id: str, code: str, verifier: str, resource: str) -> Any:
    answer = httpx2.post(
        endpoint,
        data={
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": REDIRECT_URI,
            "resource": resource,
        },
    )
    answer.raise_for_status()
    return answer.json()
