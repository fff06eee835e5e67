"""A sign-in at a demo in this process, without pages."""

import json
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from doorward.demo.app import Demo
from doorward.guard import AuditEvent
from tests.authserver.harness import VERIFIER, challenge_of

URL = "http://localhost:9000"
CALLBACK = "http://127.0.0.1:41000/callback"


class Blank:
    """A screen that shows nothing."""

    def show_addresses(self, where: object) -> None:
        """Show nothing."""

    def show_event(self, event: object, who: str | None) -> None:
        """Show nothing."""

    def show_decision(self, event: AuditEvent, who: str | None) -> None:
        """Show nothing."""


def http_to(demo: Demo) -> httpx2.AsyncClient:
    """Return an HTTP client of the demo."""
    transport = httpx2.ASGITransport(app=demo.app, client=("127.0.0.1", 40000))
    return httpx2.AsyncClient(transport=transport, base_url=URL)


async def register(http: httpx2.AsyncClient) -> str:
    """Register a client and return its id."""
    said = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
    client: str = (await http.post("/register", json=said)).json()["client_id"]
    return client


async def get_code(http: httpx2.AsyncClient, client: str, resource: str) -> dict[str, str]:
    """Return the form that redeems a code; the demo signs somebody in by itself."""
    led = await http.get(
        "/authorize",
        params={
            "response_type": "code",
            "client_id": client,
            "redirect_uri": CALLBACK,
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            "resource": resource,
        },
    )
    return {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(led.headers["location"]).query)["code"][0],
        "client_id": client,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says, unverified."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
