"""The names of the signature algorithms, without the cost of importing them."""

from typing import Literal

from doorward.errors import ConfigurationError

SigningAlgorithm = Literal["ES256", "RS256", "EdDSA"]
"""What this project signs with; ``SUPPORTED`` has what it verifies."""

# Implemented in ``algorithms``, which imports cryptography with the first key. None of them takes a
# shared secret.
SUPPORTED = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)


def require_algorithms(names: tuple[str, ...], issuer: str) -> frozenset[str]:
    """
    Return ``names`` as a set; refuse an empty one and names that are not supported.

    Raises:
        ConfigurationError: with reason ``no-algorithms`` or ``unknown-algorithm``.

    Spec: RFC 8725 §3.1, §3.2
    """
    if not names:
        raise ConfigurationError(
            "no-algorithms",
            f"The list of signature algorithms for {issuer!r} is empty.",
            "List the algorithms that the issuer signs with, such as algorithms=('RS256',).",
        )
    for name in names:
        if name not in SUPPORTED:
            raise ConfigurationError(
                "unknown-algorithm",
                f"{name!r}, listed for {issuer!r}, is not a supported signature algorithm.",
                f"Use one of {', '.join(sorted(SUPPORTED))}.",
            )
    return frozenset(names)
