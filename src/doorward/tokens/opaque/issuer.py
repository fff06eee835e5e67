"""Issuers whose tokens say nothing to anybody but themselves, and must be asked about each one."""

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
    """With what an issuer is asked: its name, the way to it, the fetcher and the time."""

    issuer: str
    internal_url: str | None
    fetcher: Fetcher
    clock: Clock


class Lookup(Protocol):
    """
    A way to ask an issuer about a token.

    Its secrets are in no representation of it.
    """

    @property
    def cache_ttl(self) -> float:
        """For how many seconds an answer holds."""

    @property
    def named_urls(self) -> tuple[str, ...]:
        """The addresses that the operator wrote down; they may be in a private network."""

    def recognises(self, token: str) -> bool:
        """Say whether the token looks like one of this issuer's."""

    def begin(self, context: LookupContext) -> LookupFunction:
        """Return the function that asks about one token."""


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
"""The answers that RFC 7662 describes, and the default."""


def as_answered(profile: TokenProfile) -> TokenProfile:
    """
    Return how an issuer that writes its tokens as ``profile`` answers about them.

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
        # What a provider leaves out of an answer says nothing of whom the token is for.
        person_claims=frozenset(),
        forbidden_claims=profile.forbidden_claims - {"nonce"},
    )


def _first(name: str, others: tuple[str, ...]) -> tuple[str, ...]:
    return (name, *(one for one in others if one != name))


@dataclass(frozen=True, kw_only=True)
class OpaqueIssuer:
    """
    An issuer whose tokens are looked up one by one, and under which conditions.

    That a token lives is not enough: it must be meant for this server. Either ``audience`` is what
    the issuer says in ``aud``, usually this server's own URL, and several values mean any one of
    them; or ``client_ids`` are the clients whose tokens are welcome, where the issuer knows no
    audience; or both, and then both must hold. ``internal_url`` is where this process reaches the
    issuer, when that differs from its name; it may be plain http, and then the tokens and the
    secret of the lookup travel in the clear: whoever is on that network can read them, and answer
    in the issuer's place.

    ```python
    OpaqueIssuer(
        issuer="https://login.example",
        lookup=Introspection(client_id="mcp-server", client_secret=secret),
        audience="https://mcp.example/mcp",
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
        # A live token of the same issuer may be anybody's: every site that people sign in to there
        # holds one, and each of them could come here in its users' names.
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
        """The accepted audiences, always as a tuple; empty where ``client_ids`` alone decide."""
        return (self.audience,) if isinstance(self.audience, str) else tuple(self.audience)
