"""Bitbucket Cloud. It has plain OAuth, with an API of its own for addresses and workspaces."""

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
_OAUTH = Source("https://developer.atlassian.com/cloud/bitbucket/oauth-2", _SEEN)
_SCREENS = Source(
    "https://support.atlassian.com/bitbucket-cloud/docs/use-oauth-on-bitbucket-cloud", _SEEN
)
_USERS = Source("https://developer.atlassian.com/cloud/bitbucket/rest/api-group-users/", _SEEN)
_LIFETIME = Source("https://github.com/terrakube-io/terrakube/issues/47", _SEEN)
_WORKSPACES = Source("https://gitlab.com/gitlab-org/gitlab/-/work_items/589153", _SEEN)
_PKCE = Source("https://github.com/avivsinai/bitbucket-cli/issues/153", _SEEN)

_SCREEN = _SCREENS.says(
    "Settings cog > Workspace settings > OAuth consumers (newer screens: OAuth clients) > Add consumer: Callback URL, and the permissions Account > Email and Read"
)

BITBUCKET = Preset(
    name="bitbucket",
    title="Bitbucket Cloud",
    issuer="https://bitbucket.org",
    discovery=UNSOURCED.suggests((), "it publishes no metadata"),
    audience="None: a token is for Bitbucket's own API.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    claims=UNSOURCED.suggests("Access tokens are for Bitbucket's API alone."),
    tokens="opaque",
    lookup=UNSOURCED.suggests("None that tells for which application a token is."),
    quirks=(
        Quirk(
            departs_from="RFC 8414 §3",
            fact=UNSOURCED.suggests("There is no metadata, so no MCP client finds the endpoints."),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(
        place=_SCREEN,
        redirect_uris=_SCREENS.says(
            "One per consumer; a request may extend the path of the registered URL."
        ),
    ),
    matrix=matrix_of(
        pkce=UNSOURCED.suggests(Answer.UNKNOWN, "not documented"),
        rfc8414=UNSOURCED.suggests(Answer.NO),
        rfc7591=UNSOURCED.suggests(Answer.NO),
        oidc=UNSOURCED.suggests(Answer.NO),
        introspection=UNSOURCED.suggests(Answer.NO),
    ),
    sign_in=ProviderSignIn(
        endpoints=SignInEndpoints(
            authorization="https://bitbucket.org/site/oauth2/authorize",
            token="https://bitbucket.org/site/oauth2/access_token",  # noqa: S106
            userinfo="https://api.bitbucket.org/2.0/user",
        ),
        scopes=("account", "email"),
        offline_scope=None,
        client_auth_method="client_secret_basic",
        subject_claim="uuid",
        name_claims=("display_name",),
        username_claims=("username", "nickname"),
        organization_claims=("organizations",),
        extensions=("bitbucket-emails", "bitbucket-workspaces"),
        groups_claim=None,
        redirect_screen=_SCREEN,
        cost=(UNSOURCED.suggests("An OAuth consumer costs nothing."),),
        refresh=(
            _LIFETIME.says("An access token lives for two hours, and comes with a refresh token."),
        ),
        limits=(
            _PKCE.says(
                "Bitbucket does not document PKCE. Doorward sends it, and the client secret protects the code."
            ),
        ),
        facts=(
            _USERS.says("The addresses need the scope email, and can be unconfirmed."),
            _WORKSPACES.says(
                "GET /2.0/workspaces has ended; GET /2.0/user/workspaces replaces it."
            ),
            UNSOURCED.suggests("A workspace is named by its slug, as in bitbucket.org/acme."),
        ),
    ),
)
