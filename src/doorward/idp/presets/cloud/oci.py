"""Oracle Cloud Infrastructure: identity domains, which share one issuer."""

from datetime import date

from doorward.idp.facts import (
    EXACTLY,
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
_ISSUER = Source(
    "https://docs.oracle.com/en-us/iaas/Content/Identity/oauth/update-oauth-settings.htm", _SEEN
)
_TOKEN = Source(
    "https://docs.oracle.com/en-us/iaas/Content/Identity/api-getstarted/AccessToken.htm", _SEEN
)
_DISCOVERY = Source(
    "https://docs.oracle.com/en/database/oracle/transaction-manager-for-microservices/24.4/tmmdg/run-discovery-url.html",
    _SEEN,
)
_SCREENS = Source("https://github.com/jlowin/fastmcp (b14b137f), docs/integrations/oci.mdx", _SEEN)
_KEYS = Source("https://learn.liferay.com/l/33770081", _SEEN)
_CLAIMS = Source(
    "https://docs.oracle.com/en-us/iaas/Content/Identity/api-getstarted/custom-claims-token.htm",
    _SEEN,
)

_SCREEN = _SCREENS.says(
    "Identity & Security > Domains > your domain > Integrated applications > Add application > Confidential Application; then OAuth configuration > Configure this application as a client now: Authorization code, Redirect URL. Activate the application"
)

OCI = Preset(
    name="oci",
    aliases=("oracle", "oracle-iam", "idcs"),
    title="Oracle Cloud (OCI IAM)",
    issuer="https://identity.oraclecloud.com/",
    discovery=_DISCOVERY.says(
        ("https://idcs-{id}.identity.oraclecloud.com/.well-known/openid-configuration",)
    ),
    audience="The primary audience of the application that is the resource server.",
    algorithms=("RS256",),
    profile=TokenProfile(
        name="oci",
        types=frozenset({"jwt", "at+jwt"}),
        type_may_be_absent=True,
        subject_claims=("user_id", "sub"),
        name_claims=("user_displayname", "sub"),
        required_claims=frozenset({"iat", "jti"}),
        required_values={"tok_type": "AT"},
        service_claims={"sub_type": "client"},
    ),
    claims=_TOKEN.suggests(
        "tok_type is AT, sub_type user or client; client_id is the client; scope a text."
    ),
    facts=(
        _ISSUER.says("The default issuer is the same for all domains; a domain can set its own."),
    ),
    quirks=(
        Quirk(
            departs_from="OpenID Connect Discovery 1.0 §4.3",
            fact=_DISCOVERY.says("The metadata is at the domain's own address, not at the issuer."),
            remedy=UNSOURCED.suggests("Set internal_url to the domain URL, without a port."),
        ),
        Quirk(
            departs_from="RFC 7517 §5",
            fact=_KEYS.says("The signing keys are not public: they answer 401 by default."),
            remedy=_SCREENS.says(
                "Domains > your domain > Settings > Edit Domain Settings: Configure client access."
            ),
        ),
        Quirk(
            departs_from="RFC 7591 §3",
            fact=_SCREENS.says("There is no dynamic registration."),
            remedy=_SCREENS.says("Add a Confidential Application for each client by hand."),
        ),
    ),
    manual=ManualRegistration(place=_SCREEN, redirect_uris=EXACTLY),
    matrix=matrix_of(
        pkce=_SCREENS.says(Answer.PARTLY, "works without a setting"),
        rfc7591=_SCREENS.says(Answer.NO),
        oidc=_DISCOVERY.says(Answer.YES),
        jwt=_TOKEN.suggests(Answer.YES),
        introspection=UNSOURCED.suggests(Answer.YES),
        revocation=UNSOURCED.suggests(Answer.YES),
    ),
    sign_in=ProviderSignIn(
        shared_issuer=True,
        # sub is the login name. All domains have the same issuer, and each can have an "alice".
        subject_claim="user_id",
        name_claims=("user_displayname", "name"),
        username_claims=("preferred_username", "sub"),
        redirect_screen=_SCREEN,
        cost=(
            UNSOURCED.suggests(
                "A domain of the type Free is included; its limits are on Oracle's page."
            ),
        ),
        refresh=(
            UNSOURCED.suggests(
                "A refresh token needs the grant type Refresh token in the application."
            ),
        ),
        limits=(_CLAIMS.suggests("Groups need a custom claim called groups in the ID token."),),
        facts=(
            UNSOURCED.suggests("user_id is the user's id in the domain, and sub the login name."),
            _TOKEN.says("The subject is unique within its domain only."),
        ),
    ),
)
