"""What a configuration file says, as objects that a server is built from."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from doorward.authserver import AuthServerSettings, Resource
from doorward.authserver.settings.pasted_key import PASTED_KEY, PastedKey
from doorward.config.operations import AuditSettings, LogSettings, OperationsSettings
from doorward.downstream import TokenExchange
from doorward.downstream.refusals import AccountNotConnected
from doorward.errors import ConfigurationError
from doorward.gateway.stdio.settings import StdioCommand, StdioLimits
from doorward.gateway.tools.pins import ToolPins
from doorward.gateway.upstream.identity import SUBJECT_AND_ISSUER, UpstreamIdentity
from doorward.guard import Guard
from doorward.guard.issuers import Issuer, IssuerOptions, trusted
from doorward.identity import Identity
from doorward.jose.private_key import PrivateKey
from doorward.policy import Policy, Rule
from doorward.tokens import TrustedIssuer
from doorward.wire import address

EXCHANGED = "upstream"
"""The name, for the guard, of the token that the server behind it gets by token exchange."""

_METHODS = {"tools": "tools/call", "prompts": "prompts/get", "resources": "resources/read"}


@dataclass(frozen=True)
class TrustedClients:
    """Says whether a client with one of these ID documents may be used."""

    urls: frozenset[str]

    def __call__(self, client_id: str) -> bool:
        """Return whether the operator listed ``client_id``, byte for byte."""
        return client_id in self.urls


@dataclass(frozen=True, kw_only=True)
class NamedRule:
    """A rule for one method and name, in a list of rules."""

    method: str
    name: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    kinds: frozenset[Any] = frozenset()
    public: bool = False
    advertised: bool = False
    arguments: Mapping[str, Any] | None = None
    limit: str | None = None
    concurrent: int | None = None

    @property
    def rule(self) -> Rule:
        """The rule without its method and name."""
        return Rule(
            self.scopes,
            self.roles,
            self.kinds,
            public=self.public,
            advertised=self.advertised,
            arguments=self.arguments,
            limit=self.limit,
            concurrent=self.concurrent,
        )


@dataclass(frozen=True, kw_only=True)
class TrustedIssuerSettings(IssuerOptions):
    """An issuer that a server trusts: the settings of ``Guard`` for one issuer, and where it is."""

    jwks_uri: str | None = None
    internal_url: str | None = None

    def trusted(self, resource: str) -> Issuer:
        """
        Return the issuer, as a guard of ``resource`` trusts it.

        Raises:
            ConfigurationError: as ``Guard`` does, and ``unused-setting``.
        """
        names = IssuerOptions.__dataclass_fields__
        options = IssuerOptions(**{name: getattr(self, name) for name in names})
        (issuer,) = trusted(resource, (), options)
        if isinstance(issuer, TrustedIssuer):
            return replace(issuer, jwks_uri=self.jwks_uri, internal_url=self.internal_url)
        if self.jwks_uri is not None:
            raise ConfigurationError(
                "unused-setting",
                "jwks_uri is for tokens that are verified by key, and these are looked up.",
                "Remove jwks_uri.",
            )
        return replace(issuer, internal_url=self.internal_url)


@dataclass(frozen=True, kw_only=True)
class McpServerSettings:
    """
    A protected MCP server: where clients reach it, where it is, and who may do what.

    ```python
    def public_urls(servers: Iterable[McpServerSettings]) -> list[str]:
        return [one.resource for one in servers]

    print(public_urls(load(Path("doorward.toml")).mcp_servers))
    ```

    It is at the URL ``upstream``, or it is the command ``stdio``. ``options`` are settings of ``Guard``. ``policy_values`` are those of the policy as the file has
    them, because policies cannot be compared.
    """

    resource: str
    upstream: str | None = None
    stdio: StdioCommand | None = None
    policy: Policy = field(compare=False)
    policy_values: Mapping[str, Any] = field(default_factory=dict)
    scopes: Mapping[str, str] = field(default_factory=dict)
    default_scopes: frozenset[str] | None = None
    issuers: tuple[TrustedIssuerSettings, ...] = ()
    pass_headers: tuple[str, ...] = ()
    forward_token: bool = False
    caller_headers: Mapping[str, str] = field(default_factory=lambda: SUBJECT_AND_ISSUER)
    caller_assertion: str | None = None
    upstream_credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)
    timeout: float = 60.0
    connections: int = 200
    tool_pins: Path | None = None
    # What that file had when this was loaded: a changed file is a changed server.
    accepted_tools: ToolPins | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pasted_key(self) -> PastedKey | None:
        """What users paste for the MCP server, if they do."""
        given = self.upstream_credentials.get("pasted_key")
        if given is None or self.upstream is None:
            return None
        return PastedKey(origin=address.origin_of(self.upstream), **given)

    def identity(
        self,
        sign: Callable[[Mapping[str, Any]], str] | None = None,
        refused: Callable[[Identity], Awaitable[AccountNotConnected]] | None = None,
    ) -> UpstreamIdentity:
        """
        Return what the MCP server learns of the caller; ``sign`` signs the assertion.

        ``refused`` tells a caller that the MCP server does not accept the pasted key.

        Raises:
            ConfigurationError: as ``UpstreamIdentity`` does.
        """
        given = self.upstream_credentials
        token_for = given.get("provider_token")
        if "exchange" in given:
            token_for = EXCHANGED
        elif "pasted_key" in given:
            token_for = PASTED_KEY
        return UpstreamIdentity(
            caller_headers=self.caller_headers,
            assertion_header=self.caller_assertion,
            sign=sign,
            audience=self.upstream or "",
            secret=given.get("secret"),
            token_for=token_for,
            refused=refused if "pasted_key" in given else None,
            secret_header=given.get("header", "Authorization"),
        )

    def trusts(self, issuer: str) -> bool:
        """Return whether this server accepts tokens of ``issuer``; of ours, unless others are named."""
        named = [one.issuer for one in self.issuers]
        return issuer in named or not named

    def guard(self, own: TrustedIssuer | None, **more: Any) -> Guard:
        """
        Return the guard; ``own`` is our authorization server, if there is one.

        Raises:
            ConfigurationError: as ``Guard`` does.
        """
        others = [
            one.trusted(self.resource)
            for one in self.issuers
            if own is None or one.issuer != own.issuer
        ]
        ours = [own] if own is not None and self.trusts(own.issuer) else []
        return Guard(
            resource=self.resource,
            policy=self.policy,
            issuers=[*ours, *others],
            **{**self.options, **more},
        )


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """
    Everything in one configuration file.

    ```python
    configuration: Configuration = load(Path("doorward.toml"))
    host, port = configuration.listen
    ```

    ``listen`` is a host and a port. ``stop_timeout`` is how many seconds requests in flight get at
    the end. ``database_url`` is ``None`` if all data is in a temporary file.
    """

    file: Path
    listen: tuple[str, int]
    stop_timeout: float = 10.0
    authorization_server: AuthServerSettings | None = None
    mcp_servers: tuple[McpServerSettings, ...] = ()
    operations: OperationsSettings = field(default_factory=OperationsSettings)
    log: LogSettings = field(default_factory=LogSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)


def policy_of(
    *,
    base: Rule | None = None,
    rules: tuple[NamedRule, ...] = (),
    **more: Any,
) -> Policy:
    """
    Return the policy of the tables ``tools``, ``prompts``, ``resources`` and ``rules``.

    Raises:
        ConfigurationError: ``rule-twice``, and what ``Policy`` refuses.
    """
    found: dict[tuple[str, str], Rule] = {}
    for table, method in _METHODS.items():
        for name, rule in more.pop(table, {}).items():
            found[method, name] = rule
    for one in rules:
        if (one.method, one.name) in found:
            raise ConfigurationError(
                "rule-twice",
                f"There are two rules for {one.method!r} of {one.name!r}.",
                "Keep one of them.",
            )
        found[one.method, one.name] = one.rule
    return Policy(base=base or Rule(), rules=found, **more)


def mcp_server_of(*, policy: Policy, **values: Any) -> McpServerSettings:
    """Return the settings of one MCP server; what it does not know is an option of its guard."""
    one = TrustedIssuerSettings(
        **{name: values.pop(name) for name in ISSUER_SETTINGS if name in values}
    )
    issuers = values.pop("issuers", ())
    if issuers and not one.is_empty:
        raise ConfigurationError(
            "two-ways-to-name-issuers",
            "Both issuers and issuer (or idp, audience, algorithms, a client) are set.",
            "Give issuer for one issuer with the usual conditions, or issuers with all of them.",
        )
    own = {name: values.pop(name) for name in _OWN if name in values}
    own |= _command_of(own, values.pop("command", None), values.pop("process", None))
    return McpServerSettings(
        policy=policy, issuers=issuers if one.is_empty else (one,), options=values, **own
    )


_CREDENTIALS = {"secret", "provider_token", "exchange", "pasted_key"}


def credentials_of(**values: Any) -> Mapping[str, Any]:
    """
    Return what an MCP server gets as its credentials.

    Raises:
        ConfigurationError: ``two-upstream-credentials``.
    """
    if len(given := sorted(_CREDENTIALS & set(values))) > 1:
        raise ConfigurationError(
            "two-upstream-credentials",
            f"upstream_credentials has {given[0]} and {given[1]}.",
            "Keep the one that it accepts.",
        )
    return values


def exchange_of(*, private_key: str | None = None, **values: Any) -> TokenExchange:
    """Return the grant for the token of the MCP server; ``private_key`` is in PEM form."""
    key = None if private_key is None else PrivateKey.from_pem(private_key)
    return TokenExchange(private_key=key, **values)


def process_of(
    *, secret_environment: Mapping[str, str] | None = None, **values: Any
) -> Mapping[str, Any]:
    """
    Return the settings of ``StdioCommand`` without its command.

    Raises:
        ConfigurationError: ``two-sources``, ``stdio-limit``.
    """
    plain, secret = values.pop("environment", {}), secret_environment or {}
    if both := sorted(set(plain) & set(secret)):
        raise ConfigurationError(
            "two-sources",
            f"environment and secret_environment both have {both[0]!r}.",
            "Keep one of them.",
        )
    limits = {name: values.pop(name) for name in _LIMITS if name in values}
    return {**values, "environment": {**plain, **secret}, "limits": StdioLimits(**limits)}


def _command_of(
    own: Mapping[str, Any], command: tuple[str, ...] | None, process: Mapping[str, Any] | None
) -> dict[str, Any]:
    if (command is None) == ("upstream" not in own):
        raise ConfigurationError(
            "where-is-the-server",
            "An MCP server has either upstream or command, and this one has"
            f" {'neither' if command is None else 'both'}.",
            'Set upstream = "http://127.0.0.1:9000/mcp", or command = ["uvx", "mcp-server-git"].',
        )
    if command is None:
        if process is not None:
            raise _unused("process", "is for a server that has a command")
        return {}
    for name in _OF_UPSTREAMS:
        if name in own:
            raise _unused(name, "is for a server that has an upstream")
    return {"stdio": StdioCommand(command=command, **(process or {}))}


def _unused(name: str, why: str) -> ConfigurationError:
    return ConfigurationError("unused-setting", f"{name} {why}.", f"Remove {name}.")


_OF_UPSTREAMS = (
    "pass_headers",
    "forward_token",
    "timeout",
    "connections",
    "caller_headers",
    "caller_assertion",
    "upstream_credentials",
)
_LIMITS = tuple(StdioLimits.__dataclass_fields__)
ISSUER_SETTINGS = tuple(TrustedIssuerSettings.__dataclass_fields__)
_OWN = tuple(
    name
    for name in McpServerSettings.__dataclass_fields__
    if name not in ("policy", "issuers", "options", "stdio", "accepted_tools")
)


def resources_of(
    configured: tuple[Resource, ...], servers: tuple[McpServerSettings, ...], issuer: str
) -> tuple[Resource, ...]:
    """
    Return the resources that our authorization server issues tokens for.

    They are the configured ones, and each MCP server that trusts it and is not among them.

    Raises:
        ConfigurationError: ``no-scopes``.
    """
    known = {one.uri for one in configured}
    found = list(configured)
    for server in servers:
        if server.resource in known or not server.trusts(issuer):
            continue
        if not server.scopes:
            raise ConfigurationError(
                "no-scopes",
                f"The MCP server {server.resource!r} has no scopes to ask users for.",
                'Set scopes: { "mcp:tools" = "Run tools in your name" }.',
            )
        found.append(
            Resource(
                uri=server.resource,
                scopes=server.scopes,
                name=server.options.get("resource_name"),
                default_scopes=server.default_scopes,
            )
        )
    keys = {one.resource: one.pasted_key for one in servers}
    return tuple(replace(one, pasted_key=keys.get(one.uri)) for one in found)


def require_grantable(server: McpServerSettings, resources: tuple[Resource, ...]) -> None:
    """
    Refuse a policy that needs a scope which our authorization server never grants.

    Raises:
        ConfigurationError: ``scope-not-issued``.
    """
    issued = next((one.scopes for one in resources if one.uri == server.resource), None)
    if issued is None:
        return
    policy = server.policy
    needed = set(policy.base.scopes).union(*(one.scopes for one in policy.matrix()))
    for scope in sorted(needed):
        if scope not in issued and not policy.containing(scope) & set(issued):
            raise ConfigurationError(
                "scope-not-issued",
                f"A rule of {server.resource!r} needs the scope {scope!r}, which nobody can get.",
                f"Add {scope!r} to the scopes of this MCP server, or correct the rule.",
            )


def listen_address(text: str) -> tuple[str, int]:
    """
    Return host and port of ``127.0.0.1:8000``, ``[::1]:8000`` or ``localhost:8000``.

    Raises:
        ValueError: it has another form.
    """
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port is None or parts.netloc != text or "@" in text:
        raise ValueError(text)
    # A name could resolve to an address that other machines reach.
    if parts.hostname != "localhost":
        ip_address(parts.hostname)
    return parts.hostname, parts.port


def upstream_url(text: str) -> str:
    """
    Return ``text`` if it is the URL of an MCP server, which may be plain http.

    Raises:
        ValueError: it is not.
    """
    parts = address.split(text)
    if parts is None or "?" in text or "#" in text:
        raise ValueError(text)
    return text
