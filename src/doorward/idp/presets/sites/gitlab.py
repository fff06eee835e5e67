"""GitLab.com, and GitLab instances that operators run themselves."""

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
_OPENID = Source("https://docs.gitlab.com/integration/openid_connect_provider", _SEEN)
_APPLICATIONS = Source("https://docs.gitlab.com/integration/oauth_provider", _SEEN)
_GROUPS = Source("https://github.com/artifact-keeper/artifact-keeper/pull/2833", _SEEN)

_SCREEN = _APPLICATIONS.says(
    "Avatar > Edit profile > Applications > Add new application: Confidential, Redirect URI, and the scopes openid, profile and email. A group or an instance can own the application, too"
)

GITLAB = Preset(
    name="gitlab",
    title="GitLab",
    issuer="https://gitlab.com",
    discovery=_OPENID.says(("https://gitlab.com/.well-known/openid-configuration",)),
    audience="None: a token is for GitLab's own API.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    claims=UNSOURCED.suggests("Access tokens are opaque; the published keys are of ID tokens."),
    tokens="opaque",
    lookup=UNSOURCED.suggests("RFC 7662 at {issuer}/oauth/introspect, with client authentication."),
    facts=(
        _OPENID.says("Another instance is its own issuer: https://gitlab.example.com."),
        _OPENID.says("groups is in userinfo alone; it has the full paths of the user's groups."),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 8707 §2",
            fact=UNSOURCED.suggests("No token can name the MCP server as its audience."),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(place=_SCREEN, redirect_uris=EXACTLY),
    matrix=matrix_of(
        pkce=UNSOURCED.suggests(Answer.YES),
        oidc=_OPENID.says(Answer.YES),
        jwt=UNSOURCED.suggests(Answer.NO, "opaque"),
        introspection=UNSOURCED.suggests(Answer.YES),
        revocation=UNSOURCED.suggests(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        # Refresh tokens always come, and an unknown scope is refused.
        offline_scope=None,
        # Groups, name and username are in userinfo alone.
        userinfo=True,
        username_claims=("preferred_username", "nickname"),
        redirect_screen=_SCREEN,
        cost=(_OPENID.says("Every tier can do this, Free included."),),
        refresh=(
            UNSOURCED.suggests("An access token lives for two hours, and each refresh token once."),
        ),
        facts=(
            _GROUPS.says(
                "The ID token has direct memberships only, in groups_direct; userinfo has inherited ones, too."
            ),
            _OPENID.says("email is the primary address, and email_verified is a boolean."),
            UNSOURCED.suggests("A refreshed ID token has no nonce."),
        ),
    ),
)
