"""How a token for the next server is asked for: one class for each grant."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from doorward.errors import ConfigurationError
from doorward.tokens.opaque.client_authentication import ConfidentialClient, require_secure
from doorward.wire import address
from doorward.wire.oauth.scope import build_scope, parse_scope

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type
JWT = "urn:ietf:params:oauth:token-type:jwt"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

Fields = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class DownstreamGrant(ConfidentialClient, ABC):
    """
    What was arranged with the issuer that serves the next server.

    This server is the issuer's confidential client ``client_id``, with a ``client_secret`` or a
    ``private_key`` (``doorward.client.PrivateKey``). Give the ``issuer``, whose metadata then names
    the ``token_endpoint``, or that endpoint alone; ``internal_url`` is where this process reaches
    the issuer, and may be plain http: then the secret, the callers' tokens and the new ones travel
    in the clear, and whoever is on that network can read them. ``scopes`` are asked for when a tool
    names none.

    Raises:
        ConfigurationError: ``no-token-endpoint``, ``insecure-token-endpoint``, ``not-a-scope``,
            ``no-lookup-credentials``.
    """

    # Whether the token is got in the caller's name, and so kept for each caller.
    for_caller: ClassVar[bool] = True

    issuer: str | None = None
    token_endpoint: str | None = None
    internal_url: str | None = None
    scopes: Collection[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.issuer is None and self.token_endpoint is None:
            raise ConfigurationError(
                "no-token-endpoint",
                "Neither issuer nor token_endpoint is set, so nobody could be asked for a token.",
                "Set issuer to the address of the authorization server, as it names itself.",
            )
        if self.issuer is not None:
            address.require_issuer(self.issuer)
        if self.token_endpoint is not None:
            require_secure(self.token_endpoint, "insecure-token-endpoint")
        for scope in self._default_scopes:
            if parse_scope(scope) != frozenset({scope}):
                raise ConfigurationError(
                    "not-a-scope", f"{scope!r} cannot be a scope.", "A scope is one word."
                )

    @property
    def named_urls(self) -> tuple[str, ...]:
        """The addresses that the operator wrote down, which may be private."""
        named = (self.issuer, self.token_endpoint, self.internal_url)
        return tuple(url for url in named if url is not None)

    @property
    def subject_issuers(self) -> frozenset[str]:
        """Whose tokens may be shown to this issuer: its own, and nobody else's."""
        return frozenset() if self.issuer is None else frozenset({self.issuer})

    @property
    def assertion_audience(self) -> str | None:
        """For whom a client assertion is meant, where that is not the issuer's name."""
        return None

    @abstractmethod
    def fields(self, subject_token: str, scopes: frozenset[str]) -> Fields:
        """Return the parameters of the token request, without the client's credentials."""

    def wanted(self, scopes: frozenset[str]) -> frozenset[str]:
        """Return what is asked for when a tool names ``scopes``."""
        return scopes or self._default_scopes

    @property
    def _default_scopes(self) -> frozenset[str]:
        return frozenset([self.scopes] if isinstance(self.scopes, str) else self.scopes)


@dataclass(frozen=True, kw_only=True)
class TokenExchange(DownstreamGrant):
    """
    The caller's token for one at the next server, from the issuer of both.

    ``audience`` is the next server's name at the issuer, ``resource`` its address; issuers differ
    in which they read. At Keycloak, ``audience`` is a client id.

    ```python
    TokenExchange(
        issuer="https://login.example/realms/mcp",
        client_id="mcp-server",
        client_secret=os.environ["MCP_SERVER_SECRET"],
        audience="orders-api",
    )
    ```

    ``trusted_issuers`` are further issuers whose tokens this one exchanges. A token is shown to
    nobody else: whoever sees it can use it here.

    Raises:
        ConfigurationError: as in ``DownstreamGrant``; ``no-target`` without audience and resource;
            ``no-subject-issuer`` where nothing says whose tokens the endpoint may see.

    Spec: RFC 8693 §2.1; RFC 8707 §2.2
    """

    audience: str | None = None
    resource: str | None = None
    trusted_issuers: Collection[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.audience and not self.resource:
            raise ConfigurationError(
                "no-target",
                "Neither audience nor resource is set: the new token could be for anybody.",
                "Set audience to the next server's name at the issuer, or resource to its address.",
            )
        if not self.subject_issuers:
            raise ConfigurationError(
                "no-subject-issuer",
                "Nothing says whose tokens may be shown to this token endpoint.",
                "Set issuer, or name in trusted_issuers those whose tokens it exchanges.",
            )

    @property
    def subject_issuers(self) -> frozenset[str]:
        """Whose tokens may be shown to this issuer."""
        return super().subject_issuers | frozenset(self.trusted_issuers)

    def fields(self, subject_token: str, scopes: frozenset[str]) -> Fields:
        """Return the parameters of the token request. Spec: RFC 8693 §2.1"""
        found = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
        }
        return found | _targets(self.audience, self.resource) | _scope(self.wanted(scopes))


