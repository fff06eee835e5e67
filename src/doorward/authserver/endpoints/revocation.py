"""``/revoke``: token revocation."""

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.http.responses import json_response
from doorward.authserver.refusals import InvalidRequest
from doorward.authserver.services import Services
from doorward.authserver.store.connection import Connection
from doorward.authserver.store.rows.grants import revoke_grant, used_by
from doorward.authserver.token.client_authentication import authenticate_client
from doorward.authserver.token.client_request import failures_limited, read_request

# Sessions at identity providers, and pairs of user and resource, that may be unused now.
_Unused = tuple[frozenset[str], frozenset[tuple[str, str]]]


class RevocationEndpoint:
    """
    The revocation endpoint. A client can revoke only its own tokens.

    Spec: RFC 7009 §2
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def post(self, request: Request) -> Response:
        """Revoke a refresh token with its whole grant, or one access token."""
        services = self._services
        async with failures_limited(services, request):
            form = await read_request(request)
            client = await authenticate_client(request, form, services)
        token = form.one("token")
        if token is None:
            raise InvalidRequest("no token", description="token is missing.")
        await services.keys.rotate_if_due()
        await self._revoke(token, client.client_id)
        # 200 for every token: otherwise the response would tell which tokens exist.
        return json_response({})

    async def _revoke(self, token: str, client_id: str) -> None:
        services = self._services
        # token_type_hint is ignored: a wrong hint must not matter, and both look-ups are cheap.
        claims = services.access_tokens.read(token)

        async def revoke(connection: Connection) -> _Unused | None:
            kept = await services.refresh_tokens.find(connection, token, client_id)
            if kept is not None:
                await revoke_grant(connection, kept.grant_id, "given-back", services.clock())
                return await used_by(connection, kept.grant_id)
            if claims is not None and claims.get("client_id") == client_id:
                await services.access_tokens.revoke(connection, claims)
                return frozenset(), frozenset()
            return None

        unused = await services.store.write(revoke)
        if unused is None:
            return
        services.record_event("token.revoked", client_id=client_id)
        await services.token_revocation.end_unused(*unused)
