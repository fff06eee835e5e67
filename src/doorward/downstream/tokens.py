"""Gets and caches tokens for downstream servers on behalf of the caller."""

import json
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from hashlib import sha256

from doorward.downstream.endpoint import TokenEndpoint, circuit_open
from doorward.downstream.grants import DownstreamGrant
from doorward.downstream.provider_token import InProcessToken
from doorward.downstream.refusals import NoSubjectToken
from doorward.downstream.responses import require_other
from doorward.downstream.token import DownstreamToken
from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.net import Clock, Expiring, Fetcher, SingleFlightCache
from doorward.net.circuit_breaker import CircuitBreaker
from doorward.net.http.url import host_ports_of

# A token that is about to expire is not returned: it could expire on the way. In seconds; for
# short-lived tokens, a part of the lifetime.
_BEFORE_THE_END = 30.0
_PART_OF_LIFE = 0.1

_Key = tuple[object, ...]


class DownstreamTokens:
    """
    Gets tokens for downstream servers, and caches them.

    ```python
    tokens = DownstreamTokens({"orders": grant}, own_audiences=["https://mcp.example/mcp"])
    ```

    A token is cached for one caller and one set of scopes, until shortly before it expires and for
    at most ``max_age`` seconds. Two tokens are of one caller if their claims are equal, except ids
    and times. The cache has at most ``max_entries``, and drops the least recently used. Concurrent
    requests with the same token share one token request. Refusals are not cached: the user may
    consent meanwhile. A circuit breaker refuses requests at once while an issuer does not answer.

    ``own_audiences`` are the names of this server: a token for one of them is never returned.

    Raises:
        ConfigurationError: ``not-an-arrangement``, ``not-a-limit``.
    """

    def __init__(
        self,
        grants: Mapping[str, DownstreamGrant | InProcessToken],
        *,
        own_audiences: Collection[str] = (),
        clock: Clock = time.time,
        fetcher: Fetcher | None = None,
        max_entries: int = 2000,
        max_age: float = 3600.0,
    ) -> None:
        for name, one in grants.items():
            if not name or not isinstance(one, DownstreamGrant | InProcessToken):
                raise ConfigurationError(
                    "not-an-arrangement",
                    f"Expected a grant for downstream[{name!r}], got a {type(one).__name__}.",
                    "Use TokenExchange, OnBehalfOf, ClientCredentials or ProviderToken, under a name.",
                )
        if max_entries < 1 or not 0 <= max_age <= 86400:
            raise ConfigurationError(
                "not-a-limit",
                f"max_entries={max_entries!r}, max_age={max_age!r}.",
                "Set max_entries to 1 or more, and max_age to 0 to 86400 seconds.",
            )
        fetcher = fetcher or Fetcher(
            allow_private_hosts=host_ports_of(
                url for one in grants.values() for url in one.named_urls
            )
        )
        self._grants = dict(grants)
        circuit_breakers: dict[object, CircuitBreaker] = defaultdict(
            lambda: CircuitBreaker(circuit_open, clock)
        )
        self._endpoints = {
            name: one
            if isinstance(one, InProcessToken)
            else TokenEndpoint(name, one, fetcher, clock, circuit_breakers[one.named_urls])
            for name, one in grants.items()
        }
        self._own = frozenset(own_audiences)
        self._clock = clock
        self._cache: SingleFlightCache[_Key, DownstreamToken] = SingleFlightCache(
            floor=0.0, ceiling=max_age, entries=max_entries, clock=clock
        )

    async def token_for(
        self, identity: Identity, inbound: str, name: str, scopes: frozenset[str]
    ) -> DownstreamToken:
        """
        Return a token for ``name``; ``inbound`` is the caller's token.

        Raises:
            ConfigurationError: ``unknown-downstream``.
            NoSubjectToken: the caller's token must not be sent to that issuer.
            DownstreamUnavailable, DownstreamRefused, AnswerRefused: the token request failed.
        """
        grant = self._grants.get(name)
        if grant is None:
            raise ConfigurationError(
                "unknown-downstream",
                f"There is no grant {name!r}, only {sorted(self._grants)}.",
                "Add it to Guard(downstream={...}).",
            )
        if grant.for_caller:
            _require_exchangeable(name, grant, identity)
        wanted = grant.wanted(scopes)
        key = (name, wanted, *(_caller(identity) if grant.for_caller else ()))

        async def load() -> Expiring[DownstreamToken]:
            token = await self._endpoints[name].request_token(inbound, wanted)
            require_other(name, token, inbound, self._own)
            return Expiring(token, self._cache_seconds(token) if grant.is_cached else 0.0)

        # Waiting requests share a refusal too. A revoked session must not fail another session of
        # the same user, so only requests with the same token wait for each other.
        asker = sha256(inbound.encode()).digest() if grant.for_caller else None
        return await self._cache.get(key, load, asker=asker)

    def _cache_seconds(self, token: DownstreamToken) -> float:
        # Without expires_in, the token is not cached.
        if token.expires_at is None:
            return 0.0
        life = token.expires_at - self._clock()
        return life - min(_BEFORE_THE_END, life * _PART_OF_LIFE)


def _require_exchangeable(
    name: str, grant: DownstreamGrant | InProcessToken, identity: Identity
) -> None:
    if identity.kind == "key":
        raise NoSubjectToken(name, "the caller has an API key, which no issuer exchanges")
    # An issuer that gets a token of another issuer could use it at this server.
    if identity.issuer not in grant.subject_issuers:
        raise NoSubjectToken(
            name,
            f"the caller's token is from {identity.issuer!r},"
            f" expected one of {sorted(grant.subject_issuers)}",
        )


# Claims that differ between two tokens of one caller.
_OF_ONE_TOKEN = frozenset({"iat", "nbf", "exp", "jti"})


def _caller(identity: Identity) -> _Key:
    # All claims, not only the subject: the downstream token can depend on each of them. A token of an
    # agent, or of another organization, must not be returned to the user.
    claims = {name: value for name, value in identity.claims.items() if name not in _OF_ONE_TOKEN}
    digest = sha256(json.dumps(claims, sort_keys=True).encode()).digest()
    return (*identity.key, identity.client_id, identity.scopes, identity.roles, digest)