@dataclass(frozen=True, kw_only=True)
class OnBehalfOf(DownstreamGrant):
    """
    Microsoft Entra's on-behalf-of flow, for people.

    ``tenant`` is the tenant id, a GUID; ``client_id`` is this server's own application, which the
    caller's token must name as audience. Scopes are those of one API: ``{"User.Read"}`` for
    Microsoft Graph, ``{"api://<id>/orders.read"}`` for another.

    ```python
    OnBehalfOf(tenant="72f9…", client_id="2846…", client_secret=secret, scopes={"User.Read"})
    ```

    Raises:
        ConfigurationError: as in ``DownstreamGrant``; ``not-a-tenant``.

    Spec: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow; RFC 7523
    """

    tenant: str
    # Another cloud's: login.microsoftonline.us, login.partner.microsoftonline.cn.
    authority: str = "https://login.microsoftonline.com"

    def __post_init__(self) -> None:
        # A name would do for Entra; issuers in tokens have the id, and those are compared.
        if not _GUID.fullmatch(self.tenant):
            raise ConfigurationError(
                "not-a-tenant",
                f"{self.tenant!r} is not a tenant id.",
                "Give the Directory (tenant) ID, a GUID; a domain name or 'common' does not do.",
            )
        if self.token_endpoint is None:
            url = f"{self.authority}/{self.tenant}/oauth2/v2.0/token"
            object.__setattr__(self, "token_endpoint", url)
        # Entra documents the secret in the body, and nowhere else.
        if self.method is None and self.private_key is None:
            object.__setattr__(self, "method", "client_secret_post")
        super().__post_init__()

    @property
    def subject_issuers(self) -> frozenset[str]:
        """Both names of the tenant: the API's own setting decides which of them its tokens have."""
        return frozenset(
            {f"{self.authority}/{self.tenant}/v2.0", f"https://sts.windows.net/{self.tenant}/"}
        )

    @property
    def assertion_audience(self) -> str | None:
        """The token endpoint, as Entra wants it."""
        return self.token_endpoint

    def fields(self, subject_token: str, scopes: frozenset[str]) -> Fields:
        """Return the parameters of the token request."""
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "client_id": self.client_id,
            "assertion": subject_token,
            "requested_token_use": "on_behalf_of",
        } | _scope(self.wanted(scopes))


@dataclass(frozen=True, kw_only=True)
class ClientCredentials(DownstreamGrant):
    """
    A token in this server's own name, the same for every caller.

    What it may do at the next server, every caller of the tool may do through it: the tool's own
    rule is all that stands between.

    Spec: RFC 6749 §4.4; RFC 8707 §2.2
    """

    for_caller: ClassVar[bool] = False

    audience: str | None = None
    resource: str | None = None

    def fields(self, subject_token: str, scopes: frozenset[str]) -> Fields:  # noqa: ARG002
        """Return the parameters of the token request, which the caller's token is not among."""
        found = {"grant_type": "client_credentials"}
        return found | _targets(self.audience, self.resource) | _scope(self.wanted(scopes))


def _targets(audience: str | None, resource: str | None) -> Fields:
    named = {"audience": audience, "resource": resource}
    return {name: value for name, value in named.items() if value}


def _scope(scopes: frozenset[str]) -> Fields:
    return {"scope": build_scope(scopes)} if scopes else {}
