"""Logto."""

from datetime import date

from doorward.idp.facts import EXACTLY, UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_CODE = Source("https://github.com/logto-io/logto (1.42.0, at 1fbc55441f)", date(2026, 11, 21))
_DOCUMENT = Source("recorded: logto.json", date(2026, 8, 21))

_BY_HAND = UNSOURCED.suggests(
    "Applications > Create application > Third-party app; give its App ID to the client."
)

_PRICES = Source(
    "https://raw.githubusercontent.com/api-evangelist/logto/refs/heads/main/plans/logto-plans-pricing.yml",
    date(2026, 9, 20),
)

LOGTO = Preset(
    name="logto",
    title="Logto",
    issuer="https://{host}/oidc",
    discovery=_DOCUMENT.says(
        (
            "https://{host}/oidc/.well-known/openid-configuration",
            "https://{host}/oidc/.well-known/oauth-authorization-server",
        )
    ),
    audience="The API resource's indicator that the client asked for.",
    algorithms=("ES384", "RS256"),
    profile=TokenProfile(
        name="logto", types=frozenset({"at+jwt"}), required_claims=frozenset({"iat", "jti"})
    ),
    claims=_CODE.says("typ is at+jwt; client_id is the client, scope a text."),
    tokens="either",
    lookup=_DOCUMENT.says("RFC 7662 at {issuer}/token/introspection, with client authentication."),
    facts=(_CODE.says("Without a resource (or a default one) the access token is opaque."),),
    quirks=(
        Quirk(
            departs_from="RFC 8414 §3",
            fact=_DOCUMENT.says(
                "The OAuth document is behind the path, where clients do not look."
            ),
            remedy=_DOCUMENT.suggests("Nothing to set: clients find the OpenID document there."),
        ),
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_CODE.says("A `resource` that is not registered is refused as invalid_target."),
            remedy=UNSOURCED.suggests(
                "API resources > Create API resource: API identifier is the MCP URL, and its permissions are the scopes."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_CODE.says(
                "There is no dynamic registration; client documents are a tenant's choice."
            ),
            remedy=_BY_HAND,
        ),
    ),
    manual=ManualRegistration(place=_BY_HAND, redirect_uris=EXACTLY),
    matrix=Matrix(
        pkce=_DOCUMENT.says(Answer.YES),
        rfc8414=_DOCUMENT.says(Answer.PARTLY, "appended to the path only"),
        rfc7591=_CODE.says(Answer.NO),
        rfc8707=_CODE.says(Answer.YES),
        oidc=_DOCUMENT.says(Answer.YES),
        cimd=_CODE.says(Answer.OPT_IN, "draft 02"),
        rfc9207=_DOCUMENT.says(Answer.YES),
        dpop=_CODE.says(Answer.NO),
        jwt=_CODE.says(Answer.PARTLY, "only with a resource, else opaque"),
        introspection=_DOCUMENT.says(Answer.YES),
        revocation=_CODE.says(Answer.PARTLY, "opaque tokens only"),
    ),
    sign_in=ProviderSignIn(
        # Logto issues refresh tokens only after a consent.
        authorization_parameters={"prompt": "consent"},
        algorithms=("ES384", "RS256"),
        organization_claims=("organizations",),
        groups_claim=None,
        redirect_screen=UNSOURCED.suggests(
            "Applications > Create application > Traditional web: Redirect URIs and App secret"
        ),
        cost=(
            _PRICES.says("Logto Cloud is free for 50,000 monthly active users and 3 applications."),
            UNSOURCED.suggests("Logto itself is open source (MPL 2.0)."),
        ),
        refresh=(
            UNSOURCED.suggests(
                "A refresh token comes only with prompt=consent. Doorward sends it."
            ),
        ),
        limits=(
            UNSOURCED.suggests(
                "Organizations need the scope urn:logto:scope:organizations: set provider_scopes."
            ),
        ),
    ),
)
