"""Whose tokens a guard trusts, from what the operator said of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from doorward.errors import ConfigurationError
from doorward.tokens import TrustedIssuer

Audience = str | tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Named:
    """The short way to name one issuer: everything that ``Guard`` was told of it."""

    issuer: str | None = None
    idp: str | None = None
    audience: Audience | None = None
    algorithms: tuple[str, ...] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said."""
        return self == Named()


def trusted(
    resource: str, issuers: Sequence[TrustedIssuer], named: Named
) -> tuple[TrustedIssuer, ...]:
    """
    Return the issuers that a guard of ``resource`` trusts.

    Raises:
        ConfigurationError: ``two-ways-to-name-issuers``, ``no-issuers``, ``unknown-provider``,
            ``opaque-tokens``, ``undecided-audience``, and what ``TrustedIssuer`` refuses.
    """
    if issuers and not named.is_empty:
        raise ConfigurationError(
            "two-ways-to-name-issuers",
            "Both issuers and issuer (or idp, audience, algorithms) are set.",
            "Give issuer for one issuer with the usual conditions, or issuers with all of them.",
        )
    if named.issuer is not None:
        return (_one(resource, named.issuer, named),)
    if not issuers:
        raise ConfigurationError(
            "no-issuers",
            f"No issuer is trusted for {resource!r}, so every request would be refused.",
            "Set issuer to the address of the authorization server, as it names itself.",
        )
    return tuple(issuers)


def _one(resource: str, issuer: str, named: Named) -> TrustedIssuer:
    if named.idp is not None:
        return _of_provider(resource, issuer, named.idp, named)
    # The audience is the resource, byte for byte: it is what a client sends as `resource`.
    audience = resource if named.audience is None else named.audience
    if named.algorithms is None:
        return TrustedIssuer(issuer=issuer, audience=audience)
    return TrustedIssuer(issuer=issuer, audience=audience, algorithms=named.algorithms)


def _of_provider(resource: str, issuer: str, idp: str, named: Named) -> TrustedIssuer:
    # Only here: what is known of two dozen providers is of no use to a guard that names none.
    from doorward.idp import find

    preset = find(idp)
    if preset.profile is None:
        raise ConfigurationError(
            "opaque-tokens",
            f"Access tokens of {preset.title} are opaque; this version verifies JWTs only.",
            "Put an authorization server in front that signs people in there and issues JWTs.",
        )
    if named.audience is None and not preset.audience_is_resource:
        raise ConfigurationError(
            "undecided-audience",
            f"Tokens of {preset.title} cannot name {resource!r} as their audience.",
            f"Set audience to what they name. {preset.audience}",
        )
    return TrustedIssuer(
        issuer=issuer,
        audience=resource if named.audience is None else named.audience,
        algorithms=preset.algorithms if named.algorithms is None else named.algorithms,
        profile=preset.profile,
    )
