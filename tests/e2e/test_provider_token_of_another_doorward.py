"""Two authorization servers in processes of their own: a tool acts at one as the user of the other."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from doorward import Identity
from doorward.downstream import DownstreamTokens, NotGranted, ProviderToken
from tests.e2e.form_browser import FormBrowser
from tests.e2e.processes import free_port
from tests.e2e.running_service import RunningService
from tests.e2e.sign_in import authorize, redeem

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SECRET = "a-secret-between-two-servers-" + "s" * 40
PASSWORD = "correct horse battery staple"

PROVIDER = """\
listen = "127.0.0.1:{provider}"

[authorization_server]
issuer = "http://localhost:{provider}"
database_url = "sqlite:///provider.db"
secret_file = "provider.master"
openid = true

[[authorization_server.clients]]
client_id = "front"
auth_method = "client_secret_basic"
secret_file = "shared.secret"
redirect_uris = ["http://localhost:{front}/callback/sso"]
"""

FRONT = """\
listen = "127.0.0.1:{front}"

[authorization_server]
issuer = "http://localhost:{front}"
database_url = "sqlite:///front.db"
secret_file = "front.master"

[[authorization_server.clients]]
client_id = "mcp-server"
auth_method = "client_secret_basic"
secret_file = "shared.secret"
introspects = "http://localhost:{front}/mcp"
provider_tokens = ["sso"]

[[authorization_server.clients]]
client_id = "introspects-only"
auth_method = "client_secret_basic"
secret_file = "shared.secret"
introspects = "http://localhost:{front}/mcp"

[[identity_providers]]
issuer = "http://localhost:{provider}"
client_id = "front"
client_secret_file = "shared.secret"
allow = {{ everyone = true }}

[[mcp_servers]]
resource = "http://localhost:{front}/mcp"
upstream = "http://localhost:1/mcp"
scopes = {{ "mcp:tools" = "Use the tools in your name" }}
policy = {{ base = {{ scopes = ["mcp:tools"] }} }}
"""


@contextmanager
def two_servers(folder: Path) -> Iterator[tuple[RunningService, RunningService]]:
    """Serve the provider, which has the user alice, and the server that signs people in there."""
    ports = {"provider": free_port(), "front": free_port()}
    secret = folder / "shared.secret"
    secret.touch(0o600)
    secret.write_text(SECRET)
    for name, text in (("provider", PROVIDER), ("front", FRONT)):
        (folder / f"{name}.toml").write_text(text.format(**ports))
    users = {"alice": PASSWORD}
    with (
        RunningService(folder / "provider.toml", passwords=users) as provider,
        RunningService(folder / "front.toml") as front,
    ):
        yield provider, front


async def provider_token(front: RunningService, caller: str, client_id: str) -> str:
    """Return alice's token at the provider, as a third server asks for it."""
    grant = ProviderToken(
        issuer=front.issuer, client_id=client_id, client_secret=SECRET, provider="sso"
    )
    downstream = DownstreamTokens({"sso": grant}, own_audiences={front.mcp})
    alice = Identity(
        issuer=front.issuer,
        subject="alice",
        client_id="client",
        scopes=frozenset({"mcp:tools"}),
        roles=frozenset(),
        expires_at=time.time() + 600,
    )
    return await downstream.token_for(alice, caller, "sso", frozenset())


def test_a_server_acts_at_one_doorward_as_the_user_who_signed_in_at_another(tmp_path: Path) -> None:
    with two_servers(tmp_path) as (provider, front):
        browser = FormBrowser("alice", PASSWORD, delivers=False)
        pending = authorize(front, "alice", "mcp:tools", browser=browser)
        caller = redeem(front, pending).json()["access_token"]

        token = asyncio.run(provider_token(front, caller, "mcp-server"))
        userinfo = httpx2.get(
            f"{provider.issuer}/userinfo",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        with pytest.raises(NotGranted):
            asyncio.run(provider_token(front, caller, "introspects-only"))
        front.secrets.add(token)

    assert token != caller
    assert userinfo.json()["preferred_username"] == "alice"
    assert provider.leaks() == front.leaks() == []
