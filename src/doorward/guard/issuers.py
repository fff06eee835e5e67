"""Builds the issuers that a guard trusts from the operator's settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from doorward.errors import ConfigurationError
from doorward.tokens import TrustedIssuer

if TYPE_CHECKING:
    from doorward.idp import Preset
    from doorward.tokens import Introspection, OpaqueIssuer

Audience = str | tuple[str, ...]
Issuer: TypeAlias = "TrustedIssuer | OpaqueIssuer"


@dataclass(frozen=True, kw_only=True)
class IssuerOptions:
    """The settings of ``Guard`` that describe its only issuer."""

    issuer: str | None = None
    idp: str | None = None
    audience: Audience | None = None
    algorithms: tuple[str, ...] | None = None
    client_ids: tuple[str, ...] = ()
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    introspection: "Introspection | None" = None

    @property
    def is_empty(self) -> bool:
        """Whether no option is set."""
        return self == type(self)()

    @property
    def introspection_settings(self) -> "Introspection | None":
        """The introspection settings (RFC 7662), if any are set."""
        if self.introspection is not None or self.client_id is None:
            return self.introspection
        from doorward.tokens import Introspection

        return Introspection(client_id=self.client_id, client_secret=self.client_secret)


def trusted(
    resource: str, issuers: Sequence[Issuer], options: IssuerOptions, *, keys_only: bool = False
) -> tuple[Issuer, ...]:
    """
    Return the issuers that a guard of ``resource`` trusts; with ``keys_only`` there may be none.

    Raises:
        ConfigurationError: ``two-ways-to-name-issuers``, ``no-issuers``, ``unknown-provider``,
            ``opaque-tokens``, ``undecided-audience``, ``unused-setting``, ``no-introspection``, and
            what ``TrustedIssuer``, ``OpaqueIssuer`` and ``Introspection`` refuse.
    """
    if issuers and not options.is_empty:
        raise ConfigurationError(
            "two-ways-to-name-issuers",
            "Both issuers and issuer (or idp, audience, algorithms, a client) are set.",
            "Give issuer for one issuer with the usual conditions, or issuers with all of them.",
        )
    if not options.is_empty:
        return (_one(resource, options),)
    if not issuers and not keys_only:
        raise ConfigurationError(
            "no-issuers",
            f"No issuer is trusted for {resource!r}, so every request would be refused.",
            "Set issuer to the address of the authorization server, as it names itself.",
        )
    return tuple(issuers)


def registration_fixes_scopes(idp: str | None) -> bool:
    """Whether clients of that provider can request only the scopes that they registered with."""
    preset = _preset(idp)
    return preset is not None and preset.registration_fixes_scopes


def _one(resource: str, options: IssuerOptions) -> Issuer:
    preset = _preset(options.idp)
    issuer = _issuer(resource, options, preset)
    if preset is not None and preset.own_lookup is not None:
        return _by_own_lookup(issuer, preset, options)
    lookup = options.introspection_settings
    if lookup is not None:
        return _introspected(resource, issuer, lookup, preset, options)
    if options.client_ids:
        raise ConfigurationError(
            "unused-setting",
            "client_ids is for tokens that are looked up, and nothing says how.",
            "Set introspection, or leave client_ids out: a JWT is accepted by its audience.",
        )
    if preset is not None:
        return _of_provider(resource, issuer, preset, options)
    # The audience is the resource, byte for byte: clients send it as `resource`.
    audience = resource if options.audience is None else options.audience
    if options.algorithms is None:
        return TrustedIssuer(issuer=issuer, audience=audience)
    return TrustedIssuer(issuer=issuer, audience=audience, algorithms=options.algorithms)


def _preset(idp: str | None) -> "Preset | None":
    if idp is None:
        return None
    # Imported on use: a guard without idp does not need the presets.
    from doorward.idp import find

    return find(idp)


def _issuer(resource: str, options: IssuerOptions, preset: "Preset | None") -> str:
    if options.issuer is not None:
        return options.issuer
    # This provider has one issuer for all customers. Others have a placeholder in it.
    if preset is not None and preset.own_lookup is not None:
        return preset.issuer
    raise ConfigurationError(
        "no-issuers",
        f"No issuer is trusted for {resource!r}, so every request would be refused.",
        "Set issuer to the address of the authorization server, as it names itself.",
    )


def _by_own_lookup(issuer: str, preset: "Preset", options: IssuerOptions) -> "OpaqueIssuer":
    from doorward.tokens import INTROSPECTED, GitHubTokenCheck, GoogleTokenInfo, OpaqueIssuer

    profile = preset.introspected or INTROSPECTED
    if preset.own_lookup == "google" and options.client_ids:
        return OpaqueIssuer(
            issuer=issuer,
            lookup=GoogleTokenInfo(),
            # Both azp and aud: they differ if one application gets tokens for another one of its
            # project. Checking only one would accept another application's tokens.
            audience=options.client_ids,
            client_ids=options.client_ids,
            profile=profile,
        )
    if preset.own_lookup == "github" and options.client_id and options.client_secret:
        return OpaqueIssuer(
            issuer=issuer,
            lookup=GitHubTokenCheck(
                client_id=options.client_id, client_secret=options.client_secret
            ),
            client_ids=(options.client_id,),
            profile=profile,
        )
    wanted = {
        "google": "Set client_ids to the OAuth client ids whose tokens you accept.",
        "github": "Set client_id and client_secret to those of the OAuth app whose tokens you accept.",
    }
    raise _opaque(preset, wanted[preset.own_lookup or ""])


def _introspected(
    resource: str,
    issuer: str,
    lookup: "Introspection",
    preset: "Preset | None",
    options: IssuerOptions,
) -> "OpaqueIssuer":
    from doorward.tokens import INTROSPECTED, OpaqueIssuer
    from doorward.tokens.opaque.issuer import as_answered

    if options.algorithms is not None:
        raise ConfigurationError(
            "unused-setting",
            "algorithms is for JWTs, and these tokens are looked up.",
            "Leave out algorithms, or introspection.",
        )
    _require_introspection(preset, lookup)
    profile = INTROSPECTED
    if preset is not None and preset.profile is not None:
        profile = as_answered(preset.profile)
    if preset is not None and preset.introspected is not None:
        profile = preset.introspected
    return OpaqueIssuer(
        issuer=issuer,
        lookup=lookup,
        audience=_audience(resource, preset, options),
        client_ids=options.client_ids,
        profile=profile,
    )


def _require_introspection(preset: "Preset | None", lookup: "Introspection") -> None:
    from doorward.idp import Answer

    if preset is None or preset.matrix is None or lookup.endpoint is not None:
        return
    fact = preset.matrix.introspection
    # Without the endpoint, every request would get 503.
    if fact.value is Answer.NO and fact.verified:
        raise ConfigurationError(
            "no-introspection",
            f"{preset.title} has no introspection endpoint that its metadata names.",
            "Leave out introspection and client_id where it issues JWTs; or set endpoint, where"
            " yours has one.",
        )


def _audience(resource: str, preset: "Preset | None", options: IssuerOptions) -> Audience:
    if options.audience is not None:
        return options.audience
    if options.client_ids:
        return ()
    if preset is None or preset.audience_is_resource:
        return resource
    raise _undecided(resource, preset, "audience, or client_ids,")


def _of_provider(
    resource: str, issuer: str, preset: "Preset", options: IssuerOptions
) -> TrustedIssuer:
    if preset.profile is None:
        raise _opaque(preset, "Set introspection, and the audience or client_ids that you accept.")
    if options.audience is None and not preset.audience_is_resource:
        raise _undecided(resource, preset, "audience")
    return TrustedIssuer(
        issuer=issuer,
        audience=resource if options.audience is None else options.audience,
        algorithms=preset.algorithms if options.algorithms is None else options.algorithms,
        profile=preset.profile,
    )


def _opaque(preset: "Preset", hint: str) -> ConfigurationError:
    return ConfigurationError(
        "opaque-tokens",
        f"Access tokens of {preset.title} are opaque, so each must be looked up, and by whom it was"
        " issued.",
        f"{hint} Or put an authorization server in front that signs people in there.",
    )


def _undecided(resource: str, preset: "Preset", setting: str) -> ConfigurationError:
    return ConfigurationError(
        "undecided-audience",
        f"Tokens of {preset.title} cannot name {resource!r} as their audience.",
        f"Set {setting} to what they name. {preset.audience}",
    )
