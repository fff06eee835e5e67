"""What an operator decides, checked before anything starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from doorward.authserver.client_auth_methods import (
    AUTH_METHODS,
    AuthMethodName,
    find_auth_method,
)
from doorward.authserver.exchange_policy import ExchangePolicy, require_exchanges
from doorward.errors import ConfigurationError
from doorward.jose.algorithm_names import SigningAlgorithm
from doorward.wire import address
from doorward.wire.host_origin import HostOriginPolicy
from doorward.wire.oauth.redirect_uri import EDITOR_SCHEMES, problem_with
from doorward.wire.oauth.scope import parse_scope

SHORTEST_SECRET = 32
# Values that stand in somebody's documentation are known to everybody.
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
class Resource:
    """
    A protected MCP server that tokens are issued for.

    ``scopes`` maps each scope to the sentence shown on the consent page. ``default_scopes`` are
    used when a request names none; ``None`` means all.
    """

    uri: str
    scopes: Mapping[str, str]
    name: str | None = None
    default_scopes: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class ConfiguredClient:
    """
    A client that the operator vouches for.

    With ``introspects`` it is a resource server: it may ask about tokens for that resource.
    """

    client_id: str
    redirect_uris: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    name: str | None = None
    auth_method: AuthMethodName = "none"
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    introspects: str | None = None


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """How long things live, in seconds."""

    code: float = 60
    access_token: float = 600
    refresh_idle: float = 14 * 86400
    refresh_absolute: float = 90 * 86400
    # How long the same refresh token gets the same answer again, for an answer lost on the way.
    refresh_grace: float = 30
    session_idle: float = 2 * 3600
    session_absolute: float = 12 * 3600
    known_browser: float = 180 * 86400
    transaction: float = 600
    unused_client: float = 86400
    idle_client: float = 90 * 86400
    signing_key: float = 90 * 86400
    document_floor: float = 60
    document_ceiling: float = 86400


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How often things may be asked, in the notation of the ``limits`` package."""

    registrations_per_address: str = "30/10 minutes"
    registrations: str = "500/hour"
    # Wrong passwords for one name: in one network or known browser, and in all networks together,
    # known browsers apart. All counts are kept by each process on its own.
    sign_in_failures_per_name_and_address: str = "10/5 minutes"
    sign_in_failures_per_name: str = "300/hour"
    sign_ins_per_address: str = "60/5 minutes"
    token_failures_per_address: str = "120/minute"  # noqa: S105 - a rate
    authorizations_per_address: str = "120/minute"
    clients: int = 10_000
    code_attempts: int = 5


@dataclass(frozen=True, kw_only=True)
class AuthServerSettings:
    """
    Everything an operator decides about an authorization server.

    ``issuer`` and the resources are used byte for byte. Without ``database_url`` everything lives
    in a private temporary file and is forgotten at the end. A kept database needs ``secret`` or
    ``secret_file`` (made, readable by its owner alone, when it does not exist).
    The server answers under the issuer's own host; ``allowed_hosts`` adds others, such as the name
    by which a health check or a proxy reaches it (``"auth.internal:8080"``).
    ``sign_in_as`` signs that user in without asking, and ``demo_users`` are offered on the sign-in
    page: both only where the issuer is this machine.

    Raises:
        ConfigurationError: at construction, with a reason, the problem and what to change.
    """

    issuer: str
    resources: tuple[Resource, ...]
    service_name: str = "Doorward"
    database_url: str | None = None
    secret: str | None = field(default=None, repr=False)
    secret_file: Path | None = None
    signing_algorithm: SigningAlgorithm = "ES256"
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    limits: Limits = field(default_factory=Limits)
    registration: Literal["open", "closed"] = "open"
    clients: tuple[ConfiguredClient, ...] = ()
    # Without any, tokens are exchanged for nobody and the grant is not advertised.
    exchanges: tuple[ExchangePolicy, ...] = ()
    client_documents: bool = True
    # Exact host:port pairs whose documents may come over http from a private address.
    insecure_document_hosts: frozenset[str] = frozenset()
    # Asked at /authorize and at /token alike, also when the document is cached.
    trust_client: Callable[[str], bool] | None = None
    documents_same_origin: bool = False
    private_schemes: frozenset[str] = EDITOR_SCHEMES
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    revoke_before: float = 0
    sign_in_as: str | None = None
    demo_users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for check in _CHECKS:
            check(self)

    @property
    def is_local(self) -> bool:
        """Whether the issuer is this machine under one of its three agreed names."""
        return address.is_loopback_host(urlsplit(self.issuer).hostname)

    @property
    def prefix(self) -> str:
        """The path in front of every endpoint: the issuer's own, without a slash at its end."""
        return self.issuer[len(address.origin_of(self.issuer)) :].rstrip("/")

    def addresses(self) -> HostOriginPolicy:
        """Return the hosts that this server answers to."""
        return HostOriginPolicy(self.issuer, self.allowed_hosts)

    def url(self, path: str) -> str:
        """Return the absolute URL of an endpoint; nothing but the issuer decides it."""
        return address.origin_of(self.issuer) + self.prefix + path

    def resource(self, uri: str) -> Resource | None:
        """
        Return the resource a client means by ``uri``, or ``None``.

        Scheme and host may be written in capitals, as MCP asks servers to allow; the path may not.
        """
        exact = next((one for one in self.resources if one.uri == uri), None)
        if exact is not None or address.split(uri) is None:
            return exact
        origin = address.origin_of(uri)
        rest = uri[len(origin) :]
        # Whatever urlsplit rebuilt differently is not the same text, and so not the same resource.
        if not uri.lower().startswith(origin.lower()):
            return None
        lowered = origin.lower() + rest
        return next((one for one in self.resources if one.uri == lowered), None)


