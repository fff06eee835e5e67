"""The names of the signature algorithms that may be pinned."""

from typing import Literal

from doorward.errors import ConfigurationError

SigningAlgorithm = Literal["ES256", "RS256", "EdDSA"]
"""What this project signs with; ``SUPPORTED`` has what it verifies."""

# Those of ``algorithms``, which knows how to check them and is brought in with the first key. None
# of them takes a shared secret.
SUPPORTED = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)


def require_algorithms(names: tuple[str, ...], issuer: str) -> frozenset[str]:
    """
    Return ``names`` as a set when each is an algorithm with a public key.

    Raises:
        ConfigurationError: with reason ``no-algorithms`` or ``unknown-algorithm``.

    Spec: RFC 8725 §3.1, §3.2
    """
    if not names:
        raise ConfigurationError(
            "no-algorithms",
            f"No signature algorithm is accepted from {issuer!r}.",
            "Name the ones that it signs with, such as algorithms=('RS256',).",
        )
    for name in names:
        if name not in SUPPORTED:
            raise ConfigurationError(
                "unknown-algorithm",
                f"{name!r} is not an algorithm that tokens of {issuer!r} may be signed with.",
                f"Use one of {', '.join(sorted(SUPPORTED))}.",
            )
    return frozenset(names)
