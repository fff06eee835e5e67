"""Sign in with Slack. Slack's API reports errors with status 200."""

from datetime import date

from doorward.idp.facts import (
    EXACTLY,
    OWN_TOKENS,
    UNSOURCED,
    Answer,
    ManualRegistration,
    Quirk,
    Source,
    matrix_of,
)
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn

_SEEN = date(2026, 11, 30)
_GUIDE = Source("https://api.slack.com/docs/sign-in-with-slack", _SEEN)
_SCREENS = Source("https://docs.slack.dev/tools/java-slack-sdk/guides/sign-in-with-slack", _SEEN)
_ROTATION = Source("https://docs.slack.dev/authentication/using-token-rotation", _SEEN)
_METHOD = Source("https://docs.slack.dev/reference/methods/openid.connect.token", _SEEN)
_PKCE = Source(
    "https://hex.pm/packages/slack_kit (0.25.0-alpha.0), openid.connect.token.json", _SEEN
)
_NONCE = Source("https://github.com/immich-app/immich/issues/29055", _SEEN)
_CLAIMS = Source(
    "https://github.com/nextauthjs/next-auth (a1a16a5a7), packages/core/src/providers/slack.ts",
    _SEEN,
)

_SCREEN = _SCREENS.says(
    "Your app > OAuth & Permissions > Redirect URLs; the user scopes openid, profile and email. Client ID and secret: Basic Information > App Credentials"
)

SLACK = Preset(
    name="slack",
    title="Slack",
    issuer="https://slack.com",
    discovery=_GUIDE.suggests(("https://slack.com/.well-known/openid-configuration",)),
    audience="None: a token is for Slack's own API.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    claims=UNSOURCED.suggests("Access tokens (xoxp-…) are opaque; the keys are of ID tokens."),
    tokens="opaque",
    lookup=UNSOURCED.suggests("None that tells for which application a token is."),
    quirks=(
        Quirk(
            departs_from="RFC 6749 §5.2",
            fact=UNSOURCED.suggests("Errors come as ok: false with status 200."),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(place=_SCREEN, redirect_uris=EXACTLY),
    matrix=matrix_of(
        pkce=_PKCE.says(Answer.YES, "code_verifier is an argument of the token method"),
        rfc7591=UNSOURCED.suggests(Answer.NO),
        oidc=_GUIDE.says(Answer.YES),
        jwt=UNSOURCED.suggests(Answer.NO, "opaque"),
        introspection=UNSOURCED.suggests(Answer.NO),
    ),
    sign_in=ProviderSignIn(
        offline_scope=None,
        client_auth_method="client_secret_post",
        # The workspace. Its id stays, and its domain can change.
        organization_claims=("https://slack.com/team_id",),
        groups_claim=None,
        redirect_screen=_SCREEN,
        cost=(UNSOURCED.suggests("Signing people in costs nothing; it works with every plan."),),
        refresh=(
            _ROTATION.says(
                "Without token rotation, an access token never expires, and there is no refresh token."
            ),
            _ROTATION.says(
                "With token rotation, an access token lives for 12 hours, and each refresh token works once."
            ),
        ),
        limits=(
            UNSOURCED.suggests("Slack's user groups are in no claim."),
            UNSOURCED.suggests(
                "An app that is not distributed publicly signs in people of its own workspace only."
            ),
        ),
        facts=(
            _CLAIMS.says("https://slack.com/team_id is the workspace, such as T0123ABCD."),
            _NONCE.says("nonce is an empty text in ID tokens if the request had none."),
            _METHOD.says("The client id and secret are arguments of the token method."),
        ),
    ),
)
