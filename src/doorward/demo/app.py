"""The demo: an authorization server, a guard and an MCP server in one ASGI application."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from doorward.authserver.refusals import StoreUnavailable
from doorward.demo.data_folder import DATABASE, SECRET, open_folder, usual_folder
from doorward.demo.own_server import OwnServer
from doorward.demo.tools import build_server
from doorward.demo.users import DEMO_USERS, SCOPES, DemoUser, users_of_own_server
from doorward.errors import ConfigurationError
from doorward.guard import AuditEvent, Guard
from doorward.identity import Identity
from doorward.operations.story.attempts import Attempts
from doorward.operations.story.endpoint import PATH as STORY
from doorward.operations.story.endpoint import StoryEndpoint
from doorward.policy import Operation, Policy, Rule
from doorward.serving import listen, serve
from doorward.wire.asgi import ASGIApp, Receive, Scope, Send

NAME = "Doorward demo"
_MAX_AUDIT_EVENTS = 500


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """
    The options of ``doorward demo``; ``port`` 0 is any free port.

    The demo keeps its data in ``data``, or with ``keep`` in the user's folder for the port, or else
    only in memory. ``fresh`` deletes what earlier runs kept.
    With ``own``, the demo has no MCP server, and signs people in for that server.
    """

    port: int = 9000
    data: Path | None = None
    keep: bool = False
    fresh: bool = False
    own: OwnServer | None = None
    sign_in_as: str | None = None
    # Exact host:port pairs whose client documents may be fetched though they are private.
    insecure_document_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class DemoAddresses:
    """
    The addresses of a running demo, who can sign in, and how it was started.

    ``mcp`` is the server that tokens are for: the demo's, or the user's ``own``.
    """

    issuer: str
    mcp: str
    data: Path | None
    signs_in_as: str | None
    own: OwnServer | None = None
    users: tuple[DemoUser, ...] = DEMO_USERS

    @property
    def story(self) -> str:
        """The page that shows each sign-in as a sequence of requests."""
        return self.issuer + STORY


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
        own = settings.own
        self.addresses = DemoAddresses(
            issuer=url,
            mcp=own.resource if own else f"{url}/mcp",
            data=settings.data,
            signs_in_as=settings.sign_in_as,
            own=own,
            users=_users(own),
        )
        self._audit_events: deque[AuditEvent] = deque(maxlen=_MAX_AUDIT_EVENTS)
        self._display = display
        # Tokens carry a user id that never changes; the display shows the username instead.
        self._usernames: dict[str, str] = {}
        self._attempts = Attempts(clock)
        self._authserver = AuthorizationServer(
            _authserver_settings(self.addresses, settings),
            clock=clock,
            audit=self._show_event,
            attempts=self._attempts,
        )
        self._clock = clock
        self.app = self._compose()

    def _compose(self) -> ASGIApp:
        web = FastAPI(title=NAME, docs_url=None, redoc_url=None, openapi_url=None)
        web.add_route("/", _home(self.addresses), include_in_schema=False)
        web.mount("/", self._authserver.app)
        story = StoryEndpoint(
            self._attempts, self._clock, lambda user: self._usernames.get(user, user)
        )
        shown = _with_story(web, story)
        return shown if self.addresses.own else self._with_mcp_server(shown)

    def _with_mcp_server(self, web: ASGIApp) -> ASGIApp:
        server = build_server(self._audit_events, self._clock)
        policy = Policy(base=Rule(scopes=frozenset({"mcp:read"})), rules=server.rules)
        server.decide = lambda who, operation: _is_allowed(policy, who, operation)
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
            attempts=self._attempts,
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
            ConfigurationError: with reason ``unusable-data``: what earlier runs kept cannot be read.
        """
        try:
            await self._authserver.start()
        except (ConfigurationError, StoreUnavailable) as error:
            if self.addresses.data is None:
                raise
            problem = error.problem if isinstance(error, ConfigurationError) else error.detail
            raise ConfigurationError(
                "unusable-data",
                f"The demo cannot use what is in {str(self.addresses.data)!r}: {problem}",
                "Add --fresh to delete it and start anew.",
            ) from error
        # Concurrently: hashing a password is slow on purpose.
        await asyncio.gather(*(self._add(demo_user) for demo_user in self.addresses.users))

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
        ConfigurationError: the port is in use, the data folder cannot be used, the user to sign in
            as does not exist, or the user's own server has the demo's port. Nothing is listening
            then.
    """
    _require_user(settings.sign_in_as)
    sockets = listen(settings.port)
    try:
        port = sockets[0].getsockname()[1]
        if settings.own:
            settings.own.require_other_port(port)
        # After listening: the data of a demo that runs on this port stays as it is.
        folder = settings.data or (usual_folder(settings.port) if settings.keep else None)
        if folder:
            settings = replace(settings, data=open_folder(folder, fresh=settings.fresh))
        demo = Demo(f"http://localhost:{port}", settings, display)
        try:
            await demo.start()
            display.show_addresses(demo.addresses)
            await serve(demo.app, sockets)
        finally:
            await demo.aclose()
    finally:
        for sock in sockets:
            sock.close()


def _with_story(web: ASGIApp, story: StoryEndpoint) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        shows = scope["type"] == "http" and story.serves(scope["path"])
        await (story if shows else web)(scope, receive, send)

    return app


def _home(addresses: DemoAddresses) -> Callable[[Request], Response]:
    """Return the handler of the start page, for people who open the address in a browser."""
    what = "It signs people in for the MCP server at" if addresses.own else "Its MCP server is at"
    page = render(
        MessagePage(
            service=NAME,
            title="This is the Doorward demo",
            text=f"{what} {addresses.mcp}. Give that address to an MCP client; the terminal "
            "that runs the demo shows how, and who can sign in.",
        )
    )

    def answer(_request: Request) -> Response:
        return Response(page, headers=dict(SECURITY_HEADERS), media_type="text/html")

    return answer


def _is_allowed(policy: Policy, who: Identity | None, operation: Operation) -> bool:
    return who is not None and policy.decide(who, operation).allowed


def _users(own: OwnServer | None) -> tuple[DemoUser, ...]:
    return users_of_own_server(own.scopes, own.roles) if own else DEMO_USERS


def _resource(addresses: DemoAddresses) -> Resource:
    own = addresses.own
    if own is None:
        return Resource(uri=addresses.mcp, scopes=SCOPES, name="The demo's MCP server")
    # The consent page writes the scope behind its description.
    described = dict.fromkeys(own.scopes, "Do what your server allows with")
    return Resource(uri=own.resource, scopes=described, name="Your MCP server")


def _authserver_settings(addresses: DemoAddresses, settings: DemoSettings) -> AuthServerSettings:
    folder = settings.data
    return AuthServerSettings(
        issuer=addresses.issuer,
        service_name=NAME,
        resources=(_resource(addresses),),
        database_url=f"sqlite+aiosqlite:///{folder / DATABASE}" if folder else None,
        secret_file=folder / SECRET if folder else None,
        sign_in_as=settings.sign_in_as,
        # All clients come from one address.
        limits=Limits(registrations_per_address="500/hour"),
        demo_users=tuple(demo_user.username for demo_user in addresses.users),
        insecure_document_hosts=settings.insecure_document_hosts,
    )


def _require_user(username: str | None) -> None:
    names = [demo_user.username for demo_user in DEMO_USERS]
    if username is not None and username not in names:
        raise ConfigurationError(
            "unknown-user",
            f"The demo has no user {username!r}.",
            f"Choose one of {', '.join(names)}.",
        )
