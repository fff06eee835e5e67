"""Keycloak."""

from datetime import date

from doorward.idp.preset import Fact, Preset
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)

KEYCLOAK = Preset(
    name="keycloak",
    title="Keycloak",
    issuer="https://{host}/realms/{realm}",
    audience="'account' or nothing, unless an Audience mapper adds this server's URL.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="keycloak",
        types=frozenset({"jwt", "at+jwt"}),
        client_claims=("azp", "client_id"),
        role_paths=("realm_access.roles",),
        required_claims=frozenset({"iat", "jti"}),
        # ID, refresh and logout tokens say "ID", "Refresh" and "Logout" here. Not by nonce: older
        # versions put it into access tokens as well.
        required_values={"typ": "Bearer"},
        forbidden_claims=frozenset({"at_hash", "c_hash", "events"}),
        service_marks={"client_id": None},
    ),
    facts=(
        Fact(
            says="The header's typ is JWT unless the client sets access.token.header.type.rfc9068.",
            source="https://github.com/keycloak/keycloak (26.7, at 1054d126)",
            seen=_SEEN,
        ),
        Fact(
            says="The payload's typ is Bearer in access tokens and something else in all others.",
            source="https://github.com/keycloak/keycloak (26.7, at 1054d126)",
            seen=_SEEN,
        ),
        Fact(
            says="aud is 'account' or absent; resource is ignored without --features=resource-indicators.",
            source="https://github.com/keycloak/keycloak/blob/1054d126/docs/guides/securing-apps/mcp-authz-server.adoc",
            seen=_SEEN,
        ),
        Fact(
            says="Tokens of service accounts carry client_id beside azp.",
            source="https://github.com/keycloak/keycloak (26.7, at 1054d126)",
            seen=_SEEN,
        ),
    ),
)
