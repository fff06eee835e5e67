"""LinkedIn. It has OpenID Connect without a nonce, and refuses PKCE together with a secret."""

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
_DOCS = Source(
    "https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2",
    _SEEN,
)
_FLOW = Source(
    "https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow",
    _SEEN,
)
_REFRESH = Source(
    "https://learn.microsoft.com/en-us/linkedin/shared/authentication/programmatic-refresh-tokens",
    _SEEN,
)
_SCREENS = Source("https://verbb.io/craft-plugins/social-login/docs/providers/linkedin", _SEEN)
_PKCE = Source("https://github.com/nextauthjs/next-auth/issues/8831", _SEEN)
_NONCE = Source("https://github.com/authlib/authlib/issues/763", _SEEN)
_BASIC = Source(
    "https://github.com/linkedin-developers/linkedin-api-python-client/issues/63", _SEEN
)
_EMAIL = Source("https://better-auth.com/docs/1.6/authentication/linkedin", _SEEN)
_ISSUER = Source("https://github.com/keycloak/keycloak/issues/28686", _SEEN)

_SCREEN = _SCREENS.says(
    "https://www.linkedin.com/developers/apps > your app > Products: Sign In with LinkedIn using OpenID Connect; then Auth > Authorized redirect URLs"
)

LINKEDIN = Preset(
    name="linkedin",
    title="LinkedIn",
    issuer="https://www.linkedin.com/oauth",
    discovery=_ISSUER.says(("https://www.linkedin.com/oauth/.well-known/openid-configuration",)),
    audience="None: a token is for LinkedIn's own API.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    claims=UNSOURCED.suggests("Access tokens are opaque; the published keys are of ID tokens."),
    tokens="opaque",
    lookup=UNSOURCED.suggests("None that is needed here: the tokens are for LinkedIn alone."),
    quirks=(
        Quirk(
            departs_from="RFC 7636 §4.5",
            fact=_PKCE.says(
                "The token endpoint answers invalid_client if an application with a secret sends code_verifier."
            ),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(
        place=_SCREEN,
        redirect_uris=UNSOURCED.suggests("Compared without the query; a fragment is not allowed."),
    ),
    matrix=matrix_of(
        pkce=_PKCE.says(Answer.NO, "not with a client secret"),
        rfc7591=UNSOURCED.suggests(Answer.NO),
        oidc=_ISSUER.says(Answer.PARTLY, "no nonce"),
        jwt=UNSOURCED.suggests(Answer.NO, "opaque"),
    ),
    sign_in=ProviderSignIn(
        # The ID token has no nonce, so it proves nothing here that userinfo does not.
        endpoints=SignInEndpoints(
            authorization="https://www.linkedin.com/oauth/v2/authorization",
            token="https://www.linkedin.com/oauth/v2/accessToken",  # noqa: S106
            userinfo="https://api.linkedin.com/v2/userinfo",
        ),
        offline_scope=None,
        pkce=False,
        client_auth_method="client_secret_post",
        groups_claim=None,
        redirect_screen=_SCREEN,
        cost=(UNSOURCED.suggests("An application costs nothing; it needs a LinkedIn page."),),
        refresh=(
            _REFRESH.says("An access token lives for 60 days; then the user signs in again."),
            _REFRESH.says("Only approved Marketing partners get refresh tokens."),
        ),
        limits=(
            _NONCE.says("ID tokens have no nonce."),
            UNSOURCED.suggests(
                "Without nonce and PKCE, only state ties a code to the browser. Use another provider where you can."
            ),
        ),
        facts=(
            _DOCS.says("Signing in does not verify who the person is."),
            _EMAIL.says("email and email_verified can be absent."),
            _BASIC.says("Client id and secret go into the body of the token request."),
            _FLOW.says("The user accepts all scopes, or none."),
        ),
    ),
)
