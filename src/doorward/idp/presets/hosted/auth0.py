"""Auth0."""

from datetime import date

from doorward.idp.facts import EXACTLY, UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_PROFILES = Source(
    "https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles", _SEEN
)
_TOKENS = Source("https://auth0.com/docs/secure/tokens/access-tokens", _SEEN)
_ISSUE = Source("https://github.com/anthropics/claude-ai-mcp/issues/984", _SEEN)
_DOCUMENT = Source("recorded: auth0_openid-configuration_2026-04.json", date(2026, 4, 1))
_TOGGLES = Source(
    "https://auth0.com/ai/docs/mcp/guides/resource-param-compatibility-profile.md",
    date(2026, 11, 22),
)
_CIMD = Source(
    "https://auth0.com/docs/get-started/auth0-overview/create-applications/cimd-overview.md",
    date(2026, 11, 22),
)
_SERVICE = Source(
    "https://auth0.com/docs/api-auth/tutorials/client-credentials", date(2026, 11, 22)
)
_RESOURCE = Source("https://github.com/danny-avila/LibreChat/issues/13401", _SEEN)
_CLI = Source("https://github.com/auth0/auth0-deploy-cli/releases (8.29.0)", _SEEN)

_SCREENS = Source(
    "https://github.com/jlowin/fastmcp (b14b137f), docs/integrations/auth0.mdx", date(2026, 11, 30)
)
_PRICES = Source(
    "https://raw.githubusercontent.com/api-evangelist/auth0/refs/heads/main/plans/auth0-plans-pricing.yml",
    date(2026, 9, 20),
)

AUTH0 = Preset(
    name="auth0",
    title="Auth0",
    issuer="https://{tenant}.{region}.auth0.com/",
    discovery=_ISSUE.says(
        (
            "https://{tenant}.{region}.auth0.com/.well-known/oauth-authorization-server",
            "https://{tenant}.{region}.auth0.com/.well-known/openid-configuration",
        )
    ),
    audience="The API's identifier; a list with …/userinfo beside it when openid was asked for.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="auth0",
        types=frozenset({"jwt", "at+jwt"}),
        client_claims=("client_id", "azp"),
        # Permissions are what the user may do, not what he let this client do: they are roles here.
        role_paths=("permissions",),
        service_subjects=("{client}", "{client}@clients"),
        service_claims={"gty": "client-credentials"},
    ),
    claims=_PROFILES.says(
        "typ is JWT with azp, or at+jwt with client_id and jti in the RFC 9068 profile; scope is a text."
    ),
    tokens="either",
    lookup=_DOCUMENT.says(
        "None: the metadata names no introspection endpoint. Make an API, and tokens are JWTs."
    ),
    facts=(
        _ISSUE.says("The issuer ends in a slash."),
        _SERVICE.suggests(
            "With client credentials sub is {client id}@clients, and the default profile says gty: client-credentials."
        ),
        _TOKENS.says("Without an API's audience the access token is opaque."),
        _CLI.says("DPoP is generally available since March 2026."),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_RESOURCE.says(
                "`resource` is honoured only with the compatibility profile; `audience` wins over it."
            ),
            remedy=_TOGGLES.says(
                "Settings > Advanced > Resource Parameter Compatibility Profile: on; and Applications > APIs: an API with the MCP URL as Identifier."
            ),
        ),
        Quirk(
            departs_from="RFC 8414 §2",
            fact=_DOCUMENT.says(
                "registration_endpoint is advertised while dynamic registration is off."
            ),
            remedy=UNSOURCED.suggests(
                "Settings > Advanced > OIDC Dynamic Application Registration: on; clients become third-party applications that need a domain-level connection and a default audience."
            ),
        ),
        Quirk(
            departs_from="RFC 9207 §3",
            fact=_TOGGLES.says("No iss in authorization responses unless the tenant asks for it."),
            remedy=_TOGGLES.says(
                "Settings > Advanced > Include Issuer in Authorization Responses: on."
            ),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "Applications > Applications > Create Application > Native, or Regular Web Application for a client with a secret; Settings > Allowed Callback URLs."
        ),
        redirect_uris=EXACTLY,
    ),
    matrix=Matrix(
        pkce=_DOCUMENT.says(Answer.YES),
        rfc8414=_ISSUE.says(Answer.YES),
        rfc7591=_DOCUMENT.says(
            Answer.OPT_IN, "off by default and advertised all the same; anonymous once on"
        ),
        rfc8707=_TOGGLES.says(Answer.OPT_IN, "compatibility profile; audience wins"),
        oidc=_DOCUMENT.says(Answer.YES),
        cimd=_CIMD.says(Answer.OPT_IN, "manual import; dynamic import is early access"),
        rfc9207=_TOGGLES.says(Answer.OPT_IN, "a setting of the tenant"),
        dpop=_DOCUMENT.says(Answer.YES, "ES256"),
        jwt=_TOKENS.says(Answer.PARTLY, "only with an API's audience, else opaque"),
        introspection=_DOCUMENT.says(Answer.NO, "not in the document"),
        revocation=_DOCUMENT.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        organization_claims=("org_id",),
        redirect_screen=_SCREENS.suggests(
            "Applications > Applications > Create Application > Regular Web Application; then Settings > Allowed Callback URLs, and Advanced Settings > Grant Types > Refresh Token"
        ),
        cost=(
            _PRICES.says(
                "Free: 25,000 monthly active users, 5 organizations, 1 enterprise connection."
            ),
            _PRICES.says("Essentials costs $35 a month for up to 500 monthly active users."),
        ),
        refresh=(
            UNSOURCED.suggests(
                "A refresh token needs the grant type Refresh Token in the application."
            ),
            UNSOURCED.suggests(
                "A dead refresh token is answered with status 403 and invalid_grant."
            ),
        ),
        limits=(
            UNSOURCED.suggests(
                "Groups need an Action that adds a claim called groups to the ID token."
            ),
            UNSOURCED.suggests(
                "org_id is there only if the user signed in through an organization."
            ),
        ),
    ),
)
