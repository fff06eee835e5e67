"""What is known about an MCP client: how it connects, and what it needs where it cannot register itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from doorward.idp.facts import Fact

SEEN = date(2026, 11, 30)
"""The day on which the sources were read."""
SEEN_LATER = date(2026, 12, 1)
"""The day on which the sources of messages and set-ups were read."""
PORT = 8765
"""The loopback port in the examples; any free one will do, if it is registered."""

FirstRequest = Literal["POST", "GET", "HEAD"]
ResourcePlace = Literal["challenge", "path", "suffix", "root"]
IssuerPlace = Literal["oauth", "openid", "openid-suffix", "oauth-root", "openid-root"]
ResourceMatch = Literal["exact", "normalized", "parent"]
Fallback = Literal["never", "missing", "any"]
IssCheck = Literal["never", "announced"]
RegistrationWay = Literal["document", "registered", "pre-registered"]
ScopeSource = Literal["challenge", "resource", "issuer"]
ResourceForm = Literal["metadata", "normalized", "url", "none"]
RefusalForm = Literal["http", "tool-result"]
REFUSAL_FORMS: tuple[RefusalForm, ...] = get_args(RefusalForm)


@dataclass(frozen=True, kw_only=True)
class ConnectionFacts:
    """
    How a client connects to an MCP server, hop by hop.

    **Reach.** ``user_agent`` is sent with MCP requests, ``oauth_user_agent`` with all others; empty
    means no header. ``timeout`` is in seconds, for one request. With ``ipv4_only``, the host needs an
    A record. The client follows redirects as browsers do: a POST becomes a GET after 301 and 302, and
    the token is not sent to another origin.

    **Discovery.** The client reads the challenge in the answer to ``first_request``.
    ``resource_metadata`` and ``issuer_metadata`` are the places that it tries, in their order; a URL in
    a challenge replaces the others. ``resource_match`` is how it compares ``resource`` in the metadata
    with the URL of the server: byte for byte, after parsing both as URLs, or also as a parent path.
    ``fallback`` is when it takes the server's origin as the issuer: never, if the metadata is missing,
    or also if it cannot be used. With ``issuer_match``, it refuses issuer metadata that names another issuer.

    **Registration.** ``registration`` are the ways that it knows, the preferred one first.
    ``document`` is its client ID metadata document. ``registration_request`` is what it sends to
    register; ``{port}`` stands for the port of its listener, here and in ``redirect_uri``.

    **Authorization.** It takes scopes from the first of ``scopes`` that names any. With
    ``offline_access``, it adds that scope if the issuer supports it. ``resource`` is the form of the
    parameter: as in the metadata, parsed as a URL (an origin gets a slash), the URL of the server, or
    none. ``iss`` is whether it checks the issuer in the response: never, or always if it is announced or sent.

    **Calls.** ``versions`` are the MCP versions that it speaks, the preferred one first.
    ``refusals`` are the forms of a refused call on which it offers a sign-in: an HTTP status with a
    challenge, or ``_meta["mcp/www_authenticate"]`` in a tool result. With ``security_schemes``, it
    does so only for a tool whose ``securitySchemes`` in the list have ``oauth2``. With ``step_up``, it
    then gets a token with more scopes. ``refresh_parameters`` are sent with a refresh, beside the required ones.
    """

    user_agent: Fact[str]
    oauth_user_agent: Fact[str]
    client_name: Fact[str]
    timeout: Fact[float]
    ipv4_only: Fact[bool]
    first_request: Fact[FirstRequest]
    resource_metadata: Fact[tuple[ResourcePlace, ...]]
    resource_match: Fact[ResourceMatch]
    issuer_metadata: Fact[tuple[IssuerPlace, ...]]
    issuer_match: Fact[bool]
    fallback: Fact[Fallback]
    registration: Fact[tuple[RegistrationWay, ...]]
    document: Fact[Mapping[str, Any]] | None = None
    registration_request: Fact[Mapping[str, Any]]
    redirect_uri: Fact[str]
    scopes: Fact[tuple[ScopeSource, ...]]
    offline_access: Fact[bool]
    resource: Fact[ResourceForm]
    iss: Fact[IssCheck]
    versions: Fact[tuple[str, ...]]
    refusals: Fact[tuple[RefusalForm, ...]]
    security_schemes: Fact[bool] | None = None
    step_up: Fact[bool]
    refresh_parameters: Fact[tuple[str, ...]]

    def all(self) -> dict[str, Fact[Any]]:
        """Return every fact by its name."""
        return {name: fact for name, fact in vars(self).items() if fact is not None}


@dataclass(frozen=True, kw_only=True)
class McpClient:
    """
    An MCP client, and what an administrator needs where it cannot register itself.

    ``redirect_uris`` are all to be registered. ``client_id`` and ``client_secret`` say where to enter
    them in the client; ``facts`` are what else matters. ``connection`` is how the client connects.

    ``setup`` says where a user adds the server at ``URL``, and ``sign_in`` how they then start the
    sign-in, if the client does not offer it. ``messages`` are sentences that it shows when it fails;
    the note of each says what it means.
    """

    name: str
    title: str
    redirect_uris: Fact[tuple[str, ...]]
    client_id: Fact[str]
    client_secret: Fact[str]
    facts: tuple[Fact[str], ...] = ()
    setup: Fact[str] | None = None
    sign_in: Fact[str] | None = None
    messages: tuple[Fact[str], ...] = ()
    connection: ConnectionFacts | None = None
