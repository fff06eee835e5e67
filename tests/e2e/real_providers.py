"""Identity providers that others wrote, each with one person and one client: our authorization server."""

import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

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
    and ``sign_out`` signs the person out there, which the provider tells us.
    """

    settings: dict[str, Any]
    disable: Callable[[], object]
    revoke: Callable[[], object]
    sign_out: Callable[[], object]
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
class _HydraPages:
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
    shown = _HydraPages()

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


Start = Callable[[int, Path], AbstractContextManager[RealProvider]]
