"""The grants that get a token for a downstream server: one class each."""

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
    How to get tokens from the issuer of a downstream server.

    This server is the issuer's confidential client ``client_id``, with a ``client_secret`` or a
    ``private_key`` (``doorward.client.PrivateKey``). Set ``issuer``, whose metadata has the token
    endpoint, or only ``token_endpoint``. ``internal_url`` is the issuer's URL in this network. It
    may be plain http, but then others in that network can read the secret and all tokens.
    ``scopes`` are the default if a tool names none.

    Raises:
        ConfigurationError: ``no-token-endpoint``, ``insecure-token-endpoint``, ``not-a-scope``,
            ``no-lookup-credentials``.
    """

    # Whether the token is on behalf of the caller, and so cached per caller.
    for_caller: ClassVar[bool] = True
    is_cached: ClassVar[bool] = True

    issuer: str | None = None
    token_endpoint: str | None = None
    internal_url: str | None = None
    scopes: Collection[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.issuer is None and self.token_endpoint is None:
            raise ConfigurationError(
                "no-token-endpoint",
                "Neither issuer nor token_endpoint is set.",
                "Set issuer to the issuer in the authorization server's metadata.",
            )
        if self.issuer is not None:
            address.require_issuer(self.issuer)
        if self.token_endpoint is not None:
            require_secure(self.token_endpoint, "insecure-token-endpoint")
        for scope in self._default_scopes:
            if parse_scope(scope) != frozenset({scope}):
                raise ConfigurationError(
                    "not-a-scope",
                    f"{scope!r} is not a valid scope.",
                    "Use one word per scope, without spaces and quotes.",
                )

    @property
    def named_urls(self) -> tuple[str, ...]:
        """The URLs in the configuration, which may be private."""
        named = (self.issuer, self.token_endpoint, self.internal_url)
        return tuple(url for url in named if url is not None)

    @property
    def subject_issuers(self) -> frozenset[str]:
        """The issuers whose tokens may be sent to this issuer: only itself."""
        return frozenset() if self.issuer is None else frozenset({self.issuer})

    @property
    def link_prefix(self) -> str | None:
        """How a link for the user begins, if this issuer may name one."""
        return None

    @property
    def assertion_audience(self) -> str | None:
        """The audience of a client assertion, if it is not the issuer."""
        return None

    @abstractmethod
    def fields(self, subject_token: str, scopes: frozenset[str]) -> Fields:
        """Return the parameters of the token request, without the client's credentials."""

    def wanted(self, scopes: frozenset[str]) -> frozenset[str]:
        """Return the scopes to request for ``scopes`` of a tool."""
        return scopes or self._default_scopes

    @property
    def _default_scopes(self) -> frozenset[str]:
        return frozenset([self.scopes] if isinstance(self.scopes, str) else self.scopes)


