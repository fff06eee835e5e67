"""The settings of the authorization server, checked at construction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from doorward.authserver.client_auth_methods import find_auth_method
from doorward.authserver.settings.configured_client import (
    SHORTEST_SECRET,
    ConfiguredClient,
    require_client,
)
from doorward.authserver.settings.exchange_policy import ExchangePolicy, require_exchanges
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.authserver.settings.lifetimes import Lifetimes, Limits, require_lifetimes
from doorward.authserver.settings.openid import openid_resource
from doorward.authserver.settings.pasted_key import PastedKey
from doorward.authserver.settings.resource import Resource
from doorward.errors import ConfigurationError
from doorward.jose.algorithm_names import SigningAlgorithm
from doorward.wire import address
from doorward.wire.host_origin import HostOriginPolicy
from doorward.wire.oauth.redirect_uri import EDITOR_SCHEMES
from doorward.wire.oauth.scope import parse_scope

# Secrets from documentation are public.
_EXAMPLES = (
    "secret",
    "changeme",
    "change-me",
    "change_me",
    "example",
    "default",
    "password",
    "demo",
)


@dataclass(frozen=True, kw_only=True)
class AuthServerSettings:
    """
    The settings of an authorization server.

    ```python
    settings = AuthServerSettings(
        issuer="https://login.example",
        resources=(
            Resource(uri="https://mcp.example/mcp", scopes={"mcp:read": "See your orders"}),
        ),
        database_url="sqlite:///doorward.db",
        secret_file=Path("doorward.secret"),
        lifetimes=Lifetimes(access_token=300),
        limits=Limits(registrations="100/hour"),
    )
    assert settings.url("/token") == "https://login.example/token"
    ```

    ``issuer`` and the resource URIs are compared byte for byte. Without ``database_url``, the data
    is in a temporary file that is deleted at the end. With it, set ``secret`` or ``secret_file``;
    the file is created with mode 0600 if it does not exist.
    ``database_password_file`` has the password for PostgreSQL, and is read for each new connection.
    The server accepts requests for the issuer's host; ``allowed_hosts`` adds others, such as the
    host name of a health check or a proxy (``"auth.internal:8080"``).
    ``identity_providers`` sign users in; ``own_users`` can sign in with a password beside them. The
    default is own users if there is no identity provider.
    ``openid`` makes this server an OpenID provider: applications can ask who the user is.
    ``public_health`` adds ``/healthz`` and ``/readyz`` to the issuer's path.
    ``sign_in_as`` signs that user in without a password. ``demo_users`` are shown on the sign-in
    page. Both work only if the issuer is on localhost.

    Raises:
        ConfigurationError: at construction; it names the problem and the setting to change.
    """

    issuer: str
    resources: tuple[Resource, ...]
    service_name: str = "Doorward"
    database_url: str | None = None
    database_password_file: Path | None = None
    secret: str | None = field(default=None, repr=False)
    secret_file: Path | None = None
    signing_algorithm: SigningAlgorithm = "ES256"
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    limits: Limits = field(default_factory=Limits)
    registration: Literal["open", "closed"] = "open"
    clients: tuple[ConfiguredClient, ...] = ()
    identity_providers: tuple[IdentityProvider, ...] = ()
    own_users: bool | None = None
    openid: bool = False
    # Without an exchange, the token exchange grant is off and not in the metadata.
    exchanges: tuple[ExchangePolicy, ...] = ()
    client_documents: bool = True
    # Exact host:port pairs. Their client documents may use http and a private address.
    insecure_document_hosts: frozenset[str] = frozenset()
    # Called at /authorize and at /token, even if the document is cached.
    trust_client: Callable[[str], bool] | None = None
    documents_same_origin: bool = False
    private_schemes: frozenset[str] = EDITOR_SCHEMES
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    revoke_before: float = 0
    sign_in_as: str | None = None
    demo_users: tuple[str, ...] = ()
    public_health: bool = False

    def __post_init__(self) -> None:
        for check in _CHECKS:
            check(self)

    @property
    def is_local(self) -> bool:
        """Whether the issuer's host is localhost, 127.0.0.1 or [::1]."""
        return address.is_loopback_host(urlsplit(self.issuer).hostname)

    @property
    def prefix(self) -> str:
        """The issuer's path without a trailing slash; every endpoint begins with it."""
        return self.issuer[len(address.origin_of(self.issuer)) :].rstrip("/")

    @property
    def has_own_users(self) -> bool:
        """Whether the sign-in page asks for a username and a password."""
        signs_in = any(not one.connect_only for one in self.identity_providers)
        return not signs_in if self.own_users is None else self.own_users

    @property
    def known_scopes(self) -> frozenset[str]:
        """The scopes of all resources."""
        return frozenset(scope for resource in self.resources for scope in resource.scopes)

    @property
    def has_exchanges(self) -> bool:
        """Whether any client may exchange tokens."""
        return bool(self.exchanges) or any(client.provider_tokens for client in self.clients)

    @property
    def has_connections(self) -> bool:
        """Whether users can connect accounts, or keep keys."""
        return bool(self.identity_providers) or any(one.pasted_key for one in self.resources)

    def pasted_key(self, uri: str) -> PastedKey | None:
        """Return what users paste for the resource, if they do."""
        resource = self.resource(uri)
        return None if resource is None else resource.pasted_key

    def identity_provider(self, name: str) -> IdentityProvider | None:
        """Return the identity provider with that name, if it is not disabled."""
        return next(
            (one for one in self.identity_providers if one.name == name and not one.disabled), None
        )

    def addresses(self) -> HostOriginPolicy:
        """Return the policy for the hosts of this server."""
        return HostOriginPolicy(self.issuer, self.allowed_hosts)

    def url(self, path: str) -> str:
        """Return the absolute URL of an endpoint, built from the issuer alone."""
        return address.origin_of(self.issuer) + self.prefix + path

    def callback_url(self, provider: str) -> str:
        """Return the redirect URI of this server at the identity provider with that name."""
        return self.url(f"/callback/{provider}")

    @cached_property
    def openid_resource(self) -> Resource | None:
        """The resource of an OpenID sign-in, or ``None`` if this server is no OpenID provider."""
        return openid_resource(self.issuer, self.service_name) if self.openid else None

    def is_openid(self, uri: str) -> bool:
        """Return whether ``uri`` is the resource of an OpenID sign-in."""
        return self.openid and uri == self.issuer

    def resource(self, uri: str) -> Resource | None:
        """
        Return the resource that ``uri`` names, or ``None``.

        Scheme and host may be in upper case, as MCP requires of servers; the path may not.
        """
        if self.is_openid(uri):
            return self.openid_resource
        exact = next((one for one in self.resources if one.uri == uri), None)
        if exact is not None or address.split(uri) is None:
            return exact
        origin = address.origin_of(uri)
        rest = uri[len(origin) :]
        # If urlsplit rebuilds the origin differently, the text differs, and so does the resource.
        if not uri.lower().startswith(origin.lower()):
            return None
        lowered = origin.lower() + rest
        return next((one for one in self.resources if one.uri == lowered), None)


