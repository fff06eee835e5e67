"""Two servers on one database behind a balancer without stickiness, and what clients send to them."""

from dataclasses import dataclass
from typing import Any

import httpx2

from doorward.authserver.server import AuthorizationServer
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.settings.lifetimes import Limits
from doorward.authserver.settings.resource import Resource
from tests.authserver.browser import Browser, answer_in
from tests.authserver.harness import CALLBACK, ISSUER, RESOURCE, SCOPES, basic, challenge_of
from tests.authserver.model.faults import FaultyStore

PASSWORD = "correct horse battery staple"
CLIENTS = ("editor", "desktop")
_RESOURCE_SERVER = "resource-server"
_SECRET = "k3y-of-the-resource-server-5d0b9e77aa31"
_MANY = "1000000/minute"
_LIMITS = Limits(
    token_failures_per_address=_MANY,
    sign_ins_per_address=_MANY,
    authorizations_per_address=_MANY,
    sign_in_failures_per_name=_MANY,
    sign_in_failures_per_name_and_address=_MANY,
)


@dataclass
class Reply:
    """A response; ``error`` is the OAuth error, and ``tokens`` the access and the refresh token."""

    status: int
    body: dict[str, Any]

    @property
    def error(self) -> str | None:
        return self.body.get("error")

    @property
    def tokens(self) -> tuple[str, str]:
        return self.body["access_token"], self.body["refresh_token"]


class Replicas:
    """Two replicas, a clock for both, and requests to a chosen one."""

    def __init__(self, database_url: str, start: float) -> None:
        self.now = start
        self._database = database_url
        self._servers: list[AuthorizationServer] = []
        self._stores: list[FaultyStore] = []
        self._next = 0

    async def start(self) -> None:
        for replica in range(2):
            self._servers.append(await self._started(migrate=replica == 0))
            self._stores.append(FaultyStore(self._servers[-1]))

    async def aclose(self) -> None:
        for server in self._servers:
            await server.aclose()

    async def restart(self, replica: int) -> None:
        await self._servers[replica].aclose()
        self._servers[replica] = await self._started(migrate=False)
        self._stores[replica] = FaultyStore(self._servers[replica])

    def server(self, replica: int) -> AuthorizationServer:
        return self._servers[replica]

    def store(self, replica: int) -> FaultyStore:
        return self._stores[replica]

    async def post(self, replica: int, path: str, fields: dict[str, Any], **options: Any) -> Reply:
        app = self._servers[replica].app
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as http:
            response = await http.post(ISSUER + path, data=fields, **options)
        return Reply(response.status_code, response.json())

    async def introspect(self, replica: int, token: str) -> dict[str, Any]:
        headers = basic(_RESOURCE_SERVER, _SECRET)
        return (await self.post(replica, "/introspect", {"token": token}, headers=headers)).body

    async def sign_in(self, user: str, client: str, verifier: str) -> str:
        """Return a code; every request of the browser goes to the other replica."""
        query = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": CALLBACK,
            "resource": RESOURCE,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        async with Browser(self._alternating, ISSUER) as browser:
            url = f"{ISSUER}/authorize?{httpx2.QueryParams(query)}"
            response = await browser.go_through(url, user, PASSWORD)
        return answer_in(response.headers["location"])["code"]

    async def _alternating(self, *asgi: Any) -> None:
        self._next ^= 1
        await self._servers[self._next].app(*asgi)

    async def _started(self, *, migrate: bool) -> AuthorizationServer:
        resource = Resource(uri=RESOURCE, scopes=SCOPES, name="Model")
        settings = AuthServerSettings(
            issuer=ISSUER,
            resources=(resource,),
            database_url=self._database,
            secret="k3y-material-of-both-replicas-1f9a7c42e8",
            limits=_LIMITS,
            clients=(
                *(ConfiguredClient(client_id=name, redirect_uris=(CALLBACK,)) for name in CLIENTS),
                ConfiguredClient(
                    client_id=_RESOURCE_SERVER,
                    secret=_SECRET,
                    auth_method="client_secret_basic",
                    grant_types=(),
                    introspects=RESOURCE,
                ),
            ),
        )
        server = AuthorizationServer(settings, clock=lambda: self.now, audit=lambda _: None)
        if not migrate:
            # It takes longer than everything else together, and finds nothing to do.
            server.services.store.start = _nothing  # type: ignore[method-assign]
        await server.start()
        return server


async def _nothing() -> None:
    pass
