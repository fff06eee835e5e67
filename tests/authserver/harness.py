"""One authorization server with users, and a client that walks through it step by step."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit
from uuid import uuid4

import httpx2
from sqlalchemy import insert

from doorward.authserver.events import ServerEvent
from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.server import AuthorizationServer
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.resource import Resource
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.engine import Store
from doorward.authserver.store.schema import users
from doorward.authserver.users import users as users_module
from doorward.operations.story.attempts import Attempts
from tests.authserver.browser import Browser, answer_in

ISSUER = "http://localhost:9000"
RESOURCE = "http://localhost:9000/mcp"
SCOPES = {
    "mcp:read": "See which tools there are",
    "mcp:tools": "Run tools in your name",
    "mcp:admin": "Read who did what",
}
CALLBACK = "http://127.0.0.1:41000/callback"
VERIFIER = "a-verifier-that-is-long-enough-to-be-one-of-them"
# Nothing can be opened there.
_NOWHERE = {
    "sqlite": "sqlite+aiosqlite:////nowhere/at/all/doorward.db",
    "postgresql": "postgresql://doorward@127.0.0.1:1/doorward",
}
PASSWORD = "correct horse battery staple"
_PEOPLE: tuple[tuple[str, list[str], list[str]], ...] = (
    ("alice", ["mcp:read", "mcp:tools"], ["user"]),
    ("guest", [], []),
)
_INSERT_USER = insert(users)


def challenge_of(verifier: str) -> str:
    """Compute S256 here, by other means than the code under test."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def claims_of(token: str) -> dict[str, Any]:
    """Read the claims of a JWT without checking anything."""
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return decoded


def basic(client_id: str, secret: str) -> dict[str, str]:
    """Return the header of HTTP Basic with both halves form-encoded, as RFC 6749 has it."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@dataclass
class Tokens:
    """An answer of the token endpoint."""

    response: httpx2.Response

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = self.response.json()
        return found

    @property
    def access(self) -> str:
        return str(self.body["access_token"])

    @property
    def refresh(self) -> str:
        return str(self.body["refresh_token"])


@dataclass
class AuthServerHarness:
    """The server, the people who use it, and what happened."""

    server: AuthorizationServer
    clock: Callable[[], float]
    events: list[ServerEvent]
    issuer: str = ISSUER
    resource: str = RESOURCE
    _browsers: list[Browser] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        clock: Callable[[], float],
        *,
        fetcher: Any = None,
        provider_fetcher: Any = None,
        attempts: Attempts | None = None,
        **changes: Any,
    ) -> "AsyncIterator[AuthServerHarness]":
        events: list[ServerEvent] = []
        settings = AuthServerSettings(
            issuer=ISSUER, resources=(Resource(uri=RESOURCE, scopes=SCOPES, name="Demo"),)
        )
        settings = replace(settings, **changes)
        server = AuthorizationServer(
            settings,
            clock=clock,
            fetcher=fetcher,
            provider_fetcher=provider_fetcher,
            audit=events.append,
            attempts=attempts,
        )
        await server.start()
        harness = cls(server, clock, events, settings.issuer, settings.resources[0].uri)
        await harness._add_alice_and_guest()
        try:
            yield harness
        finally:
            for browser in harness._browsers:
                await browser.http.aclose()
            await server.aclose()

    @property
    def app(self) -> Any:
        return self.server.app

    async def add_user(self, name: str, scopes: Any = ("mcp:read",), roles: Any = ()) -> str:
        user = await self.server.users.add(name, PASSWORD, scopes, roles, name.title())
        return user.id

    async def _add_alice_and_guest(self) -> None:
        hashed = users_module._hasher.hash(PASSWORD)

        async def insert_both(connection: Connection) -> None:
            for name, scopes, roles in _PEOPLE:
                row: dict[str, Any] = {
                    "id": str(uuid4()),
                    "username": name,
                    "display_name": name.title(),
                }
                row |= {"password_hash": hashed, "scopes": scopes, "roles": roles}
                row |= {"disabled": False, "created_at": self.clock()}
                await connection.execute(_INSERT_USER, row)

        try:
            # In one transaction, which takes a fifth of two calls of ``users.add``.
            await self.server.services.store.write(insert_both)
        except StoreUnavailable:
            # They exist: this server has started before.
            for name, scopes, roles in _PEOPLE:
                await self.add_user(name, scopes, roles)

    def browser(self, peer: str = "127.0.0.1") -> Browser:
        parts = urlsplit(self.issuer)
        browser = Browser(self.app, f"{parts.scheme}://{parts.netloc}", peer)
        self._browsers.append(browser)
        return browser

    @property
    def http(self) -> httpx2.AsyncClient:
        """A client without a past: no cookies."""
        return self.browser().http

    def url(self, path: str) -> str:
        return self.issuer.rstrip("/") + path

    async def register(self, **metadata: Any) -> dict[str, Any]:
        document = {
            "client_name": "Test client",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            **metadata,
        }
        response = await self.http.post(self.url("/register"), json=document)
        assert response.status_code == 201, response.text
        registered: dict[str, Any] = response.json()
        return registered

    def authorize_url(self, client: str, /, *, without: str = "", **changes: Any) -> str:
        parameters: dict[str, Any] = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": CALLBACK,
            "state": "st&te ü",
            "scope": "mcp:read mcp:tools",
            "resource": self.resource,
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        parameters |= changes
        for name in without.split():
            parameters.pop(name)
        return self.url("/authorize") + "?" + urlencode(parameters, doseq=True)

    async def code(
        self, client_id: str, *, browser: Browser | None = None, user: str = "alice", **changes: Any
    ) -> str:
        url = self.authorize_url(client_id, **changes)
        response = await (browser or self.browser()).go_through(url, user, PASSWORD)
        answer = answer_in(response.headers["location"])
        assert "code" in answer, answer
        return answer["code"]

    async def token(
        self, fields: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> Tokens:
        response = await self.http.post(self.url("/token"), data=dict(fields), headers=headers)
        return Tokens(response)

    def code_fields(self, client: str, issued: str, /, **changes: Any) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "grant_type": "authorization_code",
            "code": issued,
            "client_id": client,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "resource": self.resource,
        }
        fields |= changes
        return {name: value for name, value in fields.items() if value is not None}

    async def tokens(self, client_id: str, **changes: Any) -> Tokens:
        code = await self.code(client_id, **changes)
        got = await self.token(self.code_fields(client_id, code))
        assert got.response.status_code == 200, got.response.text
        return got

    async def refresh(self, client_id: str, token: str, **fields: Any) -> Tokens:
        return await self.token(
            {
                "grant_type": "refresh_token",
                "refresh_token": token,
                "client_id": client_id,
                **fields,
            }
        )

    @asynccontextmanager
    async def broken_store(self) -> AsyncIterator[None]:
        """Let every connection to the database fail, as when its disk is gone."""
        store = self.server.services.store
        working = store.engine, store.transactions
        nowhere = Store(_NOWHERE[store.engine.dialect.name])
        store.engine, store.transactions = nowhere.engine, nowhere.transactions
        try:
            yield
        finally:
            await nowhere.aclose()
            store.engine, store.transactions = working

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]