def _issuer(settings: AuthServerSettings) -> None:
    address.require_issuer(settings.issuer)


def _allowed_hosts(settings: AuthServerSettings) -> None:
    settings.addresses()


def _resources(settings: AuthServerSettings) -> None:
    if not settings.resources and not settings.openid:
        raise ConfigurationError(
            "no-resource",
            "The authorization server has no resource to issue tokens for.",
            "Set resources to at least one Resource with a uri and scopes, or openid to True.",
        )
    for resource in settings.resources:
        address.require_resource(resource.uri)
        for scope in resource.scopes:
            if parse_scope(scope) != frozenset({scope}):
                raise ConfigurationError(
                    "not-a-scope",
                    f"{scope!r} is not a valid scope.",
                    "Remove spaces, quotes and backslashes from the scope.",
                )
    if len({resource.uri for resource in settings.resources}) != len(settings.resources):
        raise ConfigurationError(
            "resource-twice", "Two resources have the same uri.", "Give each resource its own uri."
        )


def _openid(settings: AuthServerSettings) -> None:
    """
    Refuse an MCP server with the audience or the scopes of a sign-in.

    It would accept the tokens of each application to which somebody signs in here.
    """
    issuer = settings.issuer.rstrip("/")
    if settings.openid and any(one.uri.rstrip("/") == issuer for one in settings.resources):
        raise ConfigurationError(
            "openid-audience",
            f"openid is on, and the issuer {settings.issuer!r} is also the uri of a resource.",
            "Give the MCP server a URL with a path, such as /mcp, or the issuer another one.",
        )
    signs_in = settings.openid_resource
    taken = settings.known_scopes & (signs_in.scopes.keys() if signs_in else frozenset())
    if taken:
        raise ConfigurationError(
            "openid-scope",
            f"openid is on, and a resource has the scope {min(taken)!r} of OpenID Connect.",
            "Rename the scope of the resource, or turn openid off.",
        )


