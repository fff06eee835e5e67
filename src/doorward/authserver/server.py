"""The authorization server: its services and its routes."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from doorward.authserver import metadata
from doorward.authserver.authorize.endpoint import AuthorizeEndpoint
from doorward.authserver.clients.assertions import ClientAssertions
from doorward.authserver.clients.metadata_documents import ClientMetadataDocuments
from doorward.authserver.clients.registered_ids import RegisteredIds
from doorward.authserver.clients.registry import Clients
from doorward.authserver.endpoints.backchannel_logout import BackchannelLogoutEndpoint
from doorward.authserver.endpoints.browser.account import AccountEndpoint
from doorward.authserver.endpoints.browser.authorization_form import AuthorizationForm
from doorward.authserver.endpoints.browser.connect import ConnectEndpoint
from doorward.authserver.endpoints.browser.consent import ConsentEndpoint
from doorward.authserver.endpoints.browser.provider_sign_in import ProviderSignInEndpoint
from doorward.authserver.endpoints.browser.sign_in import SignInEndpoint
from doorward.authserver.endpoints.introspection import IntrospectionEndpoint
from doorward.authserver.endpoints.no_route import NoRoute
from doorward.authserver.endpoints.registration import RegistrationEndpoint
from doorward.authserver.endpoints.revocation import RevocationEndpoint
from doorward.authserver.endpoints.userinfo import UserinfoEndpoint
from doorward.authserver.events import AuditSink, EventRecorder, log_event
from doorward.authserver.grants.access_tokens import AccessTokens
from doorward.authserver.grants.refresh_tokens import RefreshTokens
from doorward.authserver.grants.transactions import Transactions
from doorward.authserver.http.direct_routes import DirectRoutes
from doorward.authserver.http.host_middleware import HostMiddleware
from doorward.authserver.http.recorded_hops import RecordedHops
from doorward.authserver.http.responses import (
    Handler,
    cacheable_json_response,
    copied_response,
    json_endpoint,
    page_endpoint,
    preflight_response,
)
from doorward.authserver.keys.sealing_keys import SealingKeys
from doorward.authserver.keys.secrets import master_secret
from doorward.authserver.keys.signing_keys import KeyRing
from doorward.authserver.openid.id_tokens import IdTokens
from doorward.authserver.operations import ServerOperations
from doorward.authserver.provider_tokens.connection_checks import ConnectionChecks
from doorward.authserver.provider_tokens.connections import Connections
from doorward.authserver.provider_tokens.in_process import in_process_tokens
from doorward.authserver.provider_tokens.links import ConnectLinks
from doorward.authserver.provider_tokens.lookup import ProviderTokenLookup
from doorward.authserver.provider_tokens.pasted_keys import PastedKeys
from doorward.authserver.provider_tokens.revocation import TokenRevocation
from doorward.authserver.rate_limits import RateLimits
from doorward.authserver.refusals import StoreUnavailable
from doorward.authserver.services import Services
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.pasted_key import PASTED_KEY
from doorward.authserver.store.engine import Store
from doorward.authserver.store.rows.cleanup import Cleanup
from doorward.authserver.store.rows.rate_counters import RateCounters
from doorward.authserver.store.rows.revoked_tokens import read_revoked, revocations_of
from doorward.authserver.token.endpoint import TokenEndpoint
from doorward.authserver.upstream.logins import ProviderLogins
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.refusals import ProviderMisconfigured, ProviderUnavailable
from doorward.authserver.upstream.sessions.accounts import ProviderAccounts
from doorward.authserver.upstream.sessions.ended_tokens import EndedTokens, RevocationReport
from doorward.authserver.upstream.sessions.sealed_tokens import reseal_tokens
from doorward.authserver.upstream.sessions.session_checks import SessionChecks
from doorward.authserver.upstream.sessions.sessions import ProviderSessions
from doorward.authserver.users.cookies import Cookies
from doorward.authserver.users.known_browsers import KnownBrowsers
from doorward.authserver.users.sessions import Sessions
from doorward.authserver.users.users import Users
from doorward.downstream.provider_token import InProcessToken
from doorward.downstream.refusals import KeyRefused
from doorward.net.clock import Clock
from doorward.net.http.fetcher import DocumentFetcher, Fetcher
from doorward.net.http.url import host_ports_of
from doorward.operations.story.attempts import Attempts
from doorward.tokens import LocalKeys, TrustedIssuer


@dataclass(frozen=True, kw_only=True)
class RotatedKeys:
    """The ids of the new keys, and how many sessions were encrypted again."""

    signing_key: str
    sealing_key: str
    sessions: int


class AuthorizationServer:
    """
    An OAuth 2.1 authorization server for MCP.

    ```python
    server = AuthorizationServer(
        AuthServerSettings(
            issuer="https://login.example",
            resources=(
                Resource(uri="https://mcp.example/mcp", scopes={"mcp:read": "See your orders"}),
            ),
        )
    )
    await server.start()
    await server.users.add("alice", "correct horse battery", scopes={"mcp:read"})
    app = server.app  # serve this
    await server.aclose()
    ```

    ``app`` is an ASGI application. It serves the issuer's path and the well-known paths at the
    root. Call ``start`` before the first request and ``aclose`` after the last. ``fetcher`` fetches
    client ID metadata documents and the keys of clients; the default one refuses private addresses.
    ``provider_fetcher`` calls identity providers; by default, only those in the settings may have a
    private address. ``audit`` gets an event for every issued token, sign-in and refusal; the default
    writes them to the log. ``attempts`` gets the hops of each sign-in; give the guard the same object.
    ``operations`` has what operators watch: readiness, and the numbers of a scrape.

    Raises:
        ConfigurationError: ``settings`` must be changed first.
    """

    def __init__(
        self,
        settings: AuthServerSettings,
        *,
        clock: Clock = time.time,
        fetcher: DocumentFetcher | None = None,
        provider_fetcher: Fetcher | None = None,
        audit: AuditSink = log_event,
        attempts: Attempts | None = None,
    ) -> None:
        secret = master_secret(settings)
        events = EventRecorder(audit, clock)
        store = Store(settings.database_url, settings.database_password_file)
        keys = KeyRing(store, settings, secret, clock)
        reader = fetcher or Fetcher(allow_private_hosts=settings.insecure_document_hosts)
        documents = None
        if settings.client_documents:
            documents = ClientMetadataDocuments(
                reader, metadata.document_policy(settings), settings, clock
            )
        providers = _provider_clients(settings, provider_fetcher, clock)
        accounts = ProviderAccounts(store, settings, clock)
        sealing_keys = SealingKeys(store, secret, clock)
        provider_sessions = ProviderSessions(store, settings, sealing_keys, clock)
        ended_tokens = EndedTokens(store, sealing_keys, providers, events, clock)
        session_checks = SessionChecks(
            store, provider_sessions, accounts, providers, ended_tokens, clock
        )
        connections = Connections(store, settings, sealing_keys, clock)
        pasted_keys = PastedKeys(store, settings, sealing_keys, clock)
        links = ConnectLinks(store, settings, clock)
        connection_checks = ConnectionChecks(
            store, connections, providers, ended_tokens, events, clock
        )
        token_revocation = TokenRevocation(store, connections, ended_tokens, clock)
        access_tokens = AccessTokens(keys, settings, clock)
        self.settings = settings
        self.users = Users(store, clock)
        self.keys = keys
        # What replicas share; ``None`` where each process counts for itself.
        self.rate_counters = RateCounters(store, clock) if store.is_shared else None
        self.services = Services(
            settings=settings,
            clock=clock,
            store=store,
            cleanup=Cleanup(
                store, clock, token_revocation.sweep if settings.has_connections else None
            ),
            keys=keys,
            access_tokens=access_tokens,
            refresh_tokens=RefreshTokens(settings, secret),
            id_tokens=IdTokens(keys, settings, clock),
            users=self.users,
            clients=Clients(store, documents, settings, clock, events, RegisteredIds(secret)),
            client_assertions=ClientAssertions(store, reader, settings, clock),
            cookies=Cookies(settings, secret),
            sessions=Sessions(store, settings, clock),
            known_browsers=KnownBrowsers(store, settings, clock),
            transactions=Transactions(store, settings, clock),
            limits=RateLimits(clock, self.rate_counters),
            events=events,
            providers=providers,
            provider_logins=ProviderLogins(store, clock),
            provider_accounts=accounts,
            provider_sessions=provider_sessions,
            sealing_keys=sealing_keys,
            session_checks=session_checks,
            connections=connections,
            connect_links=links,
            connection_checks=connection_checks,
            pasted_keys=pasted_keys,
            provider_tokens=ProviderTokenLookup(
                store,
                settings,
                access_tokens,
                (provider_sessions, session_checks),
                (connections, connection_checks, links),
                pasted_keys,
                events,
                clock,
            ),
            token_revocation=token_revocation,
        )
        no_route = NoRoute(settings.service_name)
        routes = _routes(self.services, RecordedHops(attempts, settings.trusted_proxies, clock))
        self.operations = ServerOperations(self.services, routes)
        health = self.operations.health
        self.app = Starlette(
            routes=[*routes, *(Route(path, health) for path in sorted(health.paths))],
            middleware=[
                Middleware(HostMiddleware, settings, events, any_host=health.paths),
                Middleware(
                    DirectRoutes, [(one, one.endpoint) for one in routes if one.name == "open"]
                ),
            ],
            exception_handlers={404: no_route.not_found, 405: no_route.wrong_method},
        )
        # "/token/" is not "/token": a redirect would send the secrets in a body to a second URL.
        self.app.router.redirect_slashes = False

    async def start(self) -> None:
        """
        Migrate the database, write the configured clients, and load or generate the signing keys.

        Raises:
            ConfigurationError: ``wrong-secret`` or ``unknown-revision``.
            StoreUnavailable: the database cannot be reached.
        """
        try:
            await self.services.store.start()
            await self.services.clients.start()
            await self.keys.start()
            if self.settings.has_connections:
                await self.services.sealing_keys.start()
        except BaseException:
            # A caller does not close what did not start, but connections may be open already.
            await self.aclose()
            raise

    async def check_providers(self) -> None:
        """
        Record an event for each identity provider whose metadata cannot be read now.

        Nobody has to wait for it, and a provider that is down at the start may be back later.
        """
        for name, provider in self.services.providers.items():
            try:
                await provider.metadata()
            except (ProviderUnavailable, ProviderMisconfigured) as problem:
                self.services.record_event(
                    "provider.failed", reason=problem.code, provider=name, detail=problem.detail
                )

    def serves(self, path: str) -> bool:
        """Return whether ``path`` is an endpoint, a page or a document of this server."""
        # With ``{provider}`` and the like filled in; a method that is not allowed is this server's too.
        scope = {"type": "http", "path": path, "root_path": "", "method": "GET"}
        return any(route.matches(scope)[0] is not Match.NONE for route in self.app.routes)

    def jwks(self) -> dict[str, Any]:
        """Return the public key set, for a resource server in the same process."""
        return self.keys.public_set()

    async def revoked(self) -> frozenset[str]:
        """
        Return the ids of revoked tokens and grants, for a resource server in the same process.

        Raises:
            StoreUnavailable: 503.
        """
        return await read_revoked(self.services.store, self.services.clock())

    async def rotate_keys(self) -> RotatedKeys:
        """
        Replace the key that signs access tokens, and the key that encrypts provider tokens.

        Nobody is logged out: tokens of the old signing key stay valid until they expire, and the
        provider tokens of all sessions are encrypted again. The new signing key is published at once
        and signs two minutes later, when all processes publish it.

        Raises:
            StoreUnavailable: 503; what was not encrypted again is still readable.
        """
        signing = await self.keys.rotate()
        sealing = await self.services.sealing_keys.rotate()
        store, keys = self.services.store, self.services.sealing_keys
        sessions = await reseal_tokens(store, keys, sealing)
        return RotatedKeys(signing_key=signing, sealing_key=sealing, sessions=sessions)

    async def revoke_ended_tokens(self) -> RevocationReport:
        """
        Tell identity providers which of their tokens have ended here, and return what they said.

        A running server does it by itself; this is for a process that only ends grants.

        Raises:
            StoreUnavailable: 503.
        """
        return await self.services.token_revocation.revoke()

    def trusted_issuer(self, resource: str) -> TrustedIssuer:
        """
        Return this server as an issuer that a guard for ``resource`` in the same process trusts.

        Keys and revoked tokens are read from this object, and never over HTTP.
        """
        return TrustedIssuer(
            issuer=self.settings.issuer,
            audience=resource,
            algorithms=(self.settings.signing_algorithm,),
            keys=LocalKeys(self.jwks, clock=self.services.clock),
            revocations=revocations_of(
                self.revoked, self.settings.database_url, self.services.clock
            ),
        )

    def provider_tokens(self, resource: str) -> dict[str, InProcessToken]:
        """
        Return what gives the tools of ``resource`` their callers' own tokens, by provider.

        For ``Guard(downstream=...)`` in this process. A tool then calls
        ``await identity.token_for("github")``.
        """
        return in_process_tokens(self.settings, resource, lambda: self.services.provider_tokens)

    async def refused_key(self, resource: str, user_id: str) -> KeyRefused:
        """
        Return what tells the user to paste another key, because the server refused the one it got.

        Raises:
            StoreUnavailable: 503.
        """
        pasted = self.settings.pasted_key(resource)
        title = resource if pasted is None else pasted.title
        link = await self.services.connect_links.create(user_id, resource, PASTED_KEY)
        return KeyRefused(title, "the server answered 401 to the pasted key", link)

    async def aclose(self) -> None:
        """Cancel fetches of keys, and close the database; a temporary one is deleted."""
        await self.services.client_assertions.aclose()
        await self.services.session_checks.aclose()
        await self.services.connection_checks.aclose()
        await self.services.cleanup.aclose()
        await self.services.token_revocation.aclose()
        await self.services.store.aclose()


def _provider_clients(
    settings: AuthServerSettings, fetcher: Fetcher | None, clock: Clock
) -> dict[str, ProviderClient]:
    """Return a client of each identity provider that is not disabled."""
    enabled = [one for one in settings.identity_providers if not one.disabled]
    # An address that the operator configured may be inside the company's network.
    configured = host_ports_of(url for one in enabled for url in (one.issuer, one.internal_url))
    caller = fetcher or Fetcher(allow_private_hosts=configured)
    return {one.name: ProviderClient(one, caller, clock) for one in enabled}


def _routes(services: Services, hops: RecordedHops) -> list[Route]:
    settings = services.settings
    prefix = settings.prefix
    sign_in, consent = SignInEndpoint(services), ConsentEndpoint(services)
    account = AccountEndpoint(services)
    pages: list[tuple[str, str, Handler]] = [
        ("GET", "/authorize", AuthorizeEndpoint(services).get),
        ("POST", "/sign-in", sign_in.post),
        ("POST", "/switch-account", sign_in.switch),
        ("POST", "/sign-out", sign_in.sign_out),
        ("GET", "/consent", consent.get),
        ("POST", "/consent", consent.post),
        ("GET", "/account", account.get),
        ("POST", "/account/sign-in", account.sign_in),
        ("POST", "/account/end", account.end),
    ]
    connect = ConnectEndpoint(services)
    if settings.has_connections:
        pages += [
            ("GET", "/connect", connect.get),
            ("POST", "/connect", connect.post),
            ("POST", "/account/disconnect", connect.disconnect),
            ("POST", "/account/key", account.replace_key),
        ]
    if settings.identity_providers:
        provider_sign_in = ProviderSignInEndpoint(services, connect)
        pages += [
            ("POST", "/sign-in/{provider}", provider_sign_in.post),
            ("GET", "/callback/{provider}", provider_sign_in.callback),
        ]
    calls: list[tuple[str, str, Handler]] = [
        ("POST", "/token", TokenEndpoint(services).post),
        ("POST", "/revoke", RevocationEndpoint(services).post),
        ("POST", "/introspect", IntrospectionEndpoint(services).post),
        ("GET", "/jwks.json", _key_set(services)),
    ]
    if settings.identity_providers:
        logout = BackchannelLogoutEndpoint(services)
        calls.append(("POST", "/backchannel-logout/{provider}", logout.post))
    if settings.openid:
        userinfo = UserinfoEndpoint(services)
        pages.append(("POST", "/authorize", AuthorizationForm(services).post))
        calls += [("GET", "/userinfo", userinfo.answer), ("POST", "/userinfo", userinfo.answer)]
    if settings.registration == "open":
        calls.append(("POST", "/register", RegistrationEndpoint(services).post))
    service, events = settings.service_name, services.events
    # Routes are tried in their order, and programs call more often than people.
    routes = [
        _open_route(prefix + path, verb, hops.endpoint(verb, path, json_endpoint(events, answer)))
        for verb, path, answer in calls
    ]
    routes += [
        Route(
            prefix + path,
            hops.endpoint(verb, path, page_endpoint(events, service, answer)),
            methods=[verb],
        )
        for verb, path, answer in pages
    ]
    routes += [
        _open_route(path, "GET", hops.metadata(path, json_endpoint(events, _document(document))))
        for path, document in metadata.well_known_paths(settings).items()
    ]
    routes += [
        Route(route.path, preflight_response, methods=["OPTIONS"])
        for route in routes
        if route.name == "open"
    ]
    return routes


def _open_route(path: str, verb: str, answer: Handler) -> Route:
    return Route(path, answer, methods=[verb], name="open")


def _document(document: dict[str, Any]) -> Handler:
    made = cacheable_json_response(document, 300)

    async def answer(_request: Request) -> Response:
        return copied_response(made)

    return answer


def _key_set(services: Services) -> Handler:
    made: dict[bytes, Response] = {}

    async def answer(_request: Request) -> Response:
        # While the database is unavailable, the keys in memory still verify the tokens in use.
        with suppress(StoreUnavailable):
            await services.keys.rotate_if_due()
        published = services.keys.public_set()
        name = b"".join(key["kid"].encode() for key in published["keys"])
        if name not in made:
            made.clear()
            made[name] = cacheable_json_response(published, 60)
        return copied_response(made[name])

    return answer
