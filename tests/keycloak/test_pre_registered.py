"""A client that an administrator registers by hand at Keycloak: its secret, and its redirect URIs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doorward.client import ClientConfig, FileStore, TokenStore, open_connection
from tests.e2e.guarded import READ, guarded
from tests.e2e.processes import free_port
from tests.e2e.test_sign_in_at_providers import ProtectedServer, visitor
from tests.keycloak.running import RunningKeycloak

pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak"), pytest.mark.timeout(300)]

SECRET = "s3cret of the web app"


@pytest.fixture
def keycloak(running_keycloak: RunningKeycloak) -> Iterator[RunningKeycloak]:
    """Lend the running Keycloak, and take away the clients that a test registered."""
    before = running_keycloak.client_ids()
    yield running_keycloak
    for one in running_keycloak.admin("GET", "/clients?max=1000"):
        if one["clientId"] not in before:
            running_keycloak.admin("DELETE", f"/clients/{one['id']}")


def add_client(keycloak: RunningKeycloak, *redirect_uris: str, **more: Any) -> None:
    """Register the client ``web-app``, as an administrator does."""
    settings = {
        "clientId": "web-app",
        "publicClient": False,
        "secret": SECRET,
        "standardFlowEnabled": True,
        "redirectUris": list(redirect_uris),
        "defaultClientScopes": ["basic", "profile", "roles"],
        "optionalClientScopes": ["mcp:read", "mcp:tools", "offline_access"],
        **more,
    }
    keycloak.admin("POST", "/clients", settings)


async def test_a_person_signs_in_with_the_secret_of_the_client(
    keycloak: RunningKeycloak, tmp_path: Path
) -> None:
    port, server_port = free_port(), free_port()
    keycloak.accept_audience(f"http://localhost:{server_port}/mcp")
    add_client(keycloak, f"http://127.0.0.1:{port}/callback")
    client_config = ClientConfig(client_id="web-app", client_secret=SECRET, issuer=keycloak.issuer)
    token_store = TokenStore(FileStore(tmp_path))
    with guarded(
        server_port, idp="keycloak", issuer=keycloak.issuer, challenge_scopes={READ}
    ) as url:
        protected = ProtectedServer(url, keycloak.issuer)
        async with (
            visitor("mcp-user", "user123") as somebody,
            open_connection(
                protected.url,
                token_store=token_store,
                browser=somebody.walk,
                timeout=30.0,
                client_config=client_config,
                port=port,
            ) as connection,
        ):
            first = await connection.log_in()
            await connection.client.list_tools()
        assert first is not None
        # As a later command does: it knows the client from the token store alone.
        async with open_connection(
            protected.url, token_store=token_store, interactive=False
        ) as later:
            renewed = await later.sign_in.refresh(protected.url, first)

    assert first.client_id == "web-app"
    assert renewed.access_token != first.access_token


@pytest.mark.parametrize(
    ("registered", "asked", "accepted"),
    [
        ("http://127.0.0.1/callback", "http://127.0.0.1:8765/callback", True),
        ("http://localhost/callback", "http://localhost:8765/callback", True),
        ("http://127.0.0.1:1234/callback", "http://127.0.0.1:8765/callback", False),
        ("http://localhost/callback", "http://127.0.0.1:8765/callback", False),
        ("https://app.example/*", "https://app.example/a/b", True),
    ],
)
def test_how_redirect_uris_are_compared(
    keycloak: RunningKeycloak, registered: str, asked: str, accepted: bool
) -> None:
    add_client(keycloak, registered)

    answer = keycloak.http.get(
        f"{keycloak.issuer}/protocol/openid-connect/auth",
        params={
            "response_type": "code",
            "client_id": "web-app",
            "redirect_uri": asked,
            "scope": "openid",
            "code_challenge": "a" * 43,
            "code_challenge_method": "S256",
        },
    )

    assert (answer.status_code == 200) is accepted, answer.status_code
