"""
Identity providers, each with one person and one client: our authorization server.

Others wrote them; the last is a Doorward too.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from doorward import Allow, AuthorizationServer
from doorward.authserver import AuthServerSettings, ConfiguredClient, IdentityProvider
from doorward.authserver.grants.active_grants import end_grants
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import grants
from doorward.authserver.users.users import Users
from tests.e2e.processes import free_port, started
from tests.idp import running_hydra
from tests.idp.listening import Application, listening
from tests.keycloak.own_realm import PASSWORD, add_user
from tests.keycloak.running import RunningKeycloak

CLIENT_ID = "doorward"
SECRET = "a-secret-that-the-provider-and-doorward-know"
USERNAME = "una"
_NODE = Path(sys.executable).parent / "node"
_CLIENTS = Path(__file__).parents[1] / "clients"


@dataclass(frozen=True, kw_only=True)
class RealProvider:
    """
    One provider. ``settings`` are those of ``IdentityProvider``.

    ``disable`` closes the account there, ``revoke`` takes back what the person allowed our server,
    and ``sign_out`` signs the person out there, which the provider tells us, if it can.
    """

    settings: dict[str, Any]
    disable: Callable[[], object]
    revoke: Callable[[], object]
    sign_out: Callable[[], object] | None = None
    username: str = USERNAME
    password: str = PASSWORD


def callback_url(port: int, kind: str) -> str:
    """Return the callback of our server on ``port``."""
    return f"http://localhost:{port}/callback/{kind}"


def _logout_url(port: int, kind: str) -> str:
    return f"http://localhost:{port}/backchannel-logout/{kind}"


@contextmanager
def keycloak(running: RunningKeycloak, port: int, _folder: Path) -> Iterator[RealProvider]:
    """A realm of Keycloak for our server on ``port``."""
    realm = f"bridge-{port}"
    running.create_realm({"realm": realm, "enabled": True, "sslRequired": "external"})
    running.admin(
        "POST",
        "/clients",
        {
            "clientId": CLIENT_ID, "secret": SECRET, "publicClient": False,
            "standardFlowEnabled": True, "protocol": "openid-connect", "consentRequired": True,
            "redirectUris": [callback_url(port, "keycloak")],
            "attributes": {
                "pkce.code.challenge.method": "S256",
                "backchannel.logout.url": _logout_url(port, "keycloak"),
            },
        },
        of=realm,
    )  # fmt: skip
    add_user(running, realm, USERNAME)
    (una,) = running.admin("GET", f"/users?username={USERNAME}&exact=true", of=realm)
    place = f"/users/{una['id']}"
    (client,) = running.admin("GET", f"/clients?clientId={CLIENT_ID}", of=realm)

    def sign_out() -> None:
        # With offline_access, the session outlives the one in the browser: the operator ends it.
        for one in running.admin("GET", f"{place}/offline-sessions/{client['id']}", of=realm):
            running.admin("DELETE", f"/sessions/{one['id']}?isOffline=true", of=realm)

    yield RealProvider(
        settings={"kind": "keycloak", "issuer": f"{running.url}/realms/{realm}"},
        disable=lambda: running.admin("PUT", place, {**una, "enabled": False}, of=realm),
        revoke=lambda: running.admin("DELETE", f"{place}/consents/{CLIENT_ID}", of=realm),
        sign_out=sign_out,
    )


@contextmanager
def oidc_provider(port: int, _folder: Path) -> Iterator[RealProvider]:
    """Node oidc-provider for our server on ``port``: known by its issuer alone."""
    client = {
        "client_id": CLIENT_ID, "client_secret": SECRET,
        "redirect_uris": [callback_url(port, "sso")],
        "grant_types": ["authorization_code", "refresh_token"],
        "backchannel_logout_uri": _logout_url(port, "sso"),
    }  # fmt: skip
    command = [str(_NODE), "oidc_for_doorward.mjs", json.dumps(client)]
    with started(command, cwd=_CLIENTS, longest=280) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(command: str) -> None:
            stdin.write(command + "\n")
            stdin.flush()
            # Its warnings are lines too.
            assert any(line == "done\n" for line in stdout), process.said_wrong

        line = stdout.readline()
        assert line, process.said_wrong
        yield RealProvider(
            settings={"issuer": json.loads(line)["issuer"]},
            disable=lambda: ask("disable"),
            revoke=lambda: ask("revoke"),
            sign_out=lambda: ask("logout"),
        )
        # The command may be a wrapper: killing it would leave the server behind.
        stdin.close()


@dataclass
class HydraPages:
    """The pages that Hydra's operator brings: who signs in, and what the tokens say."""

    admin: str = ""
    sessions: list[str] = field(default_factory=list)
    disabled: bool = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/login", self._login, methods=["GET", "POST"]),
                Route("/consent", self._consent),
            ]
        )

    async def _login(self, request: Request) -> Response:
        challenge = request.query_params["login_challenge"]
        if request.method == "GET":
            return HTMLResponse(
                "<title>Sign in</title><form method=post><input name=username>"
                "<input type=password name=password><button>Sign in</button></form>"
            )
        form = dict(pair.split("=") for pair in (await request.body()).decode().split("&"))
        assert form["password"] == PASSWORD
        accepted = {"subject": form["username"], "remember": True, "remember_for": 3600}
        return self._accept("login", challenge, accepted)

    async def _consent(self, request: Request) -> Response:
        challenge = request.query_params["consent_challenge"]
        place = f"{self.admin}/admin/oauth2/auth/requests/consent"
        asked = httpx2.get(f"{place}?consent_challenge={challenge}", timeout=30).json()
        self.sessions.append(asked["login_session_id"])
        claims = {
            "name": "Una Example",
            "email": f"{asked['subject']}@example.com",
            "email_verified": True,
        }
        accepted = {
            "grant_scope": asked["requested_scope"], "session": {"id_token": claims},
            "remember": True, "remember_for": 3600,
        }  # fmt: skip
        return self._accept("consent", challenge, accepted)

    def _accept(self, kind: str, challenge: str, body: dict[str, Any]) -> Response:
        answer = httpx2.put(
            f"{self.admin}/admin/oauth2/auth/requests/{kind}/accept?{kind}_challenge={challenge}",
            json=body,
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return RedirectResponse(answer.json()["redirect_to"], 302)


@contextmanager
def hydra(port: int, folder: Path) -> Iterator[RealProvider]:
    """Ory Hydra for our server on ``port``."""
    shown = HydraPages()

    @asynccontextmanager
    async def build(_base: str) -> AsyncIterator[Application]:
        yield shown.app()

    with (
        listening(build, free_port()) as pages,
        running_hydra.running(folder, registration=False, pages=pages) as running,
    ):
        shown.admin = running.admin
        running.make_client(
            client_id=CLIENT_ID, client_secret=SECRET,
            grant_types=["authorization_code", "refresh_token"],
            scope="openid profile email offline_access",
            redirect_uris=[callback_url(port, "hydra")],
            backchannel_logout_uri=_logout_url(port, "hydra"),
        )  # fmt: skip
        yield RealProvider(
            settings={"kind": "hydra", "issuer": running.issuer},
            # Its operator disables somebody: Hydra itself knows no users.
            disable=lambda: running.end_consents(USERNAME),
            revoke=lambda: running.end_consents(USERNAME),
            sign_out=lambda: running.end_session(shown.sessions[-1]),
        )


@contextmanager
def doorward(
    port: int, folder: Path, *, own_port: int | None = None, **changes: Any
) -> Iterator[RealProvider]:
    """Another Doorward for our server on ``port``: known by its issuer alone."""
    issuer = f"http://localhost:{own_port or free_port()}"
    settings = AuthServerSettings(
        issuer=issuer, resources=(), openid=True, registration="closed",
        database_url=f"sqlite+aiosqlite:///{folder}/provider.db",
        secret_file=folder / "provider.secret",
        clients=(
            ConfiguredClient(
                client_id=CLIENT_ID, secret=SECRET, auth_method="client_secret_basic",
                redirect_uris=(callback_url(port, "sso"),),
            ),
        ),
        **changes,
    )  # fmt: skip

    @asynccontextmanager
    async def build(_base: str) -> AsyncIterator[Application]:
        provider = AuthorizationServer(settings)
        await provider.start()
        if settings.has_own_users:
            email = f"{USERNAME}@example.com"
            await provider.users.add(USERNAME, PASSWORD, (), (), "Una Example", email)
        yield provider.app
        await provider.aclose()

    async def close_account() -> None:
        async with _store_of(settings) as store:
            await Users(store, time.time).disable(USERNAME)

    async def take_back() -> None:
        async with _store_of(settings) as store, store.engine.begin() as connection:
            await end_grants(connection, grants.c.client_id == CLIENT_ID, "user", time.time())

    with listening(build, urlsplit(issuer).port or 0):
        yield RealProvider(
            settings={"issuer": issuer},
            disable=lambda: _run(close_account()),
            revoke=lambda: _run(take_back()),
        )


@contextmanager
def doorward_behind_doorward(port: int, folder: Path) -> Iterator[RealProvider]:
    """Another Doorward that itself signs people in at Node oidc-provider."""
    own_port = free_port()
    with oidc_provider(own_port, folder) as behind:
        provider = IdentityProvider(
            **behind.settings,
            client_id=CLIENT_ID,
            client_secret=SECRET,
            allow=Allow(domains={"example.com"}),
        )
        with doorward(port, folder, own_port=own_port, identity_providers=(provider,)) as running:
            yield running


@asynccontextmanager
async def _store_of(settings: AuthServerSettings) -> AsyncIterator[Store]:
    store = Store(settings.database_url)
    yield store
    await store.aclose()


def _run(change: Coroutine[Any, Any, None]) -> None:
    """Run it on a loop of its own: the caller may be on one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, change).result()


Start = Callable[[int, Path], AbstractContextManager[RealProvider]]
