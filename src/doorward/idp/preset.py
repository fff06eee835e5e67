"""What is known of one identity provider."""

from dataclasses import dataclass
from typing import Literal

from doorward.idp.facts import Fact, Matrix, Quirk, TokenKind
from doorward.tokens import TokenProfile


@dataclass(frozen=True, kw_only=True)
class Preset:
    """
    What is known of a provider and its access tokens.

    ``issuer`` is the form of its issuer, with the parts that differ between customers in braces;
    it is for people to read and for nothing to match. ``discovery`` are the forms of the addresses
    that answer with its metadata. ``audience`` says in a sentence what its tokens name as their
    audience, and ``audience_is_resource`` whether that can be the address of the MCP server.
    ``claims`` says in a sentence where its tokens keep what ``profile`` reads.

    ``tokens`` is "jwt", "opaque", or "either" where the customer's settings decide; ``lookup`` is
    how an opaque one is looked up: by RFC 7662, unless ``own_lookup`` names the provider whose own
    way it is. ``profile`` is ``None`` where there are no JWTs to read; ``introspected`` is how the
    provider answers about a token, where that does not follow from ``profile``.
    ``matrix`` is ``None`` for what is no provider.

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
    introspected: TokenProfile | None = None
    facts: tuple[Fact[str], ...] = ()
    quirks: tuple[Quirk, ...] = ()
    matrix: Matrix | None = None
