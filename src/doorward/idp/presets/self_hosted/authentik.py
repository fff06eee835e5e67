"""Authentik."""

from datetime import date

from doorward.idp.facts import UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_DOCS = Source("https://docs.goauthentik.io/add-secure-apps/providers/oauth2/", _SEEN)
_RESOURCE = Source("https://github.com/IBM/mcp-context-forge/issues/4171", _SEEN)

_BY_HAND = UNSOURCED.suggests(
    "Applications > Providers > Create > OAuth2/OpenID Provider, Client type Public, or Confidential for a client with a secret; give its Client ID to the client."
)

_SCREENS = Source(
    "https://docs.goauthentik.io/add-secure-apps/providers/oauth2/create-oauth2-provider",
    date(2026, 11, 30),
)

AUTHENTIK = Preset(
    name="authentik",
    title="Authentik",
    issuer="https://{host}/application/o/{application}/",
    discovery=_DOCS.says(
        ("https://{host}/application/o/{application}/.well-known/openid-configuration",)
    ),
    audience="The client id.",
    audience_is_resource=False,
    algorithms=("RS256", "ES256"),
    profile=TokenProfile(
        name="authentik",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        client_claims=("azp", "client_id"),
        role_paths=("groups",),
        # ID tokens have the same aud and azp; scope is what they lack.
        required_claims=frozenset({"iat", "scope"}),
    ),
    claims=UNSOURCED.suggests("aud and azp are the client, scope a text, groups a list."),
    quirks=(
        Quirk(
            departs_from="RFC 8414 §3.3",
            fact=UNSOURCED.suggests(
                "The issuer ends in a slash, and is one for each application or one for all."
            ),
            remedy=_BY_HAND,
        ),
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_RESOURCE.says("`resource` is not read; aud is the client id."),
            remedy=UNSOURCED.suggests("Give Guard the provider's Client ID as audience."),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_DOCS.says(
                "Registration (2026.8 and newer) needs a token with a scope of its own."
            ),
            remedy=UNSOURCED.suggests(
                "Applications > Providers > Create > OAuth2/OpenID Provider, Client type Public; give its Client ID to the client."
            ),
        ),
    ),
    manual=ManualRegistration(
        place=_BY_HAND,
        redirect_uris=UNSOURCED.suggests("Compared as Matching mode says: Strict or Regex."),
    ),
    matrix=Matrix(
        pkce=_DOCS.says(Answer.YES, "in newer versions"),
        rfc8414=UNSOURCED.suggests(Answer.UNKNOWN),
        rfc7591=_DOCS.says(Answer.PARTLY, "since 2026.8, with a token"),
        rfc8707=_RESOURCE.says(Answer.NO),
        oidc=_DOCS.says(Answer.YES),
        cimd=UNSOURCED.suggests(Answer.NO, "nothing found"),
        rfc9207=UNSOURCED.suggests(Answer.UNKNOWN),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_DOCS.says(Answer.YES),
        introspection=_DOCS.says(Answer.YES),
        revocation=_DOCS.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        redirect_screen=_SCREENS.suggests(
            "Applications > Applications > Create with provider > OAuth2/OIDC: Client type Confidential, Redirect URIs, and the scope mapping offline_access"
        ),
        cost=(
            UNSOURCED.suggests("authentik is open source; the Enterprise edition costs per user."),
        ),
        refresh=(
            _SCREENS.says("A refresh token comes only with the scope mapping offline_access."),
        ),
        limits=(
            UNSOURCED.suggests(
                "email_verified is false by default since 2025.10: change the scope mapping email if you verify addresses."
            ),
        ),
    ),
)
