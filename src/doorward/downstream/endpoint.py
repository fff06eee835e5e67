"""The token endpoint of one arrangement: where it is, and one question to it."""

from doorward.downstream.answers import LARGEST_ANSWER, read_answer
from doorward.downstream.grants import Arrangement
from doorward.downstream.refusals import DownstreamUnavailable
from doorward.downstream.token import DownstreamToken
from doorward.errors import DoorwardError
from doorward.net import Clock, Fetcher, FetchFailed, SingleFlight
from doorward.wire import address, server_metadata, strict_json

LARGEST_METADATA = 64 * 1024
# For how long the endpoint that the metadata names is believed, and how soon a failed look at the
# metadata is repeated, in seconds.
_BELIEVED = 3600.0
_PAUSE = 5.0


class TokenEndpoint:
    """
    Asks for tokens by one arrangement.

    Spec: RFC 8414 §3; RFC 6749 §3.2
    """

    def __init__(self, name: str, arrangement: Arrangement, fetcher: Fetcher, clock: Clock) -> None:
        self._name = name
        self._arrangement = arrangement
        self._client = arrangement.client
        self._fetcher = fetcher
        self._clock = clock
        self._url = arrangement.token_endpoint
        self._until = float("-inf") if self._url is None else float("inf")
        self._next_try = float("-inf")
        self._problem = ""
        self._flight: SingleFlight[str, str] = SingleFlight()

    async def ask(self, subject_token: str, scopes: frozenset[str]) -> DownstreamToken:
        """
        Return a new token.

        Raises:
            DownstreamUnavailable, DownstreamRefused, AnswerRefused.
        """
        url = await self._found()
        question = self._client.form(
            self._arrangement.fields(subject_token, scopes),
            issuer=self._arrangement.assertion_audience or self._arrangement.issuer or url,
            now=self._clock(),
        )
        try:
            answer = await self._fetcher.ask(url, question, limit=LARGEST_ANSWER)
        except FetchFailed as error:
            raise DownstreamUnavailable(f"{self._name}: {error.detail}") from None
        return read_answer(self._name, answer, now=self._clock())

    async def _found(self) -> str:
        now = self._clock()
        if self._url is not None and now < self._until:
            return self._url
        if now < self._next_try:
            raise DownstreamUnavailable(self._problem)
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
        self._problem = f"{self._name}: no metadata leads to a token endpoint: " + "; ".join(
            failures
        )
        self._next_try = self._clock() + _PAUSE
        raise DownstreamUnavailable(self._problem)

    def _inside(self, endpoint: str, issuer: str) -> str:
        """Return the endpoint as this process reaches it."""
        internal, public = self._arrangement.internal_url, address.origin_of(issuer)
        if internal is not None and endpoint.startswith(public + "/"):
            return address.origin_of(internal) + endpoint[len(public) :]
        return endpoint
