"""The settings of an identity provider at which the authorization server signs people in."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from doorward import idp
from doorward.authserver.settings.admission import Allow, ProviderAccount, unmet_conditions
from doorward.errors import ConfigurationError
from doorward.idp.sign_in import OPENID_SIGN_IN, ProviderSignIn
from doorward.wire import address
from doorward.wire.oauth.scope import parse_scope

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def _nothing() -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class IdentityProvider:
    """
    An identity provider at which users sign in.

    ```python
    keycloak = IdentityProvider(
        kind="keycloak",
        issuer="https://login.example/realms/staff",
        client_id="mcp",
        client_secret=os.environ["KEYCLOAK_CLIENT_SECRET"],
        allow=Allow(groups={"mcp"}),
        group_roles={"managers": ("manager",)},
    )
    ```

    ``kind`` is a name from ``doorward idp table``, and ``issuer`` the issuer, where the kind does not
    fix it. An OpenID provider of any other kind needs its ``issuer`` alone. ``name`` identifies it in
    the callback URL, ``<issuer of this server>/callback/<name>``; the default is the kind.

    ``allow`` admits accounts, ``user_scopes`` are the scopes of this server's resources that each of
    them can grant; the default is every scope, or none with ``group_scopes``. ``group_scopes`` and
    ``group_roles`` add scopes and roles to members of the provider's groups.

    ``provider_scopes`` are requested from the provider in addition to those that a sign-in needs.
    ``acr_values`` are requested from the provider, and the ``acr`` of its ID token must be one of them.
    ``required_amr`` are methods that its ``amr`` must name, each of them: ``("mfa",)`` for a second
    factor. Changing either ends the sessions that do not fulfil it.
    ``internal_url`` is where this process reaches the issuer's metadata, if that differs from ``issuer``.
    A ``disabled`` provider admits nobody, neither at sign-in nor at the next refresh.

    ``connect_only`` is for a provider at which nobody signs in: users connect an account there, and
    tools use it. ``provider_scopes`` are then the scopes that the tools need. ``allow`` may be empty,
    which lets users connect any account.

    Raises:
        ConfigurationError: at construction; it names the problem and the setting to change.

    Spec: OpenID Connect Core 1.0 §2, §3.1.2.1; RFC 8176 §2
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    kind: str | None = None
    issuer: str | None = None
    name: str = ""
    title: str = ""
    allow: Allow | tuple[Allow, ...] = ()
    user_scopes: Iterable[str] | None = None
    group_scopes: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    group_roles: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    provider_scopes: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    required_amr: tuple[str, ...] = ()
    internal_url: str | None = None
    disabled: bool = False
    connect_only: bool = False

    def __post_init__(self) -> None:
        preset = None if self.kind is None else idp.find(self.kind)
        if preset is not None and "{" not in preset.issuer and self.issuer is None:
            self._set("issuer", preset.issuer)
        if preset is not None and self.issuer is None:
            raise ConfigurationError(
                "provider-issuer",
                f"The issuer of the {preset.title} provider is not set.",
                f"Set issuer to {preset.issuer}, with your own values in the braces.",
            )
        if self.issuer is None:
            raise ConfigurationError(
                "provider-issuer",
                "The identity provider has neither an issuer nor a kind.",
                "Set issuer to the provider's issuer, or kind to a name from `doorward idp table`.",
            )
        address.require_issuer(self.issuer)
        self._set("name", self.name or self.kind or "sso")
        self._set("title", self.title or (preset and preset.title) or urlsplit(self.issuer).netloc)
        self._set("allow", self.allow if isinstance(self.allow, tuple) else (self.allow,))
        for check in (
            _name,
            _client,
            _allow,
            _connect_only,
            _scopes,
            _authentication,
            _metadata_address,
            _told,
        ):
            check(self)

    @property
    def signs_in(self) -> bool:
        """Whether people can sign in at this provider."""
        return not self.disabled and not self.connect_only

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    @property
    def issuer_url(self) -> str:
        """The issuer; also where the kind fixes it."""
        assert self.issuer is not None, "checked at construction"
        return self.issuer

    @property
    def rules(self) -> tuple[Allow, ...]:
        """Who may sign in, always as a tuple."""
        return self.allow if isinstance(self.allow, tuple) else (self.allow,)

    @property
    def reads_memberships(self) -> bool:
        """Whether organizations or groups decide who may enter, or what they get."""
        admits = any(rule.organizations or rule.groups for rule in self.rules)
        return bool(admits or self.group_scopes or self.group_roles)

    @property
    def sign_in(self) -> ProviderSignIn:
        """How the provider differs from OpenID Connect."""
        preset = None if self.kind is None else idp.find(self.kind)
        return OPENID_SIGN_IN if preset is None else preset.sign_in or OPENID_SIGN_IN

    @property
    def token_scopes(self) -> frozenset[str]:
        """The scopes that the provider's tokens are requested with, for a sign-in and for tools."""
        return frozenset(self.sign_in.scopes) | frozenset(self.provider_scopes)

    def unmet(self, account: ProviderAccount) -> str | None:
        """Return why the account is not admitted, for the log; ``None`` if it is."""
        if self.connect_only and not self.rules:
            return None
        return unmet_conditions(self.rules, account)

    def scopes_of(self, account: ProviderAccount, known: Iterable[str]) -> frozenset[str]:
        """Return which of the ``known`` scopes of this server the account can grant."""
        if self.user_scopes is not None:
            granted = set(self.user_scopes)
        else:
            granted = set() if self.group_scopes else set(known)
        return frozenset(granted | _of_groups(self.group_scopes, account)) & frozenset(known)

    @property
    def requirements(self) -> tuple[object, ...]:
        """What an account must fulfil, and what it then gets."""
        scopes = None if self.user_scopes is None else frozenset(self.user_scopes)
        return (
            frozenset(self.acr_values),
            frozenset(self.required_amr),
            scopes,
            dict(self.group_scopes),
            dict(self.group_roles),
        )

    def unmet_authentication(self, acr: str | None, amr: Iterable[str]) -> str | None:
        """Return the setting that a sign-in with this ``acr`` and ``amr`` does not fulfil, or ``None``."""
        if self.acr_values and acr not in self.acr_values:
            return "acr_values"
        return None if set(self.required_amr) <= set(amr) else "required_amr"

    def roles_of(self, account: ProviderAccount) -> frozenset[str]:
        """Return the roles of the account."""
        return frozenset(_of_groups(self.group_roles, account))


