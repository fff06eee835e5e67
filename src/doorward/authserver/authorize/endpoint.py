"""``/authorize``: the authorization endpoint."""

import ipaddress
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.authorize.checks import read_request, validated_redirect_uri
from doorward.authserver.authorize.consent import (
    complete_authorization,
    consent_page,
    require_page_allowed,
)
from doorward.authserver.authorize.response import refuse_authorization
from doorward.authserver.authorize.sign_in import ask_to_sign_in, signed_in_session
from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.authorization_request import AuthorizationRequest
from doorward.authserver.refusals import AccessDenied, InvalidRequest, LoginRequired, OAuthRefused
from doorward.authserver.services import Services
from doorward.authserver.users.authentication import Authentication
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.sessions import BrowserSession
from doorward.authserver.users.users import User
from doorward.net.client_address import address_key
from doorward.operations.story.notes import note_client, note_parameters
from doorward.wire.oauth.parameters import Parameters, parse_parameters
from doorward.wire.oauth.redirect_uri import is_loopback

LONGEST_QUERY = 16 * 1024

_REPEATABLE = frozenset({"resource"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class AuthorizeEndpoint:
    """
    The authorization endpoint.

    Spec: OAuth 2.1 §4.1; RFC 9207 §2; MCP 2026-07-28 authorization
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: Request) -> Response:
        """Return a page, or the redirect to the client with a code or an error."""
        settings = self._services.settings
        peer = address_key(request, settings.trusted_proxies)
        await self._services.limits.count(
            settings.limits.authorizations_per_address, "authorize", peer
        )
        self._services.cleanup.start_if_due()
        parameters = _parameters(request)
        # Client and redirect URI are checked first. Until both are valid, errors are shown on a page
        # here and nothing is redirected.
        note_parameters(parameters)
        client = await self._client(parameters)
        redirect_uri = validated_redirect_uri(parameters, client, settings)
        try:
            authorization = self._hinted(
                parameters, read_request(parameters, client, redirect_uri, settings)
            )
            return await self._serve(request, authorization, client)
        except OAuthRefused as refused:
            state = parameters.one("state")
            return refuse_authorization(self._services, client, redirect_uri, state, refused)

    def _hinted(
        self, parameters: Parameters, authorization: AuthorizationRequest
    ) -> AuthorizationRequest:
        """
        Return the request of a sign-in for the one user whom ``id_token_hint`` names, if it is there.

        Spec: OpenID Connect Core 1.0 §3.1.2.1, §3.1.2.2
        """
        hint = parameters.one("id_token_hint")
        if hint is None or not self._services.settings.is_openid(authorization.resource):
            return authorization
        subject = self._services.id_tokens.subject_of_hint(hint, authorization.client_id)
        if subject is None:
            raise InvalidRequest(
                "id_token_hint is no ID token that this client got here",
                description="id_token_hint must be an ID token that this server issued to the client.",
            )
        return replace(authorization, subject=subject)

    async def _client(self, parameters: Parameters) -> Client:
        client_id = parameters.one("client_id")
        if client_id is None:
            raise InvalidRequest(
                "no client_id", description="The application did not say who it is."
            )
        client = await self._services.clients.find(client_id)
        note_client(client.client_id, client.metadata.client_name)
        return client

    async def _serve(
        self, request: Request, authorization: AuthorizationRequest, client: Client
    ) -> Response:
        services = self._services
        if services.settings.sign_in_as is not None:
            return await self._sign_in_as(
                request, authorization, client, services.settings.sign_in_as
            )
        browser = services.cookies.browser(request)
        session = await signed_in_session(services, browser)
        if session is not None and not _suffices(session, authorization, services.clock()):
            session = None
        if session is None and "none" in authorization.prompts:
            raise LoginRequired("nobody is signed in")
        known = None if session is None else session.user
        if known is not None:
            require_page_allowed(services.settings, authorization, known)
        return await self._ask(browser, authorization, client, known)

    async def _ask(
        self,
        browser: Browser,
        authorization: AuthorizationRequest,
        client: Client,
        user: User | None,
    ) -> Response:
        services = self._services
        user_id = user.id if user else None
        transaction = await services.transactions.create(authorization, browser, user_id)
        if user is None:
            return ask_to_sign_in(services, transaction, client, browser)
        return await consent_page(services, transaction, client, user, browser)

    async def _sign_in_as(
        self, request: Request, authorization: AuthorizationRequest, client: Client, username: str
    ) -> Response:
        """
        Return a code for the configured user, for clients that run without a person.

        Both the peer and the redirect URI must be on this machine. Any web page can make a browser
        on this machine open this URL, and it must not receive the code.
        """
        if not _is_local_peer(request) or not is_loopback(authorization.redirect_uri):
            raise AccessDenied(
                "signing in without a person is for this machine alone",
                description="This server signs in by itself, and only for applications on its own machine.",
            )
        user = await self._services.users.find(username)
        if user is None or user.disabled:
            raise AccessDenied(f"no user {username!r} to sign in as")
        # Nobody has authenticated, so an ID token says nothing of it.
        nobody = Authentication(time=None)
        return await complete_authorization(
            self._services, authorization, client, user, None, authentication=nobody
        )


def _parameters(request: Request) -> Parameters:
    query: bytes = request.scope["query_string"]
    if len(query) > LONGEST_QUERY:
        raise InvalidRequest("the query is too long", description="The request is too long.")
    return parse_parameters(query, repeatable=_REPEATABLE)


def _suffices(session: BrowserSession, authorization: AuthorizationRequest, now: float) -> bool:
    """Return whether the request can be answered for the user who is signed in, without a sign-in."""
    if {"login", "select_account"} & set(authorization.prompts):
        return False
    if authorization.subject not in (None, session.user.id):
        return False
    return not session.authentication.is_older_than(authorization.max_age, now)


def _is_local_peer(request: Request) -> bool:
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
