"""The example that signs people in: it starts, and sends them to the provider of its settings."""

import importlib
from pathlib import Path

import httpx2
import pytest

from tests.authserver.harness import CALLBACK, VERIFIER, challenge_of


async def test_the_example_asks_for_consent_and_names_the_provider(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CLIENT_ID", "1.apps.googleusercontent.com")
    monkeypatch.setenv("CLIENT_SECRET", "a-secret")
    monkeypatch.setenv("ALLOWED_DOMAIN", "example.com")
    example = importlib.reload(importlib.import_module("examples.sign_in"))
    transport = httpx2.ASGITransport(app=example.app)

    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
        refused = await http.post("/mcp", json={})
        registered = await http.post(
            "/register",
            json={"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"},
        )
        asked = {
            "response_type": "code",
            "client_id": registered.json()["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "orders:read",
            "resource": "http://localhost:8000/mcp",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        page = await http.get("/authorize", params=asked)
        await example.guard.authorization_server.aclose()

    assert refused.status_code == 401
    assert "See your orders" in page.text
    assert "You sign in at Google." in page.text
