"""``/authorize``: the authorization endpoint."""

import ipaddress

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
from doorward.authserver.rate_limits import address_key
from doorward.authserver.refusals import AccessDenied, InvalidRequest, LoginRequired, OAuthRefused
from doorward.authserver.services import Services
from doorward.authserver.users.cookies import Browser
from doorward.authserver.users.users import User
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
        client = await self._client(parameters)
        redirect_uri = validated_redirect_uri(parameters, client, settings)
        try:
            authorization = read_request(parameters, client, redirect_uri, settings)
            return await self._serve(request, authorization, client)
        except OAuthRefused as refused:
            state = parameters.one("state")
            return refuse_authorization(self._services, client, redirect_uri, state, refused)

    async def _client(self, parameters: Parameters) -> Client:
        client_id = parameters.one("client_id")
        if client_id is None:
            raise InvalidRequest(
                "no client_id", description="The application did not say who it is."
            )
        return await self._services.clients.find(client_id)

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
        # With prompt=login or select_account, an existing session does not count.
        if {"login", "select_account"} & set(authorization.prompts):
            session = None
        if session is None and "none" in authorization.prompts:
            raise LoginRequired("nobody is signed in")
        known = None if session is None else session.user
        if known is not None:
            require_page_allowed(authorization, known)
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
        return await complete_authorization(self._services, authorization, client, user, None)


def _parameters(request: Request) -> Parameters:
    query: bytes = request.scope["query_string"]
    if len(query) > LONGEST_QUERY:
        raise InvalidRequest("the query is too long", description="The request is too long.")
    return parse_parameters(query, repeatable=_REPEATABLE)


def _is_local_peer(request: Request) -> bool:
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
