"""What the token, revocation and introspection endpoints share: the form, and failed clients."""

from starlette.requests import Request

from doorward.authserver.http.responses import read_body
from doorward.authserver.refusals import (
    ClientKeysUnavailable,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
)
from doorward.authserver.services import Services
from doorward.net.client_address import address_key
from doorward.wire.oauth.parameters import Parameters, parse_parameters

LONGEST_REQUEST = 16 * 1024


async def read_request(request: Request) -> Parameters:
    """
    Return the parameters of a request, from its body alone.

    Raises:
        InvalidRequest: parameters in the URL, where they would be logged, or another content type.
        BodyTooLarge: 413.

    Spec: RFC 6749 §3.2; OAuth 2.1 §3.2.2
    """
    if request.scope["query_string"]:
        raise InvalidRequest("parameters in the query", description="Send parameters in the body.")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise InvalidRequest(
            f"content type {media_type[:60]!r}",
            description="Send the request as application/x-www-form-urlencoded.",
        )
    body = await read_body(request, LONGEST_REQUEST)
    return parse_parameters(body, repeatable=frozenset({"resource"}))


class failures_limited:  # noqa: N801 - used as a function, and a generator would cost more
    """
    Limit how often wrong credentials may come from one address.

    Only failures count: a busy gateway with good clients behind one address is no attack.

    Raises:
        TooManyRequests: 429, too many failures from this address.
    """

    def __init__(self, services: Services, request: Request) -> None:
        self._limits = services.limits
        self._rate = services.settings.limits.token_failures_per_address
        self._keys = ("token-failures", address_key(request, services.settings.trusted_proxies))

    async def __aenter__(self) -> None:
        self._limits.require_below_limit(self._rate, *self._keys)

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # A client that names keys which cannot be fetched makes this server fetch.
        if isinstance(error, InvalidClient | InvalidGrant | ClientKeysUnavailable):
            # Failures at another replica count too. The first one here beyond the limit learns of
            # them.
            await self._limits.count(self._rate, *self._keys)
