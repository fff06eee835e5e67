"""The preset of one identity provider."""

from dataclasses import dataclass
from typing import Literal

from doorward.idp.facts import Fact, ManualRegistration, Matrix, Quirk, TokenKind
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile


@dataclass(frozen=True, kw_only=True)
class Preset:
    """
    The settings and facts of a provider and its access tokens.

    ``aliases`` are other names of the product, by which ``find`` finds it too.
    ``issuer`` and ``discovery`` are URL templates of its issuer and its metadata, with the parts in
    braces that differ between customers. They are for people, and nothing is matched against them.
    ``audience`` describes the audience of its tokens, and ``audience_is_resource`` says whether that
    can be the URL of the MCP server. ``claims`` describes where its tokens have what ``profile``
    reads. ``registration_fixes_scopes`` says that a client can request only the scopes with which it
    registered.

    ``tokens`` is "jwt", "opaque", or "either" if the customer's settings decide. ``lookup`` describes
    how an opaque token is looked up: by RFC 7662, unless ``own_lookup`` names another API.
    ``profile`` is ``None`` without JWTs. ``introspected`` is the profile of introspection responses,
    if it does not follow from ``profile``. ``manual`` describes how a client is registered by hand,
    for providers that do not let every client register itself. ``matrix`` is ``None`` if this is not a provider.
    ``sign_in`` describes how people sign in there through our authorization server; ``None`` if it is
    plain OpenID Connect.

    ```python
    TrustedIssuer(
        issuer="https://login.example/realms/mcp",
        audience="https://mcp.example/mcp",
        algorithms=KEYCLOAK.algorithms,
        profile=KEYCLOAK.profile,
    )
    ```
    """

    name: str
    title: str
    aliases: tuple[str, ...] = ()
    issuer: str
    discovery: Fact[tuple[str, ...]]
    audience: str
    audience_is_resource: bool = True
    algorithms: tuple[str, ...]
    profile: TokenProfile | None
    claims: Fact[str]
    tokens: TokenKind = "jwt"
    lookup: Fact[str] | None = None
    own_lookup: Literal["google", "github"] | None = None
    registration_fixes_scopes: bool = False
    introspected: TokenProfile | None = None
    facts: tuple[Fact[str], ...] = ()
    quirks: tuple[Quirk, ...] = ()
    manual: ManualRegistration | None = None
    matrix: Matrix | None = None
    sign_in: ProviderSignIn | None = None

    @property
    def customer_address(self) -> str | None:
        """The form of the address that each customer has; ``None`` if the issuer serves everybody."""
        if "{" in self.issuer:
            return self.issuer
        if self.sign_in is not None and self.sign_in.shared_issuer:
            return self.discovery.value[0].partition("/.well-known/")[0]
        return None
