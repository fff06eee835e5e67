"""The token endpoint, and the reading that it shares with revocation and introspection."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from doorward.authserver.clients.registry import Client
from doorward.authserver.rate_limits import address_key
from doorward.authserver.refusals import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    TooManyRequests,
    UnsupportedGrantType,
)
from doorward.authserver.responses import json_answer, read_body
from doorward.authserver.services import Services
from doorward.authserver.settings import AuthServerSettings
from doorward.authserver.token.client_authentication import authenticate_client
from doorward.authserver.token.code_grant import redeem_code
from doorward.authserver.token.exchange_grant import GRANT as EXCHANGE
from doorward.authserver.token.exchange_grant import exchange_token
from doorward.authserver.token.refresh_grant import refresh
from doorward.wire.oauth.parameters import Parameters, parse_parameters

LONGEST_REQUEST = 16 * 1024

Granting = Callable[[Services, Client, Parameters], Awaitable[dict[str, Any]]]

_ALWAYS: Mapping[str, Granting] = {"authorization_code": redeem_code, "refresh_token": refresh}


def grants_of(settings: AuthServerSettings) -> Mapping[str, Granting]:
    """Return the grants that are served; what is advertised is read from here, and nothing else."""
    return {**_ALWAYS, EXCHANGE: exchange_token} if settings.exchanges else _ALWAYS


async def read_request(request: Request) -> Parameters:
    """
    Return the parameters of a request from the body alone.

    Raises:
        InvalidRequest: parameters in the URL, where they would be logged, or another content type.
        TooLarge: 413.

    Spec: RFC 6749 §3.2; OAuth 2.1 §3.2.2
    """
    if request.scope["query_string"]:
        raise InvalidRequest("parameters in the query", say="Send parameters in the body.")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise InvalidRequest(
            f"content type {media_type[:60]!r}",
            say="Send the request as application/x-www-form-urlencoded.",
        )
    body = await read_body(request, LONGEST_REQUEST)
    return parse_parameters(body, repeatable=frozenset({"resource"}))


class FailureCount:
    """
    Counts failed credentials per address.

    Only failures: a busy gateway with good clients behind one address is nobody's attack.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def require_room(self, request: Request) -> None:
        """Refuse with 429 when this address failed too often."""
        self._services.limits.require_room(self._rate, "token-failures", self._key(request))

    def count(self, request: Request) -> None:
        """Count one failure."""
        # The failure that is counted is the answer; the next request is told of the limit.
        with suppress(TooManyRequests):
            self._services.limits.count(self._rate, "token-failures", self._key(request))

    @property
    def _rate(self) -> str:
        return self._services.settings.limits.token_failures_per_address

    def _key(self, request: Request) -> str:
        return address_key(request, self._services.settings.trusted_proxies)


class TokenEndpoint:
    """
    The token endpoint.

    Spec: OAuth 2.1 §3.2, §4.1.3, §4.3
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._failures = FailureCount(services)

    async def post(self, request: Request) -> Response:
        """Exchange a code or a refresh token for an access token."""
        self._failures.require_room(request)
        form = await read_request(request)
        await self._services.keys.keep_fresh()
        try:
            client = await authenticate_client(request, form, self._services.clients)
            answer = await self._grant(client, form)
        except (InvalidClient, InvalidGrant):
            self._failures.count(request)
            raise
        await self._services.clients.touch(client)
        self._services.tell("token.issued", client_id=client.client_id, scope=answer["scope"])
        return json_answer(answer)

    async def _grant(self, client: Client, form: Parameters) -> dict[str, Any]:
        grant_type = form.one("grant_type")
        if grant_type is None:
            raise InvalidRequest("no grant_type", say="grant_type is missing.")
        granting = grants_of(self._services.settings).get(grant_type)
        if granting is None:
            raise UnsupportedGrantType(f"grant_type {grant_type[:80]!r}")
        return await granting(self._services, client, form)
