"""Where tools get tokens for the next server, in the name of whoever is calling."""

import json
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from hashlib import sha256

from doorward.downstream.endpoint import TokenEndpoint, circuit_open
from doorward.downstream.grants import DownstreamGrant
from doorward.downstream.refusals import NobodyToActFor
from doorward.downstream.responses import require_other
from doorward.downstream.token import DownstreamToken
from doorward.errors import ConfigurationError
from doorward.identity import Identity
from doorward.net import Clock, Expiring, Fetcher, SingleFlightCache
from doorward.net.circuit_breaker import CircuitBreaker
from doorward.net.url import pairs_of

# A token that is about to be over is not handed out: it would be over when it arrives. In seconds,
# and for short-lived ones as a part of their life.
_BEFORE_THE_END = 30.0
_PART_OF_LIFE = 0.1

_Key = tuple[object, ...]


class DownstreamTokens:
    """
    Gets tokens for the next servers, and keeps them.

    A token is kept for one caller and one set of scopes, until shortly before its end and for
    ``max_age`` seconds at most. Two tokens are of one caller when they say the same, but for
    their own ids and times. Of more than ``entries``, the least recently used goes. Who asks with
    the same token while one is being got waits for that one. Refusals are not kept: the user may
    have agreed meanwhile. An issuer that does not answer is left in peace for seconds, in which
    everybody is refused at once.

    ``own_audiences`` are the names of this server: a token for one of them is never handed out.

    Raises:
        ConfigurationError: ``not-an-arrangement``, ``not-a-limit``.
    """

    def __init__(
        self,
        grants: Mapping[str, DownstreamGrant],
        *,
        own_audiences: Collection[str] = (),
        clock: Clock = time.time,
        fetcher: Fetcher | None = None,
        max_entries: int = 2000,
        max_age: float = 3600.0,
    ) -> None:
        for name, one in grants.items():
            if not name or not isinstance(one, DownstreamGrant):
                raise ConfigurationError(
                    "not-an-arrangement",
                    f"downstream[{name!r}] is a {type(one).__name__}.",
                    "Give a TokenExchange, an OnBehalfOf or a ClientCredentials.",
                )
        if max_entries < 1 or not 0 <= max_age <= 86400:
            raise ConfigurationError(
                "not-a-limit",
                f"max_entries={max_entries!r}, max_age={max_age!r}.",
                "Keep one token at least, and none for longer than a day.",
            )
        fetcher = fetcher or Fetcher(
            allow_private_hosts=pairs_of(url for one in grants.values() for url in one.named_urls)
        )
        self._grants = dict(grants)
        circuit_breakers: dict[object, CircuitBreaker] = defaultdict(
            lambda: CircuitBreaker(circuit_open, clock)
        )
        self._endpoints = {
            name: TokenEndpoint(name, one, fetcher, clock, circuit_breakers[one.named_urls])
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
        Return a token for ``name``; ``inbound`` is the token that ``identity`` came with.

        Raises:
            ConfigurationError: ``unknown-downstream``.
            NobodyToActFor: the caller's token is not one to show to that issuer.
            DownstreamUnavailable, DownstreamRefused, AnswerRefused: there is no token.
        """
        grant = self._grants.get(name)
        if grant is None:
            raise ConfigurationError(
                "unknown-downstream",
                f"Nothing is arranged under {name!r}; there is {sorted(self._grants)}.",
                "Add it to the guard's downstream={...}.",
            )
        if grant.for_caller:
            _require_exchangeable(name, grant, identity)
        wanted = grant.wanted(scopes)
        key = (name, wanted, *(_caller(identity) if grant.for_caller else ()))

        async def load() -> Expiring[DownstreamToken]:
            token = await self._endpoints[name].request_token(inbound, wanted)
            require_other(name, token, inbound, self._own)
            return Expiring(token, self._cache_seconds(token))

        # Whoever waits gets the refusal too: a session that was withdrawn must not fail another one
        # of the same user, so each token waits for its own.
        asker = sha256(inbound.encode()).digest() if grant.for_caller else None
        return await self._cache.get(key, load, asker=asker)

    def _cache_seconds(self, token: DownstreamToken) -> float:
        # An issuer that does not say how long is asked again each time.
        if token.expires_at is None:
            return 0.0
        life = token.expires_at - self._clock()
        return life - min(_BEFORE_THE_END, life * _PART_OF_LIFE)


def _require_exchangeable(name: str, grant: DownstreamGrant, identity: Identity) -> None:
    if identity.kind == "key":
        raise NobodyToActFor(name, "an API key of this server is nothing that an issuer exchanges")
    # A token of one issuer, shown to another, can be used by that other one here.
    if identity.issuer not in grant.subject_issuers:
        raise NobodyToActFor(
            name,
            f"the caller's token is from {identity.issuer!r},"
            f" to be shown here are those of {sorted(grant.subject_issuers)}",
        )


# What differs between two tokens that say the same.
_OF_ONE_TOKEN = frozenset({"iat", "nbf", "exp", "jti"})


def _caller(identity: Identity) -> _Key:
    # All that the token says, and not only who it is: what is got for it may follow from any of it.
    # An agent's token must not be handed to the user, nor one for a user's other organization.
    claims = {name: value for name, value in identity.claims.items() if name not in _OF_ONE_TOKEN}
    digest = sha256(json.dumps(claims, sort_keys=True).encode()).digest()
    return (*identity.key, identity.client_id, identity.scopes, identity.roles, digest)
