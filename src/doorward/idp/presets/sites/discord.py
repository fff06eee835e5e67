"""Discord. Its OpenID metadata is not enough to sign people in, its OAuth API is."""

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
from doorward.idp.sign_in import ProviderSignIn, SignInEndpoints

_SEEN = date(2026, 11, 30)
_OAUTH = Source("https://docs.discord.com/developers/topics/oauth2", _SEEN)
_USERINFO = Source("https://github.com/discord/discord-api-docs/issues/7377", _SEEN)
_SUBJECT = Source("https://github.com/discord/discord-api-docs/issues/7460", _SEEN)
_METADATA = Source("https://github.com/discord/discord-api-docs/issues/8534", _SEEN)
_CLAIMS = Source(
    "https://github.com/nextauthjs/next-auth (a1a16a5a7), packages/core/src/providers/discord.ts",
    _SEEN,
)

_SCREENS = Source(
    "https://github.com/jlowin/fastmcp (b14b137f), docs/integrations/discord.mdx", _SEEN
)
_SCREEN = _SCREENS.says(
    "https://discord.com/developers/applications > New Application > OAuth2: Client ID, Client Secret and Redirects"
)

DISCORD = Preset(
    name="discord",
    title="Discord",
    issuer="https://discord.com",
    discovery=_USERINFO.says(("https://discord.com/.well-known/openid-configuration",)),
    audience="None: a token is for Discord's own API.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    claims=UNSOURCED.suggests("Access tokens are opaque; GET /users/@me tells whose they are."),
    tokens="opaque",
    lookup=UNSOURCED.suggests(
        "GET https://discord.com/api/oauth2/@me names the application and the user of a token."
    ),
    quirks=(
        Quirk(
            departs_from="OpenID Connect Discovery 1.0 §3",
            fact=_USERINFO.says("The OpenID metadata did not name the userinfo endpoint."),
            remedy=_OAUTH.suggests("Nothing to set: this preset uses Discord's OAuth API."),
        ),
        Quirk(
            departs_from="RFC 8707 §2",
            fact=UNSOURCED.suggests("No token can name the MCP server as its audience."),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(place=_SCREEN, redirect_uris=EXACTLY),
    matrix=matrix_of(
        rfc7591=UNSOURCED.suggests(Answer.NO),
        oidc=_METADATA.says(Answer.PARTLY, "the metadata is not complete"),
        jwt=UNSOURCED.suggests(Answer.NO, "opaque"),
        introspection=UNSOURCED.suggests(Answer.NO),
        revocation=_OAUTH.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        endpoints=SignInEndpoints(
            authorization="https://discord.com/oauth2/authorize",
            token="https://discord.com/api/oauth2/token",  # noqa: S106
            userinfo="https://discord.com/api/users/@me",
            revocation="https://discord.com/api/oauth2/token/revoke",
        ),
        scopes=("identify", "email"),
        offline_scope=None,
        membership_scopes=("guilds",),
        client_auth_method="client_secret_basic",
        subject_claim="id",
        name_claims=("global_name", "username"),
        username_claims=("username",),
        email_verified_claim="verified",
        organization_claims=("organizations",),
        extensions=("discord-guilds",),
        groups_claim=None,
        redirect_screen=_SCREEN,
        cost=(UNSOURCED.suggests("An application costs nothing."),),
        refresh=(
            _OAUTH.suggests(
                "An access token lives for seven days, and comes with a refresh token."
            ),
        ),
        limits=(UNSOURCED.suggests("The roles that a member has in a server are not read."),),
        facts=(
            _CLAIMS.says("verified tells whether Discord has verified the e-mail address."),
            _SUBJECT.says(
                "The user's id is in id, and the ID token has nothing else about the user."
            ),
            UNSOURCED.suggests(
                "A server is named by its id, such as 197038439483310086: anybody can choose its name."
            ),
        ),
    ),
)
