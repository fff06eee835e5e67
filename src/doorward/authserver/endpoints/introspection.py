"""``/introspect``: token introspection for resource servers."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.http.responses import json_response
from doorward.authserver.refusals import InvalidClient, InvalidRequest
from doorward.authserver.services import Services
from doorward.authserver.token.client_authentication import authenticate_client
from doorward.authserver.token.client_request import failures_limited, read_request

# Plus ``act``, if a server acts for the user.
_RESPONSE_CLAIMS = ("iss", "sub", "aud", "client_id", "scope", "roles", "exp", "iat", "jti")


class IntrospectionEndpoint:
    """
    The introspection endpoint. A resource server can introspect only tokens for itself.

    Spec: RFC 7662 §2; RFC 9068 §2.2
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def post(self, request: Request) -> Response:
        """Return the claims of an active token, or only ``"active": false``."""
        async with failures_limited(self._services, request):
            form = await read_request(request)
            caller = await authenticate_client(request, form, self._services)
            if caller.introspects is None or not caller.is_confidential:
                raise InvalidClient("the client is not a resource server")
        token = form.one("token")
        if token is None:
            raise InvalidRequest("no token", description="token is missing.")
        # Another process may have signed the token with a key that this one has not loaded yet.
        await self._services.keys.rotate_if_due()
        return json_response(await self._answer(token, caller.introspects))

    async def _answer(self, token: str, resource: str) -> dict[str, Any]:
        claims = self._services.access_tokens.read(token)
        # One response for expired, revoked, forged and foreign tokens: it must not tell them apart.
        if claims is None or claims.get("aud") != resource:
            return {"active": False}
        tokens = self._services.access_tokens
        if not await self._services.store.look_up(lambda reading: tokens.is_alive(reading, claims)):
            return {"active": False}
        response = {name: claims[name] for name in _RESPONSE_CLAIMS} | _actor(claims)
        return {
            "active": True,
            "token_type": "Bearer",
            **response,
            "username": claims["preferred_username"],
        }


def _actor(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {"act": claims["act"]} if "act" in claims else {}