def _issuer(settings: AuthServerSettings) -> None:
    address.require_issuer(settings.issuer)


def _allowed_hosts(settings: AuthServerSettings) -> None:
    settings.addresses()


def _resources(settings: AuthServerSettings) -> None:
    if not settings.resources:
        raise ConfigurationError(
            "no-resource",
            "The authorization server has no resource to issue tokens for.",
            "Name at least one Resource with its uri and scopes.",
        )
    for resource in settings.resources:
        address.require_resource(resource.uri)
        for scope in resource.scopes:
            if parse_scope(scope) != frozenset({scope}):
                raise ConfigurationError(
                    "not-a-scope",
                    f"{scope!r} is not a scope.",
                    "A scope has no spaces, quotes or backslashes.",
                )
    if len({resource.uri for resource in settings.resources}) != len(settings.resources):
        raise ConfigurationError(
            "resource-twice", "Two resources have the same uri.", "Give each resource its own uri."
        )


def _secret(settings: AuthServerSettings) -> None:
    secret = settings.secret
    if secret is None:
        if settings.database_url is not None and settings.secret_file is None:
            raise ConfigurationError(
                "no-secret",
                "A database that is kept needs a secret to seal its keys with, and there is none.",
                "Give secret_file a path; the file is made if it does not exist.",
            )
        return
    plain = secret.lower()
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < 8:
        raise ConfigurationError(
            "weak-secret",
            f"The secret has {len(secret)} characters or too few different ones.",
            f"Use at least {SHORTEST_SECRET} random characters: openssl rand -base64 32.",
        )
    if any(example in plain for example in _EXAMPLES):
        raise ConfigurationError(
            "default-secret",
            "The secret looks like one from an example.",
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
                f"{name} is set and the issuer {settings.issuer!r} is not this machine.",
                f"Leave {name} out, or use an issuer on http://localhost.",
            )


def _lifetimes(settings: AuthServerSettings) -> None:
    life = settings.lifetimes
    if not 0 < life.code <= 60:
        raise ConfigurationError(
            "code-too-long",
            f"Authorization codes would live {life.code} seconds.",
            "Let them live 60 seconds at most.",
        )
    if not 0 < life.access_token <= 86400:
        raise ConfigurationError(
            "access-token-too-long",
            f"Access tokens would live {life.access_token} seconds.",
            "Let them live a day at most; minutes are better.",
        )
    if not 0 <= life.refresh_grace <= 120:
        raise ConfigurationError(
            "grace-too-long",
            f"A spent refresh token would be answered again for {life.refresh_grace} seconds.",
            "Use 120 seconds at most.",
        )


def _clients(settings: AuthServerSettings) -> None:
    for client in settings.clients:
        secret = client.secret
        method = find_auth_method(client.auth_method)
        if method is None:
            raise ConfigurationError(
                "client-auth-method",
                f"Client {client.client_id!r} has the unknown auth_method {client.auth_method!r}.",
                f"Use one of {', '.join(known.name for known in AUTH_METHODS)}.",
            )
        if method.confidential == (secret is None):
            raise ConfigurationError(
                "client-secret",
                f"Client {client.client_id!r} has auth_method {client.auth_method} and "
                f"{'no secret' if secret is None else 'a secret'}.",
                "Give a secret exactly when auth_method is not none.",
            )
        if secret is not None and len(secret) < SHORTEST_SECRET:
            raise ConfigurationError(
                "weak-client-secret",
                f"The secret of client {client.client_id!r} has {len(secret)} characters.",
                f"Use at least {SHORTEST_SECRET} random characters: openssl rand -base64 32.",
            )
        if client.introspects is not None and settings.resource(client.introspects) is None:
            raise ConfigurationError(
                "unknown-resource",
                f"Client {client.client_id!r} introspects for {client.introspects!r}.",
                "Name the uri of one of the resources.",
            )


def _redirect_uris(settings: AuthServerSettings) -> None:
    for client in settings.clients:
        for uri in client.redirect_uris:
            if problem := problem_with(uri, private_schemes=settings.private_schemes):
                raise ConfigurationError(
                    "not-a-redirect-uri",
                    f"The redirect URI {uri!r} of client {client.client_id!r} {problem}.",
                    "Use https, http on loopback, or a private-use scheme listed in private_schemes.",
                )


def _exchanges(settings: AuthServerSettings) -> None:
    require_exchanges(settings.exchanges, settings.clients, settings.resources)


_CHECKS: tuple[Callable[[AuthServerSettings], None], ...] = (
    _issuer,
    _allowed_hosts,
    _resources,
    _demo,
    _secret,
    _lifetimes,
    _clients,
    _redirect_uris,
    _exchanges,
)
