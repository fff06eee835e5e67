"""An issuer of JWTs that this server trusts, and on which conditions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doorward.errors import ConfigurationError
from doorward.jose.algorithm_names import require_algorithms
from doorward.tokens.jwt.key_source import KeySource
from doorward.tokens.jwt.profile import RFC9068, TokenProfile
from doorward.wire.address import is_loopback_host, require_issuer, split

if TYPE_CHECKING:
    from doorward.tokens.revocations import Revocations

# What providers sign with by default.
DEFAULT_ALGORITHMS = ("RS256", "ES256")


@dataclass(frozen=True, kw_only=True)
class TrustedIssuer:
    """
    An issuer whose tokens are accepted, and on which conditions.

    ```python
    issuer = TrustedIssuer(
        issuer="https://login.example",
        audience="https://mcp.example/mcp",
        jwks_uri="https://login.example/keys",
    )
    guard = Guard(
        resource="https://mcp.example/mcp",
        issuers=[issuer],
        policy=Policy(base=Rule(scopes={"mcp:read"})),
    )
    ```

    ``issuer`` is compared to the token's ``iss`` byte for byte. ``audience`` is what ``aud`` must
    contain, usually this server's URL; of several values, one is enough. ``keys`` provides the
    issuer's keys. Without it, they come from ``jwks_uri`` or the issuer's metadata.
    ``internal_url`` is where this process reaches the issuer, if that differs from ``issuer``. It
    may be plain http; then anyone on that network can serve false keys. ``revocations`` lists its
    revoked tokens; without it, a token is valid until it expires.

    Raises:
        ConfigurationError: with reason ``not-an-issuer``, ``insecure-issuer``,
            ``insecure-keys``, ``undecided-audience``, ``no-algorithms`` or ``unknown-algorithm``.

    Spec: RFC 9068 §4; RFC 8725 §3.1, §3.8, §3.9
    """

    issuer: str
    audience: str | tuple[str, ...]
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    keys: KeySource | None = field(default=None, repr=False)
    profile: TokenProfile = RFC9068
    jwks_uri: str | None = None
    internal_url: str | None = None
    revocations: "Revocations | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        require_issuer(self.issuer)
        require_algorithms(self.algorithms, self.issuer)
        _require_key_url(self.jwks_uri)
        audiences = self.audiences
        # There is no way to turn this off: without an audience, a token that the user gave to any
        # other server of this issuer is accepted here too.
        if not audiences or not all(audiences):
            raise ConfigurationError(
                "undecided-audience",
                f"No audience is set for tokens of {self.issuer!r}.",
                "Set audience to what the issuer writes in 'aud' for this server, usually its URL.",
            )

    @property
    def audiences(self) -> tuple[str, ...]:
        """The accepted audiences, always as a tuple."""
        return (self.audience,) if isinstance(self.audience, str) else tuple(self.audience)


def require_distinct(names: Sequence[str]) -> None:
    """
    Refuse an empty list of issuers, and an issuer that is listed twice.

    Raises:
        ConfigurationError: with reason ``no-issuers`` or ``issuer-twice``.
    """
    if not names:
        raise ConfigurationError(
            "no-issuers",
            "No issuer of tokens is trusted.",
            "Name at least one issuer; without one, every request would be refused.",
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(
            "issuer-twice",
            f"The issuer {twice[0]!r} is named twice.",
            "Name each issuer once: its tokens are either verified by key or looked up, and several"
            " audiences go into one audience as a tuple.",
        )


def _require_key_url(url: str | None) -> None:
    if url is None:
        return
    parts = split(url)
    if parts is None or (parts.scheme != "https" and not is_loopback_host(parts.hostname)):
        raise ConfigurationError(
            "insecure-keys",
            f"Keys from {url!r} could be anybody's.",
            "Give the issuer's https address for its keys (http is for localhost alone).",
        )
