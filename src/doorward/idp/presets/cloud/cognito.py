"""Amazon Cognito user pools."""

from datetime import date

from doorward.idp.facts import UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_TOKENS = Source("https://github.com/jlowin/fastmcp, server/auth/providers/aws.py", _SEEN)
_DOCUMENT = Source("recorded: cognito_openid-configuration.json", _SEEN)
_NO_PKCE = Source("https://github.com/anthropics/claude-ai-mcp/issues/946", date(2026, 8, 28))
_KEYS = Source("https://github.com/anthropics/claude-code/issues/67258", date(2026, 8, 27))
_SCOPE = Source("https://github.com/openchoreo/openchoreo/issues/3217", _SEEN)
_SURVEY = Source("https://zuplo.com/learn/mcp/compatibility/identity-providers", date(2026, 7, 24))
_NEWS = Source(
    "https://cloudsteak.com/aws-amazon-cognito-now-supports-resource-indicators-to-simplify-enhancing-protection-of-oauth-2-0-resources",
    date(2026, 11, 22),
)

_CALLBACKS = Source(
    "https://docs.aws.amazon.com/sdk-for-kotlin/api/latest/cognitoidentityprovider/aws.sdk.kotlin.services.cognitoidentityprovider.model/-create-user-pool-client-request/callback-urls.html",
    date(2026, 11, 30),
)
_BY_HAND = UNSOURCED.suggests(
    "App clients > Create app client, with or without a secret; Login pages > Allowed callback URLs; give its Client ID to the client."
)
_SCREENS = Source(
    "https://github.com/jlowin/fastmcp (b14b137f), docs/integrations/aws-cognito.mdx",
    date(2026, 11, 30),
)
_PRICES = Source(
    "https://raw.githubusercontent.com/api-evangelist/amazon-cognito/refs/heads/main/plans/amazon-cognito-plans-pricing.yml",
    date(2026, 9, 20),
)
_NONCE = Source("https://github.com/photoprism/photoprism/issues/5695", date(2026, 11, 30))
_VERIFIED = Source("https://github.com/coreos/go-oidc/issues/249", date(2026, 11, 30))

COGNITO = Preset(
    name="cognito",
    aliases=("aws", "amazon-cognito"),
    title="Amazon Cognito",
    issuer="https://cognito-idp.{region}.amazonaws.com/{pool}",
    discovery=_DOCUMENT.says(
        ("https://cognito-idp.{region}.amazonaws.com/{pool}/.well-known/openid-configuration",)
    ),
    audience="None. Name the ids of the app clients whose tokens are accepted instead.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=TokenProfile(
        name="cognito",
        types=frozenset({"jwt"}),
        type_may_be_absent=True,
        audience_claim="client_id",
        role_paths=("cognito:groups",),
        name_claims=("username",),
        required_claims=frozenset({"iat", "jti"}),
        required_values={"token_use": "access"},
    ),
    claims=_TOKENS.says(
        "Access tokens have no aud; client_id is the app client and token_use is access."
    ),
    facts=(
        _TOKENS.says(
            "scope is a text of resource-server/scope names; groups are in cognito:groups."
        ),
        _DOCUMENT.says("The endpoints are on another host than the issuer."),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 8414 §2; MCP 2026-07-28 authorization, PKCE",
            fact=_NO_PKCE.says(
                "PKCE works and code_challenge_methods_supported is absent, so strict clients refuse."
            ),
            remedy=UNSOURCED.suggests(
                "There is no setting. Sign people in with GuardWithSignIn, which issues tokens of its own for this server."
            ),
        ),
        Quirk(
            departs_from="RFC 9068 §2.2",
            fact=_TOKENS.says("Access tokens have no aud."),
            remedy=_TOKENS.suggests(
                "Give Guard the app client ids as audience; this preset compares them to client_id."
            ),
        ),
        Quirk(
            departs_from="RFC 6749 §3.3",
            fact=_SCOPE.says(
                "A scope that the app client does not have is refused as invalid_scope."
            ),
            remedy=UNSOURCED.suggests(
                "App clients > your client > Login pages > Edit > Custom scopes: tick every scope that the MCP server asks for."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_SURVEY.says("There is no dynamic registration."),
            remedy=_BY_HAND,
        ),
    ),
    manual=ManualRegistration(
        place=_BY_HAND,
        redirect_uris=_CALLBACKS.says(
            "Compared exactly. Only https is accepted, and http://localhost; http://127.0.0.1 is not."
        ),
    ),
    matrix=Matrix(
        pkce=_NO_PKCE.says(Answer.PARTLY, "works, and the metadata does not say so"),
        rfc8414=_DOCUMENT.says(Answer.NO),
        rfc7591=_SURVEY.says(Answer.NO),
        rfc8707=_NEWS.suggests(
            Answer.OPT_IN, "announced for managed login (Essentials, Plus); another survey says no"
        ),
        oidc=_DOCUMENT.says(Answer.YES),
        cimd=UNSOURCED.suggests(Answer.NO, "nothing found"),
        rfc9207=_DOCUMENT.says(Answer.NO),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_TOKENS.says(Answer.YES, "without aud"),
        introspection=_DOCUMENT.says(Answer.NO),
        revocation=_KEYS.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        # Refresh tokens always come, and a scope that is unknown is refused.
        offline_scope=None,
        email_verified="true or text",
        groups_claim="cognito:groups",
        redirect_screen=_SCREENS.says(
            "Your user pool > App clients > Create app client > Traditional web application; then Login pages: Allowed callback URLs, Authorization code grant, and the scopes openid, email and profile"
        ),
        cost=(
            _PRICES.says(
                "Essentials and Lite are free for 10,000 monthly active users; then $0.015 and $0.0055 each."
            ),
            _PRICES.says("Plus has no free tier."),
        ),
        refresh=(
            UNSOURCED.suggests("A refresh token lives for 30 days, unless you set another time."),
        ),
        limits=(_SCOPE.says("A scope that the app client does not have is refused."),),
        facts=(
            _VERIFIED.says('email_verified of userinfo is the text "true".'),
            UNSOURCED.suggests("invalid_client comes with status 400."),
            _NONCE.says("ID tokens of federated users have a nonce, also if none was sent."),
        ),
    ),
)
