"""``Guard``: the settings of a protected server, checked before it starts."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from doorward.errors import ConfigurationError
from doorward.guard.audit import events as audit_log
from doorward.guard.hops import GuardHops
from doorward.guard.http.mounts import close_other_paths
from doorward.guard.http.paths import EndpointPaths
from doorward.guard.issuers import (
    Audience,
    Issuer,
    IssuerOptions,
    registration_fixes_scopes,
    trusted,
)
from doorward.guard.lists.hide_refused import require_hideable
from doorward.guard.middleware import CompanionApplication, GuardMiddleware, GuardSettings
from doorward.guard.pipeline import Pipeline
from doorward.guard.refusal_forms import RefusalForms
from doorward.guard.scopes import NamedScopes
from doorward.net.clock import LEEWAY
from doorward.operations.story.attempts import Attempts
from doorward.policy import Policy
from doorward.tokens import TrustedIssuer, Verifier
from doorward.wire.address import require_resource
from doorward.wire.asgi import ASGIApp
from doorward.wire.error_response import BearerChallenge
from doorward.wire.host_origin import HostOriginPolicy
from doorward.wire.oauth.resource_metadata import build, metadata_url

# Start-up is measured: modules that most guards do not need are imported on first use.
if TYPE_CHECKING:
    from doorward.downstream.grants import DownstreamGrant
    from doorward.downstream.provider_token import InProcessToken
    from doorward.downstream.tokens import DownstreamTokens
    from doorward.guard.call_limits import SharedCounters
    from doorward.idp.clients import RefusalForm
    from doorward.tokens import ApiKeys, Introspection, TokenVerifier

MEBIBYTE = 1024 * 1024


class Guard:
    """
    Protects an MCP server: authenticates callers, authorizes each operation, explains refusals.

    ```python
    guard = Guard(
        resource="https://mcp.example/mcp",
        issuer="https://login.example",
        policy=Policy(base=Rule(scopes={"mcp:read"})),
    )
    app = guard.protect(app)
    ```

    ``resource`` is the public URL of the endpoint, as clients type it. Every absolute URL is made
    from it, and none from a request. Give one ``issuer`` whose tokens have the resource as their
    audience, or ``issuers`` with all their conditions. ``idp`` names the provider (``"keycloak"``;
    ``doorward idp table`` lists them), whose token format is then used. ``audience`` is for
    providers whose tokens cannot name the resource.

    Opaque tokens are looked up at their issuer. Give ``introspection``, or use a provider with its
    own lookup: ``idp="google"`` with the ``client_ids`` whose tokens are accepted, ``idp="github"``
    with the app's ``client_id`` and ``client_secret``. ``api_keys`` are accepted in addition to
    tokens, also in ``Authorization: Bearer``: the file that ``doorward api-key`` writes, or your
    own store.

    ``scopes_supported`` are the scopes in the metadata, by default all that the policy requires.
    ``challenge_scopes`` are those that a client requests when it signs in. By default, they are the
    base rule's, and clients request more when a tool needs more (step-up). Clients register with
    them, and Keycloak never gives a client other scopes than it registered with: with
    ``idp="keycloak"``, the default is all of ``scopes_supported``. Set them to fewer if every client
    of yours is registered by hand, and to more to save people a second consent. ``allowed_hosts`` and
    ``allowed_origins`` add to the resource's own; on loopback, every port is allowed. ``path`` is
    the endpoint's path in this process, if a proxy removes a prefix. ``app_path`` is its path in
    the application. Other paths are refused, except ``open_paths`` (health checks);
    ``serve_other_paths`` serves all of them without checks. ``leeway`` and ``longest_life`` are in
    seconds, ``max_body`` in bytes.

    With ``hide_refused``, a tool, prompt or resource that the caller may not use is answered like
    one that does not exist. The answer names no scopes, so clients cannot request them. The audit
    log still has the reason. Every name needs its own rule.

    A client learns from a status and a challenge that a tool call needs a token or more scopes. Some
    clients need the challenge in the result of the tool. ``doorward.idp.clients`` has the form of
    each; ``refusal_forms`` replaces it, by the name of the client or ``"*"`` for all unknown ones:
    ``{"chatgpt": "http"}``. With ``security_schemes``, each tool in a list says what it needs.

    ``downstream`` has the servers that tools call in the caller's name, each with its grant.
    ``await identity.token_for(name)`` gets a token. The application then no longer sees the
    ``Authorization`` header. ``rate_counters`` count the limits of rules for several processes; without
    them, each process counts for itself. Callers without a token are counted by address, which
    ``trusted_proxies`` tell in ``X-Forwarded-For``. ``companion`` is an application that serves paths
    of its own, without checks of this guard.

    ``attempts`` keeps the last sign-in attempts in memory, for ``doorward.doctor.inside.check`` and for
    operators. They have no tokens and no secrets. Give the authorization server the same object if it
    is in this process, or set ``False`` to keep none.

    Raises:
        ConfigurationError: with reason ``insecure-resource``, ``not-a-resource``, ``no-issuers``,
            ``two-ways-to-name-issuers``, ``unknown-provider``, ``opaque-tokens``,
            ``undecided-audience``, ``unused-setting``, ``cannot-hide``, ``unknown-mcp-client``,
            ``unknown-refusal-form``, ``no-introspection``, ``not-a-host``, ``not-an-origin``, ``not-a-path`` or
            ``not-a-limit``, and what ``TrustedIssuer``, ``OpaqueIssuer``,
            ``Introspection``, ``ApiKeyFile`` and the verifiers refuse.

    Spec: MCP 2026-07-28 authorization; RFC 9728; RFC 6750
    """

    def __init__(
        self,
        *,
        resource: str,
        policy: Policy,
        issuers: Sequence[Issuer] = (),
        issuer: str | None = None,
        idp: str | None = None,
        audience: Audience | None = None,
        algorithms: tuple[str, ...] | None = None,
        client_ids: Collection[str] = (),
        client_id: str | None = None,
        client_secret: str | None = None,
        introspection: "Introspection | None" = None,
        api_keys: "ApiKeys | str | Path | None" = None,
        scopes_supported: Sequence[str] | None = None,
        challenge_scopes: Collection[str] | None = None,
        resource_name: str | None = None,
        resource_documentation: str | None = None,
        allowed_hosts: Collection[str] | None = None,
        allowed_origins: Collection[str] | None = None,
        path: str | None = None,
        app_path: str | None = None,
        open_paths: Collection[str] = (),
        serve_other_paths: bool = False,
        hide_refused: bool = False,
        refusal_forms: "Mapping[str, RefusalForm] | None" = None,
        security_schemes: bool = True,
        max_body: int = 4 * MEBIBYTE,
        leeway: float = LEEWAY,
        longest_life: float = 86400.0,
        cache_entries: int = 10_000,
        cache_ttl: float = 300.0,
        verifier: "TokenVerifier | None" = None,
        downstream: "Mapping[str, DownstreamGrant | InProcessToken] | None" = None,
        companion: CompanionApplication | None = None,
        rate_counters: "SharedCounters | None" = None,
        trusted_proxies: Collection[str] = (),
        attempts: Attempts | bool = True,
        audit: audit_log.AuditSink = audit_log.log,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.resource = require_resource(resource)
        self.policy = policy
        self.issuers = trusted(
            resource,
            issuers,
            IssuerOptions(
                issuer=issuer,
                idp=idp,
                audience=audience,
                algorithms=algorithms,
                client_ids=tuple(client_ids),
                client_id=client_id,
                client_secret=client_secret,
                introspection=introspection,
            ),
            keys_only=api_keys is not None,
        )
        self.metadata_url = metadata_url(resource)
        self.verifier: TokenVerifier = verifier or _verifier(
            self.issuers,
            api_keys,
            clock=clock,
            leeway=leeway,
            longest_life=longest_life,
            cache_entries=cache_entries,
            cache_ttl=cache_ttl,
        )
        # The policies of adapters, and whether an adapter is still to be connected.
        self.adapted: list[Policy] = []
        self.awaits_server = False
        self._hides = hide_refused
        if hide_refused:
            require_hideable(policy)
        self.downstream_tokens = (
            _downstream_tokens(downstream, resource, self.issuers, clock) if downstream else None
        )
        paths = EndpointPaths(resource, path)
        if isinstance(attempts, bool):
            self.attempts = Attempts(clock) if attempts else None
        else:
            self.attempts = attempts
        self._named = NamedScopes(
            supported=scopes_supported,
            challenge=challenge_scopes,
            fixed_at_registration=registration_fixes_scopes(idp),
        )
        self._documentation = resource_documentation
        self._describe = partial(
            build,
            resource=resource,
            authorization_servers=[one.issuer for one in self.issuers],
            resource_name=resource_name,
            resource_documentation=resource_documentation,
        )
        self.pipeline = Pipeline(
            self.verifier,
            self._challenge_of(policy),
            audit,
            clock,
            hides=hide_refused,
            forms=RefusalForms(refusal_forms),
            rate_counters=rate_counters,
            trusted_proxies=tuple(trusted_proxies),
        )
        self._settings = GuardSettings(
            paths=paths,
            addresses=HostOriginPolicy(resource, allowed_hosts, allowed_origins),
            metadata=self._metadata_of(policy),
            pipeline=self.pipeline,
            policy=policy,
            describes_tools=security_schemes and bool(self.issuers),
            clock=clock,
            leeway=leeway,
            max_body=_require_limit(max_body),
            serve_other_paths=serve_other_paths,
            open_paths=frozenset(open_paths),
            app_path=app_path,
            companion=companion,
            hops=self._hops(clock, paths.endpoint, tuple(trusted_proxies)),
        )

    @property
    def path(self) -> str:
        """The path of the endpoint in this process."""
        return self._settings.paths.endpoint

    @property
    def max_body(self) -> int:
        """The maximum size of a message, in bytes."""
        return self._settings.max_body

    @property
    def app_path(self) -> str:
        """The path of the endpoint in the application."""
        return self._settings.app_path or self.path

    def protect(
        self,
        app: ASGIApp,
        *,
        policy: Policy | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> GuardMiddleware:
        """
        Return ``app`` behind this guard.

        ``policy`` replaces the guard's own. Adapters use it to add the rules that the server's
        author declared. The metadata then has its scopes. ``prepare`` is awaited before the first
        request. A mounted application needs it: Starlette runs only the outermost lifespan.

        The ASGI scope has the caller under ``doorward.identity``, which ``current_identity()``
        returns, and the parsed message under ``doorward.envelope``.
        """
        close_other_paths(app, self.app_path)
        if self.downstream_tokens is not None:
            from doorward.downstream.middleware import DownstreamMiddleware

            app = DownstreamMiddleware(app, self.downstream_tokens)
        if policy is None:
            return GuardMiddleware(app, self._settings, prepare)
        self.require_hideable(policy)
        self.adapted.append(policy)
        # One challenge for all ways in, so it names what each of the servers may require.
        self.pipeline.challenge = self._challenge_of(self.policy, *self.adapted)
        return GuardMiddleware(
            app, replace(self._settings, policy=policy, metadata=self._metadata_of(policy)), prepare
        )

    def require_hideable(self, policy: Policy) -> None:
        """
        Check that this guard can hide what ``policy`` refuses, if it hides anything.

        Raises:
            ConfigurationError: with reason ``cannot-hide``.
        """
        if self._hides:
            require_hideable(policy)

    def metadata(self, policy: Policy | None = None) -> bytes:
        """
        Return the protected-resource metadata, as JSON.

        Spec: RFC 9728 §2
        """
        return self._settings.metadata if policy is None else self._metadata_of(policy)

    def _hops(
        self, clock: Callable[[], float], endpoint: str, trusted_proxies: Sequence[str]
    ) -> GuardHops | None:
        if self.attempts is None:
            return None
        return GuardHops(
            self.attempts,
            clock,
            endpoint=endpoint,
            metadata=urlsplit(self.metadata_url).path,
            trusted_proxies=trusted_proxies,
        )

    def _metadata_of(self, policy: Policy) -> bytes:
        return self._describe(scopes_supported=self._named.in_metadata(policy))

    def _challenge_of(self, *policies: Policy) -> BearerChallenge:
        return BearerChallenge(
            self.metadata_url, self._named.in_challenge(*policies), self._documentation
        )


def _verifier(
    issuers: Sequence[Issuer],
    api_keys: "ApiKeys | str | Path | None",
    *,
    clock: Callable[[], float],
    **settings: Any,
) -> "TokenVerifier":
    signed = [one for one in issuers if isinstance(one, TrustedIssuer)]
    # Most guards need only this verifier, and do not import the others.
    if api_keys is None and len(signed) == len(issuers):
        return Verifier(signed, clock=clock, **settings)
    from doorward.tokens import ApiKeyFile, CredentialVerifier

    if isinstance(api_keys, str | Path):
        api_keys = ApiKeyFile(api_keys, clock=clock)
    return CredentialVerifier(issuers, api_keys=api_keys, clock=clock, **settings)


def _downstream_tokens(
    downstream: "Mapping[str, DownstreamGrant | InProcessToken]",
    resource: str,
    issuers: Sequence[Issuer],
    clock: Callable[[], float],
) -> "DownstreamTokens":
    from doorward.downstream.tokens import DownstreamTokens

    # A token that this server accepts must never be sent to another server.
    own = {resource}.union(*(one.audiences for one in issuers))
    return DownstreamTokens(downstream, own_audiences=own, clock=clock)


def _require_limit(limit: int) -> int:
    if limit < 1:
        raise ConfigurationError(
            "not-a-limit",
            f"max_body is {limit!r}.",
            "Give the number of bytes that the largest message may have.",
        )
    return limit