def _of_groups(table: Mapping[str, tuple[str, ...]], account: ProviderAccount) -> set[str]:
    return {name for group in account.groups & table.keys() for name in table[group]}


def _name(provider: IdentityProvider) -> None:
    if not _NAME.fullmatch(provider.name):
        raise ConfigurationError(
            "provider-name",
            f"{provider.name!r} is not a name for an identity provider.",
            "Use 1 to 40 lower-case letters, digits and hyphens; it becomes part of the callback URL.",
        )


def _client(provider: IdentityProvider) -> None:
    if not provider.client_id.strip() or provider.client_secret == "":
        missing = "client_secret" if provider.client_id.strip() else "client_id"
        raise ConfigurationError(
            "provider-client",
            f"{missing} of the identity provider {provider.name!r} is empty.",
            f"Register an application at {provider.title}, and copy its {missing}.",
        )


def _allow(provider: IdentityProvider) -> None:
    if not provider.rules and provider.signs_in:
        raise ConfigurationError(
            "provider-allows-nobody",
            f"The identity provider {provider.name!r} has no allow rule, so nobody may sign in.",
            'Set allow=Allow(domains={"example.com"}), or another condition.',
        )


def _connect_only(provider: IdentityProvider) -> None:
    given = provider.user_scopes is not None or provider.group_scopes or provider.group_roles
    if provider.connect_only and given:
        raise ConfigurationError(
            "connect-only-grants",
            f"Nobody signs in at {provider.name!r}, but it gives users scopes or roles.",
            "Remove user_scopes, group_scopes and group_roles, or connect_only.",
        )


def _scopes(provider: IdentityProvider) -> None:
    # A text is a sequence of its letters, and ("mcp:read") without its comma is a text.
    given: dict[str, object] = {"user_scopes": provider.user_scopes}
    given |= dict(provider.group_scopes) | dict(provider.group_roles)
    if texts := [name for name, value in given.items() if isinstance(value, str)]:
        raise ConfigurationError(
            "not-a-set-of-names",
            f"{texts[0]!r} has a text where a list of names is expected.",
            'Write ("mcp:read",), with the comma.',
        )
    for scope in provider.provider_scopes:
        if parse_scope(scope) != frozenset({scope}):
            raise ConfigurationError(
                "not-a-scope",
                f"{scope!r} is not a valid scope.",
                "Remove spaces, quotes and backslashes from the scope.",
            )


def _authentication(provider: IdentityProvider) -> None:
    for name in ("acr_values", "required_amr"):
        values: str | tuple[str, ...] = getattr(provider, name)
        # The values are sent in one parameter, separated by spaces.
        if isinstance(values, str) or any(parse_scope(one) != frozenset({one}) for one in values):
            raise ConfigurationError(
                "provider-authentication",
                f"{name} of the identity provider {provider.name!r} is not a list of values.",
                f'Write {name}=("mfa",), with the comma, and without spaces in a value.',
            )
    if (provider.acr_values or provider.required_amr) and provider.sign_in.endpoints is not None:
        raise ConfigurationError(
            "provider-without-id-token",
            f"{provider.title} issues no ID tokens, so it cannot say how a user was authenticated.",
            "Remove acr_values and required_amr, and require a second factor at the provider.",
        )


def _metadata_address(provider: IdentityProvider) -> None:
    preset = None if provider.kind is None else idp.find(provider.kind)
    if preset is None or not provider.sign_in.shared_issuer or provider.internal_url is not None:
        return
    if provider.issuer == preset.issuer:
        raise ConfigurationError(
            "provider-internal-url",
            f"All customers of {preset.title} have the issuer {preset.issuer}, and yours is not named.",
            "Set internal_url to the address of your own domain there, where its metadata is.",
        )


def _told(provider: IdentityProvider) -> None:
    """Refuse a condition that no account of the provider can fulfil: it would admit nobody."""
    sign_in = provider.sign_in
    grouped = provider.group_scopes or provider.group_roles
    if sign_in.groups_claim is None and (grouped or any(one.groups for one in provider.rules)):
        what = "groups"
    elif not sign_in.organization_claims and any(one.organizations for one in provider.rules):
        what = "organizations"
    elif sign_in.email_verified == "never" and any(
        one.domains or one.emails for one in provider.rules
    ):
        what = "verified e-mail addresses"
    else:
        return
    raise ConfigurationError(
        "provider-does-not-tell",
        f"{provider.title} tells no {what} of an account, so the condition would admit nobody.",
        "Use another condition of Allow: domains, organizations, groups, emails, subjects or check.",
    )
