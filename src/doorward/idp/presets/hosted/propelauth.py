"""PropelAuth. Its OAuth API tells the organizations of a user, its ID tokens do not."""

from datetime import date

from doorward.idp.facts import (
    OWN_TOKENS,
    UNSOURCED,
    Answer,
    ManualRegistration,
    Quirk,
    Source,
    matrix_of,
)
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn, SignInEndpoints

_SEEN = date(2026, 11, 30)
_GUIDE = Source("https://docs.propelauth.com/guides/oauth2", _SEEN)
_API = Source("https://docs.propelauth.com/reference/api/oauth2", _SEEN)
_MCP = Source("https://docs.propelauth.com/mcp-authentication/overview", _SEEN)
_FASTMCP = Source("https://gofastmcp.com/v3/integrations/propelauth", _SEEN)
_OPENAPI = Source(
    "https://github.com/api-evangelist/propelauth (8acf0baa), openapi/propelauth-oauth2-api-openapi.yml",
    _SEEN,
)
_METADATA = Source(
    "https://raw.githubusercontent.com/api-evangelist/propelauth/main/collections/propelauth-metadata-api.opencollection.json",
    _SEEN,
)
_USER = Source(
    "https://raw.githubusercontent.com/api-evangelist/propelauth/refs/heads/main/json-schema/propelauth-user-schema.json",
    _SEEN,
)
_PRICES = Source(
    "https://raw.githubusercontent.com/api-evangelist/propelauth/refs/heads/main/finops/propelauth-finops.yml",
    date(2026, 5, 25),
)

_SCREEN = _GUIDE.says(
    "Frontend Integration > Advanced Settings > Edit OAuth Config: Redirect URI, Client ID and Client Secret"
)

PROPELAUTH = Preset(
    name="propelauth",
    title="PropelAuth",
    issuer="https://{auth domain}",
    discovery=_METADATA.says(
        ("https://{auth domain}/.well-known/oauth-authorization-server/oauth/2.1",),
        "for MCP clients",
    ),
    audience="The application: introspection tells whether a token is for it.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    claims=_FASTMCP.suggests("Access tokens of MCP clients are opaque."),
    tokens="opaque",
    lookup=_FASTMCP.suggests(
        "RFC 7662 at {issuer}/oauth/2.1/introspect, with the credentials from MCP > Request Validation."
    ),
    facts=(
        _FASTMCP.says("The auth domain is the Auth URL on the page Backend Integration."),
        _METADATA.says("MCP clients have an issuer of their own, with /oauth/2.1 at its end."),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_MCP.says("A client can register only if its redirect URI is allowed."),
            remedy=_MCP.says("MCP > Enable MCP; then MCP > Allowed MCP Clients."),
        ),
        Quirk(
            departs_from="RFC 9068",
            fact=_FASTMCP.suggests("Access tokens are opaque, so each must be looked up."),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(
        place=_SCREEN, redirect_uris=_GUIDE.says("Compared exactly, unless they have a wildcard.")
    ),
    matrix=matrix_of(
        pkce=_OPENAPI.says(Answer.YES),
        rfc8414=_METADATA.says(Answer.YES, "for MCP clients"),
        rfc7591=_FASTMCP.says(Answer.OPT_IN, "a setting of MCP"),
        oidc=_OPENAPI.says(Answer.YES),
        jwt=_FASTMCP.suggests(Answer.NO, "opaque"),
        introspection=_FASTMCP.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        endpoints=SignInEndpoints(
            authorization="{issuer}/propelauth/oauth/authorize",
            token="{issuer}/propelauth/oauth/token",  # noqa: S106
            userinfo="{issuer}/propelauth/oauth/userinfo",
        ),
        offline_scope=None,
        client_auth_method="client_secret_basic",
        subject_claim="user_id",
        name_claims=("name", "first_name", "username", "email"),
        username_claims=("username", "email"),
        email_verified_claim="email_confirmed",
        organization_claims=("organizations",),
        extensions=("propelauth-organizations",),
        groups_claim=None,
        redirect_screen=_SCREEN,
        cost=(
            _PRICES.says(
                "A plan includes 10,000 monthly active users; each further one costs $0.05."
            ),
        ),
        refresh=(_OPENAPI.says("The token endpoint exchanges a refresh token for new tokens."),),
        limits=(UNSOURCED.suggests("Roles in an organization are not read."),),
        facts=(
            _USER.says("email_confirmed tells whether the address is verified."),
            _USER.says("org_id_to_org_info has the user's organizations, by their ids."),
            _API.says("state is required."),
        ),
    ),
)
