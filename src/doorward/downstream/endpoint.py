"""The token endpoint of one grant: discovers it, and requests tokens."""

from doorward.downstream.grants import DownstreamGrant
from doorward.downstream.refusals import DownstreamUnavailable
from doorward.downstream.responses import MAX_RESPONSE, read_answer
from doorward.downstream.token import DownstreamToken
from doorward.net import Clock, Fetcher, FetchFailed, FetchRefused, UnusableResponse
from doorward.net.circuit_breaker import RETRY, CircuitBreaker
from doorward.tokens.endpoint_discovery import IssuerEndpoint
from doorward.wire.oauth import server_metadata


def circuit_open(because: str, left: int) -> DownstreamUnavailable:
    """Return the error while the circuit breaker is open."""
    return DownstreamUnavailable(f"not retried for another {left} s: {because}", retry_after=left)


class TokenEndpoint:
    """
    Requests tokens with one grant.

    ``circuit_breaker`` is shared by all grants at one issuer.

    Spec: RFC 8414 §3; RFC 6749 §3.2
    """

    def __init__(
        self,
        name: str,
        grant: DownstreamGrant,
        fetcher: Fetcher,
        clock: Clock,
        circuit_breaker: CircuitBreaker,
    ) -> None:
        self._name = name
        self._grant = grant
        self._client = grant.client
        self._fetcher = fetcher
        self._clock = clock
        self._circuit_breaker = circuit_breaker
        self._endpoint = IssuerEndpoint(
            "a token endpoint",
            grant.token_endpoint,
            server_metadata.parse_token_endpoint,
            issuer=grant.issuer,
            internal_url=grant.internal_url,
            fetcher=fetcher,
            clock=clock,
        )

    async def request_token(self, subject_token: str, scopes: frozenset[str]) -> DownstreamToken:
        """
        Return a new token.

        Raises:
            DownstreamUnavailable, DownstreamRefused, AnswerRefused.
        """
        return await self._circuit_breaker.call(lambda: self._request_token(subject_token, scopes))

    async def _request_token(self, subject_token: str, scopes: frozenset[str]) -> DownstreamToken:
        url = await self._url()
        request = self._client.form(
            self._grant.fields(subject_token, scopes),
            issuer=self._grant.assertion_audience or self._grant.issuer or url,
            now=self._clock(),
        )
        try:
            answer = await self._fetcher.send(url, request, limit=MAX_RESPONSE)
        except (UnusableResponse, FetchRefused) as error:
            raise DownstreamUnavailable(f"{self._name}: {error.detail}") from None
        except FetchFailed as error:
            raise DownstreamUnavailable(
                f"{self._name}: {error.detail}", retry_after=RETRY, hold=RETRY, silent=True
            ) from None
        return read_answer(
            self._name, answer, now=self._clock(), link_prefix=self._grant.link_prefix
        )

    async def _url(self) -> str:
        try:
            return await self._endpoint.url()
        except FetchFailed as error:
            raise DownstreamUnavailable(
                f"{self._name}: {error.detail}", retry_after=RETRY, hold=RETRY
            ) from None
