"""``/userinfo``: what an application may know about the user who signed in to it."""

import re

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.http.responses import json_response
from doorward.authserver.openid.claims import user_claims
from doorward.authserver.refusals import InvalidToken, ScopeNotGranted, TokenMissing
from doorward.authserver.services import Services
from doorward.authserver.settings.openid import OPENID
from doorward.authserver.store.connection import Connection
from doorward.authserver.users.users import User, find_user

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]+)")


class UserinfoEndpoint:
    """
    The userinfo endpoint. It accepts access tokens of sign-ins, and none of an MCP server.

    Spec: OpenID Connect Core 1.0 §5.3; RFC 6750 §2.1, §3
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, request: Request) -> Response:
        """Return the claims that the scopes of the token give."""
        services = self._services
        # Another process may have signed the token with a key that this one has not loaded yet.
        await services.keys.rotate_if_due()
        claims = services.access_tokens.read(_token(request))
        # The attack: an MCP server sends the tokens of its callers here, to learn who they are.
        if claims is None or claims.get("aud") != services.settings.issuer:
            raise InvalidToken("not an access token of a sign-in here, or over")

        async def read(connection: Connection) -> User | None:
            alive = await services.access_tokens.is_alive(connection, claims)
            return await find_user(connection, str(claims["sub"])) if alive else None

        user = await services.store.read(read)
        if user is None:
            raise InvalidToken("revoked, or the user is disabled")
        scopes = frozenset(str(claims["scope"]).split())
        if OPENID not in scopes:
            raise ScopeNotGranted("the token was refreshed without the scope openid")
        return json_response(user_claims(user, scopes))


def _token(request: Request) -> str:
    # In the header alone: a token in a query is logged, and one in a form can be sent by another site.
    sent = request.headers.getlist("authorization")
    if not sent:
        raise TokenMissing("no Authorization header")
    bearer = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
    if bearer is None:
        raise InvalidToken("not one Bearer token")
    return bearer[1]
