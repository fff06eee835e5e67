"""Auth0."""

from datetime import date

from doorward.idp.preset import Fact, Preset
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)

AUTH0 = Preset(
    name="auth0",
    title="Auth0",
    issuer="https://{tenant}.{region}.auth0.com/",
    audience="The API's identifier; a list with …/userinfo beside it when openid was asked for.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="auth0",
        types=frozenset({"jwt", "at+jwt"}),
        client_claims=("client_id", "azp"),
        # Permissions are what the user may do, not what he let this client do: they are roles here.
        role_paths=("permissions",),
        service_marks={"gty": "client-credentials"},
    ),
    facts=(
        Fact(
            says="typ is JWT with azp, or at+jwt with client_id and jti in the RFC 9068 profile.",
            source="https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles",
            seen=_SEEN,
        ),
        Fact(
            says="The issuer ends in a slash.",
            source="https://github.com/anthropics/claude-ai-mcp/issues/984",
            seen=_SEEN,
        ),
        Fact(
            says="Without an API's audience the access token is opaque.",
            source="https://auth0.com/docs/secure/tokens/access-tokens",
            seen=_SEEN,
        ),
    ),
)
