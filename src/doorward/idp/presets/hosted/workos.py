"""WorkOS AuthKit."""

from datetime import date

from doorward.idp.facts import EXACTLY, UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_RECORDED = date(2026, 9, 21)
_OAUTH = Source("recorded: workos_authkit_oauth-authorization-server.json", _RECORDED)
_OPENID = Source("recorded: workos_authkit_openid-configuration.json", _RECORDED)
_CLAIMS = Source("https://workos.com/docs/authkit/connect/token-claims", date(2026, 11, 21))
_CIMD = Source(
    "https://workos.com/changelog/client-id-metadata-support-for-mcp-auth", date(2025, 11, 30)
)
_RESOURCE = Source(
    "https://workos.com/docs/reference/authkit/oauth-resource.md", date(2026, 11, 22)
)
_MENU = Source("https://docs.skybridge.tech/api-reference/workos-provider", date(2026, 11, 22))

_SCREENS = Source(
    "https://github.com/jlowin/fastmcp (b14b137f), docs/integrations/workos.mdx", date(2026, 11, 30)
)
_PRICES = Source(
    "https://raw.githubusercontent.com/api-evangelist/workos/main/plans/workos-plans-pricing.yml",
    date(2026, 5, 22),
)

WORKOS = Preset(
    name="workos",
    aliases=("authkit",),
    title="WorkOS AuthKit",
    issuer="https://{name}.authkit.app",
    discovery=_OAUTH.says(
        (
            "https://{name}.authkit.app/.well-known/oauth-authorization-server",
            "https://{name}.authkit.app/.well-known/openid-configuration",
        )
    ),
    audience="The resource indicator, where one is configured; else the environment's client id.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="workos",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        required_claims=frozenset({"iat", "jti", "scope"}),
    ),
    claims=_CLAIMS.suggests(
        "client_id is the client, scope a text, org_id the organization; typ was not verified."
    ),
    quirks=(
        Quirk(
            departs_from="RFC 8414 §2",
            fact=_OPENID.says(
                "The OpenID document lacks PKCE, registration and client documents, which the OAuth one has."
            ),
            remedy=_OAUTH.says("Nothing to set: read the OAuth document first, as clients do."),
        ),
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_RESOURCE.says(
                "Resource indicators must be configured, or aud is the environment."
            ),
            remedy=_RESOURCE.says(
                "Make an MCP resource indicator with the MCP URL (dashboard, or POST /user_management/authkit_oauth_resources)."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_MENU.says("Dynamic registration must be turned on."),
            remedy=_MENU.says("Connect > Configuration: Dynamic Client Registration."),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests("Applications > Create application > OAuth; Redirect URIs."),
        redirect_uris=EXACTLY,
    ),
    matrix=Matrix(
        pkce=_OAUTH.says(Answer.YES, "in the OAuth document alone"),
        rfc8414=_OAUTH.says(Answer.YES),
        rfc7591=_MENU.says(Answer.OPT_IN, "a switch in the dashboard"),
        rfc8707=_RESOURCE.says(Answer.OPT_IN, "resources are configured in the dashboard"),
        oidc=_OPENID.says(Answer.YES, "poorer than the OAuth document"),
        cimd=_CIMD.says(Answer.YES),
        rfc9207=_OAUTH.says(Answer.NO),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_CLAIMS.says(Answer.YES),
        introspection=_OAUTH.says(Answer.YES),
        revocation=_OAUTH.says(Answer.NO, "not in the document"),
    ),
    sign_in=ProviderSignIn(
        organization_claims=("org_id",),
        groups_claim=None,
        redirect_screen=_SCREENS.says(
            "Applications > Create Application > OAuth Application: Client Secret and Redirect URIs"
        ),
        cost=(
            _PRICES.says("AuthKit is free for one million monthly active users."),
            _PRICES.says("An enterprise connection (SAML, OIDC) costs up to $125 a month."),
        ),
    ),
)
