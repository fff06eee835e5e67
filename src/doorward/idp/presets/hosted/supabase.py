"""Supabase Auth as an OAuth server."""

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
_START = Source("https://supabase.com/docs/guides/auth/oauth-server/getting-started", _SEEN)
_FLOWS = Source("https://supabase.com/docs/guides/auth/oauth-server/oauth-flows", _SEEN)
_SELF_HOSTED = Source(
    "https://supabase.com/docs/guides/self-hosting/self-hosted-oauth-server", _SEEN
)
_SCREENS = Source("https://github.com/0Itsuki0/SupabaseAsOAuthServer", _SEEN)
_PRICES = Source(
    "https://supabase.com/docs/guides/platform/manage-your-usage/monthly-active-users", _SEEN
)

_SCREEN = _SCREENS.says(
    "Authentication > OAuth Server: enable it, and set the authorization path; then Authentication > OAuth Apps: add a confidential client with its redirect URI"
)

SUPABASE = Preset(
    name="supabase",
    title="Supabase",
    issuer="https://{project}.supabase.co/auth/v1",
    discovery=_START.says(
        (
            "https://{project}.supabase.co/.well-known/oauth-authorization-server/auth/v1",
            "https://{project}.supabase.co/auth/v1/.well-known/openid-configuration",
        )
    ),
    audience="authenticated, in every token of the project.",
    audience_is_resource=False,
    algorithms=("ES256", "RS256"),
    profile=TokenProfile(
        name="supabase",
        types=frozenset({"jwt"}),
        # Tokens of the project's own sessions have no client_id, and no client may use them here.
        client_claims=("client_id",),
        name_claims=("email",),
        required_values={"role": "authenticated"},
    ),
    claims=_FLOWS.says(
        "aud and role are authenticated; client_id is the OAuth client; there is no scope."
    ),
    quirks=(
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_FLOWS.says("aud is authenticated, whatever the client asked for."),
            remedy=OWN_TOKENS,
        ),
        Quirk(
            departs_from="RFC 6749 §3.3",
            fact=_FLOWS.says(
                "Scopes are not enforced: each token has full access to the user's data."
            ),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(place=_SCREEN, redirect_uris=EXACTLY),
    matrix=matrix_of(
        pkce=_FLOWS.says(Answer.YES, "required, S256 only"),
        rfc8414=_START.says(Answer.YES, "inserted before the path"),
        rfc7591=_START.says(Answer.OPT_IN, "allow_dynamic_registration"),
        rfc8707=_FLOWS.suggests(Answer.NO),
        oidc=_FLOWS.says(Answer.YES),
        jwt=_FLOWS.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        # Refresh tokens always come.
        offline_scope=None,
        algorithms=("ES256", "RS256"),
        name_claims=("name", "email"),
        username_claims=("email",),
        groups_claim=None,
        redirect_screen=_SCREEN,
        cost=(
            _START.says("The OAuth server is in beta, and free on all plans during the beta."),
            _PRICES.suggests(
                "Each user who signs in counts as a monthly active user of the project."
            ),
        ),
        refresh=(
            _FLOWS.says("An access token lives for one hour; refresh tokens may rotate."),
            _FLOWS.says("A refreshed answer has no ID token. Doorward reads userinfo then."),
        ),
        limits=(
            _FLOWS.says("You must build the consent page yourself, at the authorization path."),
            _SELF_HOSTED.says(
                "ID tokens need an asymmetric signing key. A project with HS256 has none."
            ),
        ),
        facts=(_FLOWS.says("email_verified is a boolean in the ID token."),),
    ),
)
