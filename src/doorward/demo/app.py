"""The demo: an authorization server, a guard and an MCP server in one ASGI application."""

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

from doorward.authserver import (
    AuthorizationServer,
    AuthServerSettings,
    Limits,
    Resource,
    ServerEvent,
)
from doorward.authserver.pages.pages import SECURITY_HEADERS, MessagePage, render
from doorward.demo.tools import build_server
from doorward.demo.users import DEMO_USERS, SCOPES, DemoUser, find_demo_user
from doorward.errors import ConfigurationError
from doorward.guard import AuditEvent, Guard
from doorward.identity import Identity
from doorward.policy import Operation, Policy, Rule
from doorward.serving import listen, serve
from doorward.wire.asgi import ASGIApp

NAME = "Doorward demo"
_MAX_AUDIT_EVENTS = 500


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """The options of ``doorward demo``; ``port`` 0 is any free port."""

    port: int = 9000
    data: Path | None = None
    sign_in_as: str | None = None
    # Exact host:port pairs whose client documents may be fetched though they are private.
    insecure_document_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class DemoAddresses:
    """The addresses of a running demo, and how it was started."""

    issuer: str
    mcp: str
    data: Path | None
    signs_in_as: str | None


class DemoDisplay(Protocol):
    """Shows the user what the demo does: a terminal, or lines of JSON."""

    def show_addresses(self, addresses: DemoAddresses) -> None:
        """Show the addresses; called once, when the demo accepts connections."""

    def show_event(self, event: ServerEvent, who: str | None) -> None:
        """Show an event of the authorization server; ``who`` is the username, if there is one."""

    def show_decision(self, event: AuditEvent, who: str | None) -> None:
        """Show a decision of the guard; ``who`` is the caller's username, if it is known."""


class Demo:
    """
    The authorization server, the guard and the MCP server; ``app`` serves all three.

    ``display`` gets every event and every decision.
    """

    def __init__(
        self,
        url: str,
        settings: DemoSettings,
        display: DemoDisplay,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.addresses = DemoAddresses(
            issuer=url, mcp=f"{url}/mcp", data=settings.data, signs_in_as=settings.sign_in_as
        )
        self._audit_events: deque[AuditEvent] = deque(maxlen=_MAX_AUDIT_EVENTS)
        self._display = display
        # Tokens carry a user id that never changes; the display shows the username instead.
        self._usernames: dict[str, str] = {}
        self._authserver = AuthorizationServer(
            _authserver_settings(self.addresses, settings), clock=clock, audit=self._show_event
        )
        self._clock = clock
        self.app = self._compose()

    def _compose(self) -> ASGIApp:
        server = build_server(self._audit_events, self._clock)
        policy = Policy(base=Rule(scopes=frozenset({"mcp:read"})), rules=server.rules)
        server.decide = lambda who, operation: _is_allowed(policy, who, operation)
        web = FastAPI(title=NAME, docs_url=None, redoc_url=None, openapi_url=None)
        web.add_route("/", _home(self.addresses), include_in_schema=False)
        web.mount("/", self._authserver.app)
        guard = Guard(
            resource=self.addresses.mcp,
            resource_name=NAME,
            issuers=[self._authserver.trusted_issuer(self.addresses.mcp)],
            policy=policy,
            # All scopes of an ordinary session at once. With only those of the first request, a
            # client would list the tools with a token that may use none, and show none.
            challenge_scopes=SCOPES.keys() - {"mcp:admin"},
            serve_other_paths=True,
            audit=self._show_decision,
            clock=self._clock,
        )
        return guard.protect(server.in_front_of(web))

    def _show_decision(self, event: AuditEvent) -> None:
        self._audit_events.append(event)
        self._display.show_decision(event, self._usernames.get(event.subject or "", event.subject))

    def _show_event(self, event: ServerEvent) -> None:
        self._display.show_event(event, self._usernames.get(str(event.facts.get("user"))))

    async def start(self) -> None:
        """
        Open the store and add the demo users.

        Raises:
            ConfigurationError: the data folder cannot be used.
        """
        await self._authserver.start()
        # Concurrently: hashing a password is slow on purpose.
        await asyncio.gather(*(self._add(demo_user) for demo_user in DEMO_USERS))

    async def _add(self, demo_user: DemoUser) -> None:
        user = await self._authserver.users.add(
            demo_user.username,
            demo_user.password,
            scopes=demo_user.scopes,
            roles=demo_user.roles,
            display_name=demo_user.display_name,
        )
        self._usernames[user.id] = user.username

    async def aclose(self) -> None:
        """Close the store; without a data folder, all data is deleted."""
        await self._authserver.aclose()


async def run(settings: DemoSettings, display: DemoDisplay) -> None:
    """
    Serve the demo until the process gets a signal to stop.

    Raises:
        ConfigurationError: the port is in use, the data folder cannot be used, or the user to sign
            in as does not exist. Nothing is listening then.
    """
    _require_user(settings.sign_in_as)
    sockets = listen(settings.port)
    try:
        url = f"http://localhost:{sockets[0].getsockname()[1]}"
        demo = Demo(url, settings, display)
        try:
            await demo.start()
            display.show_addresses(demo.addresses)
            await serve(demo.app, sockets)
        finally:
            await demo.aclose()
    finally:
        for sock in sockets:
            sock.close()


def _home(addresses: DemoAddresses) -> Callable[[Request], Response]:
    """Return the handler of the start page, for people who open the address in a browser."""
    page = render(
        MessagePage(
            service=NAME,
            title="This is the Doorward demo",
            text=f"Its MCP server is at {addresses.mcp}. Give that address to an MCP client; the terminal "
            "that runs the demo shows how, and who can sign in.",
        )
    )

    def answer(_request: Request) -> Response:
        return Response(page, headers=dict(SECURITY_HEADERS), media_type="text/html")

    return answer


def _is_allowed(policy: Policy, who: Identity | None, operation: Operation) -> bool:
    return who is not None and policy.decide(who, operation).allowed


def _authserver_settings(addresses: DemoAddresses, settings: DemoSettings) -> AuthServerSettings:
    folder = _data_folder(settings.data)
    return AuthServerSettings(
        issuer=addresses.issuer,
        service_name=NAME,
        resources=(Resource(uri=addresses.mcp, scopes=SCOPES, name="The demo's MCP server"),),
        database_url=f"sqlite+aiosqlite:///{folder / 'doorward.db'}" if folder else None,
        secret_file=folder / "secret" if folder else None,
        sign_in_as=settings.sign_in_as,
        # All clients come from one address.
        limits=Limits(registrations_per_address="500/hour"),
        demo_users=tuple(demo_user.username for demo_user in DEMO_USERS),
        insecure_document_hosts=settings.insecure_document_hosts,
    )


def _data_folder(data: Path | None) -> Path | None:
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
    if username is not None and find_demo_user(username) is None:
        names = ", ".join(demo_user.username for demo_user in DEMO_USERS)
        raise ConfigurationError(
            "unknown-user", f"The demo has no user {username!r}.", f"Choose one of {names}."
        )
