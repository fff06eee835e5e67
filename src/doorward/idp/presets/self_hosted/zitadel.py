"""Zitadel."""

from datetime import date

from doorward.idp.facts import UNSOURCED, Answer, ManualRegistration, Matrix, Quirk, Source
from doorward.idp.preset import Preset
from doorward.idp.sign_in import ProviderSignIn
from doorward.tokens import TokenProfile

_SEEN = date(2026, 11, 21)
_SCOPES = Source("https://zitadel.com/apis/openidoauth/scopes", date(2026, 11, 22))
_DOCS = Source("https://zitadel.com/docs/guides/integrate/token-introspection", _SEEN)
_DCR = Source("https://github.com/zitadel/zitadel/pull/12313", _SEEN)

_README = Source("https://github.com/zitadel/zitadel", date(2026, 11, 30))

ZITADEL = Preset(
    name="zitadel",
    title="Zitadel",
    issuer="https://{instance}.zitadel.cloud",
    discovery=_DOCS.says(("https://{instance}.zitadel.cloud/.well-known/openid-configuration",)),
    audience="The client ids and project ids that the scopes asked for.",
    audience_is_resource=False,
    algorithms=("RS256",),
    profile=TokenProfile(
        name="zitadel",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        client_claims=("client_id", "azp"),
        client_required=False,
        # Its roles are an object, role by organization, which is no list of names.
        role_paths=(),
        required_claims=frozenset({"iat", "jti"}),
    ),
    claims=UNSOURCED.suggests(
        "Where client and scope stand was not verified; roles are an object in urn:zitadel:iam:org:project:roles."
    ),
    tokens="either",
    lookup=_DOCS.says("RFC 7662 at /oauth/v2/introspect, with client authentication."),
    quirks=(
        Quirk(
            departs_from="RFC 9068 §2",
            fact=_DOCS.suggests("Access tokens are opaque unless the application says JWT."),
            remedy=UNSOURCED.suggests(
                "Projects > your project > your application > Token Settings > Auth Token Type: JWT."
            ),
        ),
        Quirk(
            departs_from="RFC 8707 §2",
            fact=_SCOPES.says(
                "Audiences are asked for by scope: urn:zitadel:iam:org:project:id:{project}:aud."
            ),
            remedy=_SCOPES.says(
                "Name that scope in challenge_scopes, and give Guard the project id as audience."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_DCR.says("Registration is off by default; with a token or without is a setting."),
            remedy=_DCR.suggests("Instance settings: dynamic client registration."),
        ),
    ),
    manual=ManualRegistration(
        place=UNSOURCED.suggests(
            "Projects > your project > New application > Native, or Web for a client with a secret; Redirect URIs."
        ),
        redirect_uris=UNSOURCED.suggests(
            "A Native application accepts every port of a loopback address."
        ),
    ),
    matrix=Matrix(
        pkce=UNSOURCED.suggests(Answer.YES),
        rfc8414=UNSOURCED.suggests(Answer.UNKNOWN),
        rfc7591=_DCR.says(Answer.OPT_IN, "off by default; token or anonymous by setting"),
        rfc8707=UNSOURCED.suggests(Answer.NO, "nothing found"),
        oidc=_DOCS.says(Answer.YES),
        cimd=UNSOURCED.suggests(Answer.NO, "nothing found"),
        rfc9207=UNSOURCED.suggests(Answer.UNKNOWN),
        dpop=UNSOURCED.suggests(Answer.UNKNOWN),
        jwt=_DOCS.says(Answer.OPT_IN, "per application; else opaque"),
        introspection=_DOCS.says(Answer.YES),
        revocation=_DOCS.says(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        # By default, the ID token has the subject alone.
        userinfo=True,
        organization_claims=("urn:zitadel:iam:user:resourceowner:id",),
        redirect_screen=UNSOURCED.suggests(
            "Projects > your project > New application > Web > Code: Redirect URIs; then Grant Types > Refresh Token"
        ),
        cost=(
            _README.says(
                "ZITADEL Cloud has a free tier, with all features of the open source version."
            ),
        ),
        limits=(
            UNSOURCED.suggests(
                "The organization needs the scope urn:zitadel:iam:user:resourceowner: set provider_scopes."
            ),
            UNSOURCED.suggests(
                "Roles are an object, so groups needs an Action that adds that claim."
            ),
        ),
    ),
)
