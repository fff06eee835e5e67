"""``/backchannel-logout/{provider}``: an identity provider ends sessions."""

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.endpoints.browser.sign_in import read_form
from doorward.authserver.http.responses import json_response
from doorward.authserver.refusals import InvalidRequest
from doorward.authserver.services import Services
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.ended_tokens import end_connections
from doorward.authserver.store.rows.spent_assertions import claim_assertion
from doorward.authserver.store.schema import provider_connections
from doorward.authserver.upstream.id_tokens.logout_token import (
    OLDEST,
    LogoutToken,
    check_logout_token,
)
from doorward.authserver.upstream.id_tokens.signed_token import read_signed_token
from doorward.authserver.upstream.provider_client import ProviderClient
from doorward.authserver.upstream.sessions.sessions import named_by_provider
from doorward.net.client_address import address_key
from doorward.net.clock import LEEWAY


class BackchannelLogoutEndpoint:
    """
    Ends the sessions that a provider's logout token names, with their grants and tokens.

    Spec: OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def post(self, request: Request) -> Response:
        """Return 200 when the sessions have ended, also if there was none."""
        services = self._services
        try:
            ended = await self._end_sessions(request)
        except InvalidRequest:
            # Only what is refused counts. A provider that signs a whole company out sends all of its
            # tokens from one address, and does not send them again.
            peer = address_key(request, services.settings.trusted_proxies)
            rate = services.settings.limits.authorizations_per_address
            await services.limits.count(rate, "logout-failures", peer)
            raise
        provider = str(request.path_params["provider"])
        services.record_event("provider-session.ended", provider=provider, sessions=str(ended))
        return json_response({})

    async def _end_sessions(self, request: Request) -> int:
        """Return how many sessions were active that the request's logout token names."""
        services = self._services
        provider = services.providers.get(str(request.path_params["provider"]))
        if provider is None:
            raise InvalidRequest("no such identity provider, or it is disabled")
        token = (await read_form(request)).one("logout_token")
        if token is None:
            raise InvalidRequest("no logout_token", description="logout_token is missing.")
        verified = await self._verify(token, provider)
        claims, now = verified.claims, services.clock()

        async def end(connection: Connection) -> int:
            party = f"logout {provider.provider.issuer_url}"
            until = now + OLDEST + LEEWAY
            if not await claim_assertion(connection, party, str(claims["jti"]), until, now):
                raise InvalidRequest("the logout token was used before")
            named = {"subject": claims.get("sub"), "sid": claims.get("sid")}
            ended = await services.provider_sessions.end_matching(
                connection, provider.provider, **named
            )
            # And the accounts that were connected through this client of the provider.
            which = named_by_provider(provider_connections, provider.provider, **named)
            which &= provider_connections.c.client_id == provider.provider.client_id
            await end_connections(connection, which, now)
            return ended

        ended = await services.store.write(end)
        # After the commit: before it, there is nothing to find.
        services.token_revocation.start()
        return ended

    async def _verify(self, token: str, provider: ProviderClient) -> LogoutToken:
        settings = provider.provider
        header, claims = await read_signed_token(
            token, provider.keys, await provider.algorithms(), InvalidRequest
        )
        verified = LogoutToken(
            type=header.type,
            claims=claims,
            issuer=settings.issuer_url,
            client_id=settings.client_id,
            now=self._services.clock(),
        )
        check_logout_token(verified)
        return verified
