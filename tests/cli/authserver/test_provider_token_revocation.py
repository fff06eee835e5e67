"""Verbs that end access tell identity providers, and say what the providers said."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from doorward.authserver import AuthorizationServer
from doorward.authserver.provider_tokens.links import ConnectLink
from doorward.authserver.settings.admission import ProviderAccount
from doorward.authserver.store.rows.grants import create_grant
from doorward.authserver.store.schema import grants
from doorward.authserver.upstream.responses import ProviderTokens
from doorward.config.load import load_authorization_server
from tests.authserver.harness import CALLBACK, RESOURCE
from tests.authserver.provider_tokens.code_host import CodeHost
from tests.authserver.speed import make_servers_cheap
from tests.authserver.upstream.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.cli.conftest import Command, Ended
from tests.e2e.openid_on_a_port import Provider
from tests.ledger import proves
from tests.pages.browser import served

REFRESH = "refresh-of-octo-1"


class Setting:
    """A database with one user, who signed in and connected an account at a running provider."""

    def __init__(self, folder: Path, code: CodeHost, doorward: Command) -> None:
        self.code = code
        self.doorward = doorward
        self.database = f"sqlite:///{folder / 'doorward.db'}"
        self.file = folder / "doorward.toml"
        self.file.write_text(f"""
[authorization_server]
issuer = "http://localhost:9000"
database_url = "{self.database}"
secret_file = "{folder / "secret"}"
resources = [{{ uri = "{RESOURCE}", scopes = {{ "mcp:read" = "Read" }} }}]
clients = [{{ client_id = "desk", redirect_uris = ["{CALLBACK}"] }}]

[[identity_providers]]
name = "code"
issuer = "{code.issuer}"
client_id = "{CLIENT_ID}"
client_secret_env = "CODE_SECRET"
allow = [{{ everyone = true }}]
""")

    async def fill(self) -> None:
        server = AuthorizationServer(load_authorization_server(self.file))
        await server.start()
        services = server.services
        provider = services.providers["code"].provider
        account = ProviderAccount(issuer=provider.issuer_url, subject="octo")
        user = await server.users.add("alice", "a-password-0123", ["mcp:read"])
        link = ConnectLink(user_id=user.id, resource=RESOURCE, provider="code", used=True)
        at_sign_in = ProviderTokens(access_token="a", refresh_token="refresh-of-sign-in")
        session = await services.provider_sessions.create(provider, account, user.id, at_sign_in)
        connected = ProviderTokens(access_token="b", refresh_token=REFRESH)
        async with services.store.engine.begin() as connection:
            await services.connections.create(connection, link, provider, account, connected)
            await create_grant(
                connection,
                server.settings,
                user_id=user.id,
                client_id="desk",
                redirect_uri=CALLBACK,
                resource=RESOURCE,
                scopes=["mcp:read"],
                client_name=None,
                browser=None,
                now=time.time(),
                provider_session_id=session,
            )
        await server.aclose()

    def verb(self, *words: str, config: bool) -> Ended:
        where = ("--config", str(self.file)) if config else ("--database", self.database)
        return self.doorward(*words, *where)

    def grant_id(self) -> str:
        async def read() -> str:
            server = AuthorizationServer(load_authorization_server(self.file))
            try:
                async with server.services.store.reading() as connection:
                    return str((await connection.execute(select(grants.c.id))).scalar_one())
            finally:
                await server.aclose()

        return asyncio.run(read())


@pytest.fixture
def setting(
    tmp_path: Path, doorward: Command, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Setting]:
    """The database, and the provider on a port."""
    make_servers_cheap()
    monkeypatch.setenv("CODE_SECRET", CLIENT_SECRET)
    running = Provider()
    running.openid = CodeHost(time.time)
    with served(running.app) as origin:
        running.openid.issuer = origin
        running.openid.can_revoke()
        made = Setting(tmp_path, running.openid, doorward)
        asyncio.run(made.fill())
        yield made


def verbs(setting: Setting) -> dict[str, tuple[str, ...]]:
    return {
        "grant": ("grants", "end", setting.grant_id()),
        "grants": ("grants", "end", "--user", "alice"),
        "disabled": ("users", "disable", "alice"),
        "removed": ("users", "remove", "alice"),
    }


@proves("S209", "refuses", "token vault per user")
@pytest.mark.parametrize("ended", ["grant", "grants", "disabled", "removed"])
def test_with_the_configuration_the_provider_revokes_before_the_verb_returns(
    setting: Setting, ended: str
) -> None:
    done = setting.verb(*verbs(setting)[ended], "--json", config=True)

    report: dict[str, Any] = done.document["provider_tokens"]
    assert report == {"revoked": 2, "not_revocable": 0, "waiting": 0}
    assert sorted(setting.code.revoked) == [REFRESH, "refresh-of-sign-in"]


@proves("S209", "refuses", "token vault per user")
@pytest.mark.parametrize("ended", ["grant", "removed"])
def test_with_the_database_alone_the_tokens_wait_for_the_running_server(
    setting: Setting, ended: str
) -> None:
    done = setting.verb(*verbs(setting)[ended], config=False)

    assert "Not yet revoked at identity providers: 2." in done.err
    assert "--config FILE" in done.err
    assert setting.code.revoked == []
    # The running server does this once a minute.
    asyncio.run(_sweep(setting))
    assert sorted(setting.code.revoked) == [REFRESH, "refresh-of-sign-in"]


async def _sweep(setting: Setting) -> None:
    server = AuthorizationServer(load_authorization_server(setting.file))
    await server.start()
    await server.services.token_revocation.sweep()
    await server.aclose()


def test_a_provider_that_is_down_is_reported(setting: Setting) -> None:
    setting.code.down = True

    done = setting.verb("grants", "end", "--user", "alice", "--json", config=True)

    assert done.status == 0
    assert done.document["ended"] == 1
    assert done.document["provider_tokens"]["waiting"] == 2


def test_a_provider_without_a_revocation_endpoint_is_reported(setting: Setting) -> None:
    del setting.code.metadata["revocation_endpoint"]

    done = setting.verb("users", "disable", "alice", config=True)

    assert "Not revocable: 2." in done.err
