"""Azure AD B2C: one issuer for each user flow, if the flow is set up that way."""

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
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 30)
_DOCS = "https://github.com/MicrosoftDocs/azure-docs, articles/active-directory-b2c"
_OPENID = Source(f"{_DOCS}/openid-connect.md", _SEEN)
_TOKENS = Source(f"{_DOCS}/tokens-overview.md", _SEEN)
_SETTINGS = Source(f"{_DOCS}/configure-tokens.md", _SEEN)
_END = Source("https://docs.azure.cn/en-us/active-directory-b2c/openid-connect", _SEEN)
_CLAIMS = Source(
    "https://github.com/nextauthjs/next-auth (a1a16a5a7), packages/core/src/providers/azure-ad-b2c.ts",
    _SEEN,
)

_SCREEN = UNSOURCED.suggests(
    "Azure AD B2C > App registrations > New registration: Redirect URI of the platform Web; then Certificates & secrets, and API permissions > openid and offline_access: Grant admin consent"
)

AZURE_B2C = Preset(
    name="azure-b2c",
    aliases=("b2c", "azure-ad-b2c"),
    title="Azure AD B2C",
    issuer="https://{tenant}.b2clogin.com/tfp/{tenant id}/{user flow}/v2.0/",
    discovery=_TOKENS.suggests(
        (
            "https://{tenant}.b2clogin.com/tfp/{tenant id}/{user flow}/v2.0/.well-known/openid-configuration",
        )
    ),
    audience="The client id of the API, a GUID.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=TokenProfile(
        name="azure-b2c",
        types=frozenset({"jwt"}),
        # An application that is its own API gets ID tokens with the same aud; they have no azp.
        client_claims=("azp",),
        scope_claims=("scp",),
        token_id_claims=("jti", "uti"),
        required_values={"ver": "1.0"},
    ),
    claims=_TOKENS.says(
        "aud is the application; azp is the client; scp is a text; sub is the user."
    ),
    facts=(_END.says("Azure AD B2C has not been sold to new customers since May 2025."),),
    quirks=(
        Quirk(
            departs_from="OpenID Connect Discovery 1.0 §4.3",
            fact=_TOKENS.says(
                "By default, the issuer lacks the user flow, and its metadata is not under it."
            ),
            remedy=_SETTINGS.suggests(
                "User flows > your flow > Properties > Token compatibility settings: Issuer (iss) claim, the form with tfp."
            ),
        ),
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_OPENID.suggests("`resource` is not a parameter; the scopes decide the audience."),
            remedy=OWN_TOKENS,
        ),
    ),
    manual=ManualRegistration(place=_SCREEN, redirect_uris=EXACTLY),
    matrix=matrix_of(
        pkce=UNSOURCED.suggests(Answer.PARTLY, "works, and the metadata does not say so"),
        rfc8414=UNSOURCED.suggests(Answer.NO),
        rfc7591=UNSOURCED.suggests(Answer.NO),
        rfc8707=_OPENID.suggests(Answer.NO),
        oidc=_OPENID.says(Answer.YES),
        jwt=_TOKENS.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        # The client id is a scope: without it, the answer has no access token. offline_access is
        # here, because the metadata leaves it out.
        scopes=("openid", "offline_access", "{client_id}"),
        offline_scope=None,
        refresh_with_scope=True,
        # A federated account brings its address along, and nothing says who has verified it.
        email_verified="never",
        username_claims=("preferred_username",),
        redirect_screen=_SCREEN,
        cost=(_END.says("New customers cannot buy it any more."),),
        refresh=(
            _SETTINGS.says("A refresh token lives for 14 days by default, and at most for 90."),
            _TOKENS.says("Each answer has a new refresh token, which replaces the old one."),
        ),
        limits=(
            UNSOURCED.suggests(
                "No claim says that an address is verified, so domains and e-mail addresses admit nobody."
            ),
            UNSOURCED.suggests("Groups need a custom policy that adds a claim called groups."),
        ),
        facts=(
            _OPENID.says(
                "An access token for the application itself needs its client id as a scope."
            ),
            _CLAIMS.says("emails is a list."),
            _TOKENS.says("sub is the user's object id by default."),
        ),
    ),
)
