"""The columns of the table of providers, in order."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column: ``key`` is the field of ``Matrix``, ``title`` its heading, ``asks`` the question."""

    key: str
    title: str
    asks: str


COLUMNS: tuple[Column, ...] = (
    Column("pkce", "PKCE", "Does it work, and does the metadata say S256? (RFC 7636)"),
    Column("rfc8414", "8414", "Is there an OAuth metadata document? (RFC 8414)"),
    Column("rfc7591", "7591", "Can a client register itself? (RFC 7591)"),
    Column("rfc8707", "8707", "Does `resource` decide the audience? (RFC 8707)"),
    Column("oidc", "OIDC", "Is there an OpenID discovery document?"),
    Column("cimd", "CIMD", "May a URL be a client id? (client ID metadata documents)"),
    Column("rfc9207", "9207", "Does the authorization response name its issuer? (RFC 9207)"),
    Column("dpop", "DPoP", "Can tokens be bound to a key? (RFC 9449)"),
    Column("jwt", "JWT", "Are access tokens JWTs?"),
    Column("introspection", "intro", "Can a token be looked up? (RFC 7662)"),
    Column("revocation", "revoc", "Can a token be revoked? (RFC 7009)"),
)
"""The four columns of the first table, then those that decide interoperability now."""
