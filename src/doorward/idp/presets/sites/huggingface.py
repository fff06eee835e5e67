"""Hugging Face."""

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
_DOCS = Source("https://huggingface.co/docs/hub/oauth", _SEEN)
_CLAIMS = Source(
    "https://github.com/nextauthjs/next-auth (a1a16a5a7), packages/core/src/providers/huggingface.ts",
    _SEEN,
)
_LIFETIMES = Source("https://github.com/huggingface/chat-ui/issues/1217", _SEEN)

_SCREEN = _DOCS.suggests(
    "https://huggingface.co/settings/applications/new: the scopes openid, profile and email, and Redirect URLs"
)

HUGGINGFACE = Preset(
    name="huggingface",
    aliases=("hugging-face", "hf"),
    title="Hugging Face",
    issuer="https://huggingface.co",
    discovery=_DOCS.says(("https://huggingface.co/.well-known/openid-configuration",)),
    audience="None: a token is for Hugging Face's own API.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=None,
    claims=UNSOURCED.suggests("Access tokens (hf_oauth_…) are for Hugging Face alone."),
    tokens="opaque",
    lookup=UNSOURCED.suggests("None that tells for which application a token is."),
    quirks=(
        Quirk(
            departs_from="RFC 8707 §2",
            fact=UNSOURCED.suggests("No token can name the MCP server as its audience."),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(place=_SCREEN, redirect_uris=EXACTLY),
    matrix=matrix_of(
        pkce=_CLAIMS.suggests(Answer.YES),
        oidc=_DOCS.says(Answer.YES),
        jwt=UNSOURCED.suggests(Answer.NO),
    ),
    sign_in=ProviderSignIn(
        # The organizations are in userinfo.
        userinfo=True,
        algorithms=("RS256", "ES256"),
        organization_claims=("organizations",),
        extensions=("huggingface-organizations",),
        groups_claim=None,
        redirect_screen=_SCREEN,
        cost=(UNSOURCED.suggests("An application costs nothing."),),
        refresh=(
            _LIFETIMES.says(
                "An access token lives for eight hours, unless Hugging Face changes that."
            ),
            _LIFETIMES.says(
                "A refresh token works once. It lives for three months, and so does the next one."
            ),
        ),
        limits=(UNSOURCED.suggests("Resource groups are not read."),),
        facts=(
            _CLAIMS.says("orgs lists the user's organizations; preferred_username is their name."),
            _CLAIMS.says(
                "pendingSSO and missingMFA mark organizations that the user cannot use now. They admit nobody."
            ),
            _CLAIMS.says("An address must be verified before an application can be authorized."),
        ),
    ),
)
