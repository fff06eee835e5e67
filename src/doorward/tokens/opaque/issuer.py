"""An issuer of opaque tokens, and the interface of a way to look them up."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from doorward.errors import ConfigurationError
from doorward.net import Clock, Fetcher
from doorward.tokens.jwt.profile import TokenProfile
from doorward.wire.address import require_issuer

# What the issuer says of one token, in the words of RFC 7662; None when it is not active.
LookupResult = Mapping[str, Any] | None
LookupFunction = Callable[[str], Awaitable[LookupResult]]


@dataclass(frozen=True, kw_only=True)
class LookupContext:
    """What a lookup works with: the issuer, its internal URL, the fetcher and the clock."""

    issuer: str
    internal_url: str | None
    fetcher: Fetcher
    clock: Clock


class Lookup(Protocol):
    """
    A way to look a token up at its issuer.

    Its ``repr`` contains no secrets.
    """

    @property
    def cache_ttl(self) -> float:
        """For how many seconds a result is cached."""

    @property
    def named_urls(self) -> tuple[str, ...]:
        """The URLs that the operator configured; they may be in a private network."""

    def recognises(self, token: str) -> bool:
        """Say whether the token has the format of this issuer's tokens."""

    def begin(self, context: LookupContext) -> LookupFunction:
        """Return the function that looks up one token."""


INTROSPECTED = TokenProfile(
    name="introspected",
    types=frozenset(),
    type_may_be_absent=True,
    client_required=False,
    role_paths=("roles",),
    name_claims=("name", "preferred_username", "username"),
    required_claims=frozenset(),
    forbidden_claims=frozenset({"at_hash", "c_hash", "events"}),
)
"""Responses as RFC 7662 defines them, and the default."""


def as_answered(profile: TokenProfile) -> TokenProfile:
    """
    Return the profile of introspection responses about tokens of ``profile``.

    The names of RFC 7662 come first, then the provider's own.
    """
    return replace(
        profile,
        types=frozenset(),
        type_may_be_absent=True,
        client_claims=_first("client_id", profile.client_claims),
        client_required=False,
        scope_claims=_first("scope", profile.scope_claims),
        subject_claims=(*profile.subject_claims, "sub"),
        name_claims=(*profile.name_claims, "username"),
        required_claims=frozenset(),
        required_values={},
        # A claim that is missing in a response does not show that the token is a service's.
        person_claims=frozenset(),
        forbidden_claims=profile.forbidden_claims - {"nonce"},
    )


def _first(name: str, others: tuple[str, ...]) -> tuple[str, ...]:
    return (name, *(one for one in others if one != name))


@dataclass(frozen=True, kw_only=True)
class OpaqueIssuer:
    """
    An issuer whose tokens are looked up, and on which conditions they are accepted.

    An active token must also be for this server. ``audience`` is what ``aud`` must contain, usually
    this server's URL; of several values, one is enough. ``client_ids`` are the clients whose tokens
    are accepted, for issuers without audiences. With both, both must hold. ``internal_url`` is where
    this process reaches the issuer, if that differs from ``issuer``. It may be plain http; then
    anyone on that network can read the tokens and the client secret, and forge responses.

    ```python
    issuer = OpaqueIssuer(
        issuer="https://login.example",
        lookup=Introspection(client_id="mcp-server", client_secret=os.environ["CLIENT_SECRET"]),
        audience="https://mcp.example/mcp",
        profile=replace(INTROSPECTED, role_paths=("groups",)),
    )
    guard = Guard(
        resource="https://mcp.example/mcp",
        issuers=[issuer],
        policy=Policy(base=Rule(scopes={"mcp:read"})),
    )
    ```

    Raises:
        ConfigurationError: with reason ``not-an-issuer``, ``insecure-issuer`` or
            ``undecided-audience``.

    Spec: RFC 7662 §2.2, §4
    """

    issuer: str
    lookup: Lookup = field(repr=False)
    audience: str | tuple[str, ...] = ()
    client_ids: tuple[str, ...] = ()
    profile: TokenProfile = INTROSPECTED
    internal_url: str | None = None

    def __post_init__(self) -> None:
        require_issuer(self.issuer)
        # Every site that people sign in to with this issuer holds an active token. Without this
        # check, each of them could act here as its users.
        named = (*self.audiences, *self.client_ids)
        if not named or not all(named):
            raise ConfigurationError(
                "undecided-audience",
                f"Neither an audience nor a client is named for tokens of {self.issuer!r}.",
                "Set audience to what the issuer says in 'aud', usually this server's URL, or"
                " client_ids to the clients whose tokens you accept.",
            )

    @property
    def audiences(self) -> tuple[str, ...]:
        """The accepted audiences, as a tuple; empty if only ``client_ids`` decide."""
        return (self.audience,) if isinstance(self.audience, str) else tuple(self.audience)
