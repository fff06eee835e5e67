"""The token endpoint of one arrangement: where it is, and one question to it."""

from doorward.downstream.answers import LARGEST_ANSWER, read_answer
from doorward.downstream.grants import Arrangement
from doorward.downstream.refusals import DownstreamUnavailable
from doorward.downstream.token import DownstreamToken
from doorward.errors import DoorwardError
from doorward.net import AnswerUnusable, Clock, Fetcher, FetchFailed, FetchRefused, SingleFlight
from doorward.tokens.respite import RETRY, Respite
from doorward.wire import address, server_metadata, strict_json

LARGEST_METADATA = 64 * 1024
# For how many seconds the endpoint that the metadata names is believed.
_BELIEVED = 3600.0


def unasked(because: str, left: int) -> DownstreamUnavailable:
    """Return the refusal of whoever comes while the issuer is left in peace."""
    return DownstreamUnavailable(f"not asked for another {left} s: {because}", retry_after=left)


class TokenEndpoint:
    """
    Asks for tokens by one arrangement.

    ``respite`` is that of the issuer, for all arrangements there: it is down for all of them.

    Spec: RFC 8414 §3; RFC 6749 §3.2
    """

    def __init__(
        self,
        name: str,
        arrangement: Arrangement,
        fetcher: Fetcher,
        clock: Clock,
        respite: Respite,
    ) -> None:
        self._name = name
        self._arrangement = arrangement
        self._client = arrangement.client
        self._fetcher = fetcher
        self._clock = clock
        self._respite = respite
        self._url = arrangement.token_endpoint
        self._until = float("-inf") if self._url is None else float("inf")
        self._flight: SingleFlight[str, str] = SingleFlight()

    async def ask(self, subject_token: str, scopes: frozenset[str]) -> DownstreamToken:
        """
        Return a new token.

        Raises:
            DownstreamUnavailable, DownstreamRefused, AnswerRefused.
        """
        return await self._respite.ask(lambda: self._ask(subject_token, scopes))

    async def _ask(self, subject_token: str, scopes: frozenset[str]) -> DownstreamToken:
        url = await self._found()
        question = self._client.form(
            self._arrangement.fields(subject_token, scopes),
            issuer=self._arrangement.assertion_audience or self._arrangement.issuer or url,
            now=self._clock(),
        )
        try:
            answer = await self._fetcher.ask(url, question, limit=LARGEST_ANSWER)
        except (AnswerUnusable, FetchRefused) as error:
            raise DownstreamUnavailable(f"{self._name}: {error.detail}") from None
        except FetchFailed as error:
            raise DownstreamUnavailable(
                f"{self._name}: {error.detail}", retry_after=RETRY, hold=RETRY, silent=True
            ) from None
        return read_answer(self._name, answer, now=self._clock())

    async def _found(self) -> str:
        if self._url is not None and self._clock() < self._until:
            return self._url
        return await self._flight.run("metadata", self._find)

    async def _find(self) -> str:
        issuer = self._arrangement.issuer
        assert issuer is not None
        failures = []
        for url in server_metadata.metadata_urls(self._arrangement.internal_url or issuer):
            try:
                fetched = await self._fetcher.fetch(url, limit=LARGEST_METADATA)
                document = strict_json.parse_object(fetched.body)
                found = server_metadata.parse_token_endpoint(document, issuer)
            except (DoorwardError, strict_json.NotStrictJson) as error:
                failures.append(f"{url}: {error}")
                continue
            self._url, self._until = self._inside(found, issuer), self._clock() + _BELIEVED
            return self._url
        raise DownstreamUnavailable(
            f"{self._name}: no metadata leads to a token endpoint: " + "; ".join(failures),
            retry_after=RETRY,
            hold=RETRY,
        )

    def _inside(self, endpoint: str, issuer: str) -> str:
        """Return the endpoint as this process reaches it."""
        internal, public = self._arrangement.internal_url, address.origin_of(issuer)
        if internal is not None and endpoint.startswith(public + "/"):
            return address.origin_of(internal) + endpoint[len(public) :]
        return endpoint