@dataclass(frozen=True, kw_only=True)
class TokenExchange(DownstreamGrant):
    """
    Exchanges the caller's token for one at the downstream server, at their common issuer.

    ``audience`` is the downstream server's name at the issuer, ``resource`` its URL; issuers support
    one or both. At Keycloak, ``audience`` is a client id.

    ```python
    orders: DownstreamGrant = TokenExchange(
        issuer="https://login.example/realms/mcp",
        client_id="mcp-server",
        client_secret=os.environ["CLIENT_SECRET"],
        audience="orders-api",
    )
    ```

    ``trusted_issuers`` are other issuers whose tokens this issuer exchanges. No other token is sent
    to it: an issuer could use the token at this server.

    Raises:
        ConfigurationError: as in ``DownstreamGrant``; ``no-target`` without audience and resource;
            ``no-subject-issuer`` without ``issuer`` and ``trusted_issuers``.

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
                "Neither audience nor resource is set, so the new token could be for any server.",
                "Set audience to the server's name at the issuer, or resource to its URL.",
            )
        if not self.subject_issuers:
            raise ConfigurationError(
                "no-subject-issuer",
                "Neither issuer nor trusted_issuers is set.",
                "Set issuer, or set trusted_issuers to the issuers whose tokens may be sent there.",
            )

    @property
    def subject_issuers(self) -> frozenset[str]:
        """The issuers whose tokens may be sent to this issuer."""
        return super().subject_issuers | frozenset(self.trusted_issuers)

    def fields(self, subject_token: str, scopes: frozenset[str]) -> Fields:
        """Return the parameters of the token request. Spec: RFC 8693 §2.1"""
        found = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
        }
        return found | _targets(self.audience, self.resource) | scope_field(self.wanted(scopes))


@dataclass(frozen=True, kw_only=True)
class OnBehalfOf(DownstreamGrant):
    """
    Microsoft Entra's on-behalf-of flow, for people.

    ``tenant`` is the tenant id, a GUID; ``client_id`` is this server's own application, which the
    caller's token must name as audience. Scopes are those of one API: ``{"User.Read"}`` for
    Microsoft Graph, ``{"api://<id>/orders.read"}`` for another.

    ```python
    graph = OnBehalfOf(
        tenant="72f988bf-86f1-41af-91ab-2d7cd011db47",
        client_id="28461234-5678-90ab-cdef-1234567890ab",
        client_secret=os.environ["CLIENT_SECRET"],
        scopes={"User.Read"},
    )
    ```

    Raises:
        ConfigurationError: as in ``DownstreamGrant``; ``not-a-tenant``.

    Spec: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow; RFC 7523
    """

    tenant: str
    # Another cloud's: login.microsoftonline.us, login.partner.microsoftonline.cn.
    authority: str = "https://login.microsoftonline.com"

    def __post_init__(self) -> None:
        # Entra accepts names too, but the issuers in tokens have the id, and they are compared.
        if not _GUID.fullmatch(self.tenant):
            raise ConfigurationError(
                "not-a-tenant",
                f"{self.tenant!r} is not a tenant id.",
                "Use the Directory (tenant) ID, a GUID, not a domain name or 'common'.",
            )
        if self.token_endpoint is None:
            url = f"{self.authority}/{self.tenant}/oauth2/v2.0/token"
            object.__setattr__(self, "token_endpoint", url)
        # Entra documents client_secret_post only.
        if self.method is None and self.private_key is None:
            object.__setattr__(self, "method", "client_secret_post")
        super().__post_init__()

    @property
    def subject_issuers(self) -> frozenset[str]:
        """Both issuers of the tenant, v2.0 and v1.0; the API's manifest decides between them."""
        return frozenset(
            {f"{self.authority}/{self.tenant}/v2.0", f"https://sts.windows.net/{self.tenant}/"}
        )

    @property
    def assertion_audience(self) -> str | None:
        """The token endpoint, as Entra requires."""
        return self.token_endpoint

    def fields(self, subject_token: str, scopes: frozenset[str]) -> Fields:
        """Return the parameters of the token request."""
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "client_id": self.client_id,
            "assertion": subject_token,
            "requested_token_use": "on_behalf_of",
        } | scope_field(self.wanted(scopes))


@dataclass(frozen=True, kw_only=True)
class ClientCredentials(DownstreamGrant):
    """
    Gets a token for this server itself, the same for every caller.

    ```python
    orders = ClientCredentials(
        issuer="https://login.example",
        client_id="mcp-server",
        client_secret=os.environ["CLIENT_SECRET"],
        resource="https://orders.example",
    )
    ```

    Every caller of the tool can do what this token allows: only the tool's own rule limits them.

    Spec: RFC 6749 §4.4; RFC 8707 §2.2
    """

    for_caller: ClassVar[bool] = False

    audience: str | None = None
    resource: str | None = None

    def fields(self, subject_token: str, scopes: frozenset[str]) -> Fields:  # noqa: ARG002
        """Return the parameters of the token request, without the caller's token."""
        found = {"grant_type": "client_credentials"}
        return found | _targets(self.audience, self.resource) | scope_field(self.wanted(scopes))


def _targets(audience: str | None, resource: str | None) -> Fields:
    named = {"audience": audience, "resource": resource}
    return {name: value for name, value in named.items() if value}


def scope_field(scopes: frozenset[str]) -> Fields:
    """Return the parameter ``scope``, or none without scopes."""
    return {"scope": build_scope(scopes)} if scopes else {}
