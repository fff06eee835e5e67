"""The composition: an authorization server, a guard and an MCP server that know only addresses."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from doorward.authserver import (
    AuthorizationServer,
    AuthServerSettings,
    Limits,
    Resource,
    ServerEvent,
)
from doorward.authserver.pages.pages import SECURITY_HEADERS, MessagePage, render
from doorward.demo.people import PEOPLE, SCOPES, Person, person
from doorward.demo.tools import build_server
from doorward.errors import ConfigurationError
from doorward.guard import AuditEvent, Guard
from doorward.identity import Identity
from doorward.policy import Operation, Policy, Rule
from doorward.serving import listen, serve
from doorward.tokens import LocalKeys, Revocations, TrustedIssuer

NAME = "Doorward demo"
_DECISIONS_KEPT = 500


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """What can be chosen; everything else is fixed, the machine above all. ``port`` 0 is any."""

    port: int = 9000
    data: Path | None = None
    sign_in_as: str | None = None
    # Exact host:port pairs whose client documents may be fetched though they are private.
    insecure_document_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class DemoAddresses:
    """Where a running demo is."""

    issuer: str
    mcp: str
    data: Path | None
    signs_in_as: str | None


class Screen(Protocol):
    """Whoever shows what happens."""

    def listening(self, where: DemoAddresses) -> None:
        """Say where the demo is; called once, when connections are accepted."""

    def happened(self, event: ServerEvent, who: str | None) -> None:
        """Say what the authorization server did; ``who`` is the user it was done for, if any."""

    def decided(self, event: AuditEvent, who: str | None) -> None:
        """Say what the guard decided; ``who`` is the caller's user name, if anybody is known."""


class Demo:
    """
    All three parties, composed for one address; ``app`` is the whole of it as one application.

    ``screen`` is told everything that happens.
    """

    def __init__(
        self,
        url: str,
        settings: DemoSettings,
        screen: Screen,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.where = DemoAddresses(
            issuer=url, mcp=f"{url}/mcp", data=settings.data, signs_in_as=settings.sign_in_as
        )
        self._journal: deque[AuditEvent] = deque(maxlen=_DECISIONS_KEPT)
        self._screen = screen
        # Tokens name people by an id that never changes; on the screen, their names are kinder.
        self._names: dict[str, str] = {}
        self._authserver = AuthorizationServer(
            _authserver_settings(self.where, settings), clock=clock, record=self._tell
        )
        self._clock = clock
        self.app = self._compose()

    def _compose(self) -> ASGIApp:
        server = build_server(self._journal, self._clock)
        policy = Policy(base=Rule(scopes=frozenset({"mcp:read"})), rules=server.rules)
        server.decide = lambda who, operation: _may(policy, who, operation)
        web = FastAPI(title=NAME, docs_url=None, redoc_url=None, openapi_url=None)
        web.add_route("/", _home(self.where), include_in_schema=False)
        web.mount("/", self._authserver.app)
        guard = Guard(
            resource=self.where.mcp,
            resource_name=NAME,
            issuers=[
                TrustedIssuer(
                    issuer=self.where.issuer,
                    audience=self.where.mcp,
                    algorithms=("ES256",),
                    keys=LocalKeys(self._authserver.jwks, clock=self._clock),
                    revocations=Revocations(self._authserver.revoked, clock=self._clock),
                )
            ],
            policy=policy,
            # All that an ordinary session uses, at once: told only what the first request needs,
            # a client would list the tools with a token that may use none, and show none.
            challenge_scopes=SCOPES.keys() - {"mcp:admin"},
            serve_other_paths=True,
            audit=self._write_down,
            clock=self._clock,
        )
        return guard.protect(server.in_front_of(web))

    def _write_down(self, event: AuditEvent) -> None:
        self._journal.append(event)
        self._screen.decided(event, self._names.get(event.subject or "", event.subject))

    def _tell(self, event: ServerEvent) -> None:
        self._screen.happened(event, self._names.get(str(event.facts.get("user"))))

    async def start(self) -> None:
        """
        Open the store and make sure that the people are in it.

        Raises:
            ConfigurationError: the data folder cannot be used.
        """
        await self._authserver.start()
        # Side by side: each password is hashed slowly on purpose, and nobody waits for the sum.
        await asyncio.gather(*(self._add(someone) for someone in PEOPLE))

    async def _add(self, someone: Person) -> None:
        user = await self._authserver.users.add(
            someone.username,
            someone.password,
            scopes=someone.scopes,
            roles=someone.roles,
            display_name=someone.display_name,
        )
        self._names[user.id] = user.username

    async def aclose(self) -> None:
        """Close the store; without a data folder, everything is gone."""
        await self._authserver.aclose()


async def run(settings: DemoSettings, screen: Screen) -> None:
    """
    Serve the demo until the process is told to stop.

    Raises:
        ConfigurationError: the port is in use, the data folder cannot be used, there is no such
            user. Nothing is listening then.
    """
    _require_user(settings.sign_in_as)
    sockets = listen(settings.port)
    try:
        url = f"http://localhost:{sockets[0].getsockname()[1]}"
        demo = Demo(url, settings, screen)
        try:
            await demo.start()
            screen.listening(demo.where)
            await serve(demo.app, sockets)
        finally:
            await demo.aclose()
    finally:
        for sock in sockets:
            sock.close()


def _home(where: DemoAddresses) -> Callable[[Request], Response]:
    """Answer a person who opens the address in a browser: there is nothing to click here."""
    page = render(
        MessagePage(
            service=NAME,
            title="This is the Doorward demo",
            text=f"Its MCP server is at {where.mcp}. Give that address to an MCP client; the terminal "
            "that runs the demo shows how, and who can sign in.",
        )
    )

    def answer(_request: Request) -> Response:
        return Response(page, headers=dict(SECURITY_HEADERS), media_type="text/html")

    return answer


def _may(policy: Policy, who: Identity | None, operation: Operation) -> bool:
    return who is not None and policy.decide(who, operation).allowed


def _authserver_settings(where: DemoAddresses, settings: DemoSettings) -> AuthServerSettings:
    folder = _folder(settings.data)
    return AuthServerSettings(
        issuer=where.issuer,
        service_name=NAME,
        resources=(Resource(uri=where.mcp, scopes=SCOPES, name="The demo's MCP server"),),
        database_url=f"sqlite+aiosqlite:///{folder / 'doorward.db'}" if folder else None,
        secret_file=folder / "secret" if folder else None,
        sign_in_as=settings.sign_in_as,
        # One address is all there is here, and every try of every client comes from it.
        limits=Limits(registrations_per_address="500/hour"),
        demo_users=tuple(someone.username for someone in PEOPLE),
        insecure_document_hosts=settings.insecure_document_hosts,
    )


def _folder(data: Path | None) -> Path | None:
    if data is None:
        return None
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            "data-not-writable",
            f"The folder {str(data)!r} cannot be written: {error.strerror}.",
            "Choose a folder of your own with --data, or leave it out to keep nothing.",
        ) from None
    return data.absolute()


def _require_user(username: str | None) -> None:
    if username is not None and person(username) is None:
        names = ", ".join(someone.username for someone in PEOPLE)
        raise ConfigurationError(
            "unknown-user", f"The demo has no user {username!r}.", f"Choose one of {names}."
        )