def _secret(settings: AuthServerSettings) -> None:
    secret = settings.secret
    if secret is None:
        if settings.database_url is not None and settings.secret_file is None:
            raise ConfigurationError(
                "no-secret",
                "database_url is set, but there is no secret to encrypt the signing keys with.",
                "Set secret_file to a path; the file is created if it does not exist.",
            )
        return
    plain = secret.lower()
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < 8:
        raise ConfigurationError(
            "weak-secret",
            f"The secret is too weak: {len(secret)} characters, {len(set(secret))} of them different.",
            f"Use at least {SHORTEST_SECRET} random characters: openssl rand -base64 32.",
        )
    if any(example in plain for example in _EXAMPLES):
        raise ConfigurationError(
            "default-secret",
            "The secret contains a word from an example, such as 'changeme'.",
            "Use random characters: openssl rand -base64 32.",
        )


def _demo(settings: AuthServerSettings) -> None:
    if settings.is_local:
        return
    for name, wanted in (
        ("sign_in_as", settings.sign_in_as),
        ("demo_users", settings.demo_users),
        ("insecure_document_hosts", settings.insecure_document_hosts),
    ):
        if wanted:
            raise ConfigurationError(
                "demo-off-loopback",
                f"{name} is set, but the issuer {settings.issuer!r} is not on localhost.",
                f"Remove {name}, or set issuer to a URL on http://localhost.",
            )


def _clients(settings: AuthServerSettings) -> None:
    for client in settings.clients:
        require_client(client, settings.private_schemes)
        introspects = client.introspects
        if introspects is not None and (
            settings.resource(introspects) is None or settings.is_openid(introspects)
        ):
            raise ConfigurationError(
                "unknown-resource",
                f"Client {client.client_id!r} introspects for the unknown resource {client.introspects!r}.",
                "Set introspects to the uri of one of the resources.",
            )
        _provider_tokens(settings, client)


def _provider_tokens(settings: AuthServerSettings, client: ConfiguredClient) -> None:
    if not client.provider_tokens:
        return
    method = find_auth_method(client.auth_method)
    if client.introspects is None or method is None or not method.confidential:
        raise ConfigurationError(
            "provider-tokens-client",
            f"Client {client.client_id!r} has provider_tokens, but is no server with a secret.",
            "Set introspects to the server's resource, and an auth_method with a secret or keys.",
        )
    names = {one.name for one in settings.identity_providers}
    if unknown := sorted(set(client.provider_tokens) - names):
        raise ConfigurationError(
            "unknown-identity-provider",
            f"Client {client.client_id!r} has provider_tokens of the unknown provider {unknown[0]!r}.",
            "Use the names of identity_providers.",
        )


def _identity_providers(settings: AuthServerSettings) -> None:
    names = [provider.name for provider in settings.identity_providers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(
            "provider-twice",
            f"Two identity providers are called {twice[0]!r}.",
            "Give each identity provider its own name; it is part of the callback URL.",
        )
    _same_issuer([one for one in settings.identity_providers if one.signs_in])
    for provider in settings.identity_providers:
        granted = set(provider.user_scopes or ())
        granted |= {scope for scopes in provider.group_scopes.values() for scope in scopes}
        if unknown := sorted(granted - settings.known_scopes):
            raise ConfigurationError(
                "provider-grants-unknown-scope",
                f"The identity provider {provider.name!r} grants {unknown[0]!r}, which no resource has.",
                f"Use scopes of the resources: {', '.join(sorted(settings.known_scopes))}.",
            )
    if settings.own_users is False and all(one.connect_only for one in settings.identity_providers):
        raise ConfigurationError(
            "no-way-to-sign-in",
            "own_users is off, and there is no identity provider at which people sign in.",
            "Add an IdentityProvider, or leave own_users out.",
        )


def _same_issuer(providers: list[IdentityProvider]) -> None:
    """
    Refuse two sign-ins at one issuer that give the same account different scopes.

    The attack: with a stolen password, somebody signs in where no second factor is required. The
    account, and with it what its owner gets at the stricter provider, is the same.
    """
    for one, other in combinations(providers, 2):
        if one.issuer_url == other.issuer_url and one.requirements != other.requirements:
            raise ConfigurationError(
                "provider-issuer-twice",
                f"The identity providers {one.name!r} and {other.name!r} have the same issuer and"
                " give its accounts different scopes or roles, or ask for another second factor.",
                "Give both the same acr_values, required_amr, user_scopes, group_scopes and group_roles.",
            )


def _lifetimes(settings: AuthServerSettings) -> None:
    require_lifetimes(settings.lifetimes)


def _exchanges(settings: AuthServerSettings) -> None:
    require_exchanges(settings.exchanges, settings.clients, settings.resources)


_CHECKS: tuple[Callable[[AuthServerSettings], None], ...] = (
    _issuer,
    _allowed_hosts,
    _resources,
    _openid,
    _demo,
    _secret,
    _lifetimes,
    _clients,
    _identity_providers,
    _exchanges,
)
