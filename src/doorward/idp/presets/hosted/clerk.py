"""Clerk as an identity provider."""

from datetime import date

from doorward.idp.facts import (
    EXACTLY,
    OWN_TOKENS,
    Answer,
    ManualRegistration,
    Quirk,
    Source,
    matrix_of,
)
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 30)
_OAUTH = Source(
    "https://github.com/clerk/clerk-docs (013e7fe1), docs/guides/configure/auth-strategies/oauth/how-clerk-implements-oauth.mdx",
    _SEEN,
)
_SSO = Source(
    "https://github.com/clerk/clerk-docs (0a3befef), docs/guides/configure/auth-strategies/oauth/single-sign-on.mdx",
    _SEEN,
)
_AUDIENCE = Source("https://docs.skybridge.tech/api-reference/clerk-provider", _SEEN)
_PRICES = Source(
    "https://raw.githubusercontent.com/api-evangelist/clerk-com/refs/heads/main/plans/clerk-com-plans-pricing.yml",
    date(2026, 9, 20),
)

_SCREEN = _SSO.says(
    "Dashboard > OAuth applications > Add OAuth application: the scopes openid, profile, email and offline_access; then Redirect URIs"
)

CLERK = Preset(
    name="clerk",
    title="Clerk",
    issuer="https://{frontend api}",
    discovery=_OAUTH.says(
        (
            "https://{frontend api}/.well-known/oauth-authorization-server",
            "https://{frontend api}/.well-known/openid-configuration",
        )
    ),
    audience="None. Name the ids of the OAuth applications whose tokens are accepted instead.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=TokenProfile(
        name="clerk",
        types=frozenset({"jwt", "at+jwt"}),
        audience_claim="client_id",
        required_claims=frozenset({"iat", "jti", "scope"}),
    ),
    claims=_AUDIENCE.says("Access tokens have no aud."),
    tokens="either",
    lookup=_SSO.says("RFC 7662 at {issuer}/oauth/token_info, with client authentication."),
    facts=(
        _SSO.says(
            "The issuer is the Frontend API URL, such as https://clerk.example.com, from the API keys page."
        ),
        _OAUTH.says(
            "Access tokens are JWTs by default, and opaque by a setting of the application."
        ),
    ),
    quirks=(
        Quirk(
            departs_from="RFC 9068 §2.2",
            fact=_AUDIENCE.says("Access tokens have no aud."),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(place=_SCREEN, redirect_uris=EXACTLY),
    matrix=matrix_of(
        pkce=_OAUTH.says(Answer.YES),
        rfc8414=_OAUTH.says(Answer.YES),
        rfc7591=_OAUTH.says(Answer.OPT_IN, "a switch in the dashboard"),
        oidc=_SSO.says(Answer.YES),
        cimd=_OAUTH.says(Answer.EXPERIMENTAL, "beta, on request"),
        jwt=_OAUTH.says(Answer.YES, "unless the application says opaque"),
        introspection=_SSO.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        membership_scopes=("user:org:read",),
        # The one that the user chooses on Clerk's consent page.
        organization_claims=("org_id",),
        groups_claim=None,
        redirect_screen=_SCREEN,
        cost=(
            _PRICES.says("Hobby is free, with 50,000 monthly retained users per application."),
            _PRICES.says("Pro costs $25 a month, or $20 if billed annually."),
        ),
        refresh=(_OAUTH.says("An access token lives for one day; refresh tokens never expire."),),
        limits=(
            _OAUTH.says("The user chooses one organization for each sign-in, on Clerk's own page."),
        ),
        facts=(_OAUTH.says("org_id needs the scope user:org:read, and Organizations turned on."),),
    ),
)
